"""Settings change a thousand times while connections of all kinds are open: none breaks.

Weights change at random, and so does who is a member, as an operator would do it: a server is
drained (weight 0), and leaves when nobody is connected to it any more.
"""

import contextlib
import hashlib
import random
import re
import signal
import subprocess
import time

from lab import lab
from network import VIP
from proof import expect

SWAPS = 1_000
LONG = 300           # connections that live as long as the test
DOWNLOADS = 4        # of each VIP
DOWNLOAD_RATE = '2M'
FIRST = 3            # servers that are members when the load begins, and so do not leave
AT_LEAST = 2         # members that are not drained
SETTLE = 0.3         # seconds until what is under way to a drained server is a connection there


@contextlib.contextmanager
def setup(programs):
    with lab(programs, servers=5) as result:
        result.servers.start_decapsulators('ipip', 4)
        result.box.settings['services'] = [result.box.service('web', 'ipip')]
        del result.box.settings['services'][0]['backends'][FIRST:]
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip)
        yield result


class Members:
    """Who is a member of the service, with which weight; changed at random."""

    def __init__(self, lab_):
        self.lab = lab_
        self.weights = {server.name: 1 for server in lab_.network.servers[:FIRST]}
        self.drained_at = {}
        self.random = random.Random(7)
        self.counts = {'weights': 0, 'drained': 0, 'left': 0, 'joined': 0}

    def is_unused(self, name):
        with self.lab.namespaces.inside(name):
            tables = [open(f'/proc/thread-self/net/{table}', encoding='ascii').read()
                      for table in ('tcp', 'tcp6')]
        # State 01 is an established connection, 03 one that is being opened.
        return not any(re.search(r'^ *\d+: \S+:0050 \S+ 0[13] ', table, re.M) for table in tables)

    def may_leave(self, name):
        return time.monotonic() - self.drained_at[name] > SETTLE and self.is_unused(name)

    def change(self):
        name = self.random.choice([server.name for server in self.lab.network.servers])
        active = [other for other, weight in self.weights.items() if weight > 0]
        if name not in self.weights:
            self.weights[name] = self.random.randint(1, 5)
            self.counts['joined'] += 1
        elif self.weights[name] == 0 and self.may_leave(name):
            del self.weights[name]
            self.counts['left'] += 1
        elif self.weights[name] > 0 and len(active) > AT_LEAST and self.random.random() < 0.3:
            self.weights[name] = 0
            self.drained_at[name] = time.monotonic()
            self.counts['drained'] += 1
        else:
            if self.weights[name] == 0 and self.random.random() < 0.7:
                name = self.random.choice(active)
            self.weights[name] = self.weights[name] % 5 + 1
            self.counts['weights'] += 1
        service = self.lab.box.service('web', 'ipip')
        service['backends'] = [dict(backend, weight=self.weights[backend['name']])
                               for backend in service['backends']
                               if backend['name'] in self.weights]
        self.lab.box.settings['services'] = [service]


def start_load(lab_):
    """[(what it is, its process)], until they are told to end."""
    load = []
    for vip in VIP.values():
        load.append((f'{LONG} long-lived connections to {vip}', lab_.start_requests(
            vip, requests=0, each=0, connections=LONG, pause=100, seconds=3_600)))
        load.append((f'short connections to {vip}', lab_.start_requests(
            vip, requests=0, connections=8, pause=2, seconds=3_600)))
    return load


def start_downloads(lab_):
    """[(file, process)]."""
    result = []
    for family, vip in VIP.items():
        for index in range(DOWNLOADS):
            target = lab_.folder / f'download-{family}-{index}'
            result.append((target, lab_.namespaces.start('client', [
                'curl', '-sSg', '--fail', '--limit-rate', DOWNLOAD_RATE, '-o', target,
                lab_.url(vip, '/large')])))
    return result


def swap(lab_, members):
    """Returns the seconds that it took."""
    began = time.monotonic()
    for _ in range(SWAPS):
        members.change()
        lab_.box.reload()
    return time.monotonic() - began


def keeps_everything(lab_):
    lost = lab_.box.lost()
    load, downloads = start_load(lab_), start_downloads(lab_)
    wrk = lab_.namespaces.start('client', ['wrk', '-t1', '-c16', '-d10s', '--timeout', '10s',
                                           lab_.url(VIP[4], '/')],
                                stdout=subprocess.PIPE, text=True)
    members = Members(lab_)
    seconds = swap(lab_, members)
    said = [f'{SWAPS} swaps in {seconds:.1f} s: {members.counts}']

    for target, process in downloads:
        assert process.wait(120) == 0, f'{target} broke off'
        expect(hashlib.sha256(target.read_bytes()).hexdigest(), lab_.sha256, target.name)
    said.append(f'{len(downloads)} downloads whole')
    for what, process in load:
        process.send_signal(signal.SIGTERM)
        result = lab_.results(process)
        said.append(f"{what}: {result['ok']} requests, {result['failed']} failed, "
                    f"{result['retransmits']} segments sent again")
        assert result['ok'] > SWAPS and not result['failed'], f'{what}: {result}'
    report, _ = wrk.communicate(timeout=60)
    assert 'Socket errors' not in report and 'Non-2xx' not in report, report
    said.append('wrk: ' + re.search(r'\d+ requests in', report)[0][:-3] + ', none failed')
    expect(lab_.box.lost(), lost, 'packets that the box lost')
    return '; '.join(said) + '; the box lost no packet'


TESTS = [(f'{SWAPS} random changes of weights and members under load: no packet lost by the box, '
          'no connection broken', keeps_everything)]
