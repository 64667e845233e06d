"""Figures of several rounds, as a table for people and as JSON for plot.py."""
import json
import statistics


def number(value):
    return f'{value:,}'


def figure(values):
    """(least, median, most)."""
    return min(values), statistics.median(values), max(values)


class Report:
    """Rows as they come; each is printed at once."""

    def __init__(self):
        self.rows = []
        self.title = self.unit = ''

    def section(self, title, unit, second=''):
        self.title, self.unit = title, unit
        print(f'\n{title}\n  {"[" + unit + "]":<44} {"min":>9} {"median":>9} {"max":>9}'
              f'  {second}', flush=True)

    def add(self, name, values, goal=0, series='', x=0, **more):
        low, middle, high = figure(values)
        self.rows.append({'section': self.title, 'unit': self.unit, 'name': name, 'series': series,
                          'x': x, 'min': low, 'median': middle, 'max': high, 'goal': goal, **more})
        return f'  {name:<44} {low:9.3f} {middle:9.3f} {high:9.3f}'

    def row(self, name, values, cycles=None):
        line = self.add(name, values, cycles=statistics.median(cycles) if cycles else 0)
        print(line + (f'  {statistics.median(cycles):9.0f}' if cycles else ''), flush=True)

    def ratio(self, name, values, goal=None):
        """A goal is the least that the median must be."""
        self.judged(name, values, goal, lambda middle: middle >= goal, 'at least')

    def at_most(self, name, values, goal):
        self.judged(name, values, goal, lambda middle: middle <= goal, 'at most')

    def judged(self, name, values, goal, holds, word):
        line = self.add(name, values, goal or 0)
        if goal is not None:
            reached = holds(statistics.median(values))
            line += f'  goal: {word} {goal:g}, {"reached" if reached else "missed"}'
        print(line, flush=True)

    def curve(self, title, unit, series, points):
        """Not printed: the rows have told it. A point is (x, values of all rounds)."""
        if len(points) > 1:
            self.title, self.unit = title, unit
            for x, values in sorted(points):
                self.add(f'{series} {x}', values, series=series, x=x)

    @staticmethod
    def note(line):
        print(line, flush=True)

    def write_json(self, path):
        path.write_text(json.dumps(self.rows, indent=1) + '\n')
