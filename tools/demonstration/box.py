#!/usr/bin/python3
"""What `tools/demo` shows of the running box: keeld between a client and three web servers, all in
network namespaces of their own, which are gone afterwards. Every number was counted by the client,
and the demonstration fails if one is not as it says."""

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'system'))

from lab import lab  # noqa: E402
from network import VIP  # noqa: E402
from run import Programs  # noqa: E402

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


def start_box(demo):
    box = demo.box
    box.settings['services'] = [box.service('web', 'l2_direct', weights=WEIGHTS)]
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
    say(f'== {OPEN} connections are opened and stay; then server2 is drained: weight 0')
    stay = demo.start_requests(VIP[4], requests=0, each=0, connections=OPEN, pause=20,
                               seconds=3_600)
    demo.all_answered(VIP[4], 500)  # by then all are open
    demo.box.settings['services'] = [
        demo.box.service('web', 'l2_direct', weights=[1, 0, 2])]
    demo.box.reload()
    say(f'   {CONNECTIONS} new connections:')
    new = demo.all_answered(VIP[4], CONNECTIONS)
    show_spread(new)
    stay.send_signal(signal.SIGTERM)
    kept = demo.results(stay)
    assert kept['opened'] == OPEN and not kept['failed'] and kept['servers'].get('server2')
    assert 'server2' not in new['servers']
    say(f"   the {OPEN} that were open went on, {kept['servers']['server2']} requests to server2 "
        f"among {kept['ok']}: {kept['failed']} failed")


def invite(demo):
    """Until the person has seen enough."""
    name = demo.namespaces.name
    say(f"""
The box stays until you press Enter. In another terminal, as root:
    ip netns exec {name('client')} curl http://{VIP[4]}/        a request
    $EDITOR {demo.box.settings_path}; kill -HUP {demo.box.process.pid}
                                       other settings; what keeld says: {demo.box.log_path}
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
        if options.stay:
            invite(demo)
        demo.box.stop()
    say('== all of it has been removed again')


if __name__ == '__main__':
    main()
