"""A drill as an SVG: requests per second by what became of them, and how long they took, over time.
Whatever happened has a numbered mark, and stands below.
"""

import math
from html import escape

WIDTH, LEFT, RIGHT = 960, 64, 24
TOP, PANEL, GAP, FOOT = 84, 190, 56, 50
BELOW = TOP + 2 * PANEL + GAP + FOOT  # where the first mark's text stands
LINE = 16
NEAR = 17  # marks that are nearer to each other stand with their numbers one above the other
COLOURS = {'well': '#8fbf9f', 'slow': '#e3b341', 'failed': '#c0392b',
           'median_ms': '#1f5fa8', 'p99_ms': '#7b3fa0'}
NAMES = {'well': 'answered', 'slow': 'slow', 'failed': 'failed',
         'median_ms': 'median', 'p99_ms': '99 of 100 within'}
MARKS = {'track': '#222', 'crash': '#c0392b', 'share': '#b8860b', 'back': '#2e7d4f',
         'note': '#888'}
STEPS = 4


def round_up(value):
    """To 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(max(value, 1)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)


class Picture:
    """`rows` as series_of() gives them; `marks` are (seconds, text, kind)."""

    def __init__(self, title, rows, marks):
        self.rows = rows
        self.step = rows[1]['at_s'] - rows[0]['at_s']
        self.end = rows[-1]['at_s'] + self.step
        height = BELOW + LINE * len(marks)
        self.svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
                    f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">',
                    f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
                    f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">'
                    f'{escape(title)}</text>']
        self.throughput(TOP)
        self.latency(TOP + PANEL + GAP)
        self.marks(marks)
        self.svg.append('</svg>')

    def text(self):
        return '\n'.join(self.svg) + '\n'

    def across(self, seconds):
        return LEFT + seconds / self.end * (WIDTH - LEFT - RIGHT)

    def axes(self, top, title, labels, series):
        floor = top + PANEL
        self.svg.append(f'<path d="M{LEFT} {top}V{floor}H{WIDTH - RIGHT}" fill="none" '
                        'stroke="#444"/>')
        self.svg.append(f'<text x="{LEFT}" y="{top - 8}">{escape(title)}</text>')
        for height, label in labels:
            y = floor - height * PANEL
            self.svg.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#eee"/>'
                            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}'
                            '</text>')
        tick = round_up(self.end / 12)
        for number in range(int(self.end / tick) + 1):
            self.svg.append(f'<text x="{self.across(number * tick):.1f}" y="{floor + 16}" '
                            f'text-anchor="middle">{number * tick:g} s</text>')
        for place, name in enumerate(series):
            x = WIDTH - RIGHT - 130 * (len(series) - place)
            self.svg.append(f'<rect x="{x}" y="{top - 17}" width="10" height="10" '
                            f'fill="{COLOURS[name]}"/><text x="{x + 14}" y="{top - 8}">'
                            f'{NAMES[name]}</text>')

    def throughput(self, top):
        series = ('failed', 'slow', 'well')
        most = round_up(max(sum(row[name] for name in series) for row in self.rows) * 1.05)
        self.axes(top, 'requests per second, by when they were due',
                  [(number / STEPS, f'{most * number / STEPS:g}') for number in range(STEPS + 1)],
                  series)
        width = self.across(self.step) - LEFT
        for row in self.rows:
            floor = top + PANEL
            for name in series:
                height = row[name] / most * PANEL
                floor -= height
                if height:
                    self.svg.append(f'<rect x="{self.across(row["at_s"]):.1f}" y="{floor:.1f}" '
                                    f'width="{width:.2f}" height="{height:.1f}" '
                                    f'fill="{COLOURS[name]}"/>')

    def latency(self, top):
        series = ('median_ms', 'p99_ms')
        decades = 4  # from 1 ms to 10 s
        self.axes(top, 'time until the answer, or until it was given up',
                  [(number / decades, label) for number, label in
                   enumerate(('1 ms', '10 ms', '100 ms', '1 s', '10 s'))], series)
        for name in series:
            places = [(self.across(row['at_s'] + self.step / 2),
                       math.log10(min(max(row[name], 1), 10 ** decades)) / decades)
                      for row in self.rows if row[name]]
            points = ' '.join(f'{x:.1f},{top + PANEL * (1 - part):.1f}' for x, part in places)
            self.svg.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" '
                            'stroke-width="1.5"/>')

    def marks(self, marks):
        """Lines through both panels, each with its number above, and what it means below."""
        last, row = -NEAR, 0
        for number, (seconds, text, kind) in enumerate(marks, 1):
            x, colour = self.across(min(max(seconds, 0), self.end)), MARKS[kind]
            row = (row + 1) % 2 if x - last < NEAR else 0
            last = x
            y = TOP - 27 - LINE * row
            self.svg.append(f'<path d="M{x:.1f} {y}V{TOP + 2 * PANEL + GAP}" stroke="{colour}" '
                            'stroke-dasharray="4 3" opacity="0.8"/>')
            for place, height in ((x, y - 4), (LEFT + 8, BELOW + LINE * (number - 1) - 4)):
                self.svg.append(f'<circle cx="{place:.1f}" cy="{height}" r="7.5" fill="{colour}"/>'
                                f'<text x="{place:.1f}" y="{height + 3.5}" fill="white" '
                                f'font-size="10" text-anchor="middle">{number}</text>')
            self.svg.append(f'<text x="{LEFT + 24}" y="{BELOW + LINE * (number - 1)}">'
                            f'{seconds:.1f} s: {escape(text)}</text>')
