#!/usr/bin/python3
"""What a soak excuses, and what it does not, on made-up ways of connections."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / 'tests' / 'system'), str(ROOT / 'tools' / 'drills')]
import verdict  # noqa: E402
from disturbances import Happened  # noqa: E402
from load import Request  # noqa: E402

# server1 was dead from 10 to 20, server2 was taken out at once at 30, server3 was drained from 40
# to 50.
HAPPENED = Happened(outages={'server1': [[10, 20]], 'server4': [[60, None]]},
                    maintained={'server2': [[30, 30.4]]}, drained={'server3': [[40, 50]]})

CAUSES = [
    ('nothing was sent anywhere', [], 5, verdict.NOWHERE),
    ('at a healthy server', [(5, 'server1')], 6, verdict.HEALTHY),
    ('the server died meanwhile', [(9, 'server1')], 11, verdict.DIED),
    ('it died long after the end', [(5, 'server1')], 9.8, verdict.HEALTHY),
    ('it died, and the flow was moved then', [(9, 'server1'), (11, 'server2')], 12, verdict.DIED),
    ('it was moved long before the server died', [(5, 'server1'), (6, 'server2')], 12,
     verdict.MOVED),
    ('opened to a server just dead', [(12.4, 'server1')], 13, verdict.TOO_SOON),
    ('opened to a server long dead', [(12.6, 'server1')], 13, verdict.KNOWN_DEAD),
    ('opened to a server that never came back', [(99, 'server4')], 100, verdict.KNOWN_DEAD),
    ('opened once it answered again', [(20.1, 'server1')], 21, verdict.HEALTHY),
    ('taken out at once', [(29, 'server2'), (30.05, 'server3')], 31, verdict.MAINTAINED),
    ('begun while it was being taken out', [(30.3, 'server2')], 31, verdict.MAINTAINED),
    ('taken out before it began', [(30.6, 'server2')], 31, verdict.HEALTHY),
    ('moved away from a drained server', [(39, 'server3'), (41, 'server2')], 42, verdict.MOVED),
    ('a SYN sent again to the same healthy server', [(5, 'server3'), (6, 'server3')], 7,
     verdict.HEALTHY),
]

SEEN = """ready
39000000\t198.18.0.1\t1000\t80\t13
40400000\t198.18.0.1\t1001\t80\t13
45000000\t198.18.0.2\t1002\t80\t13
45000000\t10.0.0.2\t1003\t80\t13
46000000\t2001:db8:12::1\t1004\t80\t12
51000000\t198.18.0.3\t1005\t80\t13
"""


def witness():
    with tempfile.NamedTemporaryFile('w', encoding='ascii') as file:
        file.write(SEEN)
        file.flush()
        return verdict.Witness(Path(file.name))


def request(begin, end, failure='', port=1002, client=1, server='server3'):
    return Request(begin, end - begin, 0 if failure else 200, server, client, failure, False, port,
                   begin)


class Causes(unittest.TestCase):
    def test_causes(self):
        for what, way, end, expected in CAUSES:
            with self.subTest(what):
                self.assertEqual(verdict.cause_of(way, end, HAPPENED), expected)

    def test_only_three_are_excused(self):
        for cause in (verdict.NOWHERE, verdict.KNOWN_DEAD, verdict.MOVED, verdict.HEALTHY):
            self.assertFalse(verdict.Failure(0, cause, '', '', []).is_excused())
        for cause in (verdict.DIED, verdict.TOO_SOON, verdict.MAINTAINED):
            self.assertTrue(verdict.Failure(0, cause, '', '', []).is_excused())


class Seen(unittest.TestCase):
    def failures(self, *requests, family=4, port=80):
        return verdict.failures_of(requests, family, port, witness(), HAPPENED)

    def test_ways(self):
        failure, = self.failures(request(44.9, 46, 'reset'))
        self.assertEqual((failure.cause, failure.way, failure.client),
                         (verdict.HEALTHY, [(45, 'server3')], '198.18.0.2 port 1002'))
        self.assertEqual(self.failures(request(44.9, 46, 'reset'), port=8080)[0].cause,
                         verdict.NOWHERE)
        self.assertEqual(self.failures(request(45.1, 46, 'reset'))[0].cause, verdict.NOWHERE)
        failure, = self.failures(request(45.9, 47, 'reset', 1004, 0), family=6)
        self.assertEqual(failure.way, [(46, 'server2')])
        self.assertEqual(self.failures(request(44.9, 46)), [])

    def test_answers_that_were_not_seen(self):
        seen = witness()
        self.assertEqual(verdict.unwitnessed([request(44.9, 46)], 4, 80, seen), [])
        found, = verdict.unwitnessed([request(44.9, 46, server='server1')], 4, 80, seen)
        self.assertEqual((found.server, found.client, found.ways),
                         ('server1', '198.18.0.2 port 1002', [(45, 'server3')]))
        found, = verdict.unwitnessed([request(44.9, 46, port=7)], 4, 80, seen)
        self.assertEqual(found.ways, [])

    def test_slow(self):
        seen = witness()
        self.assertEqual(verdict.slow_at_healthy([request(44.9, 46)], 4, 80, seen, HAPPENED), 1)
        self.assertEqual(verdict.slow_at_healthy([request(44.9, 45.8)], 4, 80, seen, HAPPENED), 0)

    def test_drained(self):
        self.assertEqual(verdict.to_drained(witness(), HAPPENED), [(45, 'server3', 80)])


if __name__ == '__main__':
    unittest.main()
