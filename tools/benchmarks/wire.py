#!/usr/bin/python3
"""`tools/bench wire`: what a packet's way through keeld costs, beside dpdk-testpmd on the same link
in the same run.

Machines are shared, so that a figure is worth little alone: devices under test take turns, round
after round, and what is judged is the median of ratios, each of two figures of one round.
"""
import argparse
import collections
import contextlib
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import wire_extras
from wire_links import (CEILING, DUT_MAC, LINKS, Bench, Keeld, OwnGenerator, Testpmd,
                        generator_for, measure, measure_alone, pair)
from wire_machine import Failure, Namespace, forget, hugepages
from wire_report import Report, number
from wire_settings import WAYS, Box, vip_of
from wire_traffic import Traffic

# Of 2 MiB: for keeld, testpmd and wire_generator; and for others' generators, which keep each
# frame in a buffer.
HUGEPAGES, HUGEPAGES_TO_REPLAY = 1_400, 1_400
MAC_OF_PCAP = bytes.fromhex('027063617000')
SIZES = (64, 256, 512, 1024, 1400, 'imix')
FLOWS = (1, 1_000, 8_192, 64_000, 1_000_000)
GOAL_FLOWS = (8_192, 1_000_000)
WINDOW_SECONDS = 0.4
# (size, against, link): the least part of its rate.
GOALS = {(64, 'macswap', 'vhost'): 0.85, (64, 'macswap', 'memif'): 0.97,
         (64, 'csum', 'vhost'): 1.0, (64, 'csum', 'memif'): 1.0,
         (1400, 'macswap', 'vhost'): 0.95, (1400, 'macswap', 'memif'): 0.95}


UNFIT = 77  # what meson takes for a test that cannot run here


class Unfit(Failure):
    """This machine or user cannot run the benchmark at all."""


def traffic_of(way, flows, size, mac=DUT_MAC, service=0):
    return Traffic(vip_of(way, service), mac, flows, size)


def cells(options):
    """(flows, size) of all rates of IPIP: the goals' first, then the curves'."""
    found = [(flows, 64) for flows in GOAL_FLOWS] + [(8_192, 1400)]
    if not options.quick:
        found += [(8_192, size) for size in SIZES] + [(flows, 64) for flows in FLOWS]
    return [cell for cell in dict.fromkeys(found)
            if options.sizes is None or str(cell[1]) in options.sizes]


class Run:
    """A run of the benchmark: the devices under test of each kind, and where figures go."""

    def __init__(self, bench, options):
        self.bench, self.options, self.report = bench, options, Report()
        self.seconds = 0.2 if options.quick else WINDOW_SECONDS

    def box(self, link, pcap=None, **more):
        return Box(self.bench.dut_devices(link, pcap), self.bench.namespace.name,
                   f'{self.bench.prefix}-keeld', str(self.bench.folder),
                   self.bench.has_hugepages, **more)

    @contextlib.contextmanager
    def testpmd(self, link, make=OwnGenerator):
        with pair(self.bench, link, lambda: Testpmd(self.bench, link), make) as both:
            yield both

    @contextlib.contextmanager
    def keeld(self, link, make=OwnGenerator, **more):
        with pair(self.bench, link, lambda: Keeld(self.bench, self.box(link, **more)),
                  make) as both:
            both[0].wait_until_usable()
            yield both

    # --- Rates ------------------------------------------------------------------------------------

    def rates(self, link):
        wanted, found = cells(self.options), collections.defaultdict(list)
        is_own = self.bench.generator == 'wire_generator'
        groups = [wanted] if is_own else [[cell] for cell in wanted]
        for _, group in itertools.product(range(self.options.rounds), groups):
            make = generator_for(traffic_of('IPIP', *group[0]))
            with self.testpmd(link, make) as (dut, generator):
                for mode in CEILING:
                    dut.set_mode(mode)
                    for cell in group:
                        found[mode, cell].append(measure(
                            dut, generator, traffic_of('IPIP', *cell), self.seconds))
            with self.keeld(link, make) as (dut, generator):
                for cell in group:
                    found['keeld', cell].append(measure(
                        dut, generator, traffic_of('IPIP', *cell), self.seconds))
        self.tell_rates(link, wanted, found)

    def tell_rates(self, link, wanted, found):
        for cell in wanted:
            flows, size = cell
            self.report.section(f'{LINKS[link]}: {size_text(size)}, {number(flows)} flows',
                                'Mpps', 'cycles each')
            for name in (*CEILING, 'keeld'):
                rates = found[name, cell]
                self.report.row('keeld, IPIP, 1,000 backends' if name == 'keeld'
                                else f'testpmd {name}',
                                [rate.packets_per_second / 1e6 for rate in rates],
                                [rate.cycles for rate in rates])
            for other in ('macswap', 'csum'):
                ratios = [mine.packets_per_second / max(theirs.packets_per_second, 1)
                          for mine, theirs in zip(found['keeld', cell], found[other, cell])]
                goal = GOALS.get((size, other, link)) if flows in GOAL_FLOWS else None
                self.report.ratio(f'keeld : {other}', ratios, goal)
        for title, axis in (('size [bytes], 8,192 flows', lambda f, s: f == 8_192 and s),
                            ('flows, 64 bytes', lambda f, s: s == 64 and f)):
            for name in ('macswap', 'csum', 'keeld'):
                self.report.curve(f'{link}: rate over {title}', 'Mpps', name, [
                    (axis(*cell), [rate.packets_per_second / 1e6 for rate in found[name, cell]])
                    for cell in wanted if type(axis(*cell)) is int])  # no bool

    # --- Ways of forwarding -----------------------------------------------------------------------

    def ways(self, link):
        wanted = [way for way in WAYS if self.options.ways is None or way in self.options.ways]
        found = {way: [] for way in wanted}
        for _ in range(1 if self.options.quick else 3):
            with self.keeld(link, ways=tuple(wanted)) as (dut, generator):
                for way in wanted:
                    found[way].append(measure(dut, generator, traffic_of(way, 8_192, 64),
                                              self.seconds))
        self.report.section(f'{LINKS[link]}: each way of forwarding, 64 bytes (IPv6: 84), '
                            '8,192 flows, a service each', 'Mpps', 'cycles each')
        for way, rates in found.items():
            self.report.row(way, [rate.packets_per_second / 1e6 for rate in rates],
                            [rate.cycles for rate in rates])

    # --- No link ----------------------------------------------------------------------------------

    def in_process(self):
        traffic = traffic_of('IPIP', 8_192, 64, MAC_OF_PCAP)
        pcap = self.bench.pcap_of(traffic)
        found = {name: [] for name in (*CEILING, 'keeld')}
        box = self.box('pcap', pcap, buffers=65_535)
        for _ in range(self.options.rounds):
            with contextlib.ExitStack() as stack:
                dut = Testpmd(self.bench, 'pcap', pcap)
                stack.callback(dut.end)
                for mode in CEILING:
                    dut.set_mode(mode)
                    found[mode].append(measure_alone(dut, self.seconds))
            with contextlib.ExitStack() as stack:
                dut = Keeld(self.bench, box)
                stack.callback(dut.end)
                dut.wait_until_usable()
                found['keeld'].append(measure_alone(dut, self.seconds))
        self.report.section(f'{LINKS["pcap"]}: 64 bytes, 8,192 flows', 'Mpps', 'cycles each')
        for name, rates in found.items():
            self.report.row('keeld, IPIP, 1,000 backends' if name == 'keeld'
                            else f'testpmd {name}',
                            [rate.packets_per_second / 1e6 for rate in rates],
                            [rate.cycles for rate in rates])


