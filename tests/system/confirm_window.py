"""The confirm window, as clients see it: a change goes live and, unconfirmed, goes back by itself,
while wrk asks real servers through the box. The servers' own counts say whom it reached meanwhile.
"""

import contextlib
import re
import signal
import subprocess

from lab import managed_lab
from network import VIP
from proof import expect, until

WEIGHT = 'services.web.backends.server3.weight'
WINDOW = 5            # seconds
CONNECTIONS = 3_000   # new ones by which a share is judged
PRECISION = 0.05      # 5 of the deviations that chance makes of so many


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs) as result:
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        yield result


class Load:
    """wrk, for each way to ask: on connections that stay, and on a new one for each request."""

    def __init__(self, lab_):
        self.lab = lab_
        ways = [(vip, header) for vip in VIP.values() for header in ('keep-alive', 'close')]
        self.processes = {
            f'{vip} {header}': lab_.namespaces.start(
                'client', ['wrk', '-t1', '-c8', '-d300s', '--timeout', '10s',
                           '-H', f'Connection: {header}',
                           lab_.url(vip, '/')], stdout=subprocess.PIPE, text=True)
            for vip, header in ways}

    def end(self):
        """{way: requests}; none may have failed."""
        answered = {}
        for way, process in self.processes.items():
            assert process.poll() is None, f'wrk to {way} has ended before its time'
            process.send_signal(signal.SIGINT)
            report, _ = process.communicate(timeout=30)
            assert 'Socket errors' not in report and 'Non-2xx' not in report, f'{way}: {report}'
            answered[way] = int(re.search(r'(\d+) requests in', report)[1])
            assert answered[way] > 0, f'{way}: {report}'
        return answered


def share_since(lab_, before):
    """server3's part of the connections since `before`; None while there are too few."""
    now = lab_.servers.connections()
    new = {name: now[name] - before[name] for name in now}
    return new['server3'] / sum(new.values()) if sum(new.values()) >= CONNECTIONS else None


def enough(lab_, before):
    return until(lambda: share_since(lab_, before), f'{CONNECTIONS} new connections', 20, 0.02)


def share_on_probation(lab_, box):
    """What share_since() last was when the change was still live, until it is not."""
    before, last = lab_.servers.connections(), []

    def is_over():
        share = share_since(lab_, before)
        change = box.told('status')['change']
        if change is not None and change['state'] == 'on-probation':
            last.append(share)
        return change is None
    until(is_over, 'the change has gone back by itself', WINDOW + 10, 0.02)
    shares = [share for share in last if share is not None]
    assert shares, f'fewer than {CONNECTIONS} connections while the change was live'
    return shares[-1]


def goes_there_and_back(lab_):
    box = lab_.box
    lost, load = box.lost(), Load(lab_)
    said = {'before': enough(lab_, lab_.servers.connections())}
    box.keel('set', WEIGHT, 2)
    change = box.told('commit', '--confirm', f'{WINDOW}s', '--why', 'a trial')
    expect(change['state'], 'on-probation', 'the change')
    said['on probation'] = share_on_probation(lab_, box)
    said['after'] = enough(lab_, lab_.servers.connections())
    answered = load.end()

    for when, wanted in (('before', 1 / 3), ('on probation', 1 / 2), ('after', 1 / 3)):
        assert abs(said[when] - wanted) < PRECISION, f"server3's part: {said}"
    status = box.told('status')
    expect((status['confirmed'], status['in_force']), (1, 1), 'generations')
    expect(box.lost(), lost, 'packets that the box lost')
    shares = ', '.join(f'{100 * share:.1f} % {when}' for when, share in said.items())
    return (f'{sum(answered.values())} requests by {len(answered)} wrk, none failed; of new '
            f'connections, server3 has counted {shares}')


TESTS = [('under wrk, a change that is not confirmed goes live and goes back by itself, and no '
          'request fails', goes_there_and_back)]
