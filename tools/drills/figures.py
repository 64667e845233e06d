"""What a Record says, in figures. How each is defined stands in DEFINITIONS, and is printed."""

import statistics
from dataclasses import asdict, dataclass

SLOW_TIMES, SLOW_LEAST = 8, 0.25   # of the median; seconds
TOGETHER, WITHIN = 3, 1.0          # bad requests, seconds: fewer are chance
NORMAL_FOR = 1.0                   # seconds, at the end, in which nothing is bad
GOALS = {'bad': 0, 'restored_s': 3, 'met': 0.10, 'failed': 0.001}

DEFINITIONS = f"""\
A request is *slow* if it took longer than {SLOW_TIMES} times the median before the first change,
and than {SLOW_LEAST:g} s, counted from when it was due; it has *failed* if it was not answered with
200 within 3 s. Requests under way when the machine had no time, so that the client itself was late
with others, are not called slow. *Harm begins* when the first of {TOGETHER} bad requests within
{WITHIN:g} s was due, and it is *back to normal* when the last of such is. Flows that *met* the bad
change are new flows by the share that had it when they began, of all that began from the commit
until it was taken back. *Users* are distinct addresses of clients. The change is *found* when the
box takes it back, a crash when the last new flow was given to the server."""


@dataclass
class Goal:
    figure: str
    goal: str
    measured: str
    is_met: bool


def median_before(record):
    times = [request.seconds for request in record.requests
             if request.due < record.committed and not request.failure]
    assert times, 'no request was answered before the change'
    return statistics.median(times)


