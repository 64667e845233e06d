"""Whether a request that failed in a soak may have failed, by what the network saw and not by what
the box says of itself. RULE says when; it is printed.
"""

import bisect
import collections
import ipaddress
from dataclasses import dataclass

FIRST_CLIENT = {4: int(ipaddress.ip_address('198.18.0.1')),
                6: int(ipaddress.ip_address('2001:db8:12::1'))}
CLIENTS = ('198.18.', '2001:db8:12:')
KNOWN_AFTER = 2.5     # seconds from a server's death
SEEN_WITHIN = 0.1     # seconds by which the witness may differ from who does something
LATE = 1.0            # seconds by which it may be late if the machine has no time
DRAINED_AFTER = 0.5   # seconds from the drain until no new connection comes

DIED = 'its server died while its connection was open'
TOO_SOON = f'connected to a dead server within {KNOWN_AFTER:g} s of its death'
MAINTAINED = 'its server was taken out at once, with its connections, by an operator'
NOWHERE = 'the box sent its connection to no server'
KNOWN_DEAD = f'connected to a server dead for more than {KNOWN_AFTER:g} s'
MOVED = 'moved away from a healthy server'
HEALTHY = 'reached a healthy server'
EXCUSED = (DIED, TOO_SOON, MAINTAINED)

RULE = f"""\
A witness on the cable between box and servers writes down to which server each connection's packets
go. A request has *failed* if it was not answered with 200 in time, or its connection broke. It is
*excused* if
- {DIED},
- its connection was opened to a server that was dead, at most {KNOWN_AFTER:g} s after its death: a
  check asks every 500 ms, waits 400 ms, and must fail three times, or
- {MAINTAINED}.
All other failures are not: of connections to healthy servers, to servers that were long dead, moved
away from healthy servers, or sent nowhere. A server is dead from its nginx's SIGKILL until another
listens, or while its cable is unplugged."""


@dataclass
class Failure:
    at: float       # monotonic seconds
    cause: str
    what: str       # failed
    client: str
    way: list       # [(seconds, server)] of its connection

    def is_excused(self):
        return self.cause in EXCUSED


@dataclass
class Unwitnessed:
    """An answer by a server that the witness did not see its connection go to."""
    connected: float
    answered: float
    server: str
    client: str
    ways: list      # of all connections from the same port


class Witness:
    """What tools/drills/steered.cc wrote."""

    def __init__(self, path):
        self.ways = collections.defaultdict(list)  # {(address, port, port of the service): hops}
        with path.open(encoding='ascii') as lines:
            assert next(lines) == 'ready\n'
            for line in lines:
                at, client, port, service, number = line.split('\t')
                if not client.startswith(CLIENTS):
                    continue  # a health check
                self.ways[client, int(port), int(service)].append(
                    (int(at) / 1e6, f'server{int(number) - 10}'))

    def way(self, client, port, service, since, until):
        """[(when, server)]: where the packets of a connection went; again and again the same only
        if its SYN was repeated."""
        hops = self.ways.get((client, port, service), [])
        first = bisect.bisect_left(hops, (since, ''))
        last = bisect.bisect_right(hops, (until + LATE, ''))
        return hops[first:last]


def address_of(family, client):
    return str(ipaddress.ip_address(FIRST_CLIENT[family] + client))


def cause_on(hop_server, since, until, happened):
    """Why a connection may have failed that was with this server for this span; None: it may not
    have."""
    for died, again in happened.outages.get(hop_server, []):
        again = again or float('inf')
        if since <= died <= until + SEEN_WITHIN:
            return DIED
        if died < since < again:
            return TOO_SOON if since <= died + KNOWN_AFTER else KNOWN_DEAD
    if any(since - SEEN_WITHIN <= done and begun <= until + SEEN_WITHIN
           for begun, done in happened.maintained.get(hop_server, [])):
        return MAINTAINED
    return None


def cause_of(way, end, happened):
    if not way:
        return NOWHERE
    for number, (since, server) in enumerate(way):
        until = way[number + 1][0] if number + 1 < len(way) else end
        cause = cause_on(server, since, until, happened)
        if cause:
            return cause
    return MOVED if len({server for _, server in way}) > 1 else HEALTHY


def failures_of(requests, family, service, witness, happened):
    """`service`: its port."""
    failures = []
    for request in requests:
        if not request.failure:
            continue
        client = address_of(family, request.client)
        way = witness.way(client, request.port, service, request.connected, request.end)
        failures.append(Failure(request.end, cause_of(way, request.end, happened),
                                request.failure, f'{client} port {request.port}', way))
    return failures


def slow_at_healthy(requests, family, service, witness, happened):
    """How many were answered after more than a second though nothing was wrong with their server:
    packets were lost on the way, or the machine had no time."""
    count = 0
    for request in requests:
        if not request.failure and request.seconds > 1:
            way = witness.way(address_of(family, request.client), request.port, service,
                              request.connected, request.end)
            count += cause_of(way, request.end, happened) not in (*EXCUSED, KNOWN_DEAD)
    return count


def unwitnessed(requests, family, service, witness):
    """Answers by another server than the witness saw: it has missed something."""
    found = []
    for request in requests:
        if not request.failure:
            client = address_of(family, request.client)
            way = witness.way(client, request.port, service, request.connected, request.end)
            if request.server not in {server for _, server in way}:
                found.append(Unwitnessed(request.connected, request.end, request.server,
                                         f'{client} port {request.port}',
                                         witness.ways.get((client, request.port, service), [])))
    return found


def to_drained(witness, happened):
    """[(when, server, port of the service)] of connections that began at a server that was drained.
    """
    spans = {server: [(since + DRAINED_AFTER, until) for since, until in spans]
             for server, spans in happened.drained.items()}
    return sorted((*hops[0], service) for (_, _, service), hops in witness.ways.items()
                  if any(since < hops[0][0] < until for since, until in spans.get(hops[0][1], [])))
