#!/usr/bin/python3
"""What a drill's figures are made of, on made-up requests whose fate is known."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / 'tests' / 'system'), str(ROOT / 'tools' / 'drills')]
import figures  # noqa: E402
import picture  # noqa: E402
import report  # noqa: E402
from load import Request, read_requests  # noqa: E402
from rehearsal import Event, Record, Times  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402

BEGAN = 1000.0
PORT = 4000
COMMITTED, FORCED, END = 2.0, 4.0, 12.0


def requests(bad=lambda at: None):
    """A hundred per second; `bad` gives (seconds, failure) of those that are not as all others."""
    made = []
    for number in range(int(END * 100)):
        at = number / 100
        seconds, failure = bad(at) or (0.02, '')
        made.append(Request(BEGAN + at, seconds, 0 if failure else 200, 'server1', number % 50,
                            failure, False))
    return made


def record(made, shares=((0, 0),), name='single-node'):
    result = Record(SCENARIOS[name], True, Times(COMMITTED, FORCED, END, '2s'))
    result.began, result.committed = BEGAN, BEGAN + COMMITTED
    result.answered, result.forced = BEGAN + COMMITTED + 0.1, BEGAN + FORCED
    result.refused_by, result.requests = ['mass-change', 'single-node'], made
    result.shares = [(BEGAN + at, share) for at, share in shares]
    result.events = [Event(BEGAN + COMMITTED, '(a) <committed>', 'track')]
    result.wrk = {'requests': 10, 'failed': 0}
    return result


def failing(first, last, every=1):
    """Between these seconds, one of so many fails."""
    def bad(at):
        return (3.0, 'no answer in time') if first <= at < last and \
            round(at * 100) % every == 0 else None
    return bad


class Slow(unittest.TestCase):
    def test_threshold_follows_the_median_but_has_a_least(self):
        for seconds, wanted in ((0.02, 0.25), (0.1, 0.8)):
            judged = figures.Judged(record(requests(lambda at, s=seconds: (s, ''))))
            self.assertAlmostEqual(judged.slow_from, wanted)

    def test_late_client_is_nobodys_slowness(self):
        judged = figures.Judged(record(requests()))
        slow = Request(BEGAN, 1.0, 200, 'server1', 1, '', False)
        late = Request(BEGAN, 1.0, 200, 'server1', 1, '', True)
        failed = Request(BEGAN, 1.0, 0, '-', 1, 'refused', True)
        self.assertEqual([judged.is_bad(request) for request in (slow, late, failed)],
                         [True, False, True])


class Reading(unittest.TestCase):
    def read(self, *lines):
        with tempfile.NamedTemporaryFile('w', suffix='.txt') as file:
            file.write(''.join('\t'.join(map(str, (*line, PORT, line[1]))) + '\n'
                               for line in lines))
            file.flush()
            return read_requests(Path(file.name))

    def test_times_are_from_when_a_request_was_due(self):
        second, first = (self.read((2_000_000, 2_010_000, 2_500_000, 200, 'server2', 7, '-'),
                                   (1_000_000, 1_000_000, 1_020_000, 0, '-', 8, 'reset'))[i]
                         for i in (1, 0))
        self.assertEqual((first.due, first.failure, first.server), (1.0, 'reset', '-'))
        self.assertAlmostEqual(second.seconds, 0.5)
        self.assertEqual((second.port, second.connected), (PORT, 2.01))
        self.assertEqual((second.failure, second.status, second.client), ('', 200, 7))

    def test_what_was_under_way_while_the_client_was_late_is_late(self):
        made = self.read((1_000_000, 1_000_000, 1_300_000, 200, 'server1', 1, '-'),
                         (1_200_000, 1_290_000, 1_310_000, 200, 'server1', 2, '-'),
                         (1_400_000, 1_400_000, 1_800_000, 200, 'server1', 3, '-'))
        self.assertEqual([request.is_late for request in made], [True, True, False])

    def test_what_comes_behind_a_halt_of_the_machine_is_late(self):
        made = self.read((1_000_000, 1_500_000, 1_600_000, 200, 'server1', 1, '-'),
                         (1_900_000, 1_900_000, 2_400_000, 200, 'server1', 2, '-'),
                         (2_100_000, 2_100_000, 2_400_000, 200, 'server1', 3, '-'))
        self.assertEqual([request.is_late for request in made], [True, True, False])


class Harm(unittest.TestCase):
    def harm(self, bad):
        harm = figures.Judged(record(requests(bad))).harm(BEGAN + FORCED)
        return harm and tuple(round(at - BEGAN, 2) for at in harm)

    def test_begins_and_ends_with_its_requests(self):
        self.assertEqual(self.harm(failing(5, 7)), (5.0, 6.99))
        self.assertEqual(self.harm(failing(5, 7, every=20)), (5.0, 6.8))

    def test_two_are_chance(self):
        self.assertIsNone(self.harm(failing(5, 5.02)))
        self.assertEqual(self.harm(failing(5, 5.03)), (5.0, 5.02))

    def test_what_was_before_is_not_its_doing(self):
        self.assertIsNone(self.harm(failing(1, 2)))

    def test_rare_ones_far_apart_are_chance(self):
        self.assertIsNone(self.harm(failing(5, 12, every=100)))


class Restored(unittest.TestCase):
    def track_b(self, bad, shares=((0, 0), (4.1, 1), (6, 10), (7, 0))):
        return figures.figures_of(record(requests(bad), shares))['track_b']

    def test_time_to_find_and_to_restore(self):
        b = self.track_b(failing(5, 7.5))
        self.assertAlmostEqual(b['found_s'], 2.0)
        self.assertAlmostEqual(b['restored_s'], 2.49)
        self.assertTrue(b['taken_back'])

    def test_harm_until_the_end_is_not_restored(self):
        b = self.track_b(failing(5, END), shares=((0, 0), (4.1, 100)))
        self.assertIsNone(b['restored_s'])
        self.assertIsNone(b['found_s'])
        self.assertFalse(b['taken_back'])

    def test_no_harm_is_restored_at_once(self):
        b = self.track_b(lambda at: None)
        self.assertEqual((b['restored_s'], b['harm_began_s']), (0.0, None))

    def test_share_of_flows_that_met_the_change(self):
        # 0.1 s with none, 1.9 s with 1 %, 1 s with 10 %.
        b = self.track_b(lambda at: None)
        self.assertAlmostEqual(b['met'], (1.9 * 0.01 + 1 * 0.1) / 3, places=3)
        self.assertEqual(b['largest_share'], 10)


class Goals(unittest.TestCase):
    def goals(self, bad, shares, name='single-node'):
        made = record(requests(bad), shares, name)
        return {goal.figure: goal.is_met
                for goal in figures.goals_of(made, figures.figures_of(made))}

    def test_all_met(self):
        goals = self.goals(failing(5, 5.03), ((0, 0), (4.1, 10), (6, 0)))
        self.assertFalse(goals.pop('requests failed over the drill'))  # 3 of 1,200
        self.assertTrue(all(goals.values()), goals)

    def test_each_can_be_missed(self):
        goals = self.goals(failing(2.5, END), ((0, 0), (4.1, 50), (11.9, 0)), 'uneven')
        self.assertEqual({figure for figure, is_met in goals.items() if is_met},
                         {'(b) taken back by the box itself',
                          'requests failed on connections that were open'})


class Written(unittest.TestCase):
    def test_picture_is_well_formed_whatever_a_mark_says(self):
        import xml.etree.ElementTree
        made = record(requests(failing(5, 7)))
        text = picture.Picture('a < b', figures.series_of(made),
                               report.timeline_of(made)).text()
        xml.etree.ElementTree.fromstring(text)
        self.assertIn('(a) &lt;committed&gt;', text)

    def test_series_counts_every_request(self):
        made = record(requests(failing(5, 7)))
        rows = figures.series_of(made, 0.25)
        self.assertAlmostEqual(sum(row['failed'] for row in rows) * 0.25, 200)
        self.assertAlmostEqual(sum(row['well'] + row['slow'] + row['failed'] for row in rows)
                               * 0.25, END * 100)


if __name__ == '__main__':
    unittest.main()
