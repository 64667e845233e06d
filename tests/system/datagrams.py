"""What is not TCP: DNS by UDP, datagrams in fragments, SCTP.

The client's side of the box is an AF_XDP socket: a packet socket puts IPv4 fragments together
itself, and hands over one packet, cut off at its frame's end.
"""

import collections
import contextlib
import hashlib
import random
import socket
import struct

from lab import lab
from network import BOX_LAN, CLIENT_LAN, VIP
from proof import Skip, expect

ECHO_PORT = 7
QUERIES = 1_000


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        result.servers.start_dns()
        result.servers.start_echo('udp', ECHO_PORT)
        result.servers.start_decapsulators('ipip', 4)
        result.box.settings['ports'][0]['device'] = 'net_af_xdp,iface=wan0'
        result.box.settings['services'] = services(result.box, 'ipip', 4)
        result.box.start()
        yield result


def services(box, mode, outer):
    vips = [VIP[outer]] if mode == 'nat' else None
    return [box.service(name, mode, outer, vips, protocol='udp', ports=ports,
                        affinity='stateless', hash=over)
            for name, ports, over in (('dns', '53', 'five_tuple'),
                                      ('echo', str(ECHO_PORT), 'source'))]


def query(number, name):
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
    edns = struct.pack('>BHHIH', 0, 41, 4096, 0, 0)
    return struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 1) + labels + b'\0\0\x10\0\1' + edns


def answered(lab_, vip, name):
    """The answers, by the server that gave them, each query from a port of its own."""
    servers = collections.Counter()
    for number in range(QUERIES):
        with lab_.sends(6 if ':' in vip else 4) as channel:
            channel.settimeout(3)
            channel.sendto(query(number, name), (vip, 53))
            answer, sender = channel.recvfrom(65536)
        expect(sender[0], vip, 'who answered')
        expect(answer[:2], struct.pack('>H', number), 'the answer to a query')
        server = next((server.name for server in lab_.network.servers
                       if server.name.encode() in answer), '')
        servers[server] += 1
    return servers


def dns(mode, outer, lab_):
    box = lab_.box
    lab_.servers.start_decapsulators(mode, outer)
    for server in lab_.network.servers:
        lab_.network.answer(server, BOX_LAN if mode == 'nat' else CLIENT_LAN)
    box.settings['services'] = services(box, mode, outer)
    box.reload()
    said = []
    for vip in box.settings['services'][0]['vips']:
        lab_.wait_for_datagrams(vip, 53, query(0, 'whoami.test'))
        servers = answered(lab_, vip, 'whoami.test')
        expect(sorted(servers), [server.name for server in lab_.network.servers], 'who answered')
        said.append(f'{vip}: {sum(servers.values())} of {QUERIES}')
    return '; '.join(said)


def long_answers(lab_):
    """More than 3,000 bytes of answer come in fragments, past the box."""
    dns('ipip', 4, lab_)
    for family, vip in VIP.items():
        with lab_.sends(family) as channel:
            channel.settimeout(3)
            channel.sendto(query(9, 'long.test'), (vip, 53))
            assert len(channel.recvfrom(65536)[0]) > 3_000


def fragments(lab_):
    """Datagrams that come in up to six fragments, all of which must reach one server."""
    dns('ipip', 4, lab_)
    generator = random.Random(1)
    for family, vip in VIP.items():
        # Small enough that each fragment fits into the tunnel.
        lab_.namespaces.ip(f'-n {lab_.namespaces.name("client")} -{family} route replace {vip} '
                           'dev wan mtu 1400')
        lab_.wait_for_datagrams(vip, ECHO_PORT, b'?')
        for _ in range(200):
            data = generator.randbytes(generator.randint(1, 8_000))
            with lab_.sends(family) as channel:
                channel.settimeout(3)
                channel.sendto(data, (vip, ECHO_PORT))
                answer = channel.recvfrom(65536)[0].decode().split()
            expect(answer[1:], [str(len(data)), hashlib.sha256(data).hexdigest()], 'what arrived')


def sctp(lab_):
    try:
        lab_.sends(4, socket.SOCK_STREAM, protocol=socket.IPPROTO_SCTP).close()
    except OSError as error:
        raise Skip('this kernel has no SCTP') from error
    box = lab_.box
    lab_.servers.start_echo('sctp', ECHO_PORT)
    lab_.servers.start_decapsulators('ipip', 4)
    box.settings['services'].append(
        box.service('sctp', 'ipip', protocol='sctp', ports=str(ECHO_PORT)))
    box.reload()
    for family, vip in VIP.items():
        with lab_.sends(family, socket.SOCK_STREAM, protocol=socket.IPPROTO_SCTP) as channel:
            channel.settimeout(10)
            channel.connect((vip, ECHO_PORT))
            channel.sendall(b'association')
            expect(channel.recv(1000).split()[1], b'11', 'bytes that arrived')


TESTS = [
    *((f'{mode} to servers by IPv{outer}: {QUERIES} DNS queries, all answered',
       lambda lab_, mode=mode, outer=outer: dns(mode, outer, lab_))
      for mode, outer in (('ipip', 4), ('gue', 6), ('nat', 4), ('nat', 6))),
    ('answers of more than 3,000 bytes come', long_answers),
    ('datagrams in fragments arrive whole', fragments),
    ('SCTP associations reach a server', sctp),
]
