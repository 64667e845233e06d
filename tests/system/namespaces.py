"""Network namespaces that a test makes, and that are gone when it is, however it ends.

All of one test's are named keel<pid>-<name>, and what it writes is in one folder of that name. Its
children die with it (PR_SET_PDEATHSIG). A guard, a process of its own that waits for the test's end
of a pipe to close, kills what is left in the namespaces and removes them; should the guard be
killed too, the next test does what was left to do.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path('/run/netns')
_libc = ctypes.CDLL(None, use_errno=True)
_NEWNET = 0x40000000
_PDEATHSIG = 1


def _enter(descriptor):
    if _libc.setns(descriptor, _NEWNET) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


def _processes_in(namespaces):
    """Process ids in the namespaces of these names."""
    inodes = set()
    for name in namespaces:
        with contextlib.suppress(OSError):
            inodes.add(os.stat(FOLDER / name).st_ino)
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f'/proc/{entry}/ns/net').st_ino in inodes:
                    yield int(entry)


def unmount(prefix):
    """Whatever is mounted where a path begins so."""
    with open('/proc/mounts', encoding='ascii') as mounts:
        places = [line.split()[1] for line in mounts]
    for place in places:
        if place.startswith(prefix):
            subprocess.run(['umount', '--lazy', place], check=False)


def remove(prefix):
    """Ends what runs in the namespaces that begin with `prefix`; removes them and the folders."""
    namespaces = sorted(path.name for path in FOLDER.glob(prefix + '*'))
    for _ in range(100):
        left = list(_processes_in(namespaces))
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.02)
    for name in namespaces:
        subprocess.run(['ip', 'netns', 'delete', name], check=False, stderr=subprocess.DEVNULL)
    unmount(os.path.join(tempfile.gettempdir(), prefix))
    for folder in (tempfile.gettempdir(), '/var/run/dpdk'):
        for path in Path(folder).glob(prefix + '*'):
            shutil.rmtree(path, ignore_errors=True)


def remove_leftovers():
    """What tests left behind that did not come to clean up, and whose process is gone."""
    for path in (*FOLDER.glob('keel*-*'), *Path(tempfile.gettempdir()).glob('keel*-*')):
        match = re.match(r'keel(\d+)-', path.name)
        if match and not os.path.exists(f'/proc/{match[1]}'):
            remove(match[0])


class Namespaces:
    """A test's own. A context: at its end everything is gone."""

    def __init__(self):
        self.prefix = f'keel{os.getpid()}-'
        self._processes = []
        self._descriptors = {}

    def __enter__(self):
        remove_leftovers()
        remove(self.prefix)
        self.folder = Path(tempfile.mkdtemp(prefix=self.prefix))
        self.folder.chmod(0o755)
        self._guard = subprocess.Popen([sys.executable, __file__, self.prefix],
                                       stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(self, *_):
        for process in self._processes:
            self.end(process, signal.SIGKILL)
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._guard.stdin.close()
        self._guard.wait()

    def name(self, namespace):
        return self.prefix + namespace

    def add(self, *namespaces):
        for namespace in namespaces:
            self.ip(f'netns add {self.name(namespace)}')
            self._descriptors[namespace] = os.open(FOLDER / self.name(namespace),
                                                   os.O_RDONLY | os.O_CLOEXEC)
            self.run(namespace, 'ip link set lo up')

    @contextlib.contextmanager
    def inside(self, namespace):
        """Sockets made within stay in the namespace."""
        own = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._descriptors[namespace])
            yield
        finally:
            _enter(own)
            os.close(own)

    def write(self, namespace, **values):
        """Kernel settings: write('box', **{'net/ipv4/ip_forward': 0})."""
        with self.inside(namespace):
            for path, value in values.items():
                Path('/proc/sys', path).write_text(str(value), encoding='ascii')

    def ip(self, *commands):
        """Each like '-n NAMESPACE link add ...', in the namespace of the machine."""
        for command in commands:
            done = subprocess.run(['ip', *command.split()], capture_output=True, text=True,
                                  check=False)
            assert done.returncode == 0, f'ip {command}: {done.stderr.strip()}'

    def start(self, namespace, command, **options):
        """A process in the namespace that does not outlive the test."""
        descriptor = self._descriptors[namespace]

        def prepare():
            _libc.prctl(_PDEATHSIG, signal.SIGKILL)
            _enter(descriptor)

        words = command.split() if isinstance(command, str) else [str(word) for word in command]
        process = subprocess.Popen(words, preexec_fn=prepare, **options)
        self._processes.append(process)
        return process

    def run(self, namespace, command, seconds=60, succeeds=True, **options):
        """What the command says on standard output; it must succeed unless told otherwise."""
        process = self.start(namespace, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, **options)
        try:
            said, complaint = process.communicate(timeout=seconds)
        finally:
            self.end(process, signal.SIGKILL)
        if succeeds:
            assert process.returncode == 0, \
                f'{process.args} ended with {process.returncode}: {said}{complaint}'
        return said

    def end(self, process, how=signal.SIGTERM, seconds=10):
        """The process's exit status; it is killed if it does not go."""
        if process.poll() is None:
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()
        if process in self._processes:
            self._processes.remove(process)
        return process.wait()


if __name__ == '__main__':  # the guard
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    remove(sys.argv[1])
