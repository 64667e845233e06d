"""A generator on one core, a link, and a device under test on the other: how each is started, asked
and ended. What the arguments do was found out by measuring; wire.py says what is measured.
"""
import contextlib
import re
import time
from pathlib import Path
from typing import NamedTuple

from wire_machine import START_SECONDS, Child, Failure, memory_of, telemetry, until
from wire_settings import GATEWAY_MAC
from wire_traffic import write_pcap

# vhost's own; other links are given it.
DUT_MAC = bytes.fromhex('56484f535400')
GENERATOR_CORE, DUT_CORE = 1, 0
LINKS = {'vhost': 'vhost, virtio_user on the generator\'s side',
         'memif': 'memif',
         'pcap': 'in one process, net_pcap to net_null'}
CEILING = ('io', 'macswap', '5tswap', 'csum')
PROFILE = Path(__file__).resolve().parent / 'profiles' / 'flood.lua'


class Bench(NamedTuple):
    """What all pairs share."""
    folder: Path
    prefix: str
    has_hugepages: bool
    build: Path
    namespace: object
    generator: str = 'wire_generator'

    def eal(self, name, lcores):
        memory = (['--in-memory', '--single-file-segments'] if self.has_hugepages
                  else ['--no-huge', '-m', '1024'])
        return ['--no-pci', *memory, '--file-prefix', f'{self.prefix}-{name}', '--main-lcore', '0',
                '--lcores', lcores, '--log-level', 'warning']

    def pcap_of(self, traffic):
        """The traffic's file, made if it is not there yet."""
        name = '-'.join(str(part) for part in traffic if not isinstance(part, bytes))
        path = self.folder / f'{name.replace(":", ".")}-{traffic.destination_mac.hex()}.pcap'
        if not path.exists():
            write_pcap(path, traffic)
        return path

    def socket(self, link):
        return self.folder / f'{link}.sock'

    def dut_devices(self, link, pcap=None):
        """Without the numbers behind names, as keeld has them."""
        path = self.socket(link)
        if link == 'vhost':
            return (f'net_vhost,iface={path}',)
        if link == 'memif':
            copy = ',zero-copy=yes' if self.has_hugepages else ''
            mac = DUT_MAC.hex(':')
            return (f'net_memif,role=client,id=0,socket={path},socket-abstract=no,rsize=9,'
                    f'bsize=2048,mac={mac}{copy}',)
        return (f'net_pcap,rx_pcap={pcap},infinite_rx=1', 'net_null,no-rx=1')

    def generator_device(self, link):
        path = self.socket(link)
        if link == 'vhost':
            return (f'net_virtio_user0,path={path},queues=1,queue_size=1024,speed=100000,'
                    'packed_vq=1,mrg_rxbuf=0,in_order=1')
        return (f'net_memif0,role=server,id=0,socket={path},socket-abstract=no,rsize=9,'
                'bsize=2048')


class Rate(NamedTuple):
    """What one window of measuring gave."""
    packets_per_second: float
    cycles: float  # of the device under test for each packet


class Testpmd:
    """dpdk-testpmd as the device under test: the ceiling."""
    name = 'testpmd'

    def __init__(self, bench, link, pcap=None):
        self.prefix = f'{bench.prefix}-dut'
        devices = []
        for device in bench.dut_devices(link, pcap):
            driver, _, arguments = device.partition(',')
            devices += ['--vdev', f'{driver}0,{arguments}' if link != 'vhost' else
                        f'{driver}0,{arguments},queues=1']
        self.child = Child(
            ['dpdk-testpmd', *bench.eal('dut', f'0@{GENERATOR_CORE},1@{DUT_CORE}'), *devices,
             '--', '-i', '--record-core-cycles', '--no-lsc-interrupt', '--total-num-mbufs=65536'],
            bench.folder / 'testpmd.log')
        try:
            self.child.wait_for_log('testpmd>')
        except Failure:
            self.child.end()
            raise
        self.out_port = len(bench.dut_devices(link)) - 1

    def ask(self, lines, pattern):
        """What the pattern finds in what it says to these lines."""
        before = len(self.child.log())
        for line in lines:
            self.child.say(line)

        def look():
            if not self.child.is_running():
                raise self.child.failure('has ended')
            return re.search(pattern, self.child.log()[before:])
        return until(look, f'"{pattern}" from testpmd', START_SECONDS)

    def set_mode(self, mode):
        self.ask(('stop', f'set fwd {mode}', 'start'), f'  {mode} packet forwarding')

    def begin(self):
        self.ask(('clear fwd stats all',), 'clear fwd stats all[^>]*testpmd> ')

    def cycles(self):
        """For each packet since begin(); 0 if there was none."""
        told = self.ask(('show fwd stats all',), r'Accumulated[^>]*testpmd> ').group()
        found = re.search(r'CPU cycles/packet=([\d.]+)', told)
        return float(found.group(1)) if found else 0.0

    def transmitted(self):
        """By its last port."""
        return telemetry(self.prefix, f'/ethdev/stats,{self.out_port}')['opackets']

    def end(self):
        self.child.end()


