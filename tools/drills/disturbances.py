"""What happens to a box in a soak: kinds of events, dealt like cards, so that each comes as often
as the others, in an order that a seed decides. What an event began it ends by itself, later.

At most so many servers are out at a time as the rest can do without, and one change is on its way
at a time, as the box wants it.
"""

import copy
import heapq
import signal
import subprocess
import time
from dataclasses import dataclass, field

from box import to_text
from watch import rule_names

OUT_AT_ONCE = 2       # servers
RECOVERY = 4          # seconds from a server's return until it may be another's turn
DRAINED_FOR = 4       # seconds until a drained server has no connection any more: longer than any
SERVICES = ('web', 'six', 'nat')
CRASH, UNPLUG, RESTART, DRAIN = 'crash', 'unplug', 'restart', 'drain'
MAINTENANCE, WEIGHT = 'maintenance', 'weight'
CONFIRMED, LEFT, TAKEN_BACK, RETURN = 'confirmed', 'left to go back', 'taken back', 'return'
KINDS = (CRASH, UNPLUG, RESTART, DRAIN, MAINTENANCE, WEIGHT, CONFIRMED, LEFT, TAKEN_BACK, RETURN)
UNREACHABLE = 'unreachable-next-hop'
CHANGES = (CONFIRMED, LEFT, TAKEN_BACK, RETURN)
MEANINGS = {
    CRASH: 'a server\'s nginx is killed (SIGKILL), and starts again later',
    UNPLUG: 'a server\'s cable is pulled, and plugged in again later',
    RESTART: 'a server is drained, its nginx ends and starts again, and it is undrained',
    DRAIN: 'a server is drained, and undrained later',
    MAINTENANCE: 'a server is taken out at once, with its connections, and comes back later',
    WEIGHT: 'a backend gets another weight for a while',
    CONFIRMED: 'a change of settings is tried, and confirmed',
    LEFT: 'a change of settings is left to go back by itself',
    TAKEN_BACK: 'a change of settings is taken back by hand while it is tried',
    RETURN: 'an older generation is tried, and confirmed',
}


@dataclass
class Happened:
    """What a verdict on requests needs to know; monotonic seconds."""

    outages: dict = field(default_factory=dict)      # {server: [[died, answered again]]}
    maintained: dict = field(default_factory=dict)   # {server: [[told to be taken out, done]]}
    drained: dict = field(default_factory=dict)      # {server: [[since, until]]}
    counts: dict = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    undone: list = field(default_factory=list)       # changes that the box took back by itself
    refused: list = field(default_factory=list)      # changes that a rule refused
    timeline: list = field(default_factory=list)     # (when, what)


@dataclass
class Change:
    """That is on its way."""

    kind: str
    number: int
    what: str
    settings: dict
    until: float  # when it is taken back, or when it must have been settled


