#!/usr/bin/python3
"""Runs system tests: `run.py [--build FOLDER] [TOPIC | TOPIC/WORD]...`, as root; of no topic: all.

A topic is a module beside this one. It has setup(programs), a context that yields what its tests
need, and TESTS, pairs of a sentence that says what the test proves and its function. The sentence
is printed as TAP; `TOPIC/WORD` runs those of its tests whose sentence has the word.
"""

import argparse
import contextlib
import importlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from proof import Skip

TOPICS = ('command_line', 'changes', 'confirm_window', 'rollout', 'approval', 'alerts', 'captures',
          'evidence', 'promql', 'same_path', 'modes', 'path_mtu', 'datagrams', 'kernel_path',
          'spread', 'swaps', 'queues', 'restart', 'faults', 'drills', 'soak', 'flood')


class Programs:
    """What the tests run, of one build."""

    def __init__(self, build):
        self.keeld = build / 'firmware' / 'keeld'
        self.keel = build / 'tools' / 'keel'
        self.system = build / 'tests' / 'system'


def run_topic(topic, word, programs, numbers):
    """Prints a line for each test; returns how many failed."""
    module = importlib.import_module(topic)
    tests = [(proves, test) for proves, test in module.TESTS if word in proves]
    failed = 0
    with contextlib.ExitStack() as stack:
        try:
            needed = stack.enter_context(module.setup(programs))
        except Exception:
            traceback.print_exc()
            print(f'not ok {next(numbers)} - {topic}: what its tests need', flush=True)
            return 1
        for proves, test in tests:
            began = time.monotonic()
            try:
                said = test(needed)
                result, more = 'ok', f' ({said})' if said else ''
            except Skip as reason:
                result, more = 'ok', f' # SKIP {reason}'
            except Exception:
                traceback.print_exc()
                print(getattr(needed, 'box', needed).report(), file=sys.stderr)
                result, more = 'not ok', ''
                failed += 1
            seconds = time.monotonic() - began
            print(f'{result} {next(numbers)} - {topic}: {proves}{more} [{seconds:.1f} s]',
                  flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parent
    parser.add_argument('--build', type=Path, default=here.parent.parent / 'build')
    parser.add_argument('topics', nargs='*', default=TOPICS)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print('1..0 # SKIP network namespaces need root')
        return 0
    # What ends a test from outside ends it as an error does, so that it cleans up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    numbers = iter(range(1, 1000))
    failed = 0
    for wanted in options.topics:
        topic, _, word = wanted.partition('/')
        failed += run_topic(topic, word, Programs(options.build.resolve()), numbers)
    print(f'1..{next(numbers) - 1}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
