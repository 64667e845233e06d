#!/usr/bin/python3
"""What `tools/demo` shows of the running box: keeld between a client and three web servers, all in
network namespaces of their own, which are gone afterwards. Every number was counted by the client,
and the demonstration fails if one is not as it says."""

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / 'tests' / 'system'), str(ROOT / 'tools' / 'drills')]

from lab import lab  # noqa: E402
from network import VIP  # noqa: E402
from proof import until  # noqa: E402
from run import Programs  # noqa: E402
from short import undo_fatal_change  # noqa: E402

CONNECTIONS = 6_000
OPEN = 90
WEIGHTS = [1, 1, 2]
BAR = 40


def say(text):
    print(text, flush=True)


def show_spread(result):
    for name in sorted(result['servers']):
        count = result['servers'][name]
        share = count / result['ok']
        say(f'    {name}  {count:6}  {share:6.1%}  {"#" * round(BAR * share)}')
    say(f"    {result['failed']} failed")
    assert result['failed'] == 0


def keel(demo, *arguments, lines=0, expected=0):
    """Runs keel as a person would, and shows what it says: so many lines of it, or (0) none."""
    shown = ' '.join(f'"{word}"' if ' ' in str(word) else str(word) for word in arguments)
    say(f'   $ keel {shown}')
    said = demo.box.keel(*arguments, expected=expected)
    for line in said.splitlines()[:lines]:
        say(f'     {line}')
    return said


def start_box(demo):
    box = demo.box
    box.is_managed = True
    web = box.service('web', 'l2_direct', weights=WEIGHTS)
    web['check'] = {'type': 'tcp', 'interval': '1s', 'timeout': '500ms'}
    box.settings['services'] = [web]
    box.settings['api'] = {'socket': str(box.api)}
    say('== three nginx servers with weights 1, 1 and 2, and keeld in front of them')
    box.start()
    for vip in VIP.values():
        demo.wait_for_service(vip)


def spread(demo):
    for family, vip in VIP.items():
        say(f'== {CONNECTIONS} connections by IPv{family} to {demo.url(vip, "/")}')
        show_spread(demo.all_answered(vip, CONNECTIONS))


def drain(demo):
    """server2 gets no new connections, and keeps those that it has."""
    say(f'== {OPEN} connections are opened and stay; then server2 is drained')
    stay = demo.start_requests(VIP[4], requests=0, each=0, connections=OPEN, pause=20,
                               seconds=3_600)
    demo.all_answered(VIP[4], 500)  # by then all are open
    keel(demo, 'drain', 'web/server2', '--for', '10m', '--reason', 'a new kernel')
    say(f'   {CONNECTIONS} new connections:')
    new = demo.all_answered(VIP[4], CONNECTIONS)
    show_spread(new)
    stay.send_signal(signal.SIGTERM)
    kept = demo.results(stay)
    assert kept['opened'] == OPEN and not kept['failed'] and kept['servers'].get('server2')
    assert 'server2' not in new['servers']
    say(f"   the {OPEN} that were open went on, {kept['servers']['server2']} requests to server2 "
        f"among {kept['ok']}: {kept['failed']} failed")
    keel(demo, 'undrain', 'web/server2')


def refuse(demo):
    """The change that took a web shop down for hours."""
    say('== all the traffic to one server: refused by name, and nobody is touched')
    keel(demo, 'set', 'services.web.backends.server1.weight', 1000)
    said = keel(demo, 'commit', '--why', 'server1 is the new one', lines=12, expected=1)
    assert 'single-node' in said, said
    keel(demo, 'discard')


def go_back(demo):
    """Nobody confirms, as after a change that cut off its own author."""
    say('== a change that nobody confirms goes back by itself, while requests are made')
    clients = [demo.start_requests(vip, requests=CONNECTIONS) for vip in VIP.values()]
    keel(demo, 'set', 'services.web.backends.server1.weight', 2)
    keel(demo, 'plan', lines=40)
    keel(demo, 'commit', '--confirm', '3s', '--why', 'a trial', lines=4)
    until(lambda: demo.box.told('status')['change'] is None, 'the change is over', 20, 0.1)
    for client in clients:
        result = demo.results(client)
        assert result['ok'] == CONNECTIONS and not result['failed'], result
    status = demo.box.told('status')
    assert status['in_force'] == status['confirmed'] == 1, status
    say(f"   in force again: generation {status['in_force']}; {2 * CONNECTIONS} requests "
        "meanwhile, 0 failed")


def explain(demo):
    say('== and where would a certain packet go?')
    keel(demo, 'why', 'tcp', '198.51.100.7:40000', f'{VIP[4]}:80', lines=30)


def invite(demo):
    """Until the person has seen enough."""
    name = demo.namespaces.name
    say(f"""
The box stays until you press Enter. In another terminal, as root:
    ip netns exec {name('client')} curl http://{VIP[4]}/        a request
    export KEEL_SOCKET={demo.box.api} PATH=$PATH:{demo.programs.keel.parent}
    keel                               status, set, plan, commit, why, top ... ; ? helps
    tail -f {demo.box.log_path}
    dpdk-telemetry.py -f {demo.box.eal_prefix}
                                       then: /evenkeel/services, /evenkeel/drops ...""")
    sys.stdin.readline()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=Path, default=ROOT / 'build')
    parser.add_argument('--stay', action='store_true',
                        help='leave it running until Enter is pressed')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with lab(Programs(options.build.resolve())) as demo:
        start_box(demo)
        spread(demo)
        drain(demo)
        refuse(demo)
        go_back(demo)
        explain(demo)
        undo_fatal_change(demo, keel, say)
        if options.stay:
            invite(demo)
        demo.box.stop()
    say('== all of it has been removed again')


if __name__ == '__main__':
    main()
