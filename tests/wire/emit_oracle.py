#!/usr/bin/python3
"""Emitting against scapy: `emit_oracle.py EMIT_DUMP`.

Random packets of all kinds (parse_oracle.py's) are emitted in random modes; each result must be,
byte for byte, what scapy builds of the same packet, and each refusal one that must be.
"""

import ipaddress
import logging
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import Dot1Q, Ether, GRE, IP, IPv6, Raw, UDP, VXLAN, checksum  # noqa: E402
from scapy.contrib.geneve import GENEVE  # noqa: E402

from parse_oracle import (  # noqa: E402
    ECHO, ERROR, ICMP6, LATER, TCP_, UDP_, WHOLE, expected as fields_of, rand, read_pcap,
    valid_packet, write_pcap)

SEED = 20_240_612
PACKETS = 4_000
MODES = ('l2_direct', 'l3_direct', 'ipip', 'gre', 'gue', 'vxlan', 'geneve')
SHIMS = {'gre': 4, 'gue': 12, 'vxlan': 30, 'geneve': 30}
PORTS = {'gue': 6080, 'vxlan': 4789, 'geneve': 6081}


# ---- What is asked ----------------------------------------------------------------------------

class Spec:
    """One line of emit_dump's input."""

    def __init__(self, v4, length):
        self.mode = rand.choice(MODES)
        self.inner_v4 = v4
        self.outer_v4 = v4 if self.mode == 'l3_direct' else rand.random() < 0.5
        self.vlan = rand.choice((0, 0, rand.randint(1, 4094)))
        self.destination = '10.1.2.3' if self.outer_v4 else '2001:db8:b::3'
        self.source = '172.16.200.77' if self.outer_v4 else '2001:db8:a::abcd:1234'
        self.port = rand.choice((0, 0, rand.randint(1, 65535)))
        self.bits = rand.randint(0, 16 if self.outer_v4 else 32)
        self.ttl = rand.randint(1, 255)
        self.vni = rand.getrandbits(24)
        self.dscp = rand.randint(1, 63)
        self.entropy = rand.getrandbits(32)
        self.overhead = 0
        if self.mode in MODES[2:]:
            self.overhead = (20 if self.outer_v4 else 40) + SHIMS.get(self.mode, 0)
        least = (68 if v4 else 1280) + self.overhead
        exact = length + self.overhead
        self.mtu = min(9600, max(least, rand.choice((9600, exact, exact - 1))))

    def line(self):
        return (f'{MODES.index(self.mode)} {int(self.inner_v4)} {self.vlan} {self.mtu} '
                f'{self.destination} {self.port} {self.source} {self.bits} {self.ttl} {self.vni} '
                f'{self.dscp} {self.entropy}\n')


# ---- What scapy builds ------------------------------------------------------------------------

def in_memory_order(value, size):
    """A field that holds the low bytes of the program's (little-endian) integer."""
    return int.from_bytes((value & ((1 << 8 * size) - 1)).to_bytes(size, 'little'), 'big')


def outer_ip(spec, inner, protocol):
    """The outer header around scapy's reading of the inner packet."""
    v4 = isinstance(inner, IP)
    traffic_class = inner.tos if v4 else inner.tc
    mask = (1 << spec.bits) - 1 if spec.mode in ('ipip', 'gre') else 0
    source = int(ipaddress.ip_address(spec.source)) & ~mask
    source = ipaddress.ip_address(source | in_memory_order(spec.entropy, 4) & mask)
    if not spec.outer_v4:
        return IPv6(src=str(source), dst=spec.destination, tc=traffic_class, hlim=spec.ttl,
                    fl=spec.entropy & 0xfffff or 1, nh=protocol)
    atomic = not v4 or bool(inner.flags.DF)
    own_id = 0
    if not atomic:
        own_id = inner.id ^ int(inner.flags) << 13 ^ inner.frag ^ in_memory_order(spec.entropy, 2)
    return IP(src=str(source), dst=spec.destination, tos=traffic_class, ttl=spec.ttl,
              id=own_id, flags='DF' if atomic else 0, proto=protocol)


def tunnel(spec, inner):
    """The headers around the inner packet, without Ethernet."""
    v4 = isinstance(inner, IP)
    ether_type, protocol = (0x0800, 4) if v4 else (0x86dd, 41)
    if spec.mode == 'ipip':
        return outer_ip(spec, inner, protocol)
    if spec.mode == 'gre':
        return outer_ip(spec, inner, 47) / GRE(proto=ether_type)
    udp = outer_ip(spec, inner, 17) / UDP(sport=49152 + spec.entropy % 16384, chksum=0,
                                          dport=spec.port or PORTS[spec.mode])
    ethernet = Ether(src='02:00:00:00:01:01', dst='02:00:00:00:01:02', type=ether_type)
    return {'gue': lambda: udp / Raw(bytes((0, protocol, 0, 0))),
            'vxlan': lambda: udp / VXLAN(flags=8, vni=spec.vni) / ethernet,
            'geneve': lambda: udp / GENEVE(vni=spec.vni, proto=0x6558) / ethernet}[spec.mode]()


