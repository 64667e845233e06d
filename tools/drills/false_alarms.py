"""Ten harmless changes while healthy servers answer bursts of requests: none may be taken back, and
nobody may be told that something is wrong.
"""

import json
import time

import report
from figures import Goal, Judged, goals_as_json, parts, series_of
from fleet import Machine
from load import Recorder, Wrk
from picture import Picture
from rehearsal import TIMEOUT, Record, Rehearsal, Times, stage
from scenarios import RATE, Scenario
from watch import Watch

FALSE_ALARMS = 'false-alarms'
QUICK_MINUTES, QUICK_CHANGES = 0.55, 3
FIRST_AFTER = 2      # seconds
LAST_BEFORE = 1.5    # seconds from the last change's confirm to the end
STEPS = 3            # of a rollout, by default; each is a quarter of the time that a change has
JOINS = 'server6'    # by one of the changes


def weigh(name, weight):
    def change(service):
        for backend in service['backends']:
            if backend['name'] == name:
                backend['weight'] = weight
    return change


def put(key, **values):
    def change(service):
        service[key] = {**service.get(key, {}), **values}
    return change


def join(service):
    service['backends'].append({**service['backends'][0], 'name': JOINS,
                                'address': '10.0.0.16', 'weight': 100})


def put_mss(service):
    service['mss'] = 1400


def declare(service):
    service['backends'][2]['capacity'] += 5


# The first three are the short form: flows of many buckets stay where those were, while the service
# is tried anew twice.
CHANGES = (
    (f'{JOINS} joins', join),
    ('health checks ask more often', put('check', interval='150ms', timeout='140ms')),
    ('segments get a largest size', put_mss),
    ('server1 gets a little more weight', weigh('server1', 104)),
    ('the tunnels get another time to live', put('tunnel', ttl=63)),
    ('server2 gets a little less weight', weigh('server2', 97)),
    ('server1 gets its old weight', weigh('server1', 100)),
    ('server3 declares a little more capacity', declare),
    (f'{JOINS} gets a little more weight', weigh(JOINS, 103)),
    ('the tunnels get their old time to live', put('tunnel', ttl=64)),
)


def six_of_which_one_joins():
    return [Machine(weight=100) for _ in range(6)]


def leave_out_who_joins(service):
    service['backends'] = [backend for backend in service['backends'] if backend['name'] != JOINS]


SCENARIO = Scenario(FALSE_ALARMS, None, '', 'bursts of requests, and ten harmless changes',
                    six_of_which_one_joins, change=None)


class Routine(Rehearsal):
    """A day's work, in minutes."""

    def work(self, changes, each):
        """Returns what was taken back, and what was told; each change has so many seconds."""
        record = self.record
        lost, wrk = self.box.lost(), Wrk(self.lab)
        recorder = Recorder(self.lab, rate=RATE, seconds=round(record.times.end), bursts=1,
                            timeout=TIMEOUT * 1000)
        record.began = recorder.began
        taken_back = []
        before = self.alerts()
        with Watch(self.box.api, self.notice) as watch:
            for number, (what, change) in enumerate(changes):
                self.wait_until(FIRST_AFTER + number * each)
                record.committed = record.committed or time.monotonic()
                if not self.confirmed(watch, what, change, each):
                    taken_back.append(what)
            record.requests = recorder.end(record.times.end + TIMEOUT + 30)
        record.wrk = wrk.end()
        record.lost = self.lost_since(lost)
        return taken_back, [alert for alert in self.alerts() if alert not in before]

    def alerts(self):
        """All that is told or was, by when it began."""
        return sorted({(alert['since'], alert['id'])
                       for alert in self.box.told('show', 'alerts')['alerts']})

    def confirmed(self, watch, what, change, each):
        """Whether the change could be confirmed once it had been tried."""
        began = time.monotonic()
        before = len(watch.seen)
        self.load(change)
        self.note(what, 'track')
        number = self.box.told('commit', '--confirm', '1h', '--why', what)['id']
        while time.monotonic() < began + 0.95 * each:
            if len(watch.seen) > before and watch.has_ended():
                self.note('a false alarm: it was taken back', 'crash')
                return False
            if len(watch.seen) > before and watch.is_settled():
                self.box.keel('confirm', number)
                change(self.box.settings['services'][0])
                return True
            time.sleep(0.05)
        raise AssertionError(f'{what}: still tried after {each:g} s; {watch.seen[-1]}')

    def notice(self, seen):
        self.record.shares.append((seen.at, seen.share))


