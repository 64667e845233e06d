"""keeld's settings for the benchmark: a service for each way of forwarding that is measured.

Backends are behind one gateway whose MAC address is known for ever, but for those that must be on
the link. The generator stands for all of them.
"""
import ipaddress
from typing import NamedTuple

GATEWAY = {4: '10.0.255.254', 6: '2001:db8::ffff'}
GATEWAY_MAC = '02:45:56:00:00:01'
PORT_ADDRESSES = ('10.0.0.1/16', '2001:db8::1/64')
BACKENDS = {4: '10.64.0.0', 6: '2001:db8:64::'}
ON_LINK = '10.0.16.0'
PLACES_OF_A_WAY = 1 << 16  # between the backends of two ways
PORTS = ('wan', 'lan')
ROUTES = {'10.64.0.0/10': GATEWAY[4], '2001:db8:64::/48': GATEWAY[6]}


class Way(NamedTuple):
    """A way of forwarding: the mode, and the families of the service and of its backends."""
    mode: str
    outside: int
    inside: int


WAYS = {
    'IPIP': Way('ipip', 4, 4),
    'L2 direct': Way('l2_direct', 4, 4),
    'L3 direct': Way('l3_direct', 4, 4),
    'IPIP, IPv6 in IPv4': Way('ipip', 6, 4),
    'IPIP, IPv6 in IPv6': Way('ipip', 6, 6),
    'GRE': Way('gre', 4, 4),
    'GUE': Way('gue', 4, 4),
    'VXLAN': Way('vxlan', 4, 4),
    'Geneve': Way('geneve', 4, 4),
    'NAT44': Way('nat', 4, 4),
    'NAT66': Way('nat', 6, 6),
    'NAT64': Way('nat', 6, 4),
}


def vip_of(way, service=0):
    """Of a way's own service; of several services of one way, of the given one."""
    number = 16 + (list(WAYS).index(way) << 10) + service
    base = '198.18.0.0' if WAYS[way].outside == 4 else '2001:db8:198::'
    return str(ipaddress.ip_address(base) + number)


def backend_addresses(way, count, service=0):
    base = ON_LINK if WAYS[way].mode == 'l2_direct' else BACKENDS[WAYS[way].inside]
    # Servers of its own for each way: a reply through NAT belongs to one service only.
    place = list(WAYS).index(way) * PLACES_OF_A_WAY if WAYS[way].mode == 'nat' else 0
    first = ipaddress.ip_address(base) + 1 + place + service * count
    return [str(first + number) for number in range(count)]


def service_text(way, count, service=0, first_weight=1):
    backends = ',\n    '.join(
        f'{{ name = "b{number}"; address = "{address}"; '
        f'weight = {first_weight if number == 0 else 1}; }}'
        for number, address in enumerate(backend_addresses(way, count, service)))
    name = f'{way}-{service}'.lower().replace(' ', '-').replace(',', '')
    dscp = ' dscp = 11;' if WAYS[way].mode == 'l3_direct' else ''
    return (f'  {{ name = "{name}"; vips = ["{vip_of(way, service)}"]; protocol = "tcp"; '
            f'ports = "80"; mode = "{WAYS[way].mode}";{dscp}\n    backends = ({backends}); }}')


class Box(NamedTuple):
    """What keeld is to be."""
    devices: tuple  # of its ports
    namespace: str
    prefix: str
    folder: str
    has_hugepages: bool = True
    ways: tuple = ('IPIP',)
    services: int = 1  # of each way
    backends: int = 1000
    idle: str = 'adaptive'
    buffers: int = 16_384
    worker_core: int = 0
    control_core: int = 1

    def last_port(self):
        """The name of the one towards the backends."""
        return PORTS[len(self.devices) - 1]

    def port_text(self, number):
        addresses, routes = ('192.0.2.1/24',), ''
        if number == len(self.devices) - 1:
            addresses = PORT_ADDRESSES
            routes = ', '.join(f'{{ to = "{to}"; via = "{via}"; }}' for to, via in ROUTES.items())
        listed = ', '.join(f'"{address}"' for address in addresses)
        return (f'{{ name = "{PORTS[number]}"; device = "{self.devices[number]}"; '
                f'addresses = [{listed}]; routes = ({routes}); }}')

    def settings(self, first_weight=1):
        services = ',\n'.join(service_text(way, self.backends, number, first_weight)
                              for way in self.ways for number in range(self.services))
        ports = ',\n  '.join(self.port_text(number) for number in range(len(self.devices)))
        in_memory = '"--in-memory"' if self.has_hugepages else ''
        return f'''name = "bench";
secret_file = "{self.folder}/secret";
cpu = {{ control = {self.control_core}; workers = [{self.worker_core}]; }};
memory = {{ mib = 1024; hugepages = {str(self.has_hugepages).lower()}; buffers = {self.buffers}; }};
idle = "{self.idle}";
eal_prefix = "{self.prefix}";
eal_extra = [{in_memory}];
kernel = {{ namespace = "{self.namespace}"; }};
ports = ({ports});
services = (
{services}
);
'''

    def neighbours(self):
        """Addresses that must be known on the last port."""
        known = list(GATEWAY.values())
        for way in self.ways:
            if WAYS[way].mode == 'l2_direct':
                known += backend_addresses(way, self.backends)
        return known