def one_hop_less(packet):
    packet = bytearray(packet)
    if packet[0] >> 4 == 6:
        packet[7] -= 1
        return bytes(packet)
    packet[8] -= 1
    return with_header_checksum(packet)


def with_header_checksum(packet):
    end = (packet[0] & 15) * 4
    packet[10:12] = bytes(2)
    packet[10:12] = struct.pack('!H', checksum(bytes(packet[:end])))
    return bytes(packet)


def checksum_after(old, before, after):
    """Arithmetic modulo 2^16 - 1, as plain as can be."""
    def total(data):
        return sum(struct.unpack(f'!{len(data) // 2}H', data))
    return (old + total(before) - total(after)) % 65535


def marked(spec, packet, fields):
    """L3DSR: destination and DSCP rewritten, and checksums that cover the destination."""
    kind, l4 = fields[5], fields[8] - fields[6]
    protocol = fields[4]
    packet = bytearray(packet)
    v4 = packet[0] >> 4 == 4
    where = slice(16, 20) if v4 else slice(24, 40)
    old, new = bytes(packet[where]), ipaddress.ip_address(spec.destination).packed
    packet[where] = new
    if v4:
        packet[1] = spec.dscp << 2 | packet[1] & 3
        packet = bytearray(with_header_checksum(packet))
    else:
        first = struct.unpack('!I', packet[:4])[0]
        first = first & 0xf03fffff | spec.dscp << 22
        packet[:4] = struct.pack('!I', first)
    if kind in (ECHO, ERROR):
        protocol = 0 if v4 else ICMP6
    at = {TCP_: l4 + 16, UDP_: l4 + 6, ICMP6: l4 + 2}.get(protocol)
    if kind != LATER and at:
        was = struct.unpack('!H', packet[at:at + 2])[0]
        if protocol != UDP_ or was:
            now = checksum_after(was, old, new)
            packet[at:at + 2] = struct.pack('!H', now or (65535 if protocol == UDP_ else 0))
    return bytes(packet)


def expected(raw, spec, fields):
    """(reason, frame)."""
    start, length, ttl = fields[6], fields[7], fields[13]
    if ttl <= 1:
        return 'ttl_expired', None
    if length + spec.overhead > spec.mtu:
        return 'too_big', None
    room = 48 if 14 + 4 * bool(spec.vlan) + spec.overhead <= 48 else 112
    assert room <= start + 128
    packet = one_hop_less(raw[start:start + length])
    inner = (IP if spec.inner_v4 else IPv6)(packet)
    link = Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')
    v4 = spec.inner_v4 if spec.mode == 'l2_direct' else spec.outer_v4
    if spec.vlan:
        link /= Dot1Q(vlan=spec.vlan)
    link.lastlayer().type = 0x0800 if v4 else 0x86dd
    if spec.mode == 'l2_direct':
        return 'none', bytes(link / Raw(packet))
    if spec.mode == 'l3_direct':
        return 'none', bytes(link / Raw(marked(spec, packet, fields)))
    return 'none', bytes(link / tunnel(spec, inner) / Raw(packet))


def is_valid_by_itself(frame, fields):
    """Whether scapy, which knows nothing of updates, computes the same checksums anew."""
    if fields[5] != WHOLE:
        return True
    packet = Ether(frame)
    again = packet.copy()
    layer = again
    while layer:
        for field in ('chksum', 'cksum'):
            if layer.fields.get(field) and not (isinstance(layer, UDP) and not layer.chksum):
                delattr(layer, field)
        layer = layer.payload
    return bytes(again) == frame


# ---- The comparison ---------------------------------------------------------------------------

def main():
    print(f'seed {SEED}')
    rand.seed(SEED)
    packets = [valid_packet() for _ in range(PACKETS)]
    fields = [fields_of(raw) for raw in packets]
    specs = [Spec(bool(said[10]), said[7]) for said in fields]
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, 'in.pcap'), Path(folder, 'out.pcap')
        write_pcap(source, packets)
        text = subprocess.run([sys.argv[1], source, result], check=True, text=True,
                              input=''.join(spec.line() for spec in specs),
                              stdout=subprocess.PIPE).stdout
        made = list(read_pcap(result))
    reasons = text.split()
    assert len(reasons) == PACKETS and reasons.count('none') == len(made)
    wrong, built = [], iter(made)
    modes = dict.fromkeys(MODES, 0)
    for raw, spec, said, reason in zip(packets, specs, fields, reasons):
        wanted, frame = expected(raw, spec, said)
        output = next(built) if reason == 'none' else None
        modes[spec.mode] += reason == 'none'
        if (reason, output) != (wanted, frame):
            wrong.append(f'{spec.line()}{raw.hex()}\n  is  {reason} {output and output.hex()}\n'
                         f'  not {wanted} {frame and frame.hex()}')
        elif output and not is_valid_by_itself(output, said):
            wrong.append(f'{spec.line()}{output.hex()}\n  has a wrong checksum')
    assert min(modes.values()) > 300 and {'ttl_expired', 'too_big'} <= set(reasons)
    print('\n'.join(wrong[:10]))
    print(f'{PACKETS} packets, {len(made)} emitted, {len(wrong)} disagreements')
    sys.exit(bool(wrong))


if __name__ == '__main__':
    main()
