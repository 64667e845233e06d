"""Backends whose plain checks stay green, and which the traffic's own way does not reach: the box
asks by that way too, and leaves them out before a client finds out.
"""

import contextlib
import socket
import struct
import time
from functools import partial

from lab import managed_lab
from network import BOX_LAN, VIP
from proof import expect, until

CHECK = {'type': 'http', 'interval': '300ms', 'timeout': '250ms', 'rise': 1, 'fall': 2,
         'same_path': True}
SECONDS_TO_KNOW = 3.0
SECONDS_TO_HEAL = 8.0  # who has fallen often is asked more often before it is believed
VNI = 7_001
MTU = 1500


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs) as result:
        result.box.settings['services'][0]['check'] = CHECK
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        yield result


def state_of(lab_):
    """{server: why it takes no flows; '': it does}."""
    return {name: ''.join(row.get('why', '')) for name, row in lab_.box.backends('web').items()}


def wait_for(lab_, why=None):
    """Until server3 takes no flows for a reason that has `why` in it, or if that is None all take
    some; returns the reason."""
    def is_so():
        found = state_of(lab_)
        its = found.pop('server3')
        is_its = why in its if why else not its
        return is_its and not any(found.values()) and (its or 'none')
    return until(is_so, lambda: f'server3: {why}; there is {state_of(lab_)}',
                 SECONDS_TO_KNOW if why else SECONDS_TO_HEAL, 0.02)


def is_plain_green(lab_, server):
    """Whether its own address answers as the check wants it."""
    with lab_.namespaces.inside('client'):
        channel = socket.create_connection((server.address[4], 80), 2)
    with channel:
        channel.sendall(b'GET / HTTP/1.0\r\n\r\n')
        return b' 200 ' in channel.recv(4096)


def avoided(lab_):
    """No request of many fails, and none is server3's."""
    for vip in VIP.values():
        answered = lab_.all_answered(vip, 500)
        expect(set(answered['servers']), {'server1', 'server2'}, 'who answers')


def healthy(lab_):
    """What arrives is as large as the MTU, may not be cut, and is a SYN from the box for a VIP;
    no server is left with a connection half open."""
    with lab_.namespaces.inside('server1'):
        channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    channel.bind(('lan', 0))
    channel.settimeout(SECONDS_TO_KNOW)
    sizes, vips = set(), set()
    with channel:
        deadline = time.monotonic() + SECONDS_TO_KNOW
        while len(vips) < len(VIP) and time.monotonic() < deadline:
            frame = channel.recv(2048)
            length, fragment, protocol = struct.unpack_from('!H2xHxB', frame, 16)
            if frame[12:14] != b'\x08\x00' or protocol not in (4, 41):
                continue
            inner = frame[34:]
            is_v4 = protocol == 4
            syn = inner[20 + 13] if is_v4 else inner[40 + 13]
            if syn != 2:
                continue
            expect(fragment, 0x4000, 'fragment bits of what is asked')
            family, at = (socket.AF_INET, 12) if is_v4 else (socket.AF_INET6, 8)
            size = 4 if is_v4 else 16
            source, vip = (socket.inet_ntop(family, inner[start:start + size])
                           for start in (at, at + size))
            expect(source, BOX_LAN[4 if is_v4 else 6], 'who asks')
            sizes.add(length)
            vips.add(vip)
    expect((sizes, vips), ({MTU}, set(VIP.values())), 'bytes, and VIPs that are asked')
    wait_for(lab_)
    time.sleep(1)  # as many probes as would make it fall
    expect(set(state_of(lab_).values()), {''}, 'why servers take no flows')
    for server in lab_.network.servers:
        until(lambda s=server: not lab_.namespaces.run(s.name, 'ss -Hnt state syn-recv'),
              f'no connection is left half open at {server.name}', 3)


def tunnel_dead(lab_):
    server3 = lab_.network.servers[2]
    lab_.servers.stop_decapsulator(server3)
    why = wait_for(lab_, 'through ipip to 10.0.0.13')
    assert is_plain_green(lab_, server3)
    avoided(lab_)
    lab_.servers.start_decapsulator(server3, 'ipip', 4)
    wait_for(lab_)
    return why


