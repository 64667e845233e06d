"""Packets that would not fit into a tunnel: their sender is told, or never makes them."""

import contextlib
import re

from lab import lab
from network import VIP
from proof import expect

OVERHEAD = {('ipip', 4): 20, ('ipip', 6): 40, ('vxlan', 4): 50}
MSS = 1_360


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        yield result


def path_mtu(lab_, family):
    """What the client's kernel has learnt of the way to the VIP."""
    said = lab_.client(f'ip route get {VIP[family]}')
    found = re.search(r'\bmtu (\d+)', said)
    return int(found[1]) if found else None


def serve(lab_, mode, outer, **more):
    lab_.servers.start_decapsulators(mode, outer, 5)
    lab_.box.settings['services'] = [
        lab_.box.service('web', mode, outer, tunnel={'vni': 5}, **more)]
    if lab_.box.process:
        lab_.box.reload()
    else:
        lab_.box.start()
    for vip in VIP.values():
        lab_.wait_for_service(vip)
    for family in VIP:
        lab_.client(f'ip -{family} route flush cache')


def told(lab_, mode, outer):
    serve(lab_, mode, outer)
    said = []
    for family, vip in VIP.items():
        assert path_mtu(lab_, family) is None
        lab_.upload(vip, lab_.sha256)
        found, wanted = path_mtu(lab_, family), lab_.network.mtu - OVERHEAD[mode, outer]
        expect(found, wanted, f'bytes that fit on the way to {vip}, as the client knows')
        said.append(f'IPv{family}: {found}')
    assert lab_.box.drops().get('too_big', 0) > 0
    return ', '.join(said)


def clamped(lab_):
    """With the service's `mss`, TCP makes no packet that does not fit, and nobody is told."""
    serve(lab_, 'ipip', 6, mss=MSS)
    before = lab_.box.drops().get('too_big', 0)
    for family, vip in VIP.items():
        lab_.upload(vip, lab_.sha256)
        lab_.download(vip, lab_.sha256)
        assert path_mtu(lab_, family) is None
    assert lab_.box.drops().get('too_big', 0) == before


TESTS = [
    *((f'{mode} to servers by IPv{outer}: the client learns the path MTU, and its upload arrives',
       lambda lab_, mode=mode, outer=outer: told(lab_, mode, outer)) for mode, outer in OVERHEAD),
    ('a service that limits the MSS lets no packet become too big', clamped),
]
