"""The clients of a drill: the recorder, whose every request counts, and wrk on connections that
were open before and stay.
"""

import bisect
import re
import signal
import subprocess
import time
from dataclasses import dataclass

from network import VIP

LATE = 0.05  # seconds by which the recorder itself may be late with a request
# By so much it is late only where the whole machine has stood still; then all that was due comes at
# once, and servers take so long to be done with it.
STOOD_STILL, BACKLOG = 0.3, 1.0
OPEN = 48    # connections that stay
PAUSE = 600  # milliseconds between two requests on each

# wrk asks as fast as it can unless told to wait.
_SCRIPT = f'function delay() return {PAUSE} end\n'


@dataclass
class Request:
    due: float      # monotonic seconds
    seconds: float  # until the answer, from when it was due
    status: int
    server: str
    client: int
    failure: str    # empty: none
    is_late: bool   # meanwhile the machine had no time for the recorder: no slowness of others
    port: int = 0   # of the client's
    connected: float = 0  # monotonic seconds, when the connection began

    @property
    def end(self):
        return self.due + self.seconds


def read_requests(path):
    requests, lates, halts = [], [], []
    with path.open(encoding='ascii') as lines:
        for line in lines:
            (due, begun, end, status, server, client, failure, port,
             connected) = line.rstrip('\n').split('\t')
            due_s, late = int(due) / 1e6, (int(begun) - int(due)) / 1e6
            requests.append(Request(due_s, int(end) / 1e6 - due_s, int(status), server,
                                    int(client), '' if failure == '-' else failure, False,
                                    int(port), int(connected) / 1e6))
            if late > LATE:
                lates.append(due_s)
            if late > STOOD_STILL:
                halts.append(due_s)
    lates.sort()
    halts.sort()
    for request in requests:
        next_late = bisect.bisect_left(lates, request.due)
        is_meanwhile = next_late < len(lates) and lates[next_late] <= request.end
        next_halt = bisect.bisect_left(halts, request.due)
        is_just_behind = next_halt > 0 and request.due - halts[next_halt - 1] < BACKLOG
        request.is_late = is_meanwhile or is_just_behind
    requests.sort(key=lambda request: request.due)
    return requests


class Recorder:
    """tools/drills/recorder.cc under way."""

    def __init__(self, lab, vip=VIP[4], port=80, name='requests', **values):
        """`name` of the file in which its requests are, for as long as the lab is."""
        self.lab = lab
        self.path = lab.folder / name
        self.began = time.monotonic()
        with self.path.open('w') as said:
            self.process = lab.namespaces.start(
                'client', [lab.programs.keel.parent / 'recorder', vip, port,
                           *(f'{name}={value}' for name, value in values.items())], stdout=said)

    def stop(self):
        """Lets it begin none any more; returns all that it made."""
        self.process.send_signal(signal.SIGTERM)
        return self.end(30)

    def end(self, seconds):
        """Waits until it has no request under way any more; returns all that it made."""
        self.process.wait(seconds)
        status = self.lab.namespaces.end(self.process)
        assert status == 0, f'recorder ended with {status}'
        return read_requests(self.path)


class Wrk:
    """Requests on connections that stay. They ask nginx itself, not what is behind it."""

    def __init__(self, lab):
        self.lab = lab
        script = lab.folder / 'wrk.lua'
        script.write_text(_SCRIPT)
        self.process = lab.namespaces.start(
            'client', ['wrk', '-t1', f'-c{OPEN}', '-d3600s', '--timeout', '3s', '-s', script,
                       lab.url(VIP[4], '/page')], stdout=subprocess.PIPE, text=True)

    def end(self):
        """{'requests', 'failed', and as what: 'errors'}"""
        self.process.send_signal(signal.SIGINT)
        report, _ = self.process.communicate(timeout=30)
        self.lab.namespaces.end(self.process)
        errors = re.search(r'Socket errors: (.*)', report)
        refused = re.search(r'Non-2xx or 3xx responses: (\d+)', report)
        failed = sum(int(count) for count in re.findall(r'\d+', errors[1])) if errors else 0
        return {'requests': int(re.search(r'(\d+) requests in', report)[1]),
                'failed': failed + (int(refused[1]) if refused else 0),
                'errors': errors[1] if errors else ''}
