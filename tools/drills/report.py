"""What a drill leaves: NAME.json, NAME.md and NAME.svg, and what is said at its end."""

import json

from figures import (DEFINITIONS, figures_of, goals_as_json, goals_of, is_by_change, parts,
                     restored, seconds, series_of)
from picture import Picture


def minutes(number):
    return f'{number} min'


def timeline_of(record):
    """[(seconds since the first request, what happened, its kind)]"""
    return [(event.at - record.began, event.what, event.kind) for event in record.events]


def beside_the_original(record, figures):
    """[(what, in the original, here)]"""
    original, b = record.scenario.original, figures['track_b']
    touched = b['users_touched'] / b['users'] if b['users'] else 0
    rows = [
        ('users touched', parts(original.users) if original else '-',
         f"{parts(touched)} ({b['users_touched']} of {b['users']})"),
        ('found after', minutes(original.found) if original else '-',
         'before harm was to be seen' if b['harm_began_s'] is None else seconds(b['found_s'])),
        ('back to normal after', minutes(original.restored) if original else '-', restored(b)),
    ]
    if is_by_change(record):
        rows.append(('taken back after the commit', '-', seconds(b['taken_back_s'])))
        rows.append(('flows that met the bad change', 'all' if original else '-', parts(b['met'])))
    if original:
        rows.insert(0, ('users saw', original.saw, ''))
        rows.append(('wrong trails followed', original.wrong_trails, 'none'))
    return rows


def counted(figures):
    """[(what, (a), (b), whole drill)]"""
    columns = figures['track_a'], figures['track_b'], figures['whole']
    return [(what, *(column[key] for column in columns)) for what, key in (
        ('requests', 'requests'), ('failed', 'failed'), ('of these answered with 500', 'errors'),
        ('slow', 'slow'), ('users', 'users'), ('users touched', 'users_touched'),
        ('client late meanwhile', 'late'))] + [
            (what, *(f'{column[key]:.0f} ms' for column in columns))
            for what, key in (('median', 'median_ms'), ('99 of 100 within', 'p99_ms'))]


def table(head, rows):
    """Of Markdown."""
    def line(cells):
        return '| ' + ' | '.join(str(cell) for cell in cells) + ' |'
    return [line(head), line('---' for _ in head), *(line(row) for row in rows)]


def aligned(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    return ['  ' + '  '.join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]


def goal_rows(goals):
    return [(goal.figure, goal.goal, goal.measured, 'met' if goal.is_met else 'MISSED')
            for goal in goals]


def markdown(record, figures, goals):
    scenario, name = record.scenario, record.scenario.name
    how = '' if record.with_trial else ' (without a trial: what the outage does)'
    lines = [f'# Drill `{name}`{how}', '', f'{scenario.here[0].upper()}{scenario.here[1:]}.', '',
             f'![requests and latency]({name}.svg)', '', '## Timeline', '']
    lines += table(('seconds', 'what'), [(f'{at:.1f}', what)
                                         for at, what, _ in timeline_of(record)])
    lines += ['', '## Goals', '']
    lines += table(('figure', 'goal', 'measured', ''), goal_rows(goals))
    lines += ['', '## Beside the original', '']
    if scenario.original:
        lines += [f'The change then: {scenario.original.change}.', '']
    lines += table(('', 'original', 'here'), beside_the_original(record, figures))
    lines += ['', '## Requests', '']
    lines += table(('', '(a)', '(b)', 'whole drill'), counted(figures))
    lines += ['', f"On connections that were open: {figures['wrk']['requests']} requests, "
              f"{figures['wrk']['failed']} failed.", '',
              f"The median before was {figures['median_ms']:.1f} ms, so slow is over "
              f"{figures['slow_from_ms']:.0f} ms.", '']
    if scenario.has_database:
        lines += [f"The database refused {figures['refused_by_the_database']} connections.", '']
    if figures['track_b']['outcome']:
        lines += ['What the box says of the change:', '', f"> {figures['track_b']['outcome']}", '']
    return '\n'.join(lines + ['## What the words mean', '', DEFINITIONS]) + '\n'


def write(record, folder):
    """Writes all three; returns the figures and the goals."""
    name = record.scenario.name
    figures = figures_of(record)
    goals = goals_of(record, figures)
    rows = series_of(record)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{name}.json').write_text(json.dumps({
        'drill': name, 'with_trial': record.with_trial, 'seconds': record.times.end,
        'figures': figures, 'goals': goals_as_json(goals),
        'timeline': [{'at_s': at, 'what': what} for at, what, _ in timeline_of(record)],
        'original': vars(record.scenario.original) if record.scenario.original else None,
        'series': rows}, indent=1) + '\n')
    (folder / f'{name}.md').write_text(markdown(record, figures, goals))
    title = f'{name}: {record.scenario.here}'
    (folder / f'{name}.svg').write_text(Picture(title, rows, timeline_of(record)).text())
    return figures, goals


def said(record, figures, goals):
    """Lines for the terminal."""
    lines = ['', *aligned([('', '(a)', '(b)', 'whole drill'), *counted(figures)]), '']
    lines += [*aligned([('', 'original', 'here'), *beside_the_original(record, figures)]), '']
    lines += aligned([('figure', 'goal', 'measured', ''), *goal_rows(goals)])
    return [*lines, '', f"  the box of the change: {figures['track_b']['outcome']}"]
