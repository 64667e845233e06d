"""What is for the box itself reaches its kernel, and a flood of it starves nothing; neighbours that
go and come back."""

import contextlib
import re
import subprocess

from lab import lab
from network import BOX_LAN, BOX_WAN, VIP
from proof import until

REQUESTS = 10_000
WRONG_MAC = '02:00:00:00:ff:ff'


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        result.servers.start_decapsulators('ipip', 4)
        result.box.settings['services'] = [result.box.service('web', 'ipip')]
        client = result.namespaces.name('client')
        for family, vip in VIP.items():
            result.namespaces.ip(f'-n {client} -{family} neigh replace {vip} dev wan '
                                 f'lladdr {WRONG_MAC} nud stale')
        result.box.start()
        yield result


def announces(lab_):
    """A client that knew a wrong neighbour for a VIP has been told."""
    for family, vip in VIP.items():
        def known(family=family, vip=vip):
            said = lab_.client(f'ip -{family} neigh show {vip} dev wan')
            return re.search(r'lladdr (\S+)', said)[1] != WRONG_MAC
        until(known, f'the client hears of {vip}', 5)


def answers_pings(lab_):
    for address in (*BOX_WAN.values(), *BOX_LAN.values(), *VIP.values()):
        said = lab_.client(f'ping -n -c 20 -i 0.01 -W 2 {address}')
        assert ' 0% packet loss' in said, said


@contextlib.contextmanager
def listening(lab_):
    """iperf3 in the box's kernel, and reached."""
    listener = lab_.namespaces.start('kernel', 'iperf3 -s', stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)

    def is_reached():
        attempt = lab_.namespaces.start('client', f'iperf3 -c {BOX_WAN[4]} -n 1K',
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return attempt.wait(10) == 0
    try:
        until(is_reached, 'iperf3 listens')
        yield
    finally:
        lab_.namespaces.end(listener)


def carries_connections(lab_):
    """A program in the box's kernel is served both ways, with segments as large as the MTU."""
    lab_.servers.start_nginx('kernel')
    for address in (BOX_WAN[4], BOX_WAN[6], BOX_LAN[4]):
        until(lambda address=address: lab_.requests(address, requests=1, timeout=1)['ok'],
              f'{address} is served')
        lab_.download(address, lab_.sha256)
        lab_.upload(address, lab_.sha256)


def flood_starves_nothing(lab_):
    """Small datagrams to the box's own address, as fast as one core makes them."""
    before = lab_.box.drops()['kernel_limited']
    with listening(lab_):
        flood = lab_.namespaces.start('client', f'iperf3 -c {BOX_WAN[4]} -u -b 0 -l 64 -t 60',
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: lab_.box.drops()['kernel_limited'] > before + 1_000, 'the flood is limited')
        for vip in VIP.values():
            lab_.all_answered(vip, REQUESTS)
        limited = lab_.box.drops()['kernel_limited'] - before
        lab_.namespaces.end(flood)
    return f'{limited} packets of the flood did not reach the kernel'


def usable(lab_):
    return {name: entry['usable'] == 'yes' for name, entry in lab_.box.backends('web').items()}


def lost_neighbour_heals(lab_):
    """A server's cable is pulled: its next hop is gone, said so, and comes back by itself."""
    server = lab_.network.servers[0]
    lab_.network.link(server.name, 'lan', 'down')
    lab_.namespaces.ip(f'-n {lab_.namespaces.name("kernel")} neigh flush dev lan')
    before = lab_.box.log_size()
    until(lambda: not usable(lab_)[server.name], f'{server.name} is unusable', 30)
    why = lab_.box.backends('web')[server.name]['why']
    assert why, 'no reason is shown'
    for vip in VIP.values():
        result = lab_.all_answered(vip, 1_000)
        assert server.name not in result['servers'], result
    lab_.network.link(server.name, 'lan', 'up')
    until(lambda: usable(lab_)[server.name], f'{server.name} is usable again', 30)
    for vip in VIP.values():
        assert lab_.all_answered(vip, 1_000)['servers'].get(server.name), 'no connection reaches it'
    assert server.name in lab_.box.log(before), 'the log says nothing of it'
    return why


TESTS = [
    ('VIPs that come up are announced by ARP and ND', announces),
    ('the box answers pings, to its own addresses and to VIPs', answers_pings),
    ('connections to the kernel work both ways', carries_connections),
    (f'{2 * REQUESTS} requests during a flood of what is for the kernel, none failed',
     flood_starves_nothing),
    ('a backend whose next hop is lost is left out, with the reason, and heals',
     lost_neighbour_heals),
]
