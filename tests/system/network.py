"""The network around the box:

                      wan: 192.0.2.0/24, 2001:db8::/64
    client .100 ------------[bridge]------------ .2 box
       |                                             |
       +--------------------[bridge]-----------------+
       lan: 10.0.0.0/24, fd00::/64    |   |   |
                                     .11 .12 .13 server1 ... server3

Servers answer clients directly, past the box, unless told to answer through it. The box's own ends
have no addresses, since its kernel would answer what is for keeld; in the namespace `kernel` keeld
has the interfaces that have them.

The ends of virtual cables hand over packets whose checksums are yet to be computed, which nobody
does on the way through a packet socket: offloads are off wherever packets begin. At the box's own
cables the kernel merges packets, as it does those of hardware, until keeld ends that.
"""

CLIENT = {4: '192.0.2.100', 6: '2001:db8::100'}
WAN = {4: '192.0.2.0/24', 6: '2001:db8::/64'}
BOX_WAN = {4: '192.0.2.2', 6: '2001:db8::2'}
BOX_LAN = {4: '10.0.0.2', 6: 'fd00::2'}
CLIENT_LAN = {4: '10.0.0.100', 6: 'fd00::100'}
VIP = {4: '192.0.2.10', 6: '2001:db8::10'}
# An address of each server that is not on its link but behind it, for L3DSR.
BEHIND = {4: '10.1.0.{}', 6: 'fd01::{}'}

_QUIET = {'net/ipv6/conf/all/accept_dad': 0, 'net/ipv6/conf/default/accept_dad': 0,
          'net/ipv6/conf/all/accept_ra': 0, 'net/ipv6/conf/default/accept_ra': 0,
          'net/ipv4/conf/all/rp_filter': 0, 'net/ipv4/conf/default/rp_filter': 0}
_NO_IPV6 = {'net/ipv6/conf/all/disable_ipv6': 1, 'net/ipv6/conf/default/disable_ipv6': 1}
_HOST = {'net/ipv4/ip_local_port_range': '1025 65000', 'net/ipv4/conf/all/arp_ignore': 1,
         'net/ipv4/conf/all/arp_announce': 2, 'net/core/somaxconn': 4096,
         'net/ipv4/tcp_max_syn_backlog': 4096}


class Server:
    """A server's addresses. Its number is the last part of each."""

    def __init__(self, number):
        self.name = f'server{number - 10}'
        self.number = number
        self.address = {4: f'10.0.0.{number}', 6: f'fd00::{number}'}
        self.behind = {family: text.format(number) for family, text in BEHIND.items()}


class Network:
    """So many servers, on cables of that MTU."""

    def __init__(self, namespaces, servers=3, mtu=1500):
        self.namespaces = namespaces
        self.mtu = mtu
        self.servers = [Server(11 + index) for index in range(servers)]
        namespaces.add('client', 'switch', 'box', 'kernel')
        for namespace in ('switch', 'box'):
            namespaces.write(namespace, **_NO_IPV6)
        namespaces.write('client', **_QUIET, **_HOST)
        namespaces.write('kernel', **_QUIET)
        for bridge in ('wan', 'lan'):
            self._bridge(bridge)
            self._cable(bridge, 'box', bridge + '0', f'02:00:00:00:0{bridge == "lan":d}:02')
            self._cable(bridge, 'client', bridge, f'02:00:00:00:0{bridge == "lan":d}:64')
        self._address('client', 'wan', CLIENT, '/24', '/64')
        self._address('client', 'lan', CLIENT_LAN, '/24', '/64')
        for server in self.servers:
            self._server(server)

    def _bridge(self, name):
        switch = self.namespaces.name('switch')
        self.namespaces.ip(
            f'-n {switch} link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
            f'-n {switch} link set {name} mtu {self.mtu} up')

    def _cable(self, bridge, namespace, device, mac):
        """A device in `namespace` whose other end, of the namespace's name, is on the bridge."""
        names, end = self.namespaces, f'{bridge}-{namespace}'
        names.ip(f'-n {names.name("switch")} link add {end} mtu {self.mtu} type veth '
                 f'peer {device} mtu {self.mtu} address {mac} netns {names.name(namespace)}',
                 f'-n {names.name("switch")} link set {end} master {bridge} up',
                 f'-n {names.name(namespace)} link set {device} up')
        merging = 'on' if namespace == 'box' else 'off'
        names.run(namespace, f'ethtool -K {device} tx off gro {merging}')
        if namespace == 'box':  # else the kernel takes them for merged already
            names.run('switch', f'ethtool -K {end} tso off')

    def _address(self, namespace, device, addresses, *lengths):
        for (family, address), length in zip(addresses.items(), lengths):
            self.namespaces.ip(f'-n {self.namespaces.name(namespace)} addr add {address}{length} '
                               f'dev {device}' + (' nodad' if family == 6 else ''))

    def _server(self, server):
        name = server.name
        self.namespaces.add(name)
        self.namespaces.write(name, **_QUIET, **_HOST)
        self._cable('lan', name, 'lan', f'02:00:00:00:02:{server.number:02x}')
        self._address(name, 'lan', server.address, '/24', '/64')
        self._address(name, 'lo', VIP, '/32', '/128')
        self.answer(server, CLIENT_LAN)

    def answer(self, server, gateway):
        """Where the server's answers to clients go: CLIENT_LAN, directly, or BOX_LAN."""
        name = self.namespaces.name(server.name)
        for family, prefix in WAN.items():
            self.namespaces.ip(f'-n {name} -{family} route replace {prefix} via {gateway[family]}')

    def link(self, namespace, device, state):
        """Pulls and plugs the cable of a device: `state` is 'down' or 'up'."""
        self.namespaces.ip(f'-n {self.namespaces.name("switch")} link set '
                           f'{device.rstrip("0")}-{namespace} {state}')
