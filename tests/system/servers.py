"""Real servers in the network's namespaces, and what unpacks the packets that come through tunnels.

Every server answers / with its name, serves /large, the same on all, takes uploads (PUT) into its
own folder, and counts.
"""

import contextlib
import hashlib
import random
import socket
import subprocess
import time
from pathlib import Path

from network import VIP
from proof import until

LARGE = 32 << 20
WEB_PORTS = (80, 8080)
AT_ONCE = 0.03  # seconds

_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 16384; multi_accept on; }}
http {{
  access_log off; client_max_body_size 1g; keepalive_requests 1000000; keepalive_timeout 600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/unused;
  fastcgi_temp_path {folder}/unused; uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  server {{
    {listen}
    location / {{ add_header X-Server {name}; return 200 "{name}\\n"; }}
    location = /counts {{ stub_status; }}
    location = /large {{ root {shared}; add_header X-Server {name}; }}
    location /upload/ {{ root {folder}; dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""

_UNBOUND = """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  interface: 0.0.0.0
  interface: ::
  interface-automatic: yes
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  local-zone: "test." static
  local-data: 'whoami.test. 0 IN TXT "{name}"'
  local-data: 'long.test. 0 IN TXT {long}'
remote-control:
  control-enable: no
"""


class Servers:
    """Starts and ends programs on the servers of `network`."""

    def __init__(self, network, programs):
        """`programs` is the folder of the build's tests/system, with `decapsulate`."""
        self.network = network
        self.namespaces = network.namespaces
        self.folder = network.namespaces.folder
        self.programs = programs
        self._decapsulators = {}  # of our own, by server
        self.nginx = {}  # by server

    def start_web(self):
        """An nginx on every server; returns what /large is, as its SHA-256."""
        content = random.Random(1).randbytes(LARGE)
        (self.folder / 'large').write_bytes(content)
        for server in self.network.servers:
            self.nginx[server.name] = self.start_nginx(server.name)
        for server in self.network.servers:
            self.wait_for_port(server, 80)
        return hashlib.sha256(content).hexdigest()

    def start_nginx(self, name):
        """In the namespace of that name, and with a folder of that name."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        listen = ' '.join(f'listen {port} backlog=4096; listen [::]:{port} backlog=4096;'
                          for port in WEB_PORTS)
        configuration = folder / 'nginx.conf'
        configuration.write_text(_NGINX.format(folder=folder, shared=self.folder, name=name,
                                               listen=listen))
        return self.namespaces.start(
            name, ['nginx', '-e', folder / 'error.log', '-c', configuration],
            stderr=subprocess.DEVNULL)

    def connections(self):
        """How many each nginx has taken, by its own count: {server: connections}. All at once, or
        nearly: thousands may come in a second."""
        def of_all():
            began = time.monotonic()
            counted = {server.name: self._connections_of(server.name)
                       for server in self.network.servers}
            return time.monotonic() - began < AT_ONCE and counted
        return until(of_all, 'the servers are asked for their counts at once', 10)

    def _connections_of(self, name):
        with self.namespaces.inside(name):
            channel = socket.create_connection((VIP[4], WEB_PORTS[1]), 5)
        with channel:
            channel.sendall(b'GET /counts HTTP/1.0\r\n\r\n')
            said = channel.makefile('rb').read().decode()
        return int(said.split('requests')[1].split()[0])

    def start_dns(self):
        for server in self.network.servers:
            folder = self.folder / server.name
            folder.mkdir(exist_ok=True)
            configuration = folder / 'unbound.conf'
            configuration.write_text(_UNBOUND.format(
                folder=folder, name=server.name,
                long=' '.join(f'"{"x" * 200}"' for _ in range(15))))
            self.namespaces.start(server.name, ['unbound', '-d', '-c', configuration],
                                  stderr=(folder / 'unbound.log').open('w'))
        for server in self.network.servers:
            self.wait_for_port(server, 53)

    def start_echo(self, protocol, port):
        for server in self.network.servers:
            process = self.namespaces.start(
                server.name, ['/usr/bin/python3', Path(__file__).parent / 'echo.py', server.name,
                              protocol, port, *VIP.values(), *server.address.values()],
                stdout=subprocess.PIPE)
            assert process.stdout.readline() == b'ready\n', 'echo.py did not start'

    def wait_for_port(self, server, port):
        def answers():
            with self.namespaces.inside(server.name), contextlib.suppress(OSError):
                socket.create_connection((VIP[4], port), 1).close()
                return True
            return False
        until(answers, f'{server.name} listens on port {port}')

    # --- What unpacks ---------------------------------------------------------------------------

    def start_decapsulators(self, mode, outer, vni=0, marks=None, without=()):
        """Lets every server take packets of `mode`, sent to its address of the family `outer`; but
        not those whose names are in `without`.

        The kernel's own way where this kernel has one, else tests/system/decapsulate.cc. `marks`:
        of l3_direct, {DSCP: VIP}. Returns 'kernel' or 'own'.
        """
        self.stop_decapsulators()
        if mode in ('l2_direct', 'nat'):
            return 'kernel'
        ways = {self.start_decapsulator(server, mode, outer, vni, marks)
                for server in self.network.servers if server.name not in without}
        assert len(ways) == 1
        return ways.pop()

    def start_decapsulator(self, server, mode, outer, vni=0, marks=None):
        """The same, for one that has none."""
        marks = marks or {}
        if self._start_kernels_own(server, mode, outer, vni):
            return 'kernel'
        arguments = [f'{dscp}={vip}' for dscp, vip in marks.items()]
        process = self.namespaces.start(
            server.name,
            [self.programs / 'decapsulate', 'tunnel', server.address[outer], *arguments],
            stdout=subprocess.PIPE)
        assert process.stdout.readline() == b'ready\n', 'decapsulate did not start'
        name = self.namespaces.name(server.name)
        self.namespaces.ip(f'-n {name} link set tunnel up')
        if marks:
            for family, address in server.behind.items():
                self.namespaces.ip(f'-n {name} -{family} route replace {address} dev tunnel')
            self.namespaces.write(server.name, **{'net/ipv4/ip_forward': 1,
                                                  'net/ipv6/conf/all/forwarding': 1})
        self._decapsulators[server.name] = process
        return 'own'

    def _start_kernels_own(self, server, mode, outer, vni):
        local, name = server.address[outer], self.namespaces.name(server.name)
        inner_mac = '02:45:4b:00:00:02'
        kinds = {
            ('vxlan', 4): [f'type vxlan id {vni} dstport 4789 local {local}'],
            ('vxlan', 6): [f'type vxlan id {vni} dstport 4789 local {local} udp6zerocsumrx'],
            ('geneve', 4): ['type geneve external'],
            ('geneve', 6): ['type geneve external udp6zerocsumrx'],
            ('ipip', 4): [f'type ipip local {local}', f'type sit local {local}'],
            ('ipip', 6): [f'type ip6tnl mode any local {local}'],
            ('gre', 4): [f'type gre local {local}'],
            ('gre', 6): [f'type ip6gre local {local}'],
        }.get((mode, outer), [])
        for number, kind in enumerate(kinds):
            device = f'tunnel{number}'
            ethernet = f'address {inner_mac} ' if mode in ('vxlan', 'geneve') else ''
            made = subprocess.run(
                ['ip', '-n', name, 'link', 'add', device, *(ethernet + kind).split()],
                stderr=subprocess.DEVNULL, check=False)
            if made.returncode != 0:
                self._remove_devices(server)
                return False
            self.namespaces.ip(f'-n {name} link set {device} up')
        return bool(kinds)

    def _remove_devices(self, server):
        for number in range(2):
            subprocess.run(['ip', '-n', self.namespaces.name(server.name), 'link', 'delete',
                            f'tunnel{number}'], stderr=subprocess.DEVNULL, check=False)

    def stop_decapsulators(self):
        for server in self.network.servers:
            self.stop_decapsulator(server)

    def stop_decapsulator(self, server):
        process = self._decapsulators.pop(server.name, None)
        if process:
            self.namespaces.end(process)
        self._remove_devices(server)
