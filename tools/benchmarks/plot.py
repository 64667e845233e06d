#!/usr/bin/python3
"""Draws the curves of a benchmark's JSON as one SVG: a panel per section, a line per series.

A line goes through the medians; the band around it reaches from minimum to maximum.
"""
import json
import math
import sys
from html import escape

WIDTH, HEIGHT, MARGIN, COLUMNS, STEPS = 460, 300, 60, 2, 4
COLOURS = ["#1f5fa8", "#c2571a", "#2e7d4f", "#7b3fa0"]


def panels_of(rows):
    """{(section, unit): {series: [row, ...]}} of the rows that belong to a curve."""
    panels = {}
    for row in rows:
        if row["x"] > 0:
            series = panels.setdefault((row["section"], row["unit"]), {})
            series.setdefault(row["series"], []).append(row)
    return {key: lines for key, lines in panels.items()
            if any(len(points) > 1 for points in lines.values())}


def round_step(least):
    """The least of 1, 2 or 5 times a power of ten that is not less."""
    power = 10 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def linear_scale(points):
    """The values that an axis names, and how high a value is on it, from 0 to 1."""
    step = round_step(max(row["median"] for row in points) * 1.2 / STEPS or 1)
    highest = step * STEPS
    return [step * number for number in range(STEPS + 1)], lambda y: min(y / highest, 1)


def logarithmic_scale(points):
    """As linear_scale(), by powers of ten. All values are above 0."""
    first = math.floor(math.log10(min(row["min"] for row in points)))
    last = max(math.ceil(math.log10(max(row["max"] for row in points))), first + 1)
    return ([10.0 ** power for power in range(first, last + 1)],
            lambda y: (math.log10(y) - first) / (last - first))


def draw_panel(title, unit, lines, left, top):
    points = [row for line in lines.values() for row in line]
    low, high = (pick(math.log10(row["x"]) for row in points) for pick in (min, max))
    ticks, height = (logarithmic_scale if "logarithmic" in unit else linear_scale)(points)

    def place(x, y):
        across = (math.log10(x) - low) / ((high - low) or 1)
        return (left + MARGIN + across * (WIDTH - MARGIN - 30),
                top + HEIGHT - MARGIN - height(y) * (HEIGHT - 2 * MARGIN))

    floor = top + HEIGHT - MARGIN
    svg = [f'<text x="{left + 10}" y="{top + 22}" class="title">{escape(title)}</text>',
           f'<text x="{left + 10}" y="{top + 42}">{escape(unit)}</text>',
           f'<path class="axis" d="M{left + MARGIN} {top + MARGIN}V{floor}H{left + WIDTH - 20}"/>']
    for y in ticks:
        svg.append(f'<text x="{left + MARGIN - 6}" y="{place(10 ** low, y)[1] + 4:.1f}" '
                   f'text-anchor="end">{y:g}</text>')
    for x in sorted({row["x"] for row in points}):
        svg.append(f'<text x="{place(x, ticks[0])[0]:.1f}" y="{floor + 16}" '
                   f'text-anchor="middle">{x:,.0f}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        upper = [place(row["x"], row["max"]) for row in line]
        lower = [place(row["x"], row["min"]) for row in reversed(line)]
        band = " ".join(f"{x:.1f},{y:.1f}" for x, y in upper + lower)
        middle = " ".join(f"{x:.1f},{y:.1f}" for x, y in
                          (place(row["x"], row["median"]) for row in line))
        svg.append(f'<polygon points="{band}" fill="{colour}" opacity="0.15"/>')
        svg.append(f'<polyline points="{middle}" fill="none" stroke="{colour}" stroke-width="2"/>')
        across, down = MARGIN + 8 + number % 2 * 180, 32 + number // 2 * 14
        svg.append(f'<text x="{left + across}" y="{floor + down}" '
                   f'fill="{colour}">{escape(name)}</text>')
    return svg


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: plot.py FIGURES.json PLOT.svg")
    with open(sys.argv[1], encoding="utf-8") as file:
        panels = panels_of(json.load(file))
    if not panels:
        sys.exit(f"{sys.argv[1]}: holds no curve")
    rows = math.ceil(len(panels) / COLUMNS)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH}" '
           f'height="{rows * HEIGHT}" font-family="sans-serif" font-size="11">',
           "<style>.title{font-size:13px;font-weight:bold} .axis{fill:none;stroke:#444}</style>",
           '<rect width="100%" height="100%" fill="white"/>']
    for index, ((title, unit), lines) in enumerate(panels.items()):
        svg += draw_panel(title, unit, lines, index % COLUMNS * WIDTH, index // COLUMNS * HEIGHT)
    svg.append("</svg>")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("\n".join(svg) + "\n")


if __name__ == "__main__":
    main()