class Disturbances:
    def __init__(self, lab, random, pace, say):
        """`pace`: what times_of() gives."""
        self.lab, self.random, self.pace, self.say = lab, random, pace, say
        self.box = lab.box
        self.happened = Happened()
        self.began = time.monotonic()
        self.busy = set()      # servers
        self.weighed = set()   # backends: a second weight would take the first one's place
        self.change = None     # on its way
        self.confirmed = []    # [(generation, settings)], the last one in force
        self._deck = []
        self._later = []       # heap of (when, number, what to do)
        self._numbers = iter(range(1, 1 << 30))

    def run(self, seconds):
        """Ends when all that was begun is over."""
        self.began = time.monotonic()
        self.confirmed = [(self.box.told('status')['confirmed'], self.box.settings)]
        end, due = self.began + seconds, self.began
        while True:
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                heapq.heappop(self._later)[2]()
            if self.change:
                self._look_after_change(now)
            if now < end and now >= due and self._deal():
                due = now + self.random.uniform(*self.pace.gap)
            elif now >= end and not self._later and not self.change:
                return
            time.sleep(0.02)

    def note(self, what):
        at = time.monotonic()
        self.happened.timeline.append((at, what))
        self.say(f'  {at - self.began:6.1f} s  {what}')
        return at

    def later(self, span, what):
        when = time.monotonic() + self.random.uniform(*span)
        heapq.heappush(self._later, (when, next(self._numbers), what))

    # --- Which ----------------------------------------------------------------------------------

    def _deal(self):
        """The first of the deck that is possible now; False: none is."""
        if len(self._deck) <= len(KINDS) // 2:
            self._deck += self.random.sample(KINDS, len(KINDS))
        kind = next((kind for kind in self._deck if self._is_possible(kind)), None)
        if kind is None:
            return False
        self._deck.remove(kind)
        self.happened.counts[kind] += 1
        if kind in CHANGES:
            self._begin_change(kind)
        elif kind == WEIGHT:
            self._weigh()
        else:
            free = [server for server in self.lab.network.servers if server.name not in self.busy]
            server = self.random.choice(free)
            self.busy.add(server.name)
            {CRASH: self._crash, UNPLUG: self._unplug, RESTART: self._restart,
             DRAIN: self._drain, MAINTENANCE: self._maintain}[kind](server)
        return True

    def _is_possible(self, kind):
        if kind in CHANGES:
            return self.change is None and (kind != RETURN or len(self.confirmed) > 1)
        return kind == WEIGHT or len(self.busy) < OUT_AT_ONCE

    # --- Servers --------------------------------------------------------------------------------

    def _died(self, server):
        self.happened.outages.setdefault(server.name, []).append([time.monotonic(), None])

    def _answers_again(self, server):
        self.happened.outages[server.name][-1][1] = time.monotonic()
        self.later((RECOVERY, RECOVERY), lambda: self.busy.discard(server.name))

    def _start_nginx(self, server):
        servers = self.lab.servers
        servers.nginx[server.name] = servers.start_nginx(server.name)
        for port in (80, 8080):
            servers.wait_for_port(server, port)

    def _crash(self, server):
        self.note(f'{server.name} crashes')
        self._died(server)
        self.lab.namespaces.end(self.lab.servers.nginx[server.name], signal.SIGKILL)
        self.later(self.pace.out, lambda: self._start_again(server))

    def _start_again(self, server):
        self._start_nginx(server)
        self._answers_again(server)
        self.note(f'{server.name} is started again')

    def _unplug(self, server):
        self.note(f'{server.name} is unplugged')
        self._died(server)
        self.lab.network.link(server.name, 'lan', 'down')
        self.later(self.pace.out, lambda: self._plug(server))

    def _plug(self, server):
        self.lab.network.link(server.name, 'lan', 'up')
        self._answers_again(server)
        self.note(f'{server.name} is plugged in')

    # --- Backends, by keel ----------------------------------------------------------------------

    def _set_aside(self, command, server):
        """Returns a function that ends it."""
        number = self.box.told(command, server.name, '--for', '1h', '--reason', 'a soak')['id']
        return lambda: self.box.keel('undrain', number)

    def _drain(self, server, follow=None):
        end = self._set_aside('drain', server)
        since = self.note(f'{server.name} is drained')
        span = [since, None]
        self.happened.drained.setdefault(server.name, []).append(span)

        def undrain():
            span[1] = time.monotonic()
            end()
            self.note(f'{server.name} is undrained')
            self.busy.discard(server.name)
        if follow:
            self.later((DRAINED_FOR, DRAINED_FOR), lambda: (follow(), undrain()))
        else:
            self.later(self.pace.out, undrain)

    def _restart(self, server):
        def restart():
            self.lab.namespaces.end(self.lab.servers.nginx[server.name], signal.SIGQUIT)
            self._start_nginx(server)
            self.note(f'{server.name} has been restarted')
        self._drain(server, restart)

    def _maintain(self, server):
        begun = time.monotonic()
        end = self._set_aside('maintenance', server)
        done = self.note(f'{server.name} is in maintenance')
        self.happened.maintained.setdefault(server.name, []).append([begun, done])

        def back():
            end()
            self.note(f'{server.name} is back from maintenance')
            self.busy.discard(server.name)
        self.later(self.pace.out, back)

    def _weigh(self):
        name = self.random.choice([
            name for name in (f'{service}/{server.name}' for service in SERVICES
                              for server in self.lab.network.servers) if name not in self.weighed])
        self.weighed.add(name)
        weight = self.random.choice((1, 20, 50, 150, 300))
        number = self.box.told('weight', name, weight, '--for', '1h', '--reason', 'a soak')['id']
        self.note(f'{name} has the weight {weight} for a while')

        def back():
            self.box.keel('undrain', number)
            self.weighed.discard(name)
            self.note(f'{name} has its own weight again')
        self.later(self.pace.out, back)

    # --- Changes of settings --------------------------------------------------------------------

    def _another(self):
        """(what, settings): a harmless change of those in force."""
        settings = copy.deepcopy(self.confirmed[-1][1])
        service = self.random.choice(settings['services'])
        backend = self.random.choice(service['backends'])
        number = next(self._numbers) % 89
        ways = [
            (f'weight of {backend["name"]}', backend, {'weight': 101 + number}),
            (f'capacity of {backend["name"]}', backend, {'capacity': 10_000 + number}),
            ('mss', service, {'mss': 1300 + number}),
            ('check', service['check'], {'path': f'/?{number}'})]
        if service['mode'] != 'nat':
            ways.append(('ttl', service, {'tunnel': {'ttl': 65 + number}}))
        what, where, values = self.random.choice(ways)
        where.update(values)
        is_new = settings != self.confirmed[-1][1]
        return (f'{service["name"]}: {what}', settings) if is_new else self._another()

    def _keel(self, *words):
        """(whether it succeeded, what it said)"""
        done = subprocess.run(
            [self.lab.programs.keel, '--socket', self.box.api, *map(str, words)],
            capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode in (0, 1), f'keel {words}: {done.stdout}{done.stderr}'
        return done.returncode == 0, done.stdout + done.stderr

    def _begin_change(self, kind):
        self._keel('discard')
        if kind == RETURN:
            number, settings = self.confirmed[-2]
            what = f'return to generation {number}'
            self.box.keel('rollback', 'generation', number, '--why', 'a soak')
        else:
            what, settings = self._another()
            path = self.lab.folder / 'changed.conf'
            path.write_text('\n'.join(f'{key} = {to_text(value)};'
                                      for key, value in settings.items()) + '\n')
            self.box.keel('load', path)
        confirm = f'{self.pace.left}s' if kind == LEFT else '1h'
        words = ('commit', '--confirm', confirm, '--why', what)
        is_live, said = self._keel(*words)
        if not is_live and rule_names(said) == [UNREACHABLE]:  # some server is out just now
            is_live, said = self._keel(*words, '--waive', UNREACHABLE, '--reason', 'it is out')
        if not is_live and 'is not needed' in said:  # the server has just come back
            is_live, said = self._keel(*words)
        if not is_live:
            self.happened.refused.append(f'{what}: {said.strip()}')
            self.note(f'refused: {what}: {said.strip()}')
            return
        number = self.box.told('status')['change']['id']
        wait = (self.random.uniform(0.5, self.pace.left) if kind == TAKEN_BACK
                else self.pace.patience)
        self.change = Change(kind, number, what, settings, time.monotonic() + wait)
        self.note(f'change {number} ({kind}): {what}')

    def _look_after_change(self, now):
        change, status = self.change, self.box.told('status')
        if status['change'] is None:
            self.note(f'change {change.number} has gone back')
            if change.kind != LEFT or not self._ended_by_time(change):
                self.happened.undone.append(f'{change.what}: {self._outcome(change)}')
            self.change = None
        elif change.kind == TAKEN_BACK and now >= change.until:
            if self._keel('rollback', change.number, '--why', 'a soak')[0]:
                self.note(f'change {change.number} is taken back')
                self.change = None
        elif change.kind in (CONFIRMED, RETURN) and status['rollout'] is None:
            if self._keel('confirm', change.number)[0]:
                self.note(f'change {change.number} is confirmed')
                self.confirmed.append((change.number, change.settings))
                self.change = None
        assert now < change.until + self.pace.patience, f'change {change.number} does not end'

    def _outcome(self, change):
        entries = self.box.told('history')['history']
        entry = next(entry for entry in entries if entry['generation'] == change.number)
        return entry['outcome'].strip().splitlines()[-1]

    def _ended_by_time(self, change):
        return 'not confirmed in time' in self._outcome(change)
