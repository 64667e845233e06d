#!/usr/bin/python3
"""Frames of tools/benchmarks/wire_traffic.py, read by scapy: they are what they are said to be."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools/benchmarks'))
import wire_traffic  # noqa: E402
from scapy.layers.inet import IP, TCP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.utils import rdpcap  # noqa: E402

MAC = bytes.fromhex('56484f535400')
VIPS = {4: '198.18.0.16', 6: '2001:db8:198::10'}


def frames_of(flows, size, family=4):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'frames.pcap')
        wire_traffic.write_pcap(path, wire_traffic.Traffic(VIPS[family], MAC, flows, size))
        return [bytes(packet) for packet in rdpcap(str(path))]


def checksums(packet):
    """Of the headers that have one."""
    return [packet[layer].chksum for layer in (IP, TCP) if layer in packet]


def made_again(packet):
    for layer in (IP, TCP):
        if layer in packet:
            del packet[layer].chksum
    return Ether(bytes(packet))


class Frames(unittest.TestCase):
    def test_headers_and_checksums_are_right(self):
        for family, ip in ((4, IP), (6, IPv6)):
            for size in (64, 100, 1400):
                for frame in frames_of(50, size, family):
                    packet = Ether(frame)
                    self.assertEqual(packet.dst, MAC.hex(':'))
                    self.assertEqual(packet[ip].dst, VIPS[family])
                    self.assertEqual((packet[TCP].dport, packet[TCP].flags), (80, 'A'))
                    self.assertEqual(checksums(packet), checksums(made_again(Ether(frame))))
                    length = packet[IP].len if family == 4 else packet[IPv6].plen + 40
                    self.assertEqual(length, len(frame) - 14)

    def test_a_stamp_always_fits_behind_the_headers(self):
        self.assertEqual({len(frame) for frame in frames_of(10, 64)}, {64})
        self.assertEqual({len(frame) for frame in frames_of(10, 64, 6)}, {84})

    def test_imix_is_seven_four_and_one_of_twelve(self):
        sizes = [len(frame) for frame in frames_of(24, 'imix')]
        self.assertEqual([sizes.count(size) for size in (64, 570, 1400)], [14, 8, 2])

    def test_imix_of_few_flows_has_all_sizes(self):
        frames = frames_of(1, 'imix')
        self.assertEqual({len(frame) for frame in frames}, {64, 570, 1400})
        self.assertEqual(len({frame[26:30] + frame[34:36] for frame in frames}), 1)

    def test_there_are_as_many_flows_as_asked_for(self):
        for count in (1, 1_000, 8_192):
            found = {frame[26:30] + frame[34:36] for frame in frames_of(count, 64)}
            self.assertEqual(len(found), count)
        self.assertEqual(len(set(map(wire_traffic.flow, range(1_000_000)))), 1_000_000)

    def test_ports_are_ephemeral(self):
        ports = [wire_traffic.flow(number)[1] for number in range(0, 1_000_000, 7)]
        self.assertGreaterEqual(min(ports), 20_000)
        self.assertLess(max(ports), 60_000)


if __name__ == '__main__':
    unittest.main()