def vip_missing(lab_, family):
    length = {4: '/32', 6: '/128'}[family]
    name = lab_.namespaces.name('server3')
    lab_.namespaces.ip(f'-n {name} addr del {VIP[family]}{length} dev lo')
    why = wait_for(lab_, VIP[family])
    assert is_plain_green(lab_, lab_.network.servers[2])
    avoided(lab_)
    lab_.namespaces.ip(f'-n {name} addr add {VIP[family]}{length} dev lo'
                       + (' nodad' if family == 6 else ''))
    wait_for(lab_)
    return why


def small_packets_only(lab_):
    """A link before server3 drops what is longer than 1400 bytes, and tells nobody."""
    name = lab_.namespaces.name('server3')
    lab_.namespaces.ip(f'-n {name} link set lan mtu 1400')
    why = wait_for(lab_, f'answers small packets, none of {MTU} bytes')
    assert is_plain_green(lab_, lab_.network.servers[2])
    avoided(lab_)
    lab_.namespaces.ip(f'-n {name} link set lan mtu {MTU}')
    wait_for(lab_)
    return why


def nobody_listens(lab_):
    """The check itself only wants to know whether there is a host."""
    box, nginx = lab_.box, lab_.servers.nginx
    box.keel('set', 'services.web.check.type', 'icmp')
    change = box.told('commit', '--why', 'a host is enough', '--waive', 'weakened-health-check',
                      '--reason', 'it asks for the VIPs')
    box.keel('confirm', change['id'])
    wait_for(lab_)
    lab_.namespaces.end(nginx['server3'])
    why = wait_for(lab_, 'nobody listens')
    avoided(lab_)
    nginx['server3'] = lab_.servers.start_nginx('server3')
    wait_for(lab_)
    return why


def tried(lab_):
    """A change to a tunnel whose ends are nowhere."""
    box = lab_.box
    box.keel('set', 'rollout.steps', '[10, 50]')
    box.keel('confirm', box.told('commit', '--why', 'step by step')['id'])
    wait_for(lab_)
    began = time.monotonic()
    box.keel('set', 'services.web.mode', '"gue"')
    box.keel('set', 'services.web.tunnel.port', 6079)
    box.told('commit', '--why', 'another tunnel', '--waive', 'mass-change', '--reason', 'a test')
    until(lambda: box.told('status')['change'] is None, 'the change has gone back',
          SECONDS_TO_KNOW, 0.02)
    seconds = time.monotonic() - began
    outcome = box.told('history')['history'][0]['outcome']
    assert 'through gue' in outcome, outcome
    wait_for(lab_)
    lab_.all_answered(VIP[4], 500)
    return f'back after {seconds:.2f} s: {outcome.splitlines()[-1]}'


def through(lab_, mode, outer):
    """A change to that mode finds who cannot take it."""
    box = lab_.box
    box.stop()
    way = lab_.servers.start_decapsulators(mode, outer, VNI)
    tunnel = {'tunnel': {'vni': VNI}} if mode in ('vxlan', 'geneve') else {}
    box.settings['services'] = [box.service('web', mode, outer, check=CHECK, **tunnel)]
    box.is_managed = False
    box.start()
    for vip in VIP.values():
        lab_.wait_for_service(vip)
    lab_.servers.stop_decapsulator(lab_.network.servers[2])
    why = wait_for(lab_, f'through {mode} to ')
    return why + ('' if way == 'kernel' else "; the test's own tunnel end")


TESTS = [
    ('servers that are well are asked in packets as large as the MTU, and stay up', healthy),
    ('a server whose end of the tunnel is gone is down though its check is green', tunnel_dead),
    *((f'a server without the IPv{family} VIP is down though its check is green',
       partial(vip_missing, family=family)) for family in VIP),
    ('a server that only small packets reach is down though its check is green',
     small_packets_only),
    ('a server that has the VIP, and nobody who listens, is told apart', nobody_listens),
    ('a change to a tunnel that no server takes goes back before there is a request', tried),
    *((f'{mode} to servers by IPv{outer}: who takes it is up, who does not is down',
       partial(through, mode=mode, outer=outer))
      for mode, outer in (('gre', 6), ('gue', 4), ('vxlan', 6), ('geneve', 4))),
]
