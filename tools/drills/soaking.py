#!/usr/bin/python3
"""A soak: crashes, restarts, drains, maintenance, weights and changes of settings at random, while
clients ask three services, over IPv4, over IPv6 and by NAT. No request that reached a healthy
server may fail, and keeld may not grow."""

import argparse
import collections
import contextlib
import json
import os
import random
import re
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / 'tests' / 'system'), str(ROOT / 'tools' / 'drills')]

import verdict  # noqa: E402
from disturbances import KINDS, MEANINGS, Disturbances  # noqa: E402
from figures import Goal, goals_as_json  # noqa: E402
from fleet import CLIENTS  # noqa: E402
from growth import Growth  # noqa: E402
from lab import lab  # noqa: E402
from load import Recorder  # noqa: E402
from network import BOX_LAN, CLIENT, CLIENT_LAN, VIP  # noqa: E402
from proof import until  # noqa: E402
from report import aligned, goal_rows, table  # noqa: E402
from run import Programs  # noqa: E402

SERVERS = 6
CLIENTS_6 = '2001:db8:12::/64'
CHECK = {'type': 'http', 'path': '/', 'interval': '500ms', 'timeout': '400ms', 'rise': 2, 'fall': 3}
TIMEOUT = 5       # seconds that a client waits
WARM = 2          # seconds before the first event, and after the last
SERVICES = {'web': (4, 80), 'six': (6, 80), 'nat': (4, 8080)}  # family and port
KEPT_SOCKETS = SERVERS * len(SERVICES)  # by probes, for the next ones: one a backend at most
NEW = {'rate': 80}                              # connections of one request
KEPT = {'rate': 10, 'each': 8, 'pause': 250}    # that stay for two seconds
GROWN_AT_MOST = 1024  # KiB, over the second half
LINES = 10_000    # of the box's journal
LISTED = 20       # failures that are said one by one
PRIORITY = -10    # what else the machine does is not to be in the figures


@dataclass
class Pace:
    """Seconds: spans of events, and between them."""

    gap: tuple       # between two events
    out: tuple       # that a server is out, or has another weight
    left: int        # that a change that is left lives
    steps: list      # of a rollout
    patience: float  # until a change must have settled


LONG = Pace((0.8, 2.4), (4, 9), 6, [10, 50], 60)
SHORT = Pace((0.4, 1.0), (4, 5), 3, [50], 30)
SHORT_UNTIL = 90  # seconds


@dataclass
class Record:
    seed: int
    seconds: float
    happened: object
    requests: dict   # {(service, kind): [Request]}
    failures: list
    growth: dict
    unwitnessed: list
    slow: int        # answered after more than a second, though nothing was wrong
    to_drained: list  # of verdict.to_drained
    buffers: int     # of packets, that are missing at the end
    lost: dict       # packets, by the box
    journal: list    # what the box says of its backends
    began: float


def seconds_of(text):
    match = re.fullmatch(r'(\d+)([sm])', text)
    if not match:
        raise argparse.ArgumentTypeError(f'{text}: as 90s or 10m')
    return int(match[1]) * (60 if match[2] == 'm' else 1)


# --- The stage ----------------------------------------------------------------------------------

def route(lab_):
    """Clients have many addresses. Answers to them go past the box; those of NAT, which come from
    a server's own address, by it."""
    names = lab_.namespaces
    client = names.name('client')
    names.ip(f'-n {client} route add local {CLIENTS} dev lo',
             f'-n {client} -6 route add local {CLIENTS_6} dev lo')
    for server in lab_.network.servers:
        name = names.name(server.name)
        names.ip(f'-n {name} route add {CLIENTS} via {CLIENT_LAN[4]}',
                 f'-n {name} -6 route add {CLIENTS_6} via {CLIENT_LAN[6]}',
                 f'-n {name} route add {CLIENTS} via {BOX_LAN[4]} table 100',
                 f'-n {name} rule add from {server.address[4]} lookup 100')


def service_of(box, name, check):
    family, port = SERVICES[name]
    service = box.service(name, 'nat' if name == 'nat' else 'ipip', vips=[VIP[family]],
                          weights=[100] * SERVERS, ports=str(port))
    service['check'] = dict(check)
    return service


@contextlib.contextmanager
def stage(programs, pace, check):
    with lab(programs, servers=SERVERS) as lab_:
        route(lab_)
        lab_.servers.start_decapsulators('ipip', 4)
        box = lab_.box
        box.is_managed = True
        box.settings.update({
            'services': [service_of(box, name, check) for name in SERVICES],
            'api': {'socket': str(box.api)}, 'change': {'confirm': '1h'},
            'rollout': {'steps': pace.steps, 'step_time': '2s'}})
        box.settings['ports'][0]['routes'] = [{'to': CLIENTS, 'via': CLIENT[4]}]
        box.start(30)
        for name in ('web', 'six'):
            family, port = SERVICES[name]
            lab_.wait_for_service(VIP[family], port, seconds=30)
        yield lab_
        if box.process:
            box.stop()


