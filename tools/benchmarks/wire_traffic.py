"""Frames of TCP flows towards a service, as pcap files that a generator replays.

A flow is a client's address and port. A million of them are wanted within seconds, from Python
alone: so only what differs between two frames is made anew, and checksums are sums of parts.
"""
import ipaddress
import itertools
import struct
from typing import NamedTuple

# Seven, four and one in twelve, as is usual; the largest still fits 1,500 bytes in any tunnel.
IMIX = (64, 570, 64, 64, 570, 64, 64, 570, 64, 64, 570, 1400)
GENERATOR_MAC = bytes.fromhex('024556000001')
CLIENT_COUNT, PORT_COUNT, FIRST_PORT = 1_021, 40_000, 20_000
CLIENTS = {4: int(ipaddress.ip_address('100.64.0.0')),  # of IPv6, what NAT64 makes of these
           6: int(ipaddress.ip_address('64:ff9b::100.64.0.0'))}
HEADERS = {4: 14 + 20 + 20, 6: 14 + 40 + 20}
STAMP = 10  # bytes at the end of a frame, wire_generator's


class Traffic(NamedTuple):
    """TCP packets, ACK alone, of so many flows; `size` counts a frame's bytes without its FCS."""
    vip: str
    destination_mac: bytes
    flows: int
    size: int | str  # 'imix', or bytes

    @property
    def family(self):
        return ipaddress.ip_address(self.vip).version

    def sizes(self):
        """Sizes of successive frames, over and over."""
        least = HEADERS[self.family] + STAMP
        sizes = IMIX if self.size == 'imix' else (self.size,)
        return tuple(max(size, least) for size in sizes)


def sum_of(data):
    """The sum of 16-bit words of which a checksum is made."""
    return sum(struct.unpack(f'!{len(data) // 2}H', data))


def checksum(total):
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def network_header(traffic, client, size):
    """The header, and what addresses, length and protocol add to the sum of TCP's checksum."""
    vip = ipaddress.ip_address(traffic.vip).packed
    source = (CLIENTS[traffic.family] + client).to_bytes(len(vip), 'big')
    length = size - HEADERS[traffic.family] + 20
    if traffic.family == 4:
        header = struct.pack('!BBHHHBBH', 0x45, 0, size - 14, 0, 0x4000, 64, 6, 0) + source + vip
        header = header[:10] + struct.pack('!H', checksum(sum_of(header))) + header[12:]
    else:
        header = struct.pack('!IHBB', 6 << 28, length, 6, 64) + source + vip
    return header, sum_of(source) + sum_of(vip) + 6 + length


def flow(number):
    """(client, port) of a flow; neighbours in number have neither in common."""
    client = number % CLIENT_COUNT
    return client, FIRST_PORT + (number // CLIENT_COUNT + client * 7_919) % PORT_COUNT


def records(traffic):
    """The records of a pcap file, as many as there are flows, or sizes if these are more."""
    ethernet = (traffic.destination_mac + GENERATOR_MAC +
                (b'\x08\x00' if traffic.family == 4 else b'\x86\xdd'))
    sizes = traffic.sizes()
    port, sequence, flags, window = 80, 1, 0x5010, 1000
    openings = {}
    for size, client in itertools.product(set(sizes), range(min(CLIENT_COUNT, traffic.flows))):
        header, pseudo = network_header(traffic, client, size)
        openings[size, client] = (struct.pack('<IIII', 0, 0, size, size) + ethernet + header,
                                  pseudo + port + 2 * sequence + flags + window)
    payload = {size: bytes(size - HEADERS[traffic.family]) for size in sizes}
    tcp = struct.Struct('!HHIIHHHH').pack
    for number in range(max(traffic.flows, len(sizes))):
        size = sizes[number % len(sizes)]
        client, source_port = flow(number % traffic.flows)
        opening, total = openings[size, client]
        yield (opening + tcp(source_port, port, sequence, sequence, flags, window,
                             checksum(total + source_port), 0) + payload[size])


def write_pcap(path, traffic):
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65_535, 1))
        file.writelines(records(traffic))
