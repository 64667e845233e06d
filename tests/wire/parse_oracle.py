#!/usr/bin/python3
"""Parsing and answering against scapy: `parse_oracle.py PARSE_DUMP`.

Random packets of all kinds, whole, cut and damaged, go through the program; what it says of each
must be what scapy reads from the same bytes, and what it makes of each must be, byte for byte, what
scapy builds for the same purpose.
"""

import logging
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import (  # noqa: E402
    Dot1AD, Dot1Q, Ether, ICMP, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
    ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IP, IPOption_NOP, IPOption_RR,
    IPOption_Router_Alert, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting, PadN, Raw, SCTP, SCTPChunkAbort, SCTPChunkCookieAck, SCTPChunkInit,
    SCTPChunkShutdownComplete, TCP, UDP)

SEED = 20_240_611
WHOLE, FIRST, LATER, ECHO, ERROR = range(5)
OPENING, CLOSING, RESET = 1, 2, 4
ICMP4, TCP_, UDP_, ICMP6, SCTP_ = 1, 6, 17, 58, 132
MTU, MSS = 1400, 1220  # as parse_dump has them
EXTENSIONS = {0: IPv6ExtHdrHopByHop, 43: IPv6ExtHdrRouting, 44: IPv6ExtHdrFragment,
              60: IPv6ExtHdrDestOpt}


class ScapyGivesUp(Exception):
    """It has a class for few types of routing headers."""


rand = random.Random(SEED)


# ---- What packets there are -------------------------------------------------------------------

def payload(most=200, unit=1):
    return rand.randbytes(rand.randrange(0, most + 1, unit))


def port():
    return rand.choice((rand.randint(1, 65535), 1, 80, 255, 256, 65535))


def mac():
    return '02:' + ':'.join(f'{rand.randrange(256):02x}' for _ in range(5))


def address(v4):
    if v4:
        return f'{rand.choice((1, 10, 126, 128, 192, 223))}.{rand.randrange(256)}.' \
               f'{rand.randrange(256)}.{rand.randrange(256)}'
    return f'2001:db8:{rand.getrandbits(16):x}::{rand.getrandbits(16):x}:{rand.getrandbits(16):x}'


def link():
    packet = Ether(src=mac(), dst=mac())
    tags = rand.choice((0, 0, 1, 2))
    for i in range(tags):
        outer = i == 0 and tags == 2 and rand.random() < 0.5
        packet /= (Dot1AD if outer else Dot1Q)(vlan=rand.randrange(4096), prio=rand.randrange(8))
    return packet


def tcp_options():
    options = [rand.choice((('NOP', None), ('SAckOK', b''), ('WScale', 7), ('Timestamp', (1, 2)),
                            ('MSS', rand.choice((536, 1219, 1220, 1221, 1460, 9000)))))
               for _ in range(rand.randrange(4))]
    return options + rand.choice(([], [('EOL', None)]))


def transport(source_port=None, destination_port=None):
    """(protocol, its layers)."""
    ports = {'sport': source_port or port(), 'dport': destination_port or port()}
    kind = rand.choice((TCP_, UDP_, SCTP_))
    if kind == TCP_:
        flags = rand.choice(('S', 'SA', 'SAEC', 'A', 'PA', 'FA', 'R', 'RA', 'FR', 'UA'))
        return kind, TCP(flags=flags, seq=rand.getrandbits(32), options=tcp_options(),
                         **ports) / payload()
    if kind == UDP_:
        return kind, UDP(**ports) / payload()
    chunk = rand.choice((SCTPChunkInit, SCTPChunkAbort, SCTPChunkShutdownComplete,
                         SCTPChunkCookieAck, None))
    packet = SCTP(tag=rand.getrandbits(32), **ports)
    return kind, packet / chunk() if chunk else packet


def extensions(room, routing):
    """Up to `room` of them; a routing header changes what scapy sums as the destination."""
    chosen = [IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(rand.randrange(9)))])] \
        if rand.random() < 0.2 else []
    while len(chosen) < room and rand.random() < 0.3:
        if routing and rand.random() < 0.3:
            chosen.append(IPv6ExtHdrRouting(addresses=[address(False)], segleft=0))
        else:
            chosen.append(IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(rand.randrange(20)))]))
    return chosen


