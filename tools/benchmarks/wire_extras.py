"""What `tools/bench wire` measures besides rates: delays, the rate without loss, what swapping
plans costs, how long the start takes, and how large keeld is then.
"""
import collections
import contextlib
import os
import signal
import subprocess
import threading
import time

from wire_links import DUT_MAC, LINKS, OwnGenerator
from wire_settings import vip_of
from wire_traffic import Traffic

TRIAL_SECONDS = 0.1
TRIALS = 3        # a core that is taken away for a while is no loss of the device's
SEARCH_STEPS = 8
DELAY_SECONDS = 0.4
ROUNDS = 3
SWAPS_PER_SECOND = 100
START_SERVICES, START_BACKENDS = 512, 100
START_WINDOW = 10  # seconds
START_SECONDS, START_MB, SWAP_COST = 2.0, 256, 0.02


def is_lost(answer):
    return answer['received'] < answer['sent'] or answer['not_taken'] > 0


def highest_without_loss(loses, highest, steps=SEARCH_STEPS):
    """RFC 2544's search, by halves: the highest rate found that loses nothing, or 0."""
    low, high = 0.0, highest
    if not loses(highest):
        return highest
    for _ in range(steps):
        middle = (low + high) / 2
        if loses(middle):
            high = middle
        else:
            low = middle
    return low


def delays(run, link):
    """Of keeld and of testpmd macswap: p50 and p99 at three rates, and the rate without loss."""
    traffic = Traffic(vip_of('IPIP'), DUT_MAC, 8_192, 64)
    run.report.section(f'{LINKS[link]}: delay there and back, 64 bytes, 8,192 flows', 'us')
    lossless = {}
    duts = {
        'testpmd macswap': lambda: run.testpmd(link, OwnGenerator),
        'keeld, idle = poll': lambda: run.keeld(link, OwnGenerator, idle='poll'),
        'keeld, idle = adaptive': lambda: run.keeld(link, OwnGenerator),
    }
    for name, start_pair in duts.items():
        with start_pair() as (dut, generator):
            if dut.name == 'testpmd':
                dut.set_mode('macswap')
            most = generator.flood(traffic, DELAY_SECONDS)
            for label, rate in (('10 kpps', 1e4), ('50 %', most / 2), ('90 %', most * 0.9)):
                answers = [generator.run(traffic, rate, DELAY_SECONDS) for _ in range(ROUNDS)]
                for quantile in ('p50', 'p99'):
                    run.report.row(f'{name}, at {label}, {quantile}',
                                   [answer[f'{quantile}_us'] for answer in answers])

            def loses(rate):
                return all(is_lost(generator.run(traffic, rate, TRIAL_SECONDS))
                           for _ in range(TRIALS))
            lossless[name] = highest_without_loss(loses, most) / 1e6
    run.report.section(f'{LINKS[link]}: rate without loss (RFC 2544, the best of {TRIALS} trials '
                       f'of {TRIAL_SECONDS} s counts)', 'Mpps')
    for name, rate in lossless.items():
        run.report.row(name, [rate])


class Swapper:
    """Gives keeld other settings, so many times a second, until it is left."""

    def __init__(self, dut):
        self.dut, self.stop = dut, threading.Event()
        self.texts = [dut.box.settings(first_weight=weight) for weight in (1, 2)]
        self.thread = threading.Thread(target=self.work)

    def work(self):
        new, turn, due = self.dut.settings_path.with_suffix('.new'), 0, time.monotonic()
        pid = self.dut.child.pid
        while not self.stop.is_set():
            turn += 1
            new.write_text(self.texts[turn % 2])
            os.replace(new, self.dut.settings_path)
            os.kill(pid, signal.SIGHUP)
            due = max(due + 1 / SWAPS_PER_SECOND, time.monotonic())
            self.stop.wait(due - time.monotonic())

    def __enter__(self):
        self.generation, self.began = self.dut.plan()['generation'], time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        plans = self.dut.plan()['generation'] - self.generation
        self.per_second = plans / (time.monotonic() - self.began)


