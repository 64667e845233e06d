"""Whether a process grows: its memory and its open files, looked at over and over.

A change of settings has memory of its own while it is tried, a question a file, and a write to the
disk a thread: they come and go. So of each part of the time the least counts, which a leak raises.
"""

import os
import re
import statistics
import threading
import time
from dataclasses import dataclass

EVERY = 1.0      # seconds
PARTS = 8        # of the second half


@dataclass
class Look:
    at: float     # monotonic seconds
    private: int  # KiB that it has written, nobody else's: pages of programs come and go
    pss: int      # KiB
    files: int
    threads: int


def look(process):
    with open(f'/proc/{process}/smaps_rollup', encoding='ascii') as lines:
        sizes = {name: int(size) for name, size in re.findall(r'(\w+):\s+(\d+) kB', lines.read())}
    return Look(time.monotonic(), sizes['Private_Dirty'] + sizes['Swap'], sizes['Pss'],
                len(os.listdir(f'/proc/{process}/fd')), len(os.listdir(f'/proc/{process}/task')))


class Growth:
    """A context, in which `looks` are taken."""

    def __init__(self, process):
        self.process = process
        self.looks = [look(process)]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        while not self._is_over.wait(EVERY):
            self.looks.append(look(self.process))

    def figures(self):
        """Memory grows by what a straight line through the least of each part rises, over the
        second half."""
        half = self.looks[len(self.looks) // 2:]
        middle, size = len(half) // 2, max(1, len(half) // PARTS)
        parts = [half[first:first + size] for first in range(0, len(half) - size + 1, size)]
        slope, _ = statistics.linear_regression(
            [part[0].at for part in parts], [min(e.private for e in part) for part in parts])
        return {
            'private_kib': {'first': self.looks[0].private, 'last': self.looks[-1].private,
                            'half': half[0].private,
                            'most': max(each.private for each in self.looks)},
            'pss_kib': {'first': self.looks[0].pss, 'last': self.looks[-1].pss},
            'grown_kib': slope * (half[-1].at - half[0].at),
            'files': {'first': self.looks[0].files, 'most': max(e.files for e in self.looks),
                      'least_before': min(each.files for each in half[:middle]),
                      'least_at_the_end': min(each.files for each in half[middle:])},
            'series': [(each.at - self.looks[0].at, each.private, each.files)
                       for each in self.looks],
            'threads': {'least_before': min(each.threads for each in half[:middle]),
                        'least_at_the_end': min(each.threads for each in half[middle:])},
        }