def network(v4, source, destination, protocol, content, fragment=None):
    """IP and what follows; `fragment` is (offset in units of 8, more)."""
    offset, more = fragment or (0, False)
    if v4:
        flags = rand.choice(('', 'DF', 'evil')) if fragment is None else 'MF' if more else ''
        options = rand.choices(([], [IPOption_RR()], [IPOption_NOP()] * 4,
                                [IPOption_Router_Alert(), IPOption_NOP()]), (6, 1, 1, 1))[0]
        return IP(src=source, dst=destination, tos=rand.randrange(256), ttl=rand.randint(1, 255),
                  id=rand.randrange(65536), flags=flags, frag=offset, proto=protocol,
                  options=options) / content
    packet = IPv6(src=source, dst=destination, tc=rand.randrange(256), fl=rand.getrandbits(20),
                  hlim=rand.randint(1, 255))
    headers = extensions(7, routing=True)
    if fragment is not None or rand.random() < 0.1:
        headers.append(IPv6ExtHdrFragment(offset=offset, m=int(more), id=rand.getrandbits(32)))
    for header in headers:
        packet /= header
    packet.lastlayer().nh = protocol
    return packet / content


def first_fragment(protocol, content):
    raw = bytes(content) + payload(64)
    if protocol == UDP_:
        raw = raw[:4] + struct.pack('!H', rand.randint(8, 65535)) + raw[6:]
    return Raw(raw + bytes(-len(raw) % 8))


def error(v4, source, destination):
    """(protocol, ICMP error that quotes what the VIP `destination` sent)."""
    protocol, content = transport()
    client = rand.choice((source, address(v4)))
    quoted = network(v4, destination, client, protocol, content)
    whole = bytes(quoted)
    keep = len(whole) - len(bytes(content)) + 8
    quote = Raw(whole[:rand.randint(keep, max(keep, min(len(whole), 500)))])
    if v4:
        return ICMP4, ICMP(type=rand.choice((3, 11, 12)), code=rand.randrange(5)) / quote
    kind = rand.choice((ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded,
                        ICMPv6ParamProblem))
    return ICMP6, kind() / quote


def valid_packet():
    v4 = rand.random() < 0.5
    source, destination = address(v4), address(v4)
    kind = rand.choices((WHOLE, FIRST, LATER, ECHO, ERROR), (6, 1, 1, 2, 3))[0]
    protocol, content = transport()
    fragment = None
    if kind == FIRST:
        fragment, content = (0, True), first_fragment(protocol, content)
    elif kind == LATER:
        fragment = (rand.randint(2, 8100), rand.random() < 0.5)
        content = Raw(payload(200, 8) + bytes(8))
        if not v4 and fragment[0] % 3 == 0:  # only the first fragment says what options lead to
            protocol = 60
    elif kind == ECHO and v4:
        protocol, content = ICMP4, ICMP(id=rand.getrandbits(16), seq=rand.getrandbits(16))
        content /= payload()
    elif kind == ECHO:
        protocol, content = ICMP6, ICMPv6EchoRequest(id=rand.getrandbits(16), data=payload())
    elif kind == ERROR:
        protocol, content = error(v4, source, destination)
    raw = bytes(link() / network(v4, source, destination, protocol, content, fragment))
    return raw + bytes(rand.choice((0, 0, max(0, 60 - len(raw)), 7)))


def refused_packet():
    """(why, raw): one fault in an otherwise good packet."""
    v4 = rand.random() < 0.5
    source, destination = address(v4), address(v4)
    protocol, content = transport()
    faults = {
        'bad_address': lambda: network(v4, rand.choice(
            (destination, '0.1.2.3', '127.0.0.1', '224.0.0.1', '255.255.255.255') if v4 else
            (destination, '::', '::1', 'ff02::1', '::ffff:192.0.2.1')),
            destination, protocol, content),
        'zero_port': lambda: network(v4, source, destination, *rand.choice(
            ((TCP_, TCP(sport=0)), (UDP_, UDP(dport=0)), (SCTP_, SCTP(sport=9, dport=0))))),
        'unsupported_protocol': lambda: network(
            v4, source, destination, rand.choice((0 if v4 else 1, 2, 4, 41, 47, 50, 51, 59, 255)),
            Raw(bytes(64))),
        'icmp_other': lambda: network(
            v4, source, destination, *((ICMP4, ICMP(type=rand.choice((0, 4, 5, 9, 10, 13)))) if v4
                                       else (ICMP6, ICMPv6EchoReply()))),
        'icmp_mismatch': lambda: network(v4, address(v4), destination,
                                         *error(v4, source, address(v4))),
        'bad_header': lambda: network(v4, source, destination, *rand.choice(
            ((TCP_, TCP(sport=1, dport=2, flags=rand.choice(('', 'SF', 'SR', 'F', 'P', 'SFA')))),
             (TCP_, TCP(sport=1, dport=2, dataofs=rand.choice((0, 4, 6, 15)))),
             (UDP_, UDP(sport=1, dport=2, len=rand.randrange(8)) / bytes(20))))),
        'truncated': lambda: network(v4, source, destination,
                                     UDP_, UDP(sport=1, dport=2, len=29) / bytes(20)),
    }
    why = rand.choice(list(faults))
    return why, bytes(link() / faults[why]())


