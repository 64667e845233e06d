"""Ten million mutated and random packets through the running box: it stays whole, and knows what
became of each.

Packets come from files without end (pcap devices on pipes), so none is lost on the way to the box;
what it sends is counted and dropped. Run on a build with sanitizers this also proves that nothing
is read or written where it should not be, and, when keeld ends, that nothing has leaked.
"""

import contextlib
import os
import subprocess

from box import Box
from namespaces import Namespaces
from network import CLIENT, VIP, Network
from proof import expect, until

PACKETS = 5_000_000  # into each port
NEIGHBOUR_MAC = '02:00:00:00:02:01'
SERVICES = (  # mode, family of the backends, protocol, ports
    ('ipip', 4, 'tcp', '80'), ('vxlan', 6, 'tcp', '8080'), ('geneve', 4, 'tcp', '1-79'),
    ('gre', 6, 'tcp', '81-8079'), ('gue', 4, 'udp', '53'), ('l2_direct', 4, 'udp', '80'),
    ('ipip', 6, 'udp', '8080'), ('gue', 6, 'sctp', 'all'))
TRANSLATED = (('nat', 4, 'tcp', '8081-65535'), ('nat', 6, 'tcp', '8081-65535'),
              ('l3_direct', 4, 'udp', '1-52'), ('l3_direct', 6, 'udp', '1-52'))


@contextlib.contextmanager
def setup(programs):
    with Namespaces() as namespaces:
        box = Box(Network(namespaces), programs)
        box.generators = []
        for seed, port in enumerate(box.settings['ports']):
            pipe = namespaces.folder / f'{port["name"]}.pcap'
            os.mkfifo(pipe)
            port['device'] = f'net_pcap,rx_pcap={pipe}'
            box.generators.append(namespaces.start(
                'client', ['sh', '-c', f'exec {programs.system}/mutants {PACKETS} {seed} >{pipe}'],
                stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        box.settings['ports'][0]['routes'] = [{'to': '0.0.0.0/0', 'via': CLIENT[4]},
                                              {'to': '::/0', 'via': CLIENT[6]}]
        box.settings['services'] = services(box)
        yield box


def services(box):
    result = []
    for mode, outer, protocol, ports in SERVICES + TRANSLATED:
        vips = [VIP[outer]] if (mode, outer, protocol, ports) in TRANSLATED else None
        more = {'dscp': 10} if mode == 'l3_direct' else {}
        result.append(box.service(f'{mode}-{protocol}-{outer}', mode, outer, vips,
                                  protocol=protocol, ports=ports, **more))
    return result


def introduce_neighbours(box):
    """Nobody is there who would answer for them."""
    kernel = box.namespaces.name('kernel')
    for device, owners in (('wan', [CLIENT]),
                           ('lan', [server.address for server in box.network.servers])):
        for owner in owners:
            for address in owner.values():
                box.namespaces.ip(f'-n {kernel} neigh replace {address} dev {device} '
                                  f'lladdr {NEIGHBOUR_MAC} nud permanent')
    for service in box.settings['services']:
        until(lambda name=service['name']: all(entry['usable'] == 'yes'
                                               for entry in box.backends(name).values()),
              f'the backends of {service["name"]} are usable')


def stays_whole(box):
    box.start(60)
    introduce_neighbours(box)
    for generator in box.generators:
        generator.stdin.write('now\n')
        generator.stdin.flush()
    sent = [int(generator.stderr.read()) for generator in box.generators]
    until(lambda: box.received() >= sum(sent), 'all has come', 60)
    expect(box.received(), sum(sent), 'packets that the box received')
    said = box.check_accounts()
    expect(box.buffers_missing(), 0, 'buffers that did not come back')
    box.stop()
    return said


TESTS = [(f'{2 * PACKETS} mutated and random packets: no crash, no leak, the pool whole at the '
          'end, every packet accounted for', stays_whole)]