class Judged:
    """The requests of a record, with what is bad among them."""

    def __init__(self, record):
        self.record = record
        self.median = median_before(record)
        self.slow_from = max(SLOW_TIMES * self.median, SLOW_LEAST)

    def is_slow(self, request):
        return not request.failure and not request.is_late and request.seconds > self.slow_from

    def is_bad(self, request):
        return bool(request.failure) or self.is_slow(request)

    def between(self, first, last):
        return [request for request in self.record.requests if first <= request.due < last]

    def counts(self, first, last):
        requests = self.between(first, last)
        seconds = sorted(request.seconds for request in requests)
        return {
            'requests': len(requests),
            'failed': sum(bool(request.failure) for request in requests),
            'errors': sum(request.status >= 500 for request in requests),
            'slow': sum(self.is_slow(request) for request in requests),
            'late': sum(request.is_late for request in requests),
            'users': len({request.client for request in requests}),
            'users_touched': len({request.client for request in requests if self.is_bad(request)}),
            'median_ms': 1000 * seconds[len(seconds) // 2] if seconds else None,
            'p99_ms': 1000 * seconds[len(seconds) * 99 // 100] if seconds else None,
        }

    def harm(self, first):
        """(when it begins, when the last bad request is due) from `first` on; or None."""
        bad = [request.due for request in self.record.requests
               if request.due >= first - WITHIN and self.is_bad(request)]
        groups = [bad[i:i + TOGETHER] for i in range(len(bad) - TOGETHER + 1)]
        groups = [group for group in groups
                  if group[-1] - group[0] <= WITHIN and group[-1] >= first]
        return (groups[0][0], groups[-1][-1]) if groups else None


def end_of(record):
    return record.began + record.times.end


def taken_back(record):
    """When the change of track (b) had no share of the flows any more; None: it kept it."""
    had = False
    for at, share in record.shares:
        if had and share == 0:
            return at
        had = had or share > 0
    return None


def since_commit(record):
    """Seconds until the change of track (b) was taken back; None: it was not."""
    at = taken_back(record)
    return None if at is None else at - record.forced


def flows_met(record, judged):
    """Of the flows from the commit until the change was taken back: how many met it, in parts."""
    first, last = record.forced, taken_back(record) or end_of(record)
    spans = list(zip(record.shares, record.shares[1:] + [(last, 0)]))
    met = all_of_them = 0
    for request in judged.between(first, last):
        share = next((share for (since, share), (until, _) in spans
                      if since <= request.due < until), 0)
        met += share / 100
        all_of_them += 1
    return met / all_of_them if all_of_them else 0.0


def last_to_crashed(record):
    """When the last flow began that failed since its server was gone."""
    failed = [request.due for request in record.requests
              if request.due >= record.crashed and request.failure]
    return failed[-1] if failed else record.crashed


def is_by_change(record):
    """Whether it was a change that did harm, and not a server."""
    return record.scenario.good_change is None


def outcome_of(record):
    """What the box says became of the change last."""
    lines = record.change.get('outcome', '').strip().splitlines()
    return lines[-1] if lines else ''


def figures_of(record):
    judged = Judged(record)
    end = end_of(record)
    harm = judged.harm(record.crashed or record.forced)
    found = taken_back(record) if is_by_change(record) else last_to_crashed(record)
    is_normal = harm is None or harm[1] < end - NORMAL_FOR
    whole = judged.counts(record.began, end)
    return {
        'median_ms': 1000 * judged.median,
        'slow_from_ms': 1000 * judged.slow_from,
        'whole': whole,
        'track_a': {
            'refused_by': record.refused_by,
            'answered_ms': 1000 * (record.answered - record.committed),
            **judged.counts(record.committed, record.forced)},
        'track_b': {
            'harm_began_s': harm[0] - record.began if harm else None,
            'found_s': None if found is None else max(0, found - harm[0]) if harm else 0.0,
            'restored_s': None if not is_normal else harm[1] - harm[0] if harm else 0.0,
            'met': flows_met(record, judged) if is_by_change(record) else None,
            'largest_share': max((share for _, share in record.shares), default=0),
            'taken_back': taken_back(record) is not None,
            'taken_back_s': since_commit(record),
            'outcome': outcome_of(record),
            **judged.counts(record.forced, end)},
        'failed_share': whole['failed'] / whole['requests'],
        'wrk': record.wrk,
        'lost_by_the_box': record.lost,
        'refused_by_the_database': record.refusals,
    }


def parts(value):
    return f'{100 * value:.3g} %'


def seconds(value):
    return 'not in this drill' if value is None else f'{value:.1f} s'


def restored(b):
    return 'no harm to be seen' if b['harm_began_s'] is None else seconds(b['restored_s'])


def goals_of(record, figures):
    a, b = figures['track_a'], figures['track_b']
    scenario = record.scenario
    goals = [
        Goal('(a) refused by name', scenario.rule, ', '.join(a['refused_by']),
             scenario.rule in a['refused_by']),
        Goal('(a) requests failed or slowed', '0', f"{a['failed']} + {a['slow']}",
             a['failed'] + a['slow'] == GOALS['bad']),
        Goal('(b) harm begins -> back to normal', f"<= {GOALS['restored_s']} s",
             restored(b),
             b['restored_s'] is not None and b['restored_s'] <= GOALS['restored_s']),
    ]
    if is_by_change(record):
        goals += [
            Goal('(b) taken back by the box itself', 'yes', 'yes' if b['taken_back'] else 'no',
                 b['taken_back']),
            Goal('(b) share of flows that met the bad change',
                 f"<= the slice, at most {parts(GOALS['met'])}",
                 f"{parts(b['met'])}; largest slice {b['largest_share']:g} %",
                 b['met'] <= GOALS['met'] and b['largest_share'] <= 100 * GOALS['met']),
        ]
    else:
        goals.append(Goal('(b) the change is not blamed for the server', 'it stays',
                          'taken back' if b['taken_back'] else 'it stayed', not b['taken_back']))
    goals += [
        Goal('requests failed over the drill', f"<= {parts(GOALS['failed'])}",
             parts(figures['failed_share']), figures['failed_share'] <= GOALS['failed']),
    ]
    if scenario.has_database:
        goals.append(Goal('connections that the database refused', '0', str(record.refusals),
                          record.refusals == 0))
    if is_by_change(record):  # what was open to a server that crashed, is lost
        goals.append(Goal('requests failed on connections that were open', '0',
                          str(figures['wrk']['failed']), figures['wrk']['failed'] == 0))
    return goals


def series_of(record, step=0.25):
    """Per `step` seconds: when, requests well, slow and failed per second, and their times."""
    judged = Judged(record)
    rows = []
    for number in range(int(record.times.end / step)):
        first = record.began + number * step
        requests = judged.between(first, first + step)
        failed = sum(bool(request.failure) for request in requests)
        slow = sum(judged.is_slow(request) for request in requests)
        times = sorted(request.seconds for request in requests)
        rows.append({'at_s': number * step,
                     'well': (len(requests) - failed - slow) / step, 'slow': slow / step,
                     'failed': failed / step,
                     'median_ms': 1000 * times[len(times) // 2] if times else 0,
                     'p99_ms': 1000 * times[len(times) * 99 // 100] if times else 0})
    return rows


def goals_as_json(goals):
    return [asdict(goal) for goal in goals]