def damaged(raw):
    """Some bytes of the IP packet changed; an IPv4 header's checksum made right again."""
    raw = bytearray(raw)
    start = 14
    while raw[start - 2:start] in (b'\x81\0', b'\x88\xa8'):
        start += 4
    for _ in range(rand.randint(1, 3)):
        raw[rand.randrange(start, min(len(raw), start + 80))] = rand.randrange(256)
    header = raw[start:start + (raw[start] & 15) * 4]
    if raw[start] >> 4 == 4 and len(header) >= 20:
        header[10:12] = bytes(2)
        total = sum(struct.unpack(f'!{len(header) // 2}H', header))
        total = (total & 0xffff) + (total >> 16)
        total = (total & 0xffff) + (total >> 16)
        raw[start + 10:start + 12] = struct.pack('!H', ~total & 0xffff)
    return bytes(raw)


# ---- What scapy reads -------------------------------------------------------------------------

def walk(ip, at):
    """What an IP layer at `at` says: dict, with the offset of the transport in it."""
    if isinstance(ip, IP):
        fragment = bool(ip.flags.MF) or ip.frag != 0
        return {'source': ip.src, 'destination': ip.dst, 'protocol': ip.proto,
                'length': ip.len, 'l4': at + ip.ihl * 4, 'v4': 1, 'class': ip.tos, 'ttl': ip.ttl,
                'may_fragment': int(not ip.flags.DF), 'offset': ip.frag,
                'more': bool(ip.flags.MF), 'id': ip.id if fragment else 0}
    said = {'source': ip.src, 'destination': ip.dst, 'protocol': ip.nh, 'length': 40 + ip.plen,
            'l4': at + 40, 'v4': 0, 'class': ip.tc, 'ttl': ip.hlim, 'may_fragment': 0,
            'offset': 0, 'more': False, 'id': 0}
    layer = ip.payload
    while said['protocol'] in EXTENSIONS and said['offset'] == 0:
        if not isinstance(layer, EXTENSIONS[said['protocol']]):
            raise ScapyGivesUp
        said['protocol'] = layer.nh
        if isinstance(layer, IPv6ExtHdrFragment):
            said['offset'], said['more'] = layer.offset, bool(layer.m)
            said['id'] = layer.id if layer.offset or layer.m else 0
            said['l4'] += 8
        else:
            said['l4'] += 8 * (layer.len + 1)
        layer = layer.payload
    return said


def ports(raw, at):
    return struct.unpack('!HH', raw[at:at + 4])


def signals(protocol, raw, at, end):
    if protocol == TCP_:
        flags = TCP(raw[at:]).flags
        return (OPENING if flags.S and not flags.A else 0) | (CLOSING if flags.F else 0) | \
            (RESET if flags.R else 0)
    if protocol == SCTP_ and end > at + 12:
        return {1: OPENING, 6: RESET, 14: CLOSING}.get(raw[at + 12], 0)
    return 0


def expected(raw):
    """The fields of parse_dump's line, of a packet that is not refused."""
    at, layer = 14, Ether(raw).payload
    while isinstance(layer, Dot1Q):
        at, layer = at + 4, layer.payload
    said = walk(layer, at)
    kind = WHOLE
    key = [said['source'], said['destination'], 0, 0, said['protocol']]
    marks, quoted = 0, 0
    if said['offset']:
        kind = LATER
    elif said['protocol'] in (ICMP4, ICMP6):
        kind = ECHO if raw[said['l4']] in (8, 128) else ERROR
    else:
        kind = FIRST if said['more'] else WHOLE
        key[2:4] = ports(raw, said['l4'])
        marks = signals(said['protocol'], raw, said['l4'], at + said['length'])
    if kind == ERROR:
        quoted = said['l4'] + 8
        inner = walk((IP if said['v4'] else IPv6)(raw[quoted:]), quoted)
        key = [inner['destination'], inner['source'], *reversed(ports(raw, inner['l4'])),
               inner['protocol']]
    return [*key, kind, at, said['length'], said['l4'], quoted, said['v4'], marks, said['class'],
            said['ttl'], said['may_fragment'], said['id']]


# ---- What scapy builds ------------------------------------------------------------------------