@contextlib.contextmanager
def witness(lab_):
    """Yields where it writes what it sees."""
    path = lab_.folder / 'steered'
    with path.open('w') as said, (lab_.folder / 'steered.log').open('w') as complaint:
        process = lab_.namespaces.start(
            'switch', [lab_.programs.keel.parent / 'steered', 'lan-box'], stdout=said,
            stderr=complaint)
    try:
        until(lambda: path.read_text(), 'the witness listens', 10)
        yield path
    finally:
        status = lab_.namespaces.end(process)
    assert status == 0, (lab_.folder / 'steered.log').read_text()


def start_clients(lab_, seconds, seed):
    clients = {}
    for name, (family, port) in SERVICES.items():
        for kind, values in (('new', NEW), ('kept', KEPT)):
            clients[name, kind] = Recorder(
                lab_, VIP[family], port, f'requests-{name}-{kind}', seconds=seconds,
                timeout=1000 * TIMEOUT, seed=seed + len(clients), **values)
    return clients


# --- The soak -----------------------------------------------------------------------------------

def soak(programs, seconds, seed, say=print, check=None):
    """`check`: of all services, if it is another one."""
    pace = LONG if seconds > SHORT_UNTIL else SHORT
    with stage(programs, pace, check or CHECK) as lab_:
        with witness(lab_) as seen, Growth(lab_.box.process.pid) as growth:
            lost, began = lab_.box.lost(), time.monotonic()
            clients = start_clients(lab_, 2 * seconds + 300, seed)
            time.sleep(WARM)
            disturbances = Disturbances(lab_, random.Random(seed), pace, say)
            disturbances.run(seconds - 2 * WARM)
            time.sleep(WARM)
            requests = {key: client.stop() for key, client in clients.items()}
        return judged(lab_, Record(
            seed, time.monotonic() - began, disturbances.happened, requests, [], growth.figures(),
            [], 0, [], 0, {why: count - lost.get(why, 0) for why, count in lab_.box.lost().items()
                          if count > lost.get(why, 0)},
            lab_.box.told('journal', '--kind', 'backend', '--limit', LINES)['events'], began),
            verdict.Witness(seen))


def judged(lab_, record, seen):
    happened = record.happened
    for (name, _), requests in record.requests.items():
        family, port = SERVICES[name]
        record.failures += verdict.failures_of(requests, family, port, seen, happened)
        record.unwitnessed += verdict.unwitnessed(requests, family, port, seen)
        record.slow += verdict.slow_at_healthy(requests, family, port, seen, happened)
    record.to_drained = verdict.to_drained(seen, happened)
    record.failures.sort(key=lambda failure: failure.at)
    record.buffers = lab_.box.buffers_missing()
    return record


def causes(record, is_excused):
    return collections.Counter(failure.cause for failure in record.failures
                               if failure.is_excused() == is_excused)


def goals_of(record):
    growth = record.growth
    files = growth['files']
    most_files = files['least_before'] + KEPT_SOCKETS
    most_threads = growth['threads']['least_before']
    not_excused = sum(causes(record, False).values())
    total = sum(map(len, record.requests.values()))
    missing = [kind for kind, count in record.happened.counts.items() if not count]
    return [
        Goal('requests failed that are not excused', '0', f'{not_excused} of {total}',
             not_excused == 0),
        Goal('events', 'of each kind', 'without ' + ', '.join(missing) if missing else
             str(sum(record.happened.counts.values())), not missing),
        Goal('changes refused or taken back by the box', '0',
             str(len(record.happened.refused) + len(record.happened.undone)),
             not record.happened.refused and not record.happened.undone),
        Goal('new connections to drained servers', '0', str(len(record.to_drained)),
             not record.to_drained),
        Goal('keeld\'s memory, grown over the second half', f'<= {GROWN_AT_MOST} KiB',
             f"{growth['grown_kib']:.0f} KiB", growth['grown_kib'] <= GROWN_AT_MOST),
        Goal('keeld\'s open files, least at the end', f'<= {most_files}',
             str(files['least_at_the_end']), files['least_at_the_end'] <= most_files),
        Goal('keeld\'s threads, least at the end', f'<= {most_threads}',
             str(growth['threads']['least_at_the_end']),
             growth['threads']['least_at_the_end'] <= most_threads),
        Goal('packet buffers that do not come back', '0', str(record.buffers),
             record.buffers == 0),
        Goal('answers that the witness has not seen', '0', str(len(record.unwitnessed)),
             not record.unwitnessed),
    ]


def is_passed(goals):
    return all(goal.is_met for goal in goals)


# --- What it leaves -----------------------------------------------------------------------------

def clients_rows(record):
    rows = [('requests', 'made', 'failed', 'longer than 1 s', 'median', '99 of 100 within')]
    for (name, kind), requests in record.requests.items():
        times = sorted(request.seconds for request in requests if not request.failure)
        rows.append((f'{name}, connections that {"stay" if kind == "kept" else "end"}',
                     len(requests), sum(bool(request.failure) for request in requests),
                     sum(seconds > 1 for seconds in times),
                     f'{1000 * times[len(times) // 2]:.1f} ms',
                     f'{1000 * times[len(times) * 99 // 100]:.1f} ms'))
    return rows