def swaps(run, link):
    """Windows with and without swaps take turns. Control shares the generator's core, so that what
    counts is the worker's cycles for each packet, and what is lost at half the rate.
    """
    traffic = Traffic(vip_of('IPIP'), DUT_MAC, 8_192, 64)
    cycles, costs, found = {False: [], True: []}, [], collections.defaultdict(list)
    with run.keeld(link, OwnGenerator) as (dut, generator):
        half = generator.flood(traffic, DELAY_SECONDS) / 2

        def window():
            dut.begin()
            return generator.run(traffic, half, 1.0), dut.cycles()
        for _ in range(run.options.rounds):
            before, quiet = window()
            with Swapper(dut) as swapper:
                during, busy = window()
            cycles[False].append(quiet)
            cycles[True].append(busy)
            costs.append(busy / quiet - 1)
            found['plans'].append(swapper.per_second)
            found['lost'].append(during['sent'] - during['received'])
            found['refused before'].append(before['not_taken'])
            found['refused'].append(during['not_taken'])
        drops = {reason: count for reason, count in dut.drops().items() if count}
    run.report.section(f'{LINKS[link]}: {SWAPS_PER_SECOND} swaps a second asked for, at half the '
                       'rate, 64 bytes, 8,192 flows', 'as named')
    run.report.row('cycles for each packet, no swaps', cycles[False])
    run.report.row('cycles for each packet, swaps', cycles[True])
    run.report.at_most('cost, as a part', costs, SWAP_COST)
    run.report.row('plans published each second', found['plans'])
    run.report.at_most('packets sent and not received', found['lost'], 0)
    run.report.row('not taken by the link, no swaps', found['refused before'])
    run.report.row('not taken by the link, swaps', found['refused'])
    run.report.note(f'  keeld counts as dropped: {drops or "nothing"}')


def started(run, link):
    """Seconds from the start of keeld to the first packet that it forwards, of the first and of
    the last service (the whole window, if there is none), and its memory then.
    """
    found = {}
    for name, service in (('first', 0), ('last', START_SERVICES - 1)):
        traffic = Traffic(vip_of('IPIP', service), DUT_MAC, 1_000, 64)
        run.bench.pcap_of(traffic)

        def make(bench, its_link, traffic=traffic):
            generator = OwnGenerator(bench, its_link)
            generator.order(traffic, 10_000, START_WINDOW)
            return generator
        with run.keeld(link, make, services=START_SERVICES, backends=START_BACKENDS) as both:
            dut, generator = both
            answer = generator.child.answer(60)
            found[name] = (answer['first_at'] - dut.child.started if answer['received']
                           else START_WINDOW)
            found |= dut.memory()
    return found


def installed_bytes(run):
    folder = run.bench.folder / 'installed'
    subprocess.run(['/usr/bin/meson', 'install', '-C', run.bench.build, '--no-rebuild', '--quiet',
                    '--destdir', folder], check=True, timeout=60, capture_output=True)
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())


def start(run, link):
    """Start with many services, on the memif link, whose generator is there before."""
    tries = [started(run, link) for _ in range(1 if run.options.quick else ROUNDS)]
    run.report.section(f'{START_SERVICES} services of {START_BACKENDS} backends', 'as named')

    def of(name):
        return [found[name] for found in tries]
    run.report.at_most('start to the first forwarded packet, s', of('first'), START_SECONDS)
    run.report.row('the same, of the last service, s', of('last'))
    # Without hugepages all that DPDK reserves is counted too, and the goal means nothing.
    run.report.at_most('memory outside hugepages, MB', of('rss'),
                       START_MB if run.bench.has_hugepages else None)
    run.report.row('of it anonymous, MB', of('anonymous'))
    with contextlib.suppress(subprocess.SubprocessError):
        run.report.row('installed size, MB', [installed_bytes(run) / 1e6])
