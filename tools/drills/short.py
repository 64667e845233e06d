"""The end of `tools/demo`: a fatal change is forced past every rule while clients ask, and the box
undoes it. It needs a running box whose service `web` is in mode l2_direct, and no change on its
way.
"""

import time

from figures import SLOW_LEAST
from fleet import CLIENTS
from load import Recorder
from network import CLIENT_LAN
from proof import until
from watch import Watch, rule_names

RATE = 500        # requests per second
BEFORE, AFTER = 2, 2  # seconds
PATIENCE = 15     # seconds within which the box must have undone it


def route_clients(demo):
    """The recorder's addresses, and the way back to them."""
    name = demo.namespaces.name
    demo.namespaces.ip(f'-n {name("client")} route replace local {CLIENTS} dev lo')
    for server in demo.network.servers:
        demo.namespaces.ip(f'-n {name(server.name)} route replace {CLIENTS} via {CLIENT_LAN[4]}')


def undo_fatal_change(demo, keel, say):
    """`keel` runs keel as box.py's does. Fails if the box has not undone the change by itself."""
    say(f'== {RATE} requests a second are made, from thousands of addresses; then a fatal change: '
        'the servers')
    say('   get tunnels that none of them unpacks, while their health checks go on to say "fine"')
    route_clients(demo)
    recorder = Recorder(demo, rate=RATE, seconds=3_600, timeout=3_000)
    with Watch(demo.box.api) as watch:
        time.sleep(BEFORE)
        keel(demo, 'set', 'services.web.mode', '"ipip"')
        said = keel(demo, 'commit', '--why', 'tunnels for all', lines=2, expected=1)
        waivers = [word for rule in rule_names(said)
                   for word in ('--waive', rule, '--reason', 'watch this')]
        began = time.monotonic()
        keel(demo, 'commit', '--why', 'tunnels for all', *waivers, lines=2)
        # What the watch has seen may be of before.
        until(lambda: watch.has_ended() and watch.seen[-1].at > began,
              'the box undoes the change', PATIENCE, 0.02)
        undone = watch.seen[-1].at - began
        time.sleep(AFTER)
    requests = recorder.stop()
    outcome = demo.box.told('history')['history'][0]['outcome'].strip().splitlines()[-1]
    bad = [request for request in requests if request.failure or request.seconds > SLOW_LEAST]
    share = max(seen.share for seen in watch.seen)
    say(f'   undone by the box after {undone:.1f} s; it says: {outcome}')
    say(f'   {len(requests)} requests: {sum(bool(request.failure) for request in bad)} failed, '
        f'{sum(not request.failure for request in bad)} slow; at most {share} % of new flows had '
        'the change')
    assert share <= 10 and len(bad) < len(requests) / 20, outcome
