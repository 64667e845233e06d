"""keeld in the network: its settings, its life, what it logs and what it counts."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

from network import BOX_LAN, BOX_WAN, VIP
from proof import expect, until


# Of the reasons for which a packet is not forwarded, those that are the box's own doing.
LOSSES = {'no_backend', 'next_hop_unresolved', 'no_headroom', 'kernel_full'}


def to_text(value):
    """A Python value as libconfig writes it."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, dict):
        return '{ ' + ' '.join(f'{key} = {to_text(part)};' for key, part in value.items()) + ' }'
    if isinstance(value, (list, tuple)):
        parts = ', '.join(to_text(part) for part in value)
        return f'( {parts} )' if value and isinstance(value[0], dict) else f'[ {parts} ]'
    if isinstance(value, str):
        return '"' + value.replace('\\', '\\\\').replace('"', '\\"') + '"'
    return str(value)


class Box:
    """keeld, and the settings that it is to have: change `settings`, then start() or reload()."""

    def __init__(self, network, programs):
        self.network = network
        self.namespaces = network.namespaces
        self.programs = programs
        self.process = None
        self.environment = {}
        self.is_managed = False  # by its archive, not by the file
        self.state = network.namespaces.folder / 'state'
        self.api = network.namespaces.folder / 'api.sock'
        self.eal_prefix = network.namespaces.name('box')
        self.settings_path = network.namespaces.folder / 'lb.conf'
        self.log_path = network.namespaces.folder / 'keeld.log'
        self.settings = {
            'name': 'lb1',
            'secret_file': str(network.namespaces.folder / 'secret'),
            'cpu': {'control': 0, 'workers': [1]},
            'memory': {'mib': 512, 'hugepages': False, 'buffers': 16384, 'flow_memory_mib': 16},
            'eal_prefix': self.eal_prefix,
            'kernel': {'namespace': network.namespaces.name('kernel')},
            'ports': [self._port('wan', BOX_WAN), self._port('lan', BOX_LAN)],
            'services': [],
        }
        behind = [(server.behind[family] + ('/32' if family == 4 else '/128'),
                   server.address[family]) for server in network.servers for family in (4, 6)]
        self.settings['ports'][1]['routes'] = [{'to': to, 'via': via} for to, via in behind]

    def _port(self, name, addresses):
        return {'name': name, 'device': f'net_af_packet,iface={name}0', 'mtu': self.network.mtu,
                'addresses': [f'{addresses[4]}/24', f'{addresses[6]}/64']}

    def service(self, name, mode, outer=4, vips=None, weights=None, **more):
        """A service over all servers; `outer` is the family of their addresses."""
        place = 'behind' if mode == 'l3_direct' else 'address'
        return {
            'name': name, 'vips': list(vips or VIP.values()), 'protocol': 'tcp', 'ports': '80',
            'mode': mode, **more,
            'backends': [{'name': server.name, 'address': getattr(server, place)[outer],
                          'weight': weight} for server, weight in zip(
                              self.network.servers, weights or [1] * len(self.network.servers))]}

    # --- Its life -------------------------------------------------------------------------------

    def write(self):
        """Whole or not at all, as an editor does."""
        text = '\n'.join(f'{key} = {to_text(value)};' for key, value in self.settings.items())
        new = self.settings_path.with_suffix('.new')
        new.write_text(text + '\n')
        os.replace(new, self.settings_path)

    def launch(self):
        """Starts it, and does not wait."""
        self.write()
        how = ['--state', self.state, '--seed'] if self.is_managed else ['--config']
        with self.log_path.open('a') as log:
            self.process = self.namespaces.start(
                'box', [self.programs.keeld, *how, self.settings_path], stderr=log,
                env={**os.environ, **self.environment})

    def start(self, seconds=10):
        """Starts it, and waits until it says that it forwards."""
        before = self.log_size()
        self.launch()
        self.wait_for_log('forwarding:', since=before, seconds=seconds)

    def reload(self):
        """Gives it the settings as they are now, and waits until it forwards by them."""
        self.write()
        before, generation = self.log_size(), self.generation()
        self.process.send_signal(signal.SIGHUP)
        line = self.wait_for_log('taken over', since=before)
        assert 'not taken over' not in line, line
        until(lambda: self.generation() != generation, 'a plan of the new settings', 5, 0.002)

    # --- Managed by its API -----------------------------------------------------------------------

    def keel(self, *arguments, expected=0, seconds=20):
        """Runs keel, whose exit status must be as expected; returns what it says."""
        done = subprocess.run([self.programs.keel, '--socket', self.api, *map(str, arguments)],
                              capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == expected, (
            f'keel {arguments} ended with {done.returncode}, not {expected}:\n'
            f'{done.stdout}{done.stderr}')
        return done.stdout + done.stderr

    def told(self, *arguments, **options):
        """The same, as JSON."""
        return json.loads(self.keel(*arguments, '--json', **options))

    def generation(self):
        return self.ask('/evenkeel/plan')['generation']

    def stop(self):
        """Ends it as an operator does: it must say goodbye with 0."""
        process, self.process = self.process, None
        status = self.namespaces.end(process, signal.SIGTERM)
        assert status == 0, f'keeld ended with {status}:\n{self.log()[-2000:]}'

    def kill(self):
        process, self.process = self.process, None
        self.namespaces.end(process, signal.SIGKILL)

    # --- What it says ---------------------------------------------------------------------------

    def log(self, since=0):
        with contextlib.suppress(FileNotFoundError):
            return self.log_path.read_bytes()[since:].decode(errors='replace')
        return ''

    def log_size(self):
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def wait_for_log(self, *words, since=0, seconds=10.0):
        """The first line, after `since` bytes, in which all the words are."""
        def line():
            if self.process.poll() is not None:
                raise AssertionError(f'keeld ended with {self.process.returncode}:\n'
                                     f'{self.log(since)[-3000:]}')
            return next((text for text in self.log(since).splitlines()
                         if all(word in text for word in words)), None)
        return until(line, lambda: f'{words} in the log; it said:\n{self.log(since)[-3000:]}',
                     seconds, 0.002)

    def ask(self, command):
        """What the box answers to a telemetry command, as '/evenkeel/plan' or '/ethdev/list'."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
            channel.settimeout(5)
            channel.connect(str(Path('/var/run/dpdk') / self.eal_prefix / 'dpdk_telemetry.v2'))
            limit = json.loads(channel.recv(1024))['max_output_len']
            channel.send(command.encode())
            return next(iter(json.loads(channel.recv(limit)).values()))

    def listed(self, command):
        """The entries of a list, all its pages."""
        entries, first = {}, 0
        while first is not None:
            page = self.ask(f'{command},{first}')
            entries.update(page['entries'])
            first = page.get('next')
        return entries

    def backends(self, service):
        """{name: what is known of it}."""
        return {entry['name']: entry
                for entry in self.listed(f'/evenkeel/backends,{service}').values()}

    def drops(self):
        """{reason: packets}."""
        return self.ask('/evenkeel/drops')

    def received(self):
        return sum(worker['received'] for worker in self.listed('/evenkeel/workers').values())

    def check_accounts(self):
        """Once no packet is under way: every one that came is known to have become something."""
        self.wait_until_quiet()
        workers = list(self.listed('/evenkeel/workers').values())
        ports = list(self.listed('/evenkeel/ports').values())
        worker = {name: sum(entry[name] for entry in workers) for name in (
            'received', 'pieces', 'forwarded', 'dropped', 'held', 'split', 'answers')}
        port = {name: sum(entry[name] for entry in ports) for name in (
            'received', 'to_kernel', 'from_kernel', 'transmitted', 'transmit_full')}
        expect(port['received'], worker['received'], 'packets received, by ports and by workers')
        expect(worker['forwarded'] + worker['dropped'] + port['to_kernel'] + worker['held'] +
               worker['split'], worker['received'] + worker['pieces'],
               f'what became of packets ({worker}, {port})')
        expect(port['transmitted'] + port['transmit_full'],
               worker['forwarded'] + worker['answers'] + port['from_kernel'],
               f'packets sent ({worker}, {port})')
        reasons = {reason: count for reason, count in self.drops().items() if count}
        expect(sum(reasons.values()), worker['dropped'], f'packets dropped ({reasons})')
        return (f"{worker['received']} received + {worker['pieces']} pieces of {worker['split']} "
                f"cut = {worker['forwarded']} forwarded + {port['to_kernel']} to the kernel "
                f"+ {worker['dropped']} dropped + {worker['split']}; dropped: {reasons}")

    def wait_until_quiet(self):
        """Until no packet has come for a while."""
        last = []

        def is_quiet():
            last.append(self.received())
            return len(last) > 10 and last[-1] == last[-10]
        until(is_quiet, 'no packets come', 20, 0.02)

    def buffers_missing(self):
        """How many of the pool's buffers are not free once what is held has been let go."""
        def missing():
            pool = self.ask('/evenkeel/pool')
            return pool['size'] - pool['free']
        with contextlib.suppress(AssertionError):
            until(lambda: missing() == 0, 'all buffers are free', 5)
        return missing()

    def lost(self):
        """Packets that the box should have sent on, and did not: {why: packets}."""
        lost = {reason: count for reason, count in self.drops().items() if reason in LOSSES}
        for port in self.listed('/evenkeel/ports').values():
            for why in ('transmit_full', 'transmit_errors', 'missed', 'no_buffer'):
                lost[f'{port["name"]} {why}'] = port[why]
        return {why: count for why, count in lost.items() if count}

    def report(self):
        """All that it knows and says, for whoever looks for the reason of a failure."""
        said = [self.log()[-4000:]]
        if self.process and self.process.poll() is None:
            said.append(f'threads: {self.threads()}')
            with contextlib.suppress(OSError, ValueError, AttributeError):
                said.append(f'pool: {self.ask("/evenkeel/pool")}')
                said.append(f'drops: { {r: n for r, n in self.drops().items() if n} }')
                for command in ('/evenkeel/workers', '/evenkeel/ports'):
                    said += [f'{command}: {entry}' for entry in self.listed(command).values()]
                for service in self.settings['services']:
                    said += [f'{service["name"]}: {entry}'
                             for entry in self.backends(service['name']).values()]
        return '\n'.join(said)

    def threads(self):
        """{name: thread id}."""
        return {Path(path, 'comm').read_text().strip(): int(path.name)
                for path in Path(f'/proc/{self.process.pid}/task').iterdir()}

    def worker_thread(self):
        """The thread of the first worker, by the name that EAL gives it."""
        threads = self.threads()
        return threads[min(name for name in threads if name.startswith('rte-worker'))]
