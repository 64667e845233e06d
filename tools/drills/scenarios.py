"""The outages: what the service was before, the change that was made to it, and what it did to real
users then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from fleet import HEALTH_PORT, Machine

RATE = 500  # requests per second, where nothing else is said
CONNECTIONS = 80  # that the database allows; its servers have a quarter of them when all is well
CHECK = {'type': 'http', 'port': HEALTH_PORT, 'path': '/health', 'interval': '200ms',
         'timeout': '190ms', 'rise': 2, 'fall': 2}


@dataclass
class Original:
    """The outage as it was."""

    change: str
    users: float          # part of them
    saw: str
    wrong_trails: str
    found: int            # minutes after it began
    restored: int


@dataclass
class Scenario:
    name: str
    original: Original | None
    rule: str                         # that names the mistake at check
    here: str                         # what is done in the drill
    machines: Callable[[], list]
    change: Callable[[dict], None]    # what the team did to the service's settings
    mode: str = 'ipip'
    good_change: Callable[[dict], None] | None = None  # then it is a server that fails
    crashes: str = ''                 # that server
    has_database: bool = False
    rate: int = RATE
    check: dict = field(default_factory=lambda: dict(CHECK))


def set_weights(*weights):
    def change(service):
        for backend, weight in zip(service['backends'], weights, strict=True):
            backend['weight'] = weight
    return change


def switch_checks_off(service):
    service['check'] = {'type': 'none'}


def small(**more):
    """A server that had little to do, and cannot do much."""
    return Machine(**{'weight': 1, 'workers': 1, 'waiting': 10, 'backlog': 4, 'declared': 18,
                      **more})


def beside_a_database():
    """All that the small one holds is more than the database has connections for. Work with a
    database takes longer, so there is half as much of it."""
    return [*(Machine(waiting=30, seconds=0.05, declared=90) for _ in range(4)),
            small(waiting=120, seconds=0.05, declared=9)]


def two_small():
    return [*(Machine() for _ in range(4)), *(small(seconds=0.04) for _ in range(2))]


def two_of_six_alive():
    """What two can do for all: twice the work, and twice the connections."""
    able = {'workers': 10, 'waiting': 80, 'backlog': 16}
    return [*(Machine(**able) for _ in range(2)),
            *(Machine(**able, is_dead=True) for _ in range(4))]


def eight_alike():
    return [Machine(weight=100) for _ in range(8)]


def with_a_standby():
    """A server at another site, for emergencies."""
    return [*(Machine() for _ in range(4)), Machine(weight=0, declared=18, line_ms=150)]


def with_new_ones():
    """Four that serve, and four new ones, on which the VIP was forgotten."""
    return [*(Machine() for _ in range(4)),
            *(Machine(weight=0, has_vip=False) for _ in range(4))]


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario(
        'single-node',
        Original('"optimised distribution": all traffic to one node, which took the primary '
                 'database down with it', 0.85, 'time-outs and 500s',
                 'a traffic spike; a memory leak of the application', 75, 150),
        'single-node',
        'all traffic to server5, a small node that has the primary database (PostgreSQL)',
        beside_a_database, set_weights(0, 0, 0, 0, 1), has_database=True, rate=RATE // 2),
    Scenario(
        'uneven',
        Original('a routine update left the spread uneven: some servers drowned, others idle',
                 0.75, 'slow pages and gaps', 'a traffic spike; DDoS', 60, 150),
        'uneven-spread',
        'two small servers get 45 % of the traffic each, where they had 2.4 %',
        two_small, set_weights(1, 1, 1, 1, 18, 18)),
    Scenario(
        'checks-off',
        Original('a deployment silently disabled the health checks; traffic went to dead servers',
                 0.8, '503; transactions down 90 %', 'overloaded web servers; the database',
                 30, 90),
        'no-health-check',
        'the health check is switched off while four of six servers are dead',
        two_of_six_alive, switch_checks_off, mode='nat'),
    Scenario(
        'one-server-crash',
        Original('one application server got most of the load, crashed, and the service went with '
                 'it', 0.8, 'nothing reachable', 'the database; a code bug', 65, 150),
        'single-node',
        'server2 gets most of the load',
        eight_alike, set_weights(100, 1500, 100, 100, 100, 100, 100, 100),
        good_change=set_weights(100, 100, 100, 100, 100, 100, 100, 104), crashes='server2'),
    Scenario(
        'slow-burn',
        Original('uneven spread that nobody saw fail, over a night', 0.3,
                 'higher latency, now and then an error', 'the database; a code deployment',
                 165, 300),
        'uneven-spread',
        '30 % of the traffic to a standby server behind a slow line',
        with_a_standby, set_weights(7, 7, 7, 7, 12)),
    Scenario(
        'hidden',
        None,
        'mass-change',
        'traffic moves to four new servers whose health checks say "fine", but on which the VIP '
        'was forgotten',
        with_new_ones, set_weights(0, 0, 0, 0, 10, 10, 10, 10)),
)}
