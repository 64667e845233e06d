"""tools/soak in its short form: each kind of crash, command and change comes, by a seed that stays,
and no request fails that reached a healthy server. That it can fail is shown by a box without
health checks.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tools' / 'drills'))

import soaking  # noqa: E402
import verdict  # noqa: E402
from disturbances import CRASH, UNPLUG  # noqa: E402

SEED = 1
SECONDS, SECONDS_UNCHECKED = 42, 18
# Whether keeld grows, half a minute does not tell: buffers and tables are used for the first time.
FOR_THE_LONG_RUN = 'keeld\'s memory, grown over the second half'


class Stagehand:
    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.said = []

    def soak(self, seconds, **options):
        record = soaking.soak(self.programs, seconds, SEED, self.said.append, **options)
        goals = soaking.goals_of(record)
        self.said += soaking.said(record, goals)
        return record, goals

    def report(self):
        return '\n'.join(self.said)


@contextlib.contextmanager
def setup(programs):
    with tempfile.TemporaryDirectory() as folder:
        yield Stagehand(programs, Path(folder))


def passes(stagehand):
    record, goals = stagehand.soak(SECONDS)
    soaking.write(record, goals, stagehand.folder)
    missed = [goal for goal in goals if not goal.is_met and goal.figure != FOR_THE_LONG_RUN]
    assert not missed, (missed, soaking.listed(record))
    data = json.loads((stagehand.folder / 'soak.json').read_text())
    assert data['failures'] and data['timeline'] and all(data['events'].values()), data['events']
    assert '## What is excused' in (stagehand.folder / 'soak.md').read_text()
    total = sum(map(len, record.requests.values()))
    return (f'{total} requests, {len(record.failures)} failed, all excused; '
            f'{sum(record.happened.counts.values())} events')


def can_fail(stagehand):
    """Evidence finds dead servers too, but leaves only one out at a time, and tries it again."""
    record, goals = stagehand.soak(SECONDS_UNCHECKED, check={'type': 'none'})
    causes = soaking.causes(record, False)
    happened = record.happened.counts
    assert happened[CRASH] + happened[UNPLUG] > 0, happened
    assert causes[verdict.KNOWN_DEAD] > 0 and not soaking.is_passed(goals), causes
    return f'not excused: {dict(causes)}'


TESTS = [
    ('crashes, restarts, drains and changes at random fail no request at a healthy server', passes),
    ('without health checks the soak fails', can_fail),
]
