"""What the traffic tells the box of servers whose checks are green."""

import contextlib

from lab import managed_lab
from network import VIP
from proof import expect, until

SECONDS_TO_FIND = 5.0


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs) as result:
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        yield result


def backends(box):
    return {row['name']: row for row in box.told('show', 'backends')['backends']}


def left_out(lab_):
    """server3 answers its check, and does not unpack what it is sent any more."""
    box = lab_.box
    client = lab_.start_requests(VIP[4], requests=0, seconds=300, connections=1000,
                                 pause=500)
    until(lambda: box.told('show', 'services')['services'][0]['new_flows_per_s'] > 200,
          'clients are at work', 20)
    server3 = lab_.network.servers[2]
    lab_.servers.stop_decapsulator(server3)
    row = until(lambda: (row := backends(box)['server3'])['why'] and row, 'server3 is left out',
                SECONDS_TO_FIND, 0.05)
    expect(row['state'], 'usable', 'it may keep the flows that it has')
    assert 'flows do worse' in row['why'], row
    status = box.told('status')
    assert any('web/server3 is left out' in trouble for trouble in status['troubles']), status
    before = backends(box)
    lab_.all_answered(VIP[4], 500)
    after = backends(box)
    new = {name: after[name]['new_flows'] - before[name]['new_flows'] for name in after}
    assert new['server3'] == 0 and min(new['server1'], new['server2']) > 0, new
    client.terminate()
    failures = lab_.results(client)['failures']
    # Who was connected to server3 as it broke had asked it; a SYN that it lost went on elsewhere.
    assert set(failures) <= {'no answer in time'}, failures
    lab_.servers.start_decapsulator(server3, 'ipip', 4)
    return str(status['troubles'])


TESTS = [('a server whose flows fail is left out though its check is green; no connection fails',
          left_out)]
