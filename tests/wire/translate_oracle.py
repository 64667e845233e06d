#!/usr/bin/python3
"""Translation against scapy and RFC 7915: `translate_oracle.py TRANSLATE_DUMP`.

Random packets of all kinds (parse_oracle.py's) are translated, within their family and to the
other; each result must be, byte for byte, what this script makes of the same packet, whose headers
scapy builds and whose checksums are computed from nothing, and each refusal one that must be.
"""

import ipaddress
import logging
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import Dot1Q, Ether, IP, IPv6, IPv6ExtHdrFragment, Raw, UDP, checksum  # noqa: E402
from scapy.layers.inet6 import in6_chksum  # noqa: E402
from scapy.layers.sctp import SCTP, crc32c  # noqa: E402

from parse_oracle import (  # noqa: E402
    ECHO, ERROR, EXTENSIONS, FIRST, ICMP4, ICMP6, LATER, SCTP_, TCP_, UDP_, WHOLE,
    expected as fields_of, rand, read_pcap, valid_packet, walk, write_pcap)

SEED = 20_240_613
PACKETS = 5_000


class Refused(Exception):
    """Its text is the reason."""


class Packet:
    """What the fields of parse_oracle.py say, and the bytes."""

    def __init__(self, raw, fields):
        (self.client, self.vip, self.source_port, self.destination_port, self.protocol, self.kind,
         start, length, l4, quoted, v4, _, _, self.ttl, _, _) = fields
        self.bytes = raw[start:start + length]
        self.l4, self.quoted, self.v4 = l4 - start, quoted - start, bool(v4)
        if self.kind in (ECHO, ERROR):
            self.protocol = ICMP4 if v4 else ICMP6
        self.ip = (IP if v4 else IPv6)(self.bytes)


class Translation:
    """One line of translate_dump's input."""

    def __init__(self, packet):
        self.v4 = packet.v4 if rand.random() < 0.4 else not packet.v4
        self.source, self.destination = (
            ('172.16.5.6', '10.1.2.3') if self.v4 else ('2001:db8:a::5', '2001:db8:b::3'))
        same = rand.random() < 0.2
        self.source_port = packet.source_port if same else rand.randint(1, 65535)
        self.destination_port = packet.destination_port if same else rand.randint(1, 65535)
        self.vlan = rand.choice((0, 0, rand.randint(1, 4094)))
        exact = len(packet.bytes)
        if self.v4 != packet.v4:
            exact += 20 if packet.v4 else -20
        self.mtu = max(68, rand.choice((1500, 9600, exact, exact - 1)))

    def line(self):
        return (f'{self.source} {self.destination} {self.source_port} {self.destination_port} '
                f'{self.vlan} {self.mtu}\n')


# ---- Transports -------------------------------------------------------------------------------

def packed(*addresses):
    return b''.join(ipaddress.ip_address(address).packed for address in addresses)


def checksum_after(old, before, after):
    """Arithmetic modulo 2^16 - 1, as plain as can be."""
    def total(data):
        return sum(struct.unpack(f'!{len(data) // 2}H', data))
    return (old + total(before) - total(after)) % 65535


def with_ports(body, protocol, length, ports, before, after):
    """A TCP, UDP or SCTP header with other ports; `before` and `after` are the addresses."""
    old, new = body[:4], struct.pack('!HH', *ports)
    body = bytearray(body)
    body[:4] = new
    if protocol == SCTP_:
        if len(body) >= 12 and length:
            rest = bytes(length - 4)  # CRCs are linear: what both share cancels out
            was = struct.unpack('!I', body[8:12])[0]
            change = crc32c(old + rest) ^ crc32c(new + rest)
            body[8:12] = struct.pack('!I', was ^ change)
        return bytes(body)
    at = 16 if protocol == TCP_ else 6
    if len(body) < at + 2:
        return bytes(body)
    was = struct.unpack('!H', body[at:at + 2])[0]
    if protocol == UDP_ and was == 0:
        return bytes(body)
    now = checksum_after(was, before + old, after + new)
    body[at:at + 2] = struct.pack('!H', now or (65535 if protocol == UDP_ else 0))
    return bytes(body)


def echo_in_the_other_family(body, ip):
    body = bytearray(body)
    body[0] = 128 if isinstance(ip, IPv6) else 8
    body[2:4] = bytes(2)
    body[2:4] = struct.pack('!H', in6_chksum(58, ip, bytes(body)) if isinstance(ip, IPv6)
                            else checksum(bytes(body)))
    return bytes(body)


