"""Two workers, each with a queue of its own on every port: the kernel's fanout spreads flows."""

import contextlib

from lab import lab
from network import BOX_LAN, VIP
from proof import until

PORT = 7
FLOWS = 64
PACKETS = 50  # of each flow
REQUESTS = 10_000


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        result.servers.start_decapsulators('ipip', 4)
        result.box.settings['cpu'] = {'control': 0, 'workers': [0, 1]}
        result.box.settings['services'] = [
            result.box.service('web', 'ipip'),
            result.box.service('sink', 'ipip', protocol='udp', ports=str(PORT))]
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip)
        yield result


def received(lab_):
    """Packets that each worker has had."""
    workers = lab_.box.listed('/evenkeel/workers')
    return [workers[number]['received'] for number in sorted(workers)]


def one_flow(lab_, vip):
    """How many packets each worker had while those of one flow came."""
    before = received(lab_)
    with lab_.sends(6 if ':' in vip else 4) as channel:
        for _ in range(PACKETS):
            channel.sendto(b'x' * 100, (vip, PORT))
    until(lambda: sum(received(lab_)) >= sum(before) + PACKETS, 'all of a flow has come', 2, 0.002)
    return [now - then for now, then in zip(received(lab_), before)]


def no_flow_is_split(lab_):
    """The kernels' own packets - ARP and the like - may come between a flow's."""
    by_worker = [0, 0]
    for vip in VIP.values():
        for _ in range(FLOWS):
            shares = one_flow(lab_, vip)
            assert min(shares) < PACKETS // 10, f'a flow of {PACKETS} came as {shares}'
            by_worker[shares.index(max(shares))] += 1
    assert min(by_worker) > FLOWS // 4, f'flows by worker: {by_worker}'
    return f'flows by worker: {by_worker}'


def totals_add_up(lab_):
    for vip in VIP.values():
        lab_.all_answered(vip, REQUESTS)
    lab_.box.wait_until_quiet()
    return lab_.box.check_accounts()


def both_carry_translations(lab_):
    """Answers come back to whichever worker, and find their client."""
    for server in lab_.network.servers:
        lab_.network.answer(server, BOX_LAN)
    lab_.box.settings['services'] = [lab_.box.service('web', 'nat', vips=[VIP[4]])]
    lab_.box.reload()
    lab_.wait_for_service(VIP[4])
    lab_.all_answered(VIP[4], REQUESTS)
    lab_.download(VIP[4], lab_.sha256)


TESTS = [
    ('no flow is split, and both workers have some', no_flow_is_split),
    (f'{2 * REQUESTS} requests, none failed, and every packet is accounted for', totals_add_up),
    (f'{REQUESTS} requests through address translation, none failed', both_carry_translations),
]
