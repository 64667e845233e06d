"""What a benchmark takes from the machine, and gives back whatever happens: processes, each under
a time limit and ended by its own id; hugepages; a network namespace; counters of DPDK processes.
"""
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

HUGEPAGES = Path('/sys/kernel/mm/hugepages/hugepages-2048kB')
START_SECONDS = 60  # at most, until a process answers; a busy machine takes its time
LIFE_MAX = 240  # seconds of a child process; none lives on when the benchmark is killed


class Failure(Exception):
    """What is wrong, and where to look, in a sentence."""


def until(question, what, seconds, step=0.01):
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise Failure(f'within {seconds} s there was not: {what}')
        time.sleep(step)
    return answer


class Child:
    """A process; what it says is in its log, and what it answers is read line by line."""

    def __init__(self, arguments, log, answers=False):
        self.name = Path(arguments[0]).name
        if not answers:  # else it says when a line is to be sent
            arguments = ['stdbuf', '-oL', *arguments]
        self.log_path = Path(log)
        self.started = time.monotonic()
        self.collected = b''
        with self.log_path.open('wb') as file:
            self.process = subprocess.Popen(
                ['timeout', '--foreground', '--signal=KILL', str(LIFE_MAX), *map(str, arguments)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE if answers else file, stderr=file)

    @property
    def pid(self):
        """Of the process itself, which `timeout` started."""
        own = self.process.pid
        children = Path(f'/proc/{own}/task/{own}/children')
        return int(until(lambda: children.read_text().split(), f'a {self.name}', 5)[0])

    def is_running(self):
        return self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors='replace')

    def failure(self, what):
        return Failure(f'{self.name} {what}; it said:\n{self.log()[-2000:]}')

    def say(self, line):
        try:
            self.process.stdin.write(line.encode() + b'\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.failure('has ended') from None

    def answer(self, seconds):
        """The next line of its standard output, as JSON."""
        deadline = time.monotonic() + seconds
        while b'\n' not in self.collected:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, deadline - time.monotonic()))
            part = os.read(self.process.stdout.fileno(), 65_536) if ready else b''
            if not part:
                raise self.failure(f'does not answer within {seconds:.0f} s')
            self.collected += part
        line, _, self.collected = self.collected.partition(b'\n')
        return json.loads(line)

    def wait_for_log(self, words):
        def look():
            if words not in self.log() and not self.is_running():
                raise self.failure('has ended')
            return words in self.log()
        until(look, f'"{words}" from {self.name}', START_SECONDS)

    def end(self):
        if self.is_running():
            with contextlib.suppress(ProcessLookupError, Failure, IndexError):
                os.kill(self.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError, Failure, IndexError):
                    os.kill(self.pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError, AttributeError):
                pipe.close()


def runtime_folder():
    """Where DPDK processes keep their sockets."""
    if os.geteuid() == 0:
        return Path('/var/run/dpdk')
    return Path(os.environ.get('XDG_RUNTIME_DIR', '/tmp')) / 'dpdk'


def forget(prefix):
    """Takes away what DPDK processes of such prefixes leave there."""
    for folder in runtime_folder().glob(f'{prefix}-*'):
        shutil.rmtree(folder, ignore_errors=True)


def telemetry(prefix, command):
    """What a DPDK process answers to a telemetry command, as '/ethdev/stats,0'."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.settimeout(5)
        channel.connect(str(runtime_folder() / prefix / 'dpdk_telemetry.v2'))
        limit = json.loads(channel.recv(1024))['max_output_len']
        channel.send(command.encode())
        return next(iter(json.loads(channel.recv(limit)).values()))


def give_back(count, before):
    with contextlib.suppress(OSError):
        count.write_text(str(before))


@contextlib.contextmanager
def hugepages(wanted, folder):
    """Reserves so many more pages of 2 MiB; answers whether there are enough of them."""
    count, free = HUGEPAGES / 'nr_hugepages', HUGEPAGES / 'free_hugepages'

    def number_in(path):
        return int(path.read_text()) if path.exists() else 0
    before, mount = number_in(count), Path(folder) / 'hugepages'
    missing = wanted - number_in(free)
    with contextlib.ExitStack() as undo:
        if missing > 0:
            with contextlib.suppress(OSError):
                undo.callback(give_back, count, before)
                count.write_text(str(before + missing))
        enough = number_in(free) >= wanted
        if enough:  # keeld wants them mounted, and here nobody else sees ours
            mount.mkdir()
            undo.callback(subprocess.run, ['umount', '--lazy', mount], check=False, timeout=10)
            subprocess.run(['mount', '-t', 'hugetlbfs', '-o', 'pagesize=2M', 'nodev', mount],
                           check=True, timeout=10)
        yield enough


class Namespace:
    """A network namespace, in which keeld's TAP devices and their neighbours live."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.ip('netns', 'add', self.name)
        return self

    def __exit__(self, *_):
        subprocess.run(['ip', 'netns', 'del', self.name], check=False, timeout=30)

    @staticmethod
    def ip(*arguments, text=None):
        result = subprocess.run(['ip', *arguments], input=text, capture_output=True, text=True,
                                check=False, timeout=60)
        if result.returncode != 0:
            raise Failure(f'ip {" ".join(arguments)}: {result.stderr.strip()[:500]}')

    def has_link(self, name):
        return subprocess.run(['ip', '-n', self.name, 'link', 'show', name], capture_output=True,
                              check=False, timeout=10).returncode == 0

    def set_neighbours(self, link, addresses, mac):
        """They are known for ever, so that nobody has to answer for them."""
        self.ip('-n', self.name, '-batch', '-', text=''.join(
            f'neigh replace {address} lladdr {mac} nud permanent dev {link}\n'
            for address in addresses))


def memory_of(pid):
    """MB of a process that are no hugepages: {'rss': ..., 'anonymous': ...}."""
    fields = {}
    for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()[1:]:
        key, value, *_ = line.split()
        fields[key] = int(value) * 1024 / 1e6
    return {'rss': fields['Rss:'], 'anonymous': fields['Anonymous:']}
