#!/usr/bin/python3
"""Plays outages through in network namespaces, with a real box, real servers and real clients, on
two tracks: (a) the change as the team made it, (b) forced past every rule. `false-alarms` is a box
under bursty traffic with ten harmless changes."""

import argparse
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / 'tests' / 'system'), str(ROOT / 'tools' / 'drills')]

import report  # noqa: E402
from false_alarms import FALSE_ALARMS, false_alarms  # noqa: E402
from figures import DEFINITIONS  # noqa: E402
from rehearsal import FULL, QUICK, Times, rehearse  # noqa: E402
from run import Programs  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402

PRIORITY = -10  # what else the machine does is not to be in the figures
NAMES = [*SCENARIOS, FALSE_ALARMS]


def say(text):
    print(text, flush=True)


def times_of(options):
    if options.quick:
        return QUICK
    return Times(FULL.commit, FULL.force, options.seconds, FULL.step)


def play(name, options):
    """The goals of one drill."""
    if name == FALSE_ALARMS:
        goals = false_alarms(Programs(options.build.resolve()), options, say)
        say('')
        return goals
    scenario = SCENARIOS[name]
    say(f'== {name}: {scenario.here}')
    record = rehearse(Programs(options.build.resolve()), scenario, times_of(options),
                      options.with_trial, say)
    figures, goals = report.write(record, options.out)
    for line in report.said(record, figures, goals):
        say(line)
    say('')
    return goals


def parsed():
    parser = argparse.ArgumentParser(
        prog='tools/drill', description=__doc__, epilog=DEFINITIONS,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', choices=[*NAMES, 'all'])
    parser.add_argument('--build', type=Path, default=ROOT / 'build', help=argparse.SUPPRESS)
    parser.add_argument('--out', type=Path, default=ROOT / 'build' / 'drills',
                        help='folder of NAME.json, NAME.md and NAME.svg (build/drills)')
    parser.add_argument('--seconds', type=int, default=FULL.end,
                        help=f'of requests, at least {FULL.force + 24:g} ({FULL.end:g})')
    parser.add_argument('--minutes', type=float, default=10, help='of false-alarms (10)')
    parser.add_argument('--quick', action='store_true', help='a quarter of a minute each')
    parser.add_argument('--without-trial', dest='with_trial', action='store_false',
                        help='what the outage does to a box that does not try changes')
    options = parser.parse_args()
    if options.seconds < FULL.force + 24:
        parser.error(f'--seconds {options.seconds}: at least {FULL.force + 24:g}')
    return options


def main():
    options = parsed()
    if os.geteuid() != 0:
        sys.exit('tools/drill: network namespaces need root')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.nice(PRIORITY)
    names = [options.name] if options.name != 'all' else NAMES
    goals = {name: play(name, options) for name in names}
    rows = [(name, f'{sum(goal.is_met for goal in of)} of {len(of)} goals met',
             '; '.join(f'missed: {goal.figure}: {goal.measured}' for goal in of if not goal.is_met))
            for name, of in goals.items()]
    for line in report.aligned(rows):
        say(line)
    say(f'Figures and pictures are in {options.out}.')
    missed = any(not goal.is_met for of in goals.values() for goal in of)
    return 1 if missed and options.with_trial else 0


if __name__ == '__main__':
    sys.exit(main())
