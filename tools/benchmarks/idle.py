#!/usr/bin/python3
"""`tools/bench idle`: what rest costs and what it saves. A client pings a VIP now and then, through
a veth pair whose other end is keeld's (AF_PACKET), while keeld polls or sleeps; beside them the
kernel's own answer through such a pair.
"""
import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from wire_machine import Child, Namespace, telemetry, until

VIP, CLIENT, OWN = '198.51.100.1', '192.0.2.9', '192.0.2.2'
INTERVAL = 0.01  # seconds; by then a worker sleeps again

SETTINGS = '''name = "idle";
secret_file = "{folder}/secret";
cpu = {{ control = 1; workers = [0]; }};
memory = {{ mib = 128; hugepages = false; buffers = 4096; }};
idle = "{idle}";
eal_prefix = "{prefix}";
kernel = {{ namespace = "{taps}"; }};
ports = ({{ name = "wan"; device = "net_af_packet,iface=wan0"; addresses = ["{own}/24"]; }});
services = ({{ name = "web"; vips = ["{vip}"]; protocol = "tcp"; ports = "80"; mode = "ipip";
  backends = ({{ name = "b"; address = "{client}"; }}); }});
'''


def cpu_seconds(pid):
    """Of the process, by thread: whichever is busiest is the worker."""
    ticks = os.sysconf('SC_CLK_TCK')

    def of(task):
        fields = (task / 'stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / ticks
    return {task.name: of(task) for task in Path(f'/proc/{pid}/task').iterdir()}


def ping(namespace, address, count):
    """Microseconds there and back of each that was answered."""
    said = subprocess.run(
        ['ip', 'netns', 'exec', namespace, 'ping', '-n', '-c', str(count), '-i', str(INTERVAL),
         '-W', '1', address], capture_output=True, text=True, check=False).stdout
    return [float(value) * 1e3 for value in re.findall(r'time=([\d.]+) ms', said)]


@contextlib.contextmanager
def link():
    """A client's namespace, joined to one for keeld's device, and one for its TAPs."""
    with contextlib.ExitStack() as stack:
        names = [stack.enter_context(Namespace(f'evenkeel-idle-{os.getpid()}-{role}')).name
                 for role in ('client', 'device', 'taps')]
        client, device, _ = names
        Namespace.ip('-n', client, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'wan0',
                     'netns', device)
        Namespace.ip('-n', client, 'addr', 'add', f'{CLIENT}/24', 'dev', 'eth0')
        for where, what in ((client, 'eth0'), (device, 'wan0'), (client, 'lo')):
            Namespace.ip('-n', where, 'link', 'set', what, 'up')
        Namespace.ip('-n', client, 'route', 'add', f'{VIP}/32', 'via', OWN)
        yield names


@contextlib.contextmanager
def keeld(options, names, idle):
    with tempfile.TemporaryDirectory() as folder:
        prefix = f'evenkeel-idle-{os.getpid()}'
        config = Path(folder) / 'keeld.conf'
        config.write_text(SETTINGS.format(folder=folder, idle=idle, prefix=prefix, taps=names[2],
                                          own=OWN, vip=VIP, client=CLIENT))
        child = Child(['ip', 'netns', 'exec', names[1], Path(options.build) / 'firmware/keeld',
                       '--config', config], Path(folder) / 'log')
        try:
            until(lambda: not child.is_running() or ping(names[0], VIP, 1), 'an answer', 30, 0.1)
            if not child.is_running():
                raise child.failure('has ended')
            yield child.pid, prefix
        finally:
            child.end()


def measured(options, names, idle):
    with keeld(options, names, idle) as (pid, prefix):
        began, before = time.monotonic(), cpu_seconds(pid)
        time.sleep(2)
        resting = time.monotonic() - began
        worker = {task: (used - before.get(task, 0)) / resting
                  for task, used in cpu_seconds(pid).items()}
        naps = telemetry(prefix, '/evenkeel/workers,0')['entries']['0']['naps']
        return ping(names[0], VIP, options.pings), 100 * max(worker.values()), naps


def main():
    parser = argparse.ArgumentParser(prog='tools/bench idle', description=__doc__)
    parser.add_argument('--build', default='build', help='where keeld was built')
    parser.add_argument('--pings', type=int, default=500)
    options = parser.parse_args()
    rows = []
    with link() as names:
        for idle in ('poll', 'adaptive'):
            rows.append((idle, *measured(options, names, idle)))
        Namespace.ip('-n', names[1], 'addr', 'add', f'{OWN}/24', 'dev', 'wan0')
        rows.append(('(kernel)', ping(names[0], OWN, options.pings), None, None))
    print(f'{"idle":10}{"us: min":>10}{"median":>10}{"max":>10}{"lost":>8}{"CPU at rest":>14}')
    for idle, delays, share, _ in rows:
        print(f'{idle:10}{min(delays):10.0f}{statistics.median(delays):10.0f}{max(delays):10.0f}'
              f'{options.pings - len(delays):8}' + ('' if share is None else f'{share:12.1f} %'))
    (Path(options.build) / 'idle.json').write_text(json.dumps([
        {'section': 'idle', 'series': f'{idle}, ping', 'unit': 'us', 'x': 0, 'min': min(delays),
         'median': statistics.median(delays), 'max': max(delays)} for idle, delays, _, _ in rows]))


if __name__ == '__main__':
    main()
