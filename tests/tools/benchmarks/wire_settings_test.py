#!/usr/bin/python3
"""Settings that tools/benchmarks/wire_settings.py writes: keeld, whose path is the first argument,
takes them, and no two ways of forwarding share what they must not.
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools/benchmarks'))
from wire_settings import GATEWAY, WAYS, Box, backend_addresses, vip_of  # noqa: E402

ONE = ('net_memif,role=client,id=0,socket=/tmp/memif.sock,zero-copy=yes',)
TWO = ('net_pcap,rx_pcap=/dev/null,infinite_rx=1', 'net_null,no-rx=1')
KEELD = sys.argv.pop(1)


def check(**more):
    """(exit status, what keeld says) of a box."""
    box = Box(**{'devices': ONE, 'namespace': 'bench', 'prefix': 'bench', 'folder': '/tmp',
                 'backends': 20, **more})
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(box.settings())
        file.flush()
        result = subprocess.run([KEELD, '--check', file.name], capture_output=True, text=True,
                                check=False, timeout=60)
    return result.returncode, result.stderr


class Settings(unittest.TestCase):
    def test_keeld_takes_them(self):
        for more in ({}, {'ways': tuple(WAYS)}, {'devices': TWO}, {'has_hugepages': False},
                     {'services': 512, 'backends': 100}, {'idle': 'poll'}):
            self.assertEqual(check(**more), (0, ''), more)

    def test_keeld_does_look_at_them(self):
        self.assertNotEqual(check(idle='asleep')[0], 0)

    def test_vips_differ(self):
        vips = [vip_of(way, service) for way in WAYS for service in range(512)]
        self.assertEqual(len(set(vips)), len(vips))

    def test_servers_of_services_differ(self):
        servers = [address for service in range(512)
                   for address in backend_addresses('IPIP', 100, service)]
        self.assertEqual(len(set(servers)), 51_200)

    def test_a_server_behind_nat_has_one_service(self):
        servers = [address for way, about in WAYS.items() if about.mode == 'nat'
                   for address in backend_addresses(way, 1_000)]
        self.assertEqual(len(set(servers)), len(servers))

    def test_neighbours_are_gateways_and_servers_on_the_link(self):
        box = Box(ONE, '', '', '', ways=('IPIP', 'L2 direct'), backends=20)
        self.assertEqual(box.neighbours(),
                         list(GATEWAY.values()) + backend_addresses('L2 direct', 20))

    def test_two_settings_differ_in_one_weight(self):
        box = Box(ONE, '', '', '', backends=20)
        lines = [box.settings(first_weight=weight).splitlines() for weight in (1, 2)]
        self.assertEqual(len([pair for pair in zip(*lines) if len(set(pair)) > 1]), 1)


if __name__ == '__main__':
    unittest.main()