# ---- Headers ----------------------------------------------------------------------------------

def in_the_same_family(header, source, destination, hops):
    """An IP header with all its options or extension headers, and new addresses."""
    header = bytearray(header)
    if header[0] >> 4 == 6:
        header[7] -= hops
        header[8:40] = packed(source, destination)
        return bytes(header)
    header[8] -= hops
    was, old = struct.unpack('!H', header[10:12])[0], bytes(header[12:20])
    header[12:20] = packed(source, destination)
    now = checksum_after(was, old + bytes((hops, 0)), bytes(header[12:20]))
    header[10:12] = struct.pack('!H', now)
    return bytes(header)


def in_the_other_family(ip, said, length, source, destination, hops, own_id):
    """Scapy's header for a payload of `length` bytes; `said` is walk()'s."""
    protocol = {ICMP4: ICMP6, ICMP6: ICMP4}.get(said['protocol'], said['protocol'])
    if isinstance(ip, IP):
        header = IPv6(src=source, dst=destination, tc=ip.tos, hlim=ip.ttl - hops, nh=protocol)
        if said['more'] or said['offset']:
            header.nh = 44
            header /= IPv6ExtHdrFragment(nh=protocol, offset=said['offset'], m=int(said['more']),
                                         id=ip.id)
        header.plen = length + len(bytes(header)) - 40
        return header
    size = 20 + length
    fragment = ip.payload
    skipped = tuple(set(EXTENSIONS.values()) - {IPv6ExtHdrFragment})
    while isinstance(fragment, skipped):
        fragment = fragment.payload
    header = IP(src=source, dst=destination, tos=ip.tc, ttl=ip.hlim - hops, proto=protocol,
                len=size, id=own_id)
    if isinstance(fragment, IPv6ExtHdrFragment):
        header.id, header.frag = fragment.id & 0xffff, fragment.offset
        header.flags = 'MF' if fragment.m else 0
    elif size > 1260:
        header.id, header.flags = 0, 'DF'
    return header


# ---- Whole packets ----------------------------------------------------------------------------

def translated(packet, to):
    """The IP packet, or Refused."""
    if packet.ttl <= 1:
        raise Refused('ttl_expired')
    body = packet.bytes[packet.l4:]
    if packet.kind == ERROR:
        return error_within(packet, to) if packet.v4 == to.v4 else error_between(packet, to)
    ports = (to.source_port, to.destination_port)
    moved = ports != (packet.source_port, packet.destination_port)
    if packet.kind == FIRST and packet.protocol == SCTP_ and moved:
        raise Refused('untranslatable')
    before = packed(packet.ip.src, packet.ip.dst)
    after = packed(to.source, to.destination)
    if packet.v4 == to.v4:
        if len(packet.bytes) > to.mtu:
            raise Refused('too_big')
        header = in_the_same_family(packet.bytes[:packet.l4], to.source, to.destination, 1)
        if packet.kind == ECHO and not packet.v4:
            was = struct.unpack('!H', body[2:4])[0]
            body = body[:2] + struct.pack('!H', checksum_after(was, before, after)) + body[4:]
        elif packet.kind not in (ECHO, LATER):
            body = with_ports(body, packet.protocol, len(body), ports, before, after)
        return header + body
    without_sum = packet.protocol == UDP_ and packet.kind != LATER and body[6:8] == bytes(2)
    leads_on = packet.kind == LATER and packet.protocol in EXTENSIONS
    if leads_on or without_sum and packet.v4 and packet.kind == FIRST:
        raise Refused('untranslatable')
    field = {TCP_: 16, UDP_: 6, SCTP_: 8}.get(packet.protocol, 2)
    own_id = 0 if packet.kind == LATER else struct.unpack('!H', body[field:field + 2])[0]
    header = in_the_other_family(packet.ip, walk(packet.ip, 0), len(body), to.source,
                                 to.destination, 1, own_id)
    if len(bytes(header)) + len(body) > to.mtu:
        raise Refused('too_big')
    if packet.kind == ECHO:
        body = echo_in_the_other_family(body, header)
    elif packet.kind != LATER:
        body = with_ports(body, packet.protocol, len(body), ports, before, after)
        if without_sum and packet.v4:
            body = body[:6] + struct.pack('!H', in6_chksum(17, header, body) or 65535) + body[8:]
    return bytes(header) + body


# ---- ICMP errors ------------------------------------------------------------------------------

