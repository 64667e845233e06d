#!/usr/bin/python3
"""Cutting against scapy: `fragment_oracle.py FRAGMENT_DUMP`.

Random packets, some of them fragments themselves, are cut for random MTUs. The pieces must fit, be
what scapy's fragment() makes of the same packet, and scapy must put the packet together again.
"""

import logging
import random
import subprocess
import sys
import tempfile
from pathlib import Path

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import (  # noqa: E402
    Dot1Q, Ether, IP, IPOption_NOP, IPOption_RR, IPOption_Security, Raw, UDP, checksum, defragment)

from parse_oracle import read_pcap, write_pcap  # noqa: E402

SEED = 20_240_613
PACKETS = 300  # for each MTU
MTUS = (68, 100, 200, 576, 1_000, 1_280, 1_480, 1_499)
PIECES_MAX = 8
LEAST_PAYLOAD = 24
rand = random.Random(SEED)


def packet():
    """Ethernet, tags, IPv4 and UDP."""
    options = rand.choice(([], [], [IPOption_Security()],
                           [IPOption_NOP(), IPOption_RR(routers=['0.0.0.0'] * 3)],
                           [IPOption_RR(routers=['0.0.0.0']), IPOption_Security()]))
    ip = IP(src='198.51.100.7', dst='192.0.2.1', id=rand.randint(1, 0xffff), options=options,
            tos=rand.getrandbits(8), ttl=rand.randint(2, 255),
            flags=rand.choice(('', '', '', 'DF')))
    ip /= UDP(sport=40_000, dport=9)  # of no protocol that scapy would look into
    ip /= Raw(rand.randbytes(rand.randint(16, 1_400)))
    ip = IP(bytes(ip))
    if rand.random() < 0.3:  # a fragment, with others after it or not
        payload = bytes(ip.payload)
        ip.remove_payload()
        ip.frag = rand.choice((0, 3, 185, 3_000))
        if ip.frag == 0 or rand.random() < 0.5:
            ip.flags |= 'MF'
            payload = payload[:len(payload) // 8 * 8]
        ip.len = ip.chksum = None
        ip = IP(bytes(ip / Raw(payload)))
    frame = Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:09')
    for _ in range(rand.choice((0, 0, 1, 2))):
        frame /= Dot1Q(vlan=rand.randint(1, 4_094))
    padding = rand.randbytes(rand.choice((0, 0, 7)))
    return bytes(frame / ip) + padding


def later_options(options):
    """Those that do not go into later pieces are "no operation" there."""
    return b''.join(bytes(option) if option.copy_flag or option.option == 0
                    else b'\x01' * len(bytes(option)) for option in options)


def expected(raw, mtu):
    """The pieces' IP packets; [] where it may not be cut."""
    ip = Ether(raw)[IP]
    ip = IP(bytes(ip)[:ip.len])
    header = ip.ihl * 4
    each = (mtu - header) // 8 * 8
    if 'DF' in ip.flags or ip.len <= mtu or mtu - header < LEAST_PAYLOAD:
        return []
    payload = bytes(ip.payload)
    if -(-len(payload) // each) > PIECES_MAX:
        return []
    bare = ip.copy()
    bare.remove_payload()
    bare.frag, bare.flags = 0, 0  # scapy would forget them
    made = []
    for piece in (bare / Raw(payload)).fragment(each):
        piece.frag += ip.frag
        piece.len = piece.chksum = None
        made.append(bytearray(bytes(piece)))
    made[-1][6] |= 0x20 if 'MF' in ip.flags else 0
    for piece in made[1:]:
        piece[20:header] = later_options(ip.options)
    return [with_checksum(piece) for piece in made]


def with_checksum(raw):
    header = bytes(raw[:10]) + b'\0\0' + bytes(raw[12:(raw[0] & 15) * 4])
    return header[:10] + checksum(header).to_bytes(2, 'big') + bytes(raw[12:])


def check(raw, pieces, mtu):
    wanted = expected(raw, mtu)
    front = 14
    while raw[front - 2:front] == b'\x81\x00':
        front += 4
    assert len(pieces) == len(wanted), (mtu, len(pieces), len(wanted))
    for piece, right in zip(pieces, wanted):
        assert piece[:front] == raw[:front]
        assert len(right) <= mtu
        assert piece[front:] == right, f'{piece[front:].hex()}\n{right.hex()}'
    whole = IP(raw[front:])
    if pieces and whole.frag == 0 and 'MF' not in whole.flags:
        together = defragment([IP(piece[front:]) for piece in pieces])
        assert len(together) == 1
        assert bytes(together[0].payload) == raw[front + whole.ihl * 4:front + whole.len]


def main():
    cut = 0
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / 'in.pcap', Path(folder) / 'out.pcap'
        for mtu in MTUS:
            packets = [packet() for _ in range(PACKETS)]
            write_pcap(source, packets)
            said = subprocess.run([sys.argv[1], source, result, str(mtu)], check=True,
                                  capture_output=True, text=True).stdout.split()
            made = iter(read_pcap(result))
            assert len(said) == PACKETS
            for raw, count in zip(packets, said):
                check(raw, [next(made) for _ in range(int(count))], mtu)
                cut += count != '0'
            assert next(made, None) is None
    assert cut > PACKETS
    print(f'{cut} of {PACKETS * len(MTUS)} packets were cut as scapy cuts them')


if __name__ == '__main__':
    main()
