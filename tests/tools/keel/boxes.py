"""A box made up for a test, for as long as the test runs."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time


@contextlib.contextmanager
def running_box(script):
    """Runs `script` SOCKET, and yields the socket's path when somebody listens there."""
    with tempfile.TemporaryDirectory(prefix='keel-') as folder:
        path = f'{folder}/api.sock'
        with subprocess.Popen(['timeout', '600', sys.executable, '-B', script, path]) as process:
            try:
                end = time.monotonic() + 10
                while not os.path.exists(path):
                    if process.poll() is not None or time.monotonic() > end:
                        raise RuntimeError('the box made up for the test does not listen')
                    time.sleep(0.02)
                yield path
            finally:
                process.terminate()
