#!/usr/bin/python3
"""The search for the rate without loss, and what a report makes of figures."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools/benchmarks'))
from wire_extras import highest_without_loss, is_lost  # noqa: E402
from wire_report import Report  # noqa: E402


class Search(unittest.TestCase):
    def test_it_finds_what_a_device_carries(self):
        for carries in (1e4, 3.3e6, 9.99e6):
            found = highest_without_loss(lambda rate, most=carries: rate > most, 1e7, steps=20)
            self.assertLessEqual(found, carries)
            self.assertGreater(found, carries - 1e7 / 2 ** 19)

    def test_a_device_that_loses_nothing_has_the_highest_rate(self):
        self.assertEqual(highest_without_loss(lambda rate: False, 5e6), 5e6)

    def test_a_device_that_always_loses_has_none(self):
        self.assertEqual(highest_without_loss(lambda rate: True, 5e6), 0)

    def test_what_the_link_does_not_take_is_lost_too(self):
        whole = {'sent': 10, 'received': 10, 'not_taken': 0}
        self.assertFalse(is_lost(whole))
        self.assertTrue(is_lost({**whole, 'received': 9}))
        self.assertTrue(is_lost({**whole, 'not_taken': 1}))


class Figures(unittest.TestCase):
    def setUp(self):
        self.said = io.StringIO()
        self.report = Report()
        with contextlib.redirect_stdout(self.said):
            self.report.section('A section', 'Mpps')
            self.report.row('a row', [3.0, 1.0, 2.0], [90, 100, 80])
            self.report.ratio('a ratio', [0.8, 0.9, 0.84], 0.85)
            self.report.ratio('a better one', [0.1, 0.85, 0.9], 0.85)
            self.report.at_most('a cost', [0.02, 0.5, 0.01], 0.02)
            self.report.curve('A curve', 'Mpps', 'series', [(64, [1.0]), (8, [2.0])])
            self.report.curve('No curve', 'Mpps', 'series', [(64, [1.0])])

    def test_goals_are_judged_by_the_median(self):
        lines = self.said.getvalue().splitlines()
        verdicts = [line.rpartition(' ')[2] for line in lines if 'goal' in line]
        self.assertEqual(verdicts, ['missed', 'reached', 'reached'])

    def test_json_has_every_row_and_curves_in_order(self):
        with tempfile.NamedTemporaryFile('r') as file:
            self.report.write_json(Path(file.name))
            rows = json.load(file)
        first = rows[0]
        self.assertEqual((first['min'], first['median'], first['max'], first['cycles']),
                         (1.0, 2.0, 3.0, 90))
        self.assertEqual([row['x'] for row in rows if row['series'] == 'series'], [8, 64])


if __name__ == '__main__':
    unittest.main()