class Keeld:
    """keeld as the device under test."""
    name = 'keeld'

    def __init__(self, bench, box):
        self.box, self.bench = box, bench
        self.settings_path = bench.folder / 'keeld.conf'
        self.settings_path.write_text(box.settings())
        self.child = Child([bench.build / 'firmware/keeld', '--config', self.settings_path],
                           bench.folder / 'keeld.log')
    def wait_until_usable(self):
        """Every backend's next hop is known. Its TAP comes, and goes down when the link does, as
        it likes, and forgets its neighbours then."""
        def is_usable():
            if not self.child.is_running():
                raise self.child.failure('has ended')
            with contextlib.suppress(Failure):
                self.bench.namespace.set_neighbours(self.box.last_port(), self.box.neighbours(),
                                                    GATEWAY_MAC)
            return self.plan().get('unusable_backends') == 0
        until(is_usable, 'every backend of keeld usable', START_SECONDS, 0.02)

    def plan(self):
        with contextlib.suppress(OSError):
            return telemetry(self.box.prefix, '/evenkeel/plan') or {}
        return {}

    def counts(self):
        return telemetry(self.box.prefix, '/evenkeel/workers,0')['entries']['0']

    def drops(self):
        return telemetry(self.box.prefix, '/evenkeel/drops')

    def begin(self):
        self.before = self.counts()

    def cycles(self):
        now = self.counts()
        packets = now['received'] - self.before['received']
        return (now['busy_cycles'] - self.before['busy_cycles']) / max(packets, 1)

    def transmitted(self):
        return telemetry(self.box.prefix, f'/ethdev/stats,{len(self.box.devices) - 1}')['opackets']

    def memory(self):
        return memory_of(self.child.pid)

    def end(self):
        self.child.end()


class OwnGenerator:
    """wire_generator: one process for any number of runs."""

    def __init__(self, bench, link):
        self.bench = bench
        self.child = Child(
            [bench.build / 'tools/wire_generator',
             *bench.eal('generator', f'0@{GENERATOR_CORE}'), '--vdev',
             bench.generator_device(link)], bench.folder / 'generator.log', answers=True)
        try:
            self.child.answer(START_SECONDS)
        except Failure:
            self.child.end()
            raise

    def order(self, traffic, rate, seconds):
        self.child.say(f'{self.bench.pcap_of(traffic)} {rate:.0f} {seconds}')

    def run(self, traffic, rate, seconds):
        self.order(traffic, rate, seconds)
        return self.child.answer(seconds + START_SECONDS)

    def flood(self, traffic, seconds):
        """Packets per second that come back when as many are sent as can be."""
        return self.run(traffic, 0, seconds)['received_per_second']

    def end(self):
        self.child.end()


class ReplayGenerator:
    """Other people's, testpmd or pktgen, which flood with one traffic for as long as they live."""

    def __init__(self, bench, link, traffic):
        self.prefix = f'{bench.prefix}-generator'
        pcap, device = bench.pcap_of(traffic), bench.generator_device(link)
        if bench.generator == 'pktgen':
            self.port = 0
            # Its main thread spins too, and costs the sender half of its core.
            arguments = ['pktgen',
                         *bench.eal('generator', f'0@{GENERATOR_CORE},1@{GENERATOR_CORE}'),
                         '--vdev', device, '--', '-P', '-m', '1.0', '-s', f'0:{pcap}',
                         '-f', PROFILE]
        else:
            self.port = 1
            arguments = ['dpdk-testpmd',
                         *bench.eal('generator', f'0@{GENERATOR_CORE},1@{GENERATOR_CORE}'),
                         '--vdev', f'net_pcap0,rx_pcap={pcap},infinite_rx=1', '--vdev', device,
                         '--', '-i', '--auto-start', '--no-lsc-interrupt',
                         f'--total-num-mbufs={traffic.flows + 65_536}']
        self.child = Child(arguments, bench.folder / 'generator.log')
        if self.port == 1:
            self.child.wait_for_log('testpmd>')

    def received(self):
        with contextlib.suppress(OSError, TypeError):
            return telemetry(self.prefix, f'/ethdev/stats,{self.port}')['ipackets']
        return 0

    def flood(self, _, seconds):
        until(lambda: self.received() > 0, 'packets back to the generator', START_SECONDS, 0.1)
        start, before = time.monotonic(), self.received()
        time.sleep(seconds)
        return (self.received() - before) / (time.monotonic() - start)

    def end(self):
        self.child.end()


def generator_for(traffic):
    """Whoever makes the generator that was asked for; wire_generator takes any traffic later."""
    def make(bench, link):
        if bench.generator == 'wire_generator':
            return OwnGenerator(bench, link)
        if bench.generator == 'pktgen' and link == 'memif':
            raise Failure('pktgen panics on memif; say --link vhost, or --generator testpmd')
        return ReplayGenerator(bench, link, traffic)
    return make


@contextlib.contextmanager
def pair(bench, link, make_dut, make):
    """(device under test, generator), connected. Whoever makes the socket starts first."""
    bench.socket(link).unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        def started(what):
            stack.callback(what.end)
            return what
        if link == 'memif':
            generator = started(make(bench, link))
            dut = started(make_dut())
        else:
            dut = started(make_dut())
            until(lambda: bench.socket(link).exists() or not dut.child.is_running(),
                  f'socket of {dut.name}', START_SECONDS)
            try:
                generator = started(make(bench, link))
            except Failure:
                if dut.child.is_running():
                    raise
                raise dut.child.failure('has ended') from None
        yield dut, generator


def measure(dut, generator, traffic, seconds):
    dut.begin()
    rate = generator.flood(traffic, seconds)
    return Rate(rate, dut.cycles())


def measure_alone(dut, seconds):
    """Of a device that has no generator: what it sends."""
    start, before = time.monotonic(), dut.transmitted()
    dut.begin()
    time.sleep(seconds)
    rate = (dut.transmitted() - before) / (time.monotonic() - start)
    return Rate(rate, dut.cycles())
