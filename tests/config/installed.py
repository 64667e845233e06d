#!/usr/bin/python3
"""What `meson install` leaves: the unit starts the keeld that is installed, and pages and programs
are where they are looked for.

    installed.py BUILD
"""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.root = Path(cls.folder.name)
        done = subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet',
                               '--destdir', cls.root], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_the_unit_starts_what_is_installed(self):
        unit = (self.root / 'lib/systemd/system/keeld.service').read_text()
        program, = re.findall(r'^ExecStart=(\S+)$', unit, re.MULTILINE)
        version = subprocess.run([self.root / program.lstrip('/'), '--version'], check=True,
                                 capture_output=True, text=True).stdout
        self.assertRegex(version, r'\d')

    def test_nothing_is_missing(self):
        for pattern in ('**/bin/keel', '**/man8/keeld.8*', '**/man8/keel.8*',
                        '**/bash-completion/completions/keel*', '**/examples/two-ports.conf',
                        '**/evenkeel/evenkeel.rules.yml', '**/evenkeel/evenkeel.json',
                        'usr/lib/sysusers.d/*'):
            with self.subTest(pattern):
                self.assertTrue(list(self.root.glob(pattern)))


if __name__ == '__main__':
    BUILD = sys.argv.pop(1)
    unittest.main()
