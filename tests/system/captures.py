"""keel capture: what passes the ports of a running box, as a file that Wireshark's programs read.

The client sends numbered datagrams to a service all the time, so that whatever has been captured
can be told to be what was sent: as it came, and as it went on through a tunnel.
"""

import contextlib
import json
import subprocess
import threading
from pathlib import Path

from lab import managed_lab
from network import CLIENT, VIP
from proof import Skip, expect

PORT = 7
PACKETS = 100
BURST = 32            # packets that are written together, so that a few more may come
PAUSE = 0.002         # seconds between two datagrams
MEMORY_MIB = 512
LOCAL = 5             # keel's exit status where something failed on its own side
_PAGES = Path('/sys/kernel/mm/hugepages/hugepages-2048kB')


def free_pages():
    return int((_PAGES / 'free_hugepages').read_text(encoding='ascii'))


@contextlib.contextmanager
def hugepages(folder):
    """Enough of them, and mounted, for a while. Skips where they cannot be had."""
    if not _PAGES.exists():
        raise Skip('this kernel has no hugepages of 2 MiB')
    number = Path('/proc/sys/vm/nr_hugepages')
    before, wanted = int(number.read_text(encoding='ascii')), MEMORY_MIB // 2 + 16
    missing = wanted - free_pages()
    with contextlib.ExitStack() as undo:
        if missing > 0:
            with contextlib.suppress(OSError):
                undo.callback(number.write_text, str(before), encoding='ascii')
                number.write_text(str(before + missing), encoding='ascii')
        if free_pages() < wanted:
            raise Skip(f'{free_pages()} hugepages are free, of {wanted} that the box would need')
        mount = folder / 'hugepages'
        mount.mkdir()
        undo.callback(mount.rmdir)
        subprocess.run(['mount', '-t', 'hugetlbfs', '-o', 'pagesize=2M', 'nodev', mount],
                       check=True)
        undo.callback(subprocess.run, ['umount', '--lazy', mount], check=True)
        yield


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs) as result:
        result.box.settings['services'].append(result.box.service(
            'sink', 'ipip', vips=[VIP[4]], protocol='udp', ports=str(PORT)))
        yield result


@contextlib.contextmanager
def running(lab_, on_hugepages):
    """The box, forwarding; ended afterwards."""
    box = lab_.box
    box.settings['memory'] = {**box.settings['memory'], 'mib': MEMORY_MIB,
                              'hugepages': on_hugepages}
    box.state = lab_.folder / f'state-{on_hugepages}'
    box.start(20)
    try:
        lab_.wait_for_service(VIP[4], seconds=20)
        yield box
    finally:
        box.stop()


@contextlib.contextmanager
def numbered_datagrams(lab_):
    """Sent to the service all the while, from the port that is yielded; each has the next
    number."""
    is_over, channel = threading.Event(), lab_.sends(4)
    channel.connect((VIP[4], PORT))

    def send():
        number = 0
        while not is_over.wait(PAUSE):
            with contextlib.suppress(ConnectionRefusedError):  # nobody is there to take them
                channel.send(f'{number:08}'.encode())
                number += 1
    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield channel.getsockname()[1]
    finally:
        is_over.set()
        thread.join()
        channel.close()


def read(path, *fields):
    """Its packets by tshark, the fields of each: of every layer that has one, with commas."""
    said = subprocess.run(
        ['tshark', '-n', '-r', path, '-T', 'fields', *(word for field in fields
                                                      for word in ('-e', field))],
        capture_output=True, text=True, timeout=60, check=True).stdout
    return [line.split('\t') for line in said.splitlines()]


def packets_in(path):
    """How many there are in a pcapng file, as capinfos reads it."""
    said = subprocess.run(['capinfos', '-M', '-t', '-c', path], capture_output=True, text=True,
                          timeout=60, check=True).stdout
    found = {line.partition(':')[0].strip(): line.partition(':')[2].strip()
             for line in said.splitlines()}
    assert 'pcapng' in found['File type'], said
    return int(found['Number of packets'])


def expect_captured(path, packets):
    """All of them, and of the datagrams as they were sent, without a gap."""
    expect(len(packets), packets_in(path), 'packets, by tshark and by capinfos')
    assert PACKETS <= len(packets) < PACKETS + BURST, f'{len(packets)} packets'
    numbers = [int(bytes.fromhex(packet[-1])) for packet in packets]
    expect(numbers, list(range(numbers[0], numbers[0] + len(numbers))), 'what was captured')


def expect_tunnel(lab_, flows):
    """One flow goes to one server; tshark gives the outer address and the inner one."""
    expect(len(flows), 1, f'flows ({flows})')
    sources, destinations = (addresses.split(',') for addresses in flows.pop())
    expect((sources[-1], destinations[-1]), (CLIENT[4], VIP[4]), 'inside the tunnel')
    assert destinations[0] in {server.address[4] for server in lab_.network.servers}, destinations


def captures(lab_):
    with hugepages(lab_.folder), running(lab_, True) as box, \
            numbered_datagrams(lab_) as own_port:
        path = lab_.folder / 'wan.pcapng'
        said = box.keel('capture', 'wan', '--to', path, '--packets', PACKETS, '--for', '20s',
                        '--filter', f'udp dst port {PORT}', seconds=40)
        assert f'Captured into {path}' in said, said
        packets = read(path, 'ip.src', 'ip.dst', 'udp.srcport', 'udp.dstport', 'udp.payload')
        expect_captured(path, packets)
        expect({tuple(packet[:-1]) for packet in packets},
               {(CLIENT[4], VIP[4], str(own_port), str(PORT))}, 'flows')
        came = len(packets)

        path = lab_.folder / 'lan.pcapng'
        box.keel('capture', 1, '--to', path, '--packets', PACKETS, '--for', '20s',
                 '--filter', 'proto 4', seconds=40)
        packets = read(path, 'ip.src', 'ip.dst', 'udp.payload')
        expect_captured(path, packets)
        expect_tunnel(lab_, {tuple(packet[:-1]) for packet in packets})
        return f'{came} packets as they came and {len(packets)} as they left, none missing'


def ends_by_time(lab_):
    """Without a packet that it is to take; and the box is as it was."""
    with hugepages(lab_.folder), running(lab_, True) as box:
        path = lab_.folder / 'nothing.pcapng'
        said = box.keel('capture', 'wan', '--to', path, '--for', '1s', '--filter', 'udp port 9',
                        '--json')
        expect(json.loads(said.splitlines()[0])['file'], str(path), 'the file')
        expect(packets_in(path), 0, 'packets')
        lab_.all_answered(VIP[4], 500)
        expect(box.buffers_missing(), 0, 'buffers that are not free')


def refuses_without_hugepages(lab_):
    """In one sentence that says what is missing, and the box is as it was."""
    with running(lab_, False) as box:
        path = lab_.folder / 'refused.pcapng'
        said = box.keel('capture', 'wan', '--to', path, '--for', '5s', expected=LOCAL)
        assert 'memory.hugepages' in said, said
        lab_.all_answered(VIP[4], 500)
        return said.strip().splitlines()[-1]


TESTS = [
    ('on hugepages, what comes and what leaves is captured without a gap, for tshark to read',
     captures),
    ('a capture of nothing ends by its time', ends_by_time),
    ('without hugepages it says that it needs them', refuses_without_hugepages),
]
