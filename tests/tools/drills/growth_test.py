#!/usr/bin/python3
"""Whether growth is found, on looks that are made up, and on this process itself."""

import os
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / 'tests' / 'system'), str(ROOT / 'tools' / 'drills')]
import growth  # noqa: E402


def figures(private, files=lambda second: 10, seconds=100):
    found = growth.Growth(os.getpid())
    found.looks = [growth.Look(second, private(second), private(second), files(second), 4)
                   for second in range(seconds)]
    return found.figures()


class Figures(unittest.TestCase):
    def test_memory(self):
        self.assertAlmostEqual(figures(lambda second: 5000)['grown_kib'], 0)
        self.assertAlmostEqual(figures(lambda second: 10 * second)['grown_kib'], 490)
        # Nor is what comes and goes.
        self.assertAlmostEqual(figures(lambda second: 9000 if second % 5 else 10)['grown_kib'], 0)
        # What is used for the first time in the first half is no growth.
        self.assertAlmostEqual(figures(lambda second: 100 * min(second, 50))['grown_kib'], 0)

    def test_files(self):
        busy = figures(lambda second: 1, lambda second: 10 + second % 7)['files']
        self.assertEqual((busy['least_before'], busy['least_at_the_end'], busy['most']),
                         (10, 10, 16))
        leaking = figures(lambda second: 1, lambda second: 10 + second // 10)['files']
        self.assertGreater(leaking['least_at_the_end'], leaking['least_before'])

    def test_looks(self):
        before = growth.look(os.getpid())
        kept = b'x' * (8 << 20)
        with open('/dev/null', encoding='ascii'):
            after = growth.look(os.getpid())
        self.assertGreaterEqual(after.private - before.private, len(kept) // 1024 * 0.9)
        self.assertEqual(after.files - before.files, 1)


if __name__ == '__main__':
    unittest.main()
