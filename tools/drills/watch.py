"""What the box says of a change while it is on its way, asked over and over by its API."""

import http.client
import json
import re
import socket
import threading
import time
from dataclasses import dataclass

EVERY = 0.025  # seconds
LIVE = 'on-probation'


class Connection(http.client.HTTPConnection):
    """To the API's socket."""

    def __init__(self, path):
        super().__init__('keeld', timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def get(self, path):
        self.request('GET', path)
        return json.loads(self.getresponse().read())


@dataclass
class Seen:
    """Of the change, at one moment."""

    at: float   # monotonic seconds
    state: str  # empty: there is none
    share: int  # percent of new flows that it has

    def differs(self, other):
        return (self.state, self.share) != (other.state, other.share)


def look(connection):
    status = connection.get('/v1/status')
    change, rollout = status['change'], status.get('rollout')
    state = change['state'] if change else ''
    share = rollout['share'] if rollout else 100 if state == LIVE else 0
    return Seen(time.monotonic(), state, share)


class Watch:
    """A context, in which `seen` grows by what is new, and `notice` is called with it."""

    def __init__(self, path, notice=lambda seen: None):
        self.path = path
        self.notice = notice
        self.seen = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.seen.append(look(Connection(self.path)))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        connection = Connection(self.path)
        while not self._is_over.wait(EVERY):
            try:
                seen = look(connection)
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                continue
            if seen.differs(self.seen[-1]):
                self.seen.append(seen)
                self.notice(seen)

    def has_ended(self):
        return self.seen[-1].state == ''

    def is_settled(self):
        """All flows have the change."""
        return self.seen[-1].share == 100


def rule_names(text):
    """Rules that a refusal names for --waive."""
    return sorted(set(re.findall(r'--waive ([a-z0-9-]+)', text)))
