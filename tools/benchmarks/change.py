#!/usr/bin/python3
"""`tools/bench change`: how long an operator waits, with many services and backends: for a plan, a
commit, the way back, and a look at all backends. Figures are of requests to the API of a running
keeld, disk and all; of `keel`, where a person waits for that; and of the phases as keeld logs them,
the last of which ends when every worker has moved on.
"""
import argparse
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wire_machine import Child, Failure, Namespace, until
from wire_report import Report
from wire_settings import GATEWAY_MAC, Box

START_SECONDS = 60


class Api:
    """HTTP over keeld's socket, one connection for each request."""

    def __init__(self, path):
        self.path = str(path)

    def ask(self, method, target, body=None):
        connection = http.client.HTTPConnection('keeld', timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        connection.request(method, target, None if body is None else json.dumps(body),
                           {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failure(f'{method} {target}: {answer.status}: {text[:500].decode()}')
        return json.loads(text)

    def timed(self, *arguments):
        """Milliseconds, and the answer."""
        began = time.perf_counter()
        answer = self.ask(*arguments)
        return (time.perf_counter() - began) * 1e3, answer


@contextlib.contextmanager
def managed(build, services, backends, number=0):
    """A keeld whose archive begins with so many services; yields its Api."""
    prefix = f'evenkeel-change-{os.getpid()}-{number}'
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        namespace = stack.enter_context(Namespace(prefix))
        box = Box(('net_null,no-rx=1',), namespace.name, prefix, str(folder),
                  has_hugepages=False, services=services, backends=backends)
        api = folder / 'api.sock'
        seed = folder / 'seed.conf'
        seed.write_text(box.settings() + f'api = {{ socket = "{api}"; }};\n')
        child = Child([build / 'firmware/keeld', '--state', folder / 'state', '--seed',
                       seed], folder / 'keeld.log')
        stack.callback(child.end)

        def is_ready():
            if not child.is_running():
                raise child.failure('has ended')
            with contextlib.suppress(Failure):
                namespace.set_neighbours(box.last_port(), box.neighbours(), GATEWAY_MAC)
            with contextlib.suppress(OSError, Failure, http.client.HTTPException):
                return Api(api).ask('GET', '/v1/status')['troubles'] == []
            return False
        until(is_ready, 'every backend of keeld usable', START_SECONDS, 0.1)
        yield Api(api), child


PHASES = {  # of a commit and a rollback, as keeld says how long they take: microseconds
    'gates': r'in force: gates took (\d+) us',
    'disk': r'in force: gates took \d+ us, disk (\d+) us',
    'ready': r'the way back is ready, after (\d+) us',
    'in force': r'in force, after (\d+) us',
}


def change_once(api, services, weight, found):
    """Plans, commits and takes back a change of a weight in the first so many services."""
    found['status'].append(api.timed('GET', '/v1/status')[0])
    confirmed = api.ask('GET', '/v1/settings')
    text = confirmed['text'].replace('weight = 1;', f'weight = {weight};', 1)
    if services > 1:
        text = re.sub(r'(name = "b0"; [^}]*weight = )1;', rf'\g<1>{weight};', confirmed['text'])
    api.ask('POST', '/v1/change', {'base': confirmed['generation'], 'text': text})
    took, plan = api.timed('GET', '/v1/change/plan')
    found['plan'].append(took)
    waivers = [{'rule': rule, 'reason': 'a benchmark'} for rule in plan['refusals']]
    took, change = api.timed('POST', '/v1/change/commit', {'why': 'a benchmark',
                                                           'waivers': waivers})
    found['commit'].append(took)
    took, _ = api.timed('POST', '/v1/change/rollback', {'id': change['id'], 'why': 'a benchmark'})
    found['rollback'].append(took)


def write_and_sync(folder):
    """Milliseconds for a few bytes: what a disk costs whoever waits for it."""
    with tempfile.TemporaryFile(dir=folder) as file:
        began = time.perf_counter()
        file.write(b'x' * 4096)
        file.flush()
        os.fsync(file.fileno())
        return (time.perf_counter() - began) * 1e3


def measure(api, keeld, services, rounds):
    found = {name: [] for name in ('status', 'sync', 'plan', 'commit', 'rollback')}
    before = len(keeld.log())
    for round_ in range(rounds):
        change_once(api, services, 2 + round_ % 2, found)
        found['sync'].append(write_and_sync(Path(api.path).parent))
    log = keeld.log()[before:]
    for name, pattern in PHASES.items():
        found[name] = [int(us) / 1e3 for us in re.findall(pattern, log)]
    if len(found['in force']) != 2 * rounds:
        raise keeld.failure(f'told {len(found["in force"])} times what is in force')
    return found


def tell(report, title, found):
    report.section(title, 'ms')
    report.row('baseline: GET /v1/status', found['status'])
    report.row('baseline: 4 KB written and synced', found['sync'])
    report.at_most('plan', found['plan'], 300)
    report.row('commit, as a client waits for it', found['commit'])
    for name, row in (('gates', 'of it: gates'), ('disk', 'of it: archive and journal')):
        if found[name]:
            report.row(row, found[name])
    report.at_most('of it: from there to the last worker', found['in force'][0::2], 50)
    if found['ready']:
        report.row('of it: making the way back ready', found['ready'])
    report.row('rollback, as a client waits for it', found['rollback'])
    report.at_most('of it: from decision to the last worker', found['in force'][1::2], 10)


def changes(options, report):
    builds = [('', options.build)]
    if options.against:
        builds.append((f', {options.against}', options.against))
    with contextlib.ExitStack() as stack:
        boxes = [(name, *stack.enter_context(managed(build, 512, 100, number)))
                 for number, (name, build) in enumerate(builds)]
        for title, services in (('one weight', 1), ('a weight in every service', 512)):
            for name, api, keeld in boxes:
                tell(report, f'512 services of 100 backends: {title} changes{name}',
                     measure(api, keeld, services, options.rounds))


def looks(options, report):
    with managed(options.build, 16, 4_095) as (api, _):
        rows = len(api.ask('GET', '/v1/backends')['backends'])
        by_api, by_keel = [], []
        for _ in range(options.rounds):
            by_api.append(api.timed('GET', '/v1/backends')[0])
            began = time.perf_counter()
            subprocess.run([options.build / 'tools/keel', '--socket', api.path, 'show',
                            'backends'], check=True, stdout=subprocess.DEVNULL)
            by_keel.append((time.perf_counter() - began) * 1e3)
        report.section(f'a look at {rows:,} backends', 'ms')
        report.row('GET /v1/backends, read by this script', by_api)
        report.at_most('keel show backends', by_keel, 200)


def main():
    parser = argparse.ArgumentParser(prog='tools/bench change', description=__doc__)
    parser.add_argument('--build', type=Path, default=Path('build'))
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--against', type=Path, help='another build, measured beside this one')
    parser.add_argument('--only', choices=('changes', 'looks'), help='one part of it')
    options = parser.parse_args()
    options.build = options.build.resolve()
    if os.geteuid() != 0:
        sys.exit('tools/bench change: not root: keeld needs a network namespace; use sudo')
    report = Report()
    try:
        if options.only != 'looks':
            changes(options, report)
        if options.only != 'changes':
            looks(options, report)
    except Failure as failure:
        sys.exit(f'tools/bench change: {failure}')
    report.write_json(options.build / 'change.json')


if __name__ == '__main__':
    main()
