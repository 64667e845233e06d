"""One keeld in a network of its own: a client and two servers on one cable, in namespaces, and a
folder in memory with its settings and its state. Every text of the settings is told by the packets
that leave: each has a time to live of its own for its tunnels.
"""

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'system'))
from namespaces import Namespaces  # noqa: E402
from proof import until  # noqa: E402

VIP, BOX, CLIENT = '10.0.0.10', '10.0.0.2', '10.0.0.100'
SERVERS = ('10.0.0.11', '10.0.0.12')
MAC = '02:00:00:00:00:02'
IPIP = 4
PATIENCE = 60  # seconds, on a machine with much else to do

SETTINGS = '''\
name = "lb1";
secret_file = "{state}/secret";
cpu = {{ control = {cores[0]}; workers = [{cores[1]}]; }};
memory = {{ mib = 64; hugepages = false; buffers = 4096; flow_memory_mib = 1; }};
eal_prefix = "{prefix}";
kernel = {{ namespace = "{kernel}"; }};
api = {{ socket = "{api}"; }};
rollout = {{ steps = [ ]; }};
rules = {{ max_share = 100; max_moved_buckets = 100; max_changed_backends = 100;
  max_changed_services = 100; }};
ports = ( {{ name = "lan"; mtu = 1500; addresses = [ "{BOX}/24" ];
  device = "net_af_packet,iface=lan0,framesz=2048,blocksz=32768,framecnt=512"; }} );
services = ( {{ name = "dns"; vips = [ "{VIP}" ]; protocol = "udp"; ports = "53"; mode = "ipip";
  tunnel = {{ ttl = {ttl}; }}; buckets = 1021;
  backends = ( {{ name = "ns1"; address = "{SERVERS[0]}"; }},
               {{ name = "ns2"; address = "{SERVERS[1]}"; }} ); }} );
'''


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('keeld', timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


class Gone(Exception):
    """keeld has ended."""


class Lab:
    """A context. `cores`: control's and the worker's."""

    def __init__(self, programs, cores):
        self.programs = programs
        self.cores = cores
        self.namespaces = Namespaces()
        self.process = None  # keeld's, or its tracer's
        self.keeld = None    # its process id

    def __enter__(self):
        names = self.namespaces.__enter__()
        names.add('box', 'kernel', 'far')
        box, far = names.name('box'), names.name('far')
        names.write('box', **{'net/ipv6/conf/all/disable_ipv6': 1})
        names.write('kernel', **{'net/ipv6/conf/default/disable_ipv6': 1})
        names.ip(f'-n {far} link add far0 type veth peer lan0 address {MAC} netns {box}',
                 f'-n {box} link set lan0 up', f'-n {far} link set far0 up')
        for address in (CLIENT, *SERVERS):
            names.ip(f'-n {far} addr add {address}/24 dev far0')
        names.ip(f'-n {far} neigh add {VIP} lladdr {MAC} dev far0')
        self.folder = names.folder
        self.state, self.api = self.folder / 'state', self.folder / 'api.sock'
        self.begin, self.calls = self.folder / 'begin', self.folder / 'calls'
        self.log_path = self.folder / 'keeld.log'
        with names.inside('far'):
            self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.client.bind((CLIENT, 0))
            self.servers = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
            self.servers.bind(('far0', 0x0800))
        return self

    def __exit__(self, *_):
        self.kill()
        self.namespaces.__exit__()

    def text(self, ttl):
        names = self.namespaces
        return SETTINGS.format(state=self.state, api=self.api, ttl=ttl, cores=self.cores, BOX=BOX,
                               VIP=VIP, SERVERS=SERVERS, prefix=names.name('box'),
                               kernel=names.name('kernel'))

    # --- Its life -------------------------------------------------------------------------------

    def start(self, seed, *traced):
        """Without waiting; `traced`: by trace.cc, and how. Calls count from count() on."""
        self.log_path.write_bytes(b'')
        (self.folder / 'seed.conf').write_text(self.text(seed))
        how = [self.programs.trace, *map(str, traced), self.state, self.begin, self.calls]
        command = [self.programs.keeld, '--state', self.state, '--seed', self.folder / 'seed.conf']
        with self.log_path.open('a') as log:
            self.process = self.namespaces.start('box', (how if traced else []) + command,
                                                 stdout=subprocess.DEVNULL, stderr=log)
        self.keeld = until(self.child, 'keeld is started') if traced else self.process.pid
        self.forget_packets()

    def child(self):
        """0: none, since the tracer has ended already."""
        number = self.process.pid
        said = Path(f'/proc/{number}/task/{number}/children').read_text()
        return int(said) if said else None

    def forget_calls(self):
        """Of those made from here on, none count."""
        for path in (self.begin, self.calls):
            path.unlink(missing_ok=True)

    def count(self):
        self.begin.touch()

    def has_ended(self):
        return self.process.poll() is not None

    def end(self, how, seconds=10):
        """Waits until it is gone, however it ends; 0: as it should, None: it does not."""
        try:
            handle = os.pidfd_open(self.keeld)
        except ProcessLookupError:
            return self.process.wait(seconds)
        with os.fdopen(handle) as gone:
            signal.pidfd_send_signal(gone.fileno(), how)
            is_gone, _, _ = select.select([gone], [], [], seconds)
        return self.process.wait(seconds) if is_gone else None

    def kill(self):
        if self.process is not None:
            if not self.has_ended():
                self.end(signal.SIGKILL)
            self.namespaces.end(self.process)
            self.process = None

    def log(self):
        return self.log_path.read_text(errors='replace')

    def calls_made(self):
        """Lines of the tracer's log."""
        return self.calls.read_bytes().count(b'\n') if self.calls.exists() else 0

    # --- What it says and does --------------------------------------------------------------------

    def ask(self, method, path, body=None):
        """(HTTP status, what is answered); Gone, if nobody answers any more."""
        try:
            connection = Connection(str(self.api))
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Gone(str(error)) from error

    def get(self, path):
        status, answer = self.ask('GET', path)
        assert status == 200, f'{path}: {answer}'
        return answer

    def ready(self):
        """Waits until the API answers; the status."""
        def status():
            if self.has_ended():
                raise Gone('it ended')
            try:
                return self.get('/v1/status')
            except Gone:
                return None
        return until(status, 'the API answers', PATIENCE, 0.005)

    def text_of(self, generation):
        """The ttl of its text."""
        text = self.get(f'/v1/settings?generation={generation}')['text']
        return int(re.search(r'ttl = (\d+)', text)[1])

    def forget_packets(self):
        self.seen = set()
        while select.select([self.servers], [], [], 0)[0]:
            self.servers.recv(2048)

    def sent(self, seconds=0.0):
        """The ttls of what servers have got since it was last asked for."""
        found = set()
        while select.select([self.servers], [], [], seconds)[0]:
            packet = self.servers.recv(2048)
            if packet[9] == IPIP:
                found.add(packet[8])
                seconds = 0.0
        return found

    def forwarded(self):
        """Sends until something comes out at the servers; all ttls that did."""
        def found():
            if self.has_ended():
                raise Gone('it ended')
            self.client.sendto(b'?', (VIP, 53))
            found = self.sent(0.01)
            self.seen |= found
            return found
        return until(found, 'something is forwarded', PATIENCE, 0)