def size_text(size):
    if size == 'imix':
        return 'IMIX (of twelve, 7 of 64, 4 of 570, 1 of 1,400 bytes)'
    return f'{number(size)} bytes'


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog='tools/bench wire', description='Packets through keeld, beside dpdk-testpmd.')
    parser.add_argument('--quick', action='store_true', help='the goals only, within two minutes')
    parser.add_argument('--rounds', type=int, help='5, or 1 if quick')
    parser.add_argument('--link', action='append', choices=list(LINKS), dest='links')
    parser.add_argument('--size', action='append', dest='sizes',
                        choices=[str(size) for size in SIZES])
    parser.add_argument('--way', action='append', dest='ways', choices=list(WAYS),
                        help='a way of forwarding; else all')
    parser.add_argument('--only', action='append', dest='parts',
                        choices=['rates', 'ways', 'delays', 'swaps', 'start'])
    parser.add_argument('--generator', default='wire_generator',
                        choices=['wire_generator', 'testpmd', 'pktgen'],
                        help='who floods; testpmd and pktgen replay the same pcaps')
    parser.add_argument('--build', type=Path, default=Path('build'))
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.links = options.links or list(LINKS)
    options.parts = options.parts or (['rates', 'start'] if options.quick else
                                      ['rates', 'ways', 'delays', 'swaps', 'start'])
    return options


def check_machine(options):
    if os.geteuid() != 0:
        raise Unfit('not root: keeld needs a network namespace of its own; use sudo')
    if (os.cpu_count() or 1) < 2:
        raise Unfit('this machine has one core, and the generator needs one of its own')
    for program in ('dpdk-testpmd', 'ip', 'stdbuf', 'timeout'):
        if shutil.which(program) is None:
            raise Failure(f'{program} is not installed; tools/setup does that')
    if options.generator == 'pktgen' and shutil.which('pktgen') is None:
        raise Failure('pktgen is not installed; it is at https://github.com/pktgen/Pktgen-DPDK, '
                      'and its version 23.03 fits Debian 12\'s DPDK')


def run_all(run, options):
    links = [link for link in options.links if link != 'pcap']
    if 'rates' in options.parts:
        for link in links:
            run.rates(link)
        if 'pcap' in options.links:
            run.in_process()
    for link in links:
        if 'ways' in options.parts and link == links[0]:
            run.ways(link)
        if 'delays' in options.parts:
            wire_extras.delays(run, link)
    if links and 'swaps' in options.parts:
        wire_extras.swaps(run, links[0])
    if links and 'start' in options.parts:
        wire_extras.start(run, links[-1])


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by SIGTERM'))
    began = time.monotonic()
    prefix = f'evenkeel-bench-{os.getpid()}'
    try:
        check_machine(options)
        with contextlib.ExitStack() as stack:
            stack.callback(forget, prefix)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(
                prefix=prefix, ignore_cleanup_errors=True)))
            wanted = HUGEPAGES
            if options.generator != 'wire_generator':
                wanted += HUGEPAGES_TO_REPLAY
            enough = stack.enter_context(hugepages(wanted, folder))
            namespace = stack.enter_context(Namespace(prefix))
            run = Run(Bench(folder, prefix, enough, options.build.resolve(), namespace,
                            options.generator), options)
            if not enough:
                run.report.note(f'There are no {wanted} hugepages of 2 MiB: everything runs '
                                'without, memif copies, and rates are lower.')
            run_all(run, options)
            run.report.write_json(options.build / 'wire.json')
    except KeyboardInterrupt:
        sys.exit(130)
    except (Failure, OSError) as failure:
        print(f'tools/bench wire: {failure}', file=sys.stderr)
        sys.exit(UNFIT if isinstance(failure, Unfit) else 1)
    print(f'\nIt took {time.monotonic() - began:.0f} s.')


if __name__ == '__main__':
    main()
