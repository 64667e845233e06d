"""The drills of tools/drill in their short form: an outage that is forced upon the box past every
rule harms next to nobody, and the same drill without a trial of changes harms nearly all.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import xml.etree.ElementTree
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tools' / 'drills'))

import report  # noqa: E402
from false_alarms import FALSE_ALARMS, false_alarms  # noqa: E402
from figures import figures_of  # noqa: E402
from rehearsal import QUICK, Times, rehearse  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402

# A machine that is shared may stall for a moment, so bounds are wider than the drills' goals.
SLOW_BY_CHANCE = 0.01
RESTORED = 6      # seconds
FAILED = 0.03     # of all requests
LARGEST = 10      # percent of flows that a bad change may ever have
OUTAGE = Times(1, 1.5, 5, '2s')
HARMED = 0.3      # of all requests, where nothing is tried


class Stagehand:
    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.said = []

    def say(self, line):
        self.said.append(line)

    def report(self):
        return '\n'.join(self.said[-60:])

    def rehearse(self, name, times, with_trial=True):
        self.said.append(f'== {name}')
        return rehearse(self.programs, SCENARIOS[name], times, with_trial, self.say)


@contextlib.contextmanager
def setup(programs):
    with tempfile.TemporaryDirectory() as folder:
        yield Stagehand(programs, Path(folder))


def check_files(folder, name):
    data = json.loads((folder / f'{name}.json').read_text())
    assert data['drill'] == name and data['series'] and data['timeline'], data
    image = xml.etree.ElementTree.parse(folder / f'{name}.svg').getroot()
    assert image.tag.endswith('svg') and len(image) > 20, image
    text = (folder / f'{name}.md').read_text()
    for word in ('## Timeline', '## Goals', f'{name}.svg'):
        assert word in text, text
    return data


def check_untouched(record, figures):
    """Track (a): refused by name, and nobody is touched."""
    a = figures['track_a']
    assert record.scenario.rule in a['refused_by'], a
    assert a['requests'] > record.scenario.rate and a['failed'] == 0, a
    assert a['slow'] <= SLOW_BY_CHANCE * a['requests'], a


def is_undone(name, stagehand):
    record = stagehand.rehearse(name, QUICK)
    figures, goals = report.write(record, stagehand.folder)
    stagehand.said += report.said(record, figures, goals)
    check_files(stagehand.folder, name)
    check_untouched(record, figures)
    b = figures['track_b']
    assert b['taken_back'], b
    assert b['largest_share'] <= LARGEST and b['met'] <= LARGEST / 100, b
    assert b['restored_s'] is not None and b['restored_s'] <= RESTORED, b
    assert figures['failed_share'] <= FAILED, figures
    assert figures['wrk']['requests'] > 500 and figures['wrk']['failed'] == 0, figures
    return (f"{b['failed']} of {b['requests']} failed, {b['slow']} slow; at {b['largest_share']} % "
            f"of flows; normal again {b['restored_s']:.1f} s after harm began")


def server_is_left_out(stagehand):
    record = stagehand.rehearse('one-server-crash', QUICK)
    figures, goals = report.write(record, stagehand.folder)
    stagehand.said += report.said(record, figures, goals)
    check_files(stagehand.folder, 'one-server-crash')
    check_untouched(record, figures)
    b = figures['track_b']
    assert not b['taken_back'] and b['failed'] > 0, b
    assert b['restored_s'] is not None and b['restored_s'] <= RESTORED, b
    assert figures['failed_share'] <= FAILED, figures
    return f"{b['failed']} of {b['requests']} failed, within {b['restored_s']:.1f} s"


def is_an_outage(stagehand):
    """What the drill measures is there to be measured."""
    record = stagehand.rehearse('single-node', OUTAGE, with_trial=False)
    figures = figures_of(record)
    b = figures['track_b']
    assert not b['taken_back'] and b['restored_s'] is None, b
    assert b['failed'] > HARMED * b['requests'] and b['largest_share'] == 100, b
    assert b['errors'] > 0 and record.refusals > 0, (b, record.refusals)
    return (f"{b['failed']} of {b['requests']} failed, {b['errors']} with 500; the database "
            f'refused {record.refusals} connections')


def no_false_alarm(stagehand):
    options = argparse.Namespace(quick=True, out=stagehand.folder)
    goals = false_alarms(stagehand.programs, options, stagehand.say)
    check_files(stagehand.folder, FALSE_ALARMS)
    assert all(goal.is_met for goal in goals), goals
    return goals[0].measured + ' harmless changes taken back'


TESTS = [
    (f'{name}: refused by its rule, and undone by evidence if forced', partial(is_undone, name))
    for name, scenario in SCENARIOS.items() if scenario.good_change is None] + [
    ('one-server-crash: health leaves the server out, and the change is not blamed',
     server_is_left_out),
    ('single-node: without a trial it is an outage, of the database too', is_an_outage),
    ('false-alarms: no harmless change is taken back, and no connection breaks', no_false_alarm),
]
