"""What goes wrong below the plan is noticed within 100 ms, said in the log, and over when it is.

The box's lan port is a memif device whose other end is a program, dpdk-testpmd, that carries
packets between it and the real cable: stopped, it leaves the box's transmit queue full, and killed,
its link down. One worker thread is stopped as a debugger does. Packet buffers are taken away by a
module that is loaded into keeld (exhaust.cc).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

from lab import lab
from network import BOX_WAN, VIP
from proof import expect, until

NOTICED = 0.1
PORT = 7
AT_HAND = 700  # more buffers than a worker keeps for itself
_SEIZE, _INTERRUPT, _DETACH, _ALL = 0x4206, 0x4207, 17, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        box = result.box
        result.servers.start_decapsulators('ipip', 4)
        result.memif = result.folder / 'lan.memif'
        result.exhaust = result.folder / 'exhaust'
        os.mkfifo(result.exhaust)
        box.settings['ports'][1]['device'] = (
            f'net_memif,role=server,socket={result.memif},socket-abstract=no')
        box.settings['services'] = [
            box.service('web', 'ipip'),
            box.service('sink', 'ipip', protocol='udp', ports=str(PORT), affinity='stateless')]
        box.environment = {'LD_PRELOAD': str(programs.system / 'libexhaust.so'),
                           'EXHAUST_PIPE': str(result.exhaust)}
        box.start()
        result.cable = start_cable(result)
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        yield result


def start_cable(lab_):
    return lab_.namespaces.start('box', [
        'dpdk-testpmd', '--no-huge', '-m', '64', '--no-pci', '--lcores', '0@0,1@0',
        '--file-prefix', lab_.namespaces.name('cable'), '--no-telemetry',
        '--vdev', f'net_memif0,role=client,socket={lab_.memif},socket-abstract=no',
        '--vdev', 'net_af_packet0,iface=lan0,qdisc_bypass=1',
        '--', '--forward-mode=io', '--total-num-mbufs=4096'],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def noticed(lab_, inject, *words):
    """Injects, and waits for the line in the log; returns in how many milliseconds it came."""
    before = lab_.box.log_size()
    inject()
    began = time.monotonic()
    line = lab_.box.wait_for_log(*words, since=before, seconds=5)
    seconds = time.monotonic() - began
    assert seconds < NOTICED, f'noticed after {1000 * seconds:.0f} ms: {line}'
    return f'{1000 * seconds:.0f} ms'


def heals(lab_, mend, *words):
    """Mends, waits for the line that says so, and has every request answered again."""
    before = lab_.box.log_size()
    mend()
    lab_.box.wait_for_log('well again', *words, since=before)
    for vip in VIP.values():
        lab_.wait_for_service(vip)
        lab_.all_answered(vip, 500)


def trace(request, thread):
    if _libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), f'ptrace {request} of thread {thread}')


@contextlib.contextmanager
def stopped(thread):
    """As a debugger does; yields what lets it go on. While it is stopped, keeld cannot end."""
    trace(_SEIZE, thread)
    trace(_INTERRUPT, thread)
    os.waitpid(thread, _ALL)
    going = contextlib.ExitStack()
    going.callback(trace, _DETACH, thread)
    with going:
        yield going.close


def stalled_worker(lab_):
    """Three quarters of the time that may pass is the box's own patience, and what looks shares its
    core with others here: the soonest of three counts."""
    said = []
    for left in (2, 1, 0):
        with contextlib.ExitStack() as stack:
            worker = stopped(lab_.box.worker_thread())
            try:
                return noticed(lab_, lambda s=stack, w=worker: s.enter_context(w), 'worker 0',
                               'stood still')
            except AssertionError as late:
                said.append(str(late))
                assert left, said
            finally:
                heals(lab_, stack.close, 'worker 0')


def pulled_cable(lab_):
    network = lab_.network
    said = noticed(lab_, lambda: network.link('box', 'wan0', 'down'), 'port wan', 'link is down')
    heals(lab_, lambda: network.link('box', 'wan0', 'up'), 'port wan')
    return said


def lost_peer(lab_):
    def lose():
        lab_.namespaces.end(lab_.cable, signal.SIGKILL)

    def restore():
        lab_.cable = start_cable(lab_)
    said = noticed(lab_, lose, 'port lan', 'link is down')
    heals(lab_, restore, 'port lan')
    return said


def full_queue(lab_):
    """Its peer fetches nothing until the ring is full: the packet after that has no room."""
    def refused():
        return lab_.box.lost().get('lan transmit_full', 0)
    before = refused()
    lab_.cable.send_signal(signal.SIGSTOP)
    with lab_.sends(4) as channel:
        def overfill():
            until(lambda: [channel.sendto(b'x', (VIP[4], PORT)) for _ in range(100)]
                  and refused() > before, 'the queue is full', 5, 0)
        said = noticed(lab_, overfill, 'port lan', 'transmit queue is full')
    heals(lab_, lambda: lab_.cable.send_signal(signal.SIGCONT), 'port lan')
    return said


def exhausted_pool(lab_):
    """What the pool has is taken. What the worker has at hand goes into packets for the kernel,
    whose thread stands still: then there is none for the next packet. It tells nobody where the box
    is either, so the client has to know before."""
    lab_.client(f'ping -n -c 1 -W 5 {BOX_WAN[4]}')
    thread = lab_.box.threads()['kernel-path']
    with (lab_.sends(4) as channel, open(lab_.exhaust, 'w', encoding='ascii') as pipe,
          stopped(thread) as let_go):
        def say(word):
            pipe.write(word)
            pipe.flush()

        def take():
            for _ in range(AT_HAND):
                channel.sendto(b'x', (BOX_WAN[4], PORT))

        def give():
            say('g')
            let_go()
        say('t')
        until(lambda: lab_.box.ask('/evenkeel/pool')['free'] < AT_HAND, 'the pool is empty')
        said = noticed(lab_, take, 'packet buffers', 'exhausted')
        heals(lab_, give, 'packet buffers')
    expect(lab_.box.buffers_missing(), 0, 'buffers that did not come back')
    return said


TESTS = [
    ('a worker that stalls is noticed within 100 ms, and goes on', stalled_worker),
    ('a cable that is pulled is noticed within 100 ms, and can be plugged in again', pulled_cable),
    ('a peer that is killed is noticed within 100 ms, and can come back', lost_peer),
    ('a full transmit queue is noticed within 100 ms, and empties', full_queue),
    ('an exhausted pool is noticed within 100 ms, and fills again', exhausted_pool),
]