def quoted_body(quote, said, to, before, after):
    """The quoted transport, which went the other way."""
    whole = not said['more'] and said['offset'] == 0
    return with_ports(quote[said['l4']:], said['protocol'],
                      said['length'] - said['l4'] if whole else 0,
                      (to.destination_port, to.source_port), before, after)


def with_icmp_checksum(message, header):
    message = message[:2] + bytes(2) + message[4:]
    value = in6_chksum(58, header, message) if isinstance(header, IPv6) else checksum(message)
    return message[:2] + struct.pack('!H', value) + message[4:]


def error_within(packet, to):
    if len(packet.bytes) > to.mtu:
        raise Refused('too_big')
    quote = packet.bytes[packet.quoted:]
    inner = (IP if packet.v4 else IPv6)(quote)
    said = walk(inner, 0)
    quote = in_the_same_family(quote[:said['l4']], to.destination, to.source, 0) + quoted_body(
        quote, said, to, packed(inner.src, inner.dst), packed(to.destination, to.source))
    sender = to.source if packet.ip.src == packet.client else packet.ip.src
    header = in_the_same_family(packet.bytes[:packet.l4], sender, to.destination, 1)
    message = packet.bytes[packet.l4:packet.quoted] + quote
    return header + with_icmp_checksum(message, (IP if packet.v4 else IPv6)(header))


UNREACHABLE_IN_V6 = {0: (1, 0), 1: (1, 0), 2: (4, 1), 3: (1, 4), 4: (2, 0), 5: (1, 0), 6: (1, 0),
                     7: (1, 0), 8: (1, 0), 9: (1, 1), 10: (1, 1), 11: (1, 0), 12: (1, 0),
                     13: (1, 1), 15: (1, 1)}
POINTER_IN_V6 = {0: 0, 1: 1, 2: 4, 3: 4, 8: 7, 9: 6, **dict.fromkeys(range(12, 16), 8),
                 **dict.fromkeys(range(16, 20), 24)}
POINTER_IN_V4 = {0: 0, 1: 1, 4: 2, 5: 2, 6: 9, 7: 8, **dict.fromkeys(range(8, 24), 12),
                 **dict.fromkeys(range(24, 40), 16)}
PLATEAUS = (65535, 32000, 17914, 8166, 4352, 2002, 1492)


def icmp_in_v6(kind, code, rest, length, mtu):
    """The new message's first eight bytes, or None."""
    if kind == 11:
        return struct.pack('!BBHI', 3, code, 0, 0)
    if kind == 12:
        pointer = POINTER_IN_V6.get(rest >> 24) if code in (0, 2) else None
        return None if pointer is None else struct.pack('!BBHI', 4, 0, 0, pointer)
    if code not in UNREACHABLE_IN_V6:
        return None
    value = {2: 6}.get(code, 0)
    if code == 4:
        told = rest & 0xffff or next((plateau for plateau in PLATEAUS if plateau < length), 1280)
        value = max(1280, min(told + 20, mtu))
    return struct.pack('!BBHI', *UNREACHABLE_IN_V6[code], 0, value)


def icmp_in_v4(kind, code, rest, mtu):
    if kind == 3:
        return struct.pack('!BBHI', 11, code, 0, 0)
    if kind == 2:
        return struct.pack('!BBHI', 3, 4, 0, min(max(rest - 20, 68), mtu))
    if kind == 1:
        new = {0: 1, 1: 10, 2: 1, 3: 1, 4: 3}.get(code)
        return None if new is None else struct.pack('!BBHI', 3, new, 0, 0)
    if code == 1:
        return struct.pack('!BBHI', 3, 2, 0, 0)
    pointer = POINTER_IN_V4.get(rest) if code == 0 else None
    return None if pointer is None else struct.pack('!BBHI', 12, 0, 0, pointer << 24)