def goals_of(record, changes, taken_back, alerts, whole):
    failed = whole['failed'] / whole['requests']
    return [
        Goal('harmless changes taken back', f'0 of {len(changes)}',
             f'{len(taken_back)} of {len(changes)}', not taken_back),
        Goal('alerts', '0', ', '.join([str(len(alerts))] + [alert for _, alert in alerts]),
             not alerts),
        Goal('requests failed', '<= 0.1 %', parts(failed), failed <= 0.001),
        Goal('requests failed on connections that were open', '0', str(record.wrk['failed']),
             record.wrk['failed'] == 0),
    ]


def write(record, goals, whole, folder):
    rows = series_of(record, max(0.25, record.times.end / 240))
    timeline = report.timeline_of(record)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{FALSE_ALARMS}.json').write_text(json.dumps({
        'drill': FALSE_ALARMS, 'seconds': record.times.end,
        'figures': {'whole': whole, 'wrk': record.wrk},
        'goals': goals_as_json(goals), 'series': rows,
        'timeline': [{'at_s': at, 'what': what} for at, what, _ in timeline]}, indent=1) + '\n')
    lines = ['# Drill `false-alarms`', '', f'{SCENARIO.here.capitalize()}.', '',
             f'![requests and latency]({FALSE_ALARMS}.svg)', '', '## Timeline', '',
             *report.table(('seconds', 'what'), [(f'{at:.1f}', what) for at, what, _ in timeline]),
             '', '## Goals', '',
             *report.table(('figure', 'goal', 'measured', ''), report.goal_rows(goals)), '',
             f"{whole['requests']} requests, {whole['failed']} failed, {whole['slow']} slow; the "
             f"median was {whole['median_ms']:.0f} ms, and 99 of 100 took no longer than "
             f"{whole['p99_ms']:.0f} ms. On connections that were open: {record.wrk}."]
    (folder / f'{FALSE_ALARMS}.md').write_text('\n'.join(lines) + '\n')
    (folder / f'{FALSE_ALARMS}.svg').write_text(
        Picture(f'{FALSE_ALARMS}: {SCENARIO.here}', rows, timeline).text())


def false_alarms(programs, options, say):
    """The goals."""
    minutes = QUICK_MINUTES if options.quick else options.minutes
    changes = CHANGES[:QUICK_CHANGES] if options.quick else CHANGES
    each = (60 * minutes - FIRST_AFTER - LAST_BEFORE) / len(changes)
    step = f'{1000 * max(2, each / (STEPS + 1)):.0f}ms'
    say(f'== {FALSE_ALARMS}: bursts of requests, and {len(changes)} harmless changes, in '
        f'{minutes:g} minutes')
    record = Record(SCENARIO, True, Times(0, 0, 60 * minutes, step))
    with stage(programs, SCENARIO, {'step_time': step}, leave_out_who_joins) as (lab, fleet):
        routine = Routine(lab, fleet, record, say)
        taken_back, alerts = routine.work(changes, each)
    judged = Judged(record)
    whole = judged.counts(record.began, record.began + record.times.end)
    goals = goals_of(record, changes, taken_back, alerts, whole)
    write(record, goals, whole, options.out)
    for line in report.aligned([('figure', 'goal', 'measured', ''), *report.goal_rows(goals)]):
        say(line)
    return goals
