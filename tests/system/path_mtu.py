"""Packets that would not fit into a tunnel: their sender is told, or never makes them."""

import contextlib
import re
import socket
import struct

from lab import lab
from network import BOX_LAN, CLIENT_LAN, VIP
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
    tunnel = {'tunnel': {'vni': 5}} if mode == 'vxlan' else {}
    lab_.box.settings['services'] = [lab_.box.service('web', mode, outer, **tunnel, **more)]
    if lab_.box.process:
        lab_.box.reload()
    else:
        lab_.box.start()
    for vip in lab_.box.settings['services'][0]['vips']:
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


def segment_sizes(lab_, vip):
    """How large the client's and the server's segments are, as the client's kernel knows."""
    with lab_.sends(6 if ':' in vip else 4, socket.SOCK_STREAM) as channel:
        channel.connect((vip, 80))
        channel.sendall(b'GET /large HTTP/1.0\r\n\r\n')
        for _ in range(100):
            assert channel.recv(65536)
        information = channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from('II', information, 16)  # tcpi_snd_mss, tcpi_rcv_mss


def limited(lab_, mode):
    """Of servers that answer directly, the box sees what the client offers, not what they offer."""
    for server in lab_.network.servers:
        lab_.network.answer(server, BOX_LAN if mode == 'nat' else CLIENT_LAN)
    serve(lab_, mode, 4, mss=MSS, vips=[VIP[4]])
    clients, servers = segment_sizes(lab_, VIP[4])
    assert servers <= MSS, f'the server sends segments of {servers} bytes'
    if mode == 'nat':
        assert clients <= MSS, f'the client sends segments of {clients} bytes'
    return f'the client sends {clients} bytes, the server {servers}'


TESTS = [
    *((f'{mode} to servers by IPv{outer}: the client learns the path MTU, and its upload arrives',
       lambda lab_, mode=mode, outer=outer: told(lab_, mode, outer)) for mode, outer in OVERHEAD),
    *((f'{mode}, with a limit of the MSS: segments are no larger than {MSS} bytes',
       lambda lab_, mode=mode: limited(lab_, mode)) for mode in ('ipip', 'nat')),
]