def error_between(packet, to):
    quote = packet.bytes[packet.quoted:]
    kind, code, _, rest = struct.unpack('!BBHI', packet.bytes[packet.l4:packet.l4 + 8])
    inner = (IP if packet.v4 else IPv6)(quote)
    said = walk(inner, 0)
    icmp = icmp_in_v6(kind, code, rest, said['length'], to.mtu) if packet.v4 else \
        icmp_in_v4(kind, code, rest, to.mtu)
    if icmp is None:
        raise Refused('untranslatable')
    if packet.v4:
        told = (rest >> 16 & 255) * 4
    else:
        told = (rest >> 24) * 8 if kind in (1, 3) else 0
    header = in_the_other_family(inner, said, said['length'] - said['l4'], to.destination,
                                 to.source, 0, 0)
    body = quoted_body(quote, said, to, packed(inner.src, inner.dst),
                       packed(to.destination, to.source))
    if told > said['l4']:
        body = body[:told - said['l4']]
    outer = 40 if packet.v4 else 20
    most = min(1280, to.mtu) - outer - 8 - len(bytes(header))
    if most < 8:
        raise Refused('too_big')
    body = body[:most - most % 2]
    if len(body) < 8:
        raise Refused('untranslatable')
    message = icmp + bytes(header) + body
    was = struct.unpack('!H', packet.bytes[packet.l4 + 2:packet.l4 + 4])[0]
    around = in_the_other_family(packet.ip, walk(packet.ip, 0), len(message), to.source,
                                 to.destination, 1, was)
    return bytes(around) + with_icmp_checksum(message, around)


def varied(raw, fields):
    """An ICMP error with another type, code and value."""
    l4, end = fields[8], fields[6] + fields[7]
    v4 = fields[10]
    kind = rand.choice((3, 3, 11, 12) if v4 else (1, 2, 3, 4))
    rest = rand.choice((0, rand.randrange(48), rand.randrange(48) << 24, rand.getrandbits(32),
                        rand.choice((500, 1280, 1300, 1480, 1500, 9000)),
                        rand.getrandbits(8) << 16))
    message = struct.pack('!BBHI', kind, rand.randrange(17), 0, rest) + raw[l4 + 8:end]
    message = with_icmp_checksum(message, (IP if v4 else IPv6)(raw[fields[6]:end]))
    return raw[:l4] + message + raw[end:]


# ---- The comparison ---------------------------------------------------------------------------

def expected(packet, to):
    try:
        content = translated(packet, to)
    except Refused as reason:
        return str(reason), None
    link = Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')
    if to.vlan:
        link /= Dot1Q(vlan=to.vlan)
    link.lastlayer().type = 0x0800 if to.v4 else 0x86dd
    return 'none', bytes(link / Raw(content))


def is_valid_by_itself(frame, packet):
    """Whether scapy, which knows nothing of updates, computes the same checksums anew."""
    if packet.kind not in (WHOLE, ECHO):
        return True
    again = Ether(frame)
    layer = again
    while layer:
        for field in ('chksum', 'cksum'):
            if field in layer.fields and not (isinstance(layer, UDP) and not layer.chksum):
                delattr(layer, field)
        layer = None if isinstance(layer, SCTP) else layer.payload
    return bytes(again) == frame


def run(program, packets, translations):
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, 'in.pcap'), Path(folder, 'out.pcap')
        write_pcap(source, packets)
        text = subprocess.run([program, source, result], check=True, text=True,
                              input=''.join(to.line() for to in translations),
                              stdout=subprocess.PIPE).stdout
        return text.split(), list(read_pcap(result))


def main():
    print(f'seed {SEED}')
    rand.seed(SEED)
    raws = []
    for _ in range(PACKETS):
        raw = valid_packet()
        fields = fields_of(raw)
        raws.append(varied(raw, fields) if fields[5] == ERROR else raw)
    packets = [Packet(raw, fields_of(raw)) for raw in raws]
    translations = [Translation(packet) for packet in packets]
    reasons, made = run(sys.argv[1], raws, translations)
    assert len(reasons) == PACKETS and reasons.count('none') == len(made)
    wrong, built, kinds = [], iter(made), {}
    for raw, packet, to, reason in zip(raws, packets, translations, reasons):
        wanted, frame = expected(packet, to)
        output = next(built) if reason == 'none' else None
        kind = (packet.kind, packet.v4, to.v4)
        kinds[kind] = kinds.get(kind, 0) + (reason == 'none')
        if (reason, output) != (wanted, frame):
            wrong.append(f'{kind} {to.line()}{raw.hex()}\n  is  {reason} '
                         f'{output and output.hex()}\n  not {wanted} {frame and frame.hex()}')
        elif output and not is_valid_by_itself(output, packet):
            wrong.append(f'{kind} {to.line()}{output.hex()}\n  has a wrong checksum')
    assert len(kinds) == 20 and min(kinds.values()) > 10
    assert {'ttl_expired', 'too_big', 'untranslatable'} <= set(reasons)
    print('\n'.join(wrong[:10]))
    print(f'{PACKETS} packets, {len(made)} translated, {len(wrong)} disagreements')
    sys.exit(bool(wrong))


if __name__ == '__main__':
    main()