def failed_rows(record):
    rows = [('failed', 'excused', 'requests')]
    for is_excused, word in ((True, 'yes'), (False, 'NO')):
        rows += [(cause, word, count) for cause, count in causes(record, is_excused).items()]
    return rows


def event_rows(record):
    return [('event', 'times'), *((MEANINGS[kind], record.happened.counts[kind])
                                  for kind in KINDS)]


def growth_rows(record):
    private, files = record.growth['private_kib'], record.growth['files']
    return [('keeld', 'first', 'most', 'last'),
            ('private memory, KiB', private['first'], private['most'], private['last']),
            ('open files', files['first'], files['most'], f"{files['least_at_the_end']} at least")]


def lost_of(record):
    return (f'Packets that the box should have sent on, and did not: {record.lost or "none"}. '
            f'Answers after more than a second from healthy servers: {record.slow}.')


def listed(record):
    """What the soak fails by, one by one."""
    lines = [f'{at - record.began:.3f} s: {server}, drained, got a new connection to port {service}'
             for at, server, service in record.to_drained]
    lines += [f'{failure.at - record.began:.1f} s: {failure.client}: {failure.what}: '
             f'{failure.cause}: ' + ', '.join(f'{server} at {at - record.began:.3f}'
                                              for at, server in failure.way)
             for failure in record.failures if not failure.is_excused()]
    lines += [f'answered at {each.answered - record.began:.3f} s by {each.server}: {each.client}, '
              f'connected at {each.connected - record.began:.3f}; seen from there: ' +
              ', '.join(f'{server} at {at - record.began:.3f}' for at, server in each.ways)
              for each in record.unwitnessed]
    lines = lines[:LISTED] + ([f'and {len(lines) - LISTED} more'] if len(lines) > LISTED else [])
    return (lines + [f'taken back by the box: {text}' for text in record.happened.undone] +
            [f'refused: {text}' for text in record.happened.refused])


def said(record, goals):
    lines = []
    for rows in (clients_rows(record), event_rows(record), failed_rows(record),
                 growth_rows(record), [('figure', 'goal', 'measured', ''), *goal_rows(goals)]):
        lines += ['', *aligned(rows)]
    return [*lines, '', f'  {lost_of(record)}', *(f'  {line}' for line in listed(record))]


def write(record, goals, folder):
    folder.mkdir(parents=True, exist_ok=True)
    timeline = [(at - record.began, what) for at, what in record.happened.timeline]
    (folder / 'soak.json').write_text(json.dumps({
        'seed': record.seed, 'seconds': record.seconds, 'goals': goals_as_json(goals),
        'requests': {f'{name} {kind}': len(requests)
                     for (name, kind), requests in record.requests.items()},
        'events': record.happened.counts, 'excused': causes(record, True),
        'not_excused': causes(record, False), 'growth': record.growth,
        'lost_by_the_box': record.lost, 'slow_at_healthy_servers': record.slow,
        'taken_back': record.happened.undone, 'refused': record.happened.refused,
        'journal': record.journal,
        'failures': [asdict(failure) for failure in record.failures],
        'timeline': [{'at_s': at, 'what': what} for at, what in timeline]}, indent=1) + '\n')
    lines = ['# Soak', '', f'{record.seconds:.0f} seconds, seed {record.seed}.', '', '## Goals', '',
             *table(('figure', 'goal', 'measured', ''), goal_rows(goals))]
    for title, rows in (('Requests', clients_rows(record)), ('Events', event_rows(record)),
                        ('Failures', failed_rows(record)), ('Growth', growth_rows(record))):
        lines += ['', f'## {title}', '', *table(rows[0], rows[1:])]
    lines += ['', *(f'- {line}' for line in listed(record)), '', lost_of(record), '',
              '## What is excused', '', verdict.RULE, '', '## Timeline', '',
              *table(('seconds', 'what'), [(f'{at:.1f}', what) for at, what in timeline])]
    (folder / 'soak.md').write_text('\n'.join(lines) + '\n')


def say(text):
    print(text, flush=True)


def parsed():
    parser = argparse.ArgumentParser(
        prog='tools/soak', description=__doc__, epilog=verdict.RULE,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--for', dest='seconds', type=seconds_of, default='10m',
                        help='how long, as 90s (10m)')
    parser.add_argument('--seed', type=int, default=1, help='of the events and their order (1)')
    parser.add_argument('--build', type=Path, default=ROOT / 'build', help=argparse.SUPPRESS)
    parser.add_argument('--out', type=Path, default=ROOT / 'build' / 'soak',
                        help='folder of soak.json and soak.md (build/soak)')
    return parser.parse_args()


def main():
    options = parsed()
    if os.geteuid() != 0:
        sys.exit('tools/soak: network namespaces need root')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.nice(PRIORITY)
    record = soak(Programs(options.build.resolve()), options.seconds, options.seed, say)
    goals = goals_of(record)
    write(record, goals, options.out)
    for line in said(record, goals):
        say(line)
    say(f'The figures are in {options.out}.')
    return 0 if is_passed(goals) else 1


if __name__ == '__main__':
    sys.exit(main())