def turned_round(raw):
    """The link layer of an answer to `raw`, and the IP layer of `raw`."""
    packet = Ether(raw)
    layer, link_layer = packet.payload, Ether(src=packet.dst, dst=packet.src)
    while isinstance(layer, Dot1Q):
        copy = layer.copy()
        copy.remove_payload()
        layer, link_layer = layer.payload, link_layer / copy
    return link_layer, layer


def reply_to(raw, fields):
    link_layer, ip = turned_round(raw)
    start, length, l4 = int(fields[6]), int(fields[7]), int(fields[8])
    echo, padding = raw[l4:start + length], raw[start + length:]
    if isinstance(ip, IP):
        icmp = ICMP(echo)
        icmp.type = 0
        del icmp.chksum
        answer = IP(src=ip.dst, dst=ip.src, tos=ip.tos, id=ip.id, flags=ip.flags, ttl=64) / icmp
    else:
        request = ICMPv6EchoRequest(echo)
        answer = IPv6(src=ip.dst, dst=ip.src, tc=ip.tc, fl=ip.fl, hlim=64) / ICMPv6EchoReply(
            code=request.code, id=request.id, seq=request.seq, data=request.data)
    return bytes(link_layer / answer) + padding


def too_big_for(raw, fields):
    link_layer, ip = turned_round(raw)
    start, length = int(fields[6]), int(fields[7])
    quote = raw[start:start + length]
    if isinstance(ip, IP):
        return bytes(link_layer / IP(src=ip.dst, dst=ip.src, tos=0xc0, id=0, flags='DF', ttl=64) /
                     ICMP(type=3, code=4, nexthopmtu=MTU) / Raw(quote[:548]))
    return bytes(link_layer / IPv6(src=ip.dst, dst=ip.src, tc=0xc0, hlim=64) /
                 ICMPv6PacketTooBig(mtu=MTU) / Raw(quote[:1232]))


def with_lower_mss(raw, _):
    packet = Ether(raw)
    tcp = packet[TCP]
    if not tcp.flags.S:
        return raw
    tcp.options = [(name, min(value, MSS) if name == 'MSS' else value)
                   for name, value in tcp.options]
    del tcp.chksum
    return bytes(packet)


BUILDERS = {'reply': reply_to, 'too_big': too_big_for, 'mss': with_lower_mss}


# ---- The comparison ---------------------------------------------------------------------------

def write_pcap(path, packets):
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for raw in packets:
            file.write(struct.pack('<IIII', 0, 0, len(raw), len(raw)) + raw)


def read_pcap(path):
    data, at = Path(path).read_bytes(), 24
    while at < len(data):
        length = struct.unpack_from('<I', data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def cases():
    """(description, raw, the only answers allowed, whether scapy rebuilds it from its fields)."""
    for _ in range(1500):
        raw = valid_packet()
        fields = expected(raw)
        end = fields[6] + fields[7]
        yield 'valid', raw, ('none',), True
        yield 'cut', raw[:rand.randrange(end)], ('truncated',), False
        yield 'padding cut', raw[:rand.randint(end, len(raw))], ('none',), True
        yield 'damaged', damaged(raw), None, False
    for _ in range(500):
        why, raw = refused_packet()
        yield f'refused for {why}', raw, (why,), False


def main():
    print(f'seed {SEED}')
    tried = list(cases())
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, 'in.pcap'), Path(folder, 'out.pcap')
        write_pcap(source, [raw for _, raw, _, _ in tried])
        text = subprocess.run([sys.argv[1], source, result], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        made = list(read_pcap(result))
    seen, compared, built, wrong = 0, 0, 0, []
    fields = []
    for line in text.splitlines():
        index, word, *rest = line.split()
        description, raw, answers, rebuilt = tried[int(index)]
        if word in BUILDERS:
            output = made[built]
            built += 1
            if rebuilt and output != (wanted := BUILDERS[word](raw, fields)):
                wrong.append(f'{word} of {raw.hex()}\n  is     {output.hex()}\n'
                             f'  not    {wanted.hex()}')
            continue
        assert int(index) == seen, 'a line for each packet, in order'
        seen, fields = seen + 1, rest
        if answers and word not in answers:
            wrong.append(f'{description}: {word}, not {answers}: {raw.hex()}')
        elif word == 'none':
            try:
                wanted = [str(field) for field in expected(raw)]
            except ScapyGivesUp:
                assert description == 'damaged'
                continue
            compared += 1
            if rest != wanted:
                wrong.append(f'{description}: {raw.hex()}\n  is     {rest}\n  not    {wanted}')
    assert seen == len(tried) and built == len(made) and compared > 3000 and built > 3000
    for complaint in wrong[:10]:
        print(complaint)
    print(f'{seen} packets, {compared} accepted, {built} made from them, '
          f'{len(wrong)} disagreements')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
