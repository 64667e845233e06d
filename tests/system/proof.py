"""What every test needs: waiting with a deadline, being skipped, and reading what was counted."""

import time


class Skip(Exception):
    """A test that cannot run here; says why."""


def until(condition, what, seconds=10.0, step=0.01):
    """What `condition` gives as soon as it is true; fails when it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {seconds:g} s: {what() if callable(what) else what}')
        time.sleep(step)


def expect(found, wanted, what):
    assert found == wanted, f'{what}: {found}, expected {wanted}'
