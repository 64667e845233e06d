"""One outage played through: a box in front of a fleet, clients that ask all the time, and the
change on both tracks. What comes of it is a Record, from which figures are made.

(a) The change as the team made it: committed, and refused by a rule.
(b) Forced past every rule that refuses. Or, if a server is what fails: a good change, and then the
    server crashes.
"""

import contextlib
import copy
import time
from dataclasses import dataclass, field

from box import to_text
from fleet import CLIENTS, Fleet
from lab import Lab
from load import Recorder, Wrk
from namespaces import Namespaces
from network import CLIENT, VIP
from proof import until
from scenarios import CONNECTIONS, Scenario
from watch import Watch, rule_names

SERVICE = 'shop'
TIMEOUT = 3        # seconds that a client waits
ALIVE_BEFORE = 2   # seconds from a good change to the crash


@dataclass
class Times:
    """Seconds from the first request on."""

    commit: float   # track (a)
    force: float    # track (b)
    end: float
    step: str       # of a rollout: how long it takes at most


FULL = Times(8, 16, 60, '10s')
QUICK = Times(1.5, 3, 10.5, '3s')


@dataclass
class Event:
    at: float  # monotonic seconds
    what: str
    kind: str = 'note'  # 'track' begins one; 'share', 'back' and 'note' come in between


@dataclass
class Record:
    scenario: Scenario
    with_trial: bool
    times: Times
    began: float = 0
    committed: float = 0   # track (a)
    answered: float = 0    # when it was refused
    refused_by: list = field(default_factory=list)
    forced: float = 0      # track (b)
    crashed: float = 0     # if it is a server that fails
    requests: list = field(default_factory=list)
    shares: list = field(default_factory=list)   # (monotonic seconds, percent of new flows)
    events: list = field(default_factory=list)
    change: dict = field(default_factory=dict)   # as the history has it at the end
    wrk: dict = field(default_factory=dict)
    lost: dict = field(default_factory=dict)     # packets, by the box
    refusals: int = 0                            # of connections, by the database


@contextlib.contextmanager
def stage(programs, scenario, rollout, begin_with=lambda service: None):
    """(lab, fleet) with everything running. `begin_with` changes the service beforehand."""
    machines = scenario.machines()
    with Namespaces() as namespaces:
        lab = Lab(namespaces, programs, servers=len(machines))
        fleet = Fleet(lab, machines, scenario.mode)
        if scenario.has_database:
            fleet.start_database(f'server{len(machines)}', connections=CONNECTIONS)
        fleet.start()
        box = lab.box
        box.is_managed = True
        box.settings.update({
            'services': [service_of(lab, fleet, scenario)], 'idle': 'adaptive',
            'api': {'socket': str(box.api)}, 'change': {'confirm': '1h'}, 'rollout': rollout})
        begin_with(box.settings['services'][0])
        box.settings['ports'][0]['routes'] = [{'to': CLIENTS, 'via': CLIENT[4]}]
        box.start(30)
        lab.wait_for_service(VIP[4], seconds=30)
        until(lambda: not down(box, fleet), 'the health checks agree with the servers', 20, 0.1)
        yield lab, fleet
        box.stop()


def service_of(lab, fleet, scenario):
    service = lab.box.service(SERVICE, scenario.mode, vips=[VIP[4]],
                              weights=[machine.weight for machine in fleet.machines.values()])
    for backend, machine in zip(service['backends'], fleet.machines.values()):
        backend['capacity'] = machine.declared
    service['check'] = scenario.check
    return service


def down(box, fleet):
    """Servers of which the box thinks otherwise than it should."""
    rows = {row['name']: row for row in box.told('show', 'backends')['backends']}
    return [name for name, machine in fleet.machines.items() if name in rows and
            (rows[name]['state'] in ('usable', 'up')) == machine.is_dead]


class Rehearsal:
    def __init__(self, lab, fleet, record, say):
        self.lab, self.fleet, self.record, self.say = lab, fleet, record, say
        self.box = lab.box
        self.scenario, self.times = record.scenario, record.times

    def note(self, what, kind='note', at=None):
        event = Event(time.monotonic() if at is None else at, what, kind)
        self.record.events.append(event)
        self.say(f'  {event.at - self.record.began:6.1f} s  {what}')
        return event.at

    def wait_until(self, seconds):
        time.sleep(max(0, self.record.began + seconds - time.monotonic()))

    def run(self):
        record = self.record
        lost, wrk = self.box.lost(), Wrk(self.lab)
        recorder = Recorder(self.lab, rate=self.scenario.rate, seconds=round(self.times.end),
                            timeout=TIMEOUT * 1000)
        record.began = recorder.began
        with Watch(self.box.api, self.notice):
            self.wait_until(self.times.commit)
            self.as_the_team_made_it()
            self.wait_until(self.times.force)
            if self.scenario.good_change:
                self.crash()
            else:
                self.force()
            record.requests = recorder.end(self.times.end + TIMEOUT + 30)
        record.events.sort(key=lambda event: event.at)
        record.wrk = wrk.end()
        record.lost = self.lost_since(lost)
        record.refusals = self.fleet.refusals()
        record.change = self.box.told('history')['history'][0]

    def lost_since(self, before):
        """Packets that the box should have sent on, and did not, as box.lost() has them."""
        return {why: count - before.get(why, 0) for why, count in self.box.lost().items()
                if count > before.get(why, 0)}

    def load(self, change):
        settings = copy.deepcopy(self.box.settings)
        change(settings['services'][0])
        path = self.lab.folder / 'changed.conf'
        path.write_text('\n'.join(f'{key} = {to_text(value)};'
                                  for key, value in settings.items()) + '\n')
        self.box.keel('load', path)

    def as_the_team_made_it(self):
        record = self.record
        self.load(self.scenario.change)
        record.committed = self.note(f'(a) the change is committed: {self.scenario.here}', 'track')
        said = self.box.keel('commit', '--why', 'as the team made it', expected=1)
        record.answered = time.monotonic()
        record.refused_by = rule_names(said)
        self.note(f'refused by {", ".join(record.refused_by)}', at=record.answered)

    def force(self):
        """The candidate of track (a) is still there."""
        record = self.record
        waivers = [word for rule in record.refused_by
                   for word in ('--waive', rule, '--reason', 'a drill')]
        record.forced = self.note('(b) the same, with every refusal waived', 'track')
        self.box.keel('commit', '--confirm', '1h', '--why', 'forced', *waivers)

    def crash(self):
        """While the good change is tried."""
        self.box.keel('discard')
        self.load(self.scenario.good_change)
        self.record.forced = self.note('(b) a good change is committed', 'track')
        self.box.keel('commit', '--confirm', '1h', '--why', 'a good change')
        time.sleep(ALIVE_BEFORE)
        self.record.crashed = self.note(f'{self.scenario.crashes} crashes', 'crash')
        self.fleet.crash(self.scenario.crashes)

    def notice(self, seen):
        """Something else than before is true of the change."""
        shares = self.record.shares
        before = shares[-1][1] if shares else 0
        shares.append((seen.at, seen.share))
        if seen.share > before:
            self.note(f'{seen.share:g} % of new flows have the change', 'share', seen.at)
        elif seen.share < before:
            self.note('the change is taken back', 'back', seen.at)


def rollout_of(times, with_trial):
    return {'step_time': times.step} if with_trial else {'steps': []}


def rehearse(programs, scenario, times, with_trial=True, say=print):
    record = Record(scenario, with_trial, times)
    with stage(programs, scenario, rollout_of(times, with_trial)) as (lab, fleet):
        Rehearsal(lab, fleet, record, say).run()
    return record
