"""The servers of a drill: on each an nginx and behind it an application with a capacity, and for
who wants one a PostgreSQL.

A server that is asked for more than its capacity fails as real ones do. Requests wait in nginx
until it has no file left for another connection; it then takes none for a while, the backlog of its
socket overflows, and the kernel drops what comes to open a connection.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from network import BOX_LAN, CLIENT_LAN, VIP
from proof import until

HERE = Path(__file__).resolve().parent
CLIENTS = '198.18.0.0/16'
HEALTH_PORT = 8081
PROGRAMS = sorted(Path('/usr/lib/postgresql').glob('*/bin'))
AS_POSTGRES = ('setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups')

_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log emerg;
events {{ worker_connections 4096; accept_mutex_delay 10ms; }}
http {{
  access_log off; keepalive_requests 1000000; keepalive_timeout 600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/unused;
  fastcgi_temp_path {folder}/unused; uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  add_header X-Server {name} always;
  upstream application {{
    server unix:{folder}/application; keepalive {waiting}; keepalive_timeout 1h;
    keepalive_requests 100000000;
  }}
  server {{
    listen 80 backlog={backlog};
    listen unix:{folder}/front;
    location / {{
      proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
    location = /page {{ return 200 "{name}\\n"; }}
  }}
}}
"""


@dataclass
class Machine:
    """What a server is, and what part it has in the service before the change."""

    weight: int = 10
    workers: int = 5
    seconds: float = 0.025  # of work for a request
    waiting: int = 40       # requests that nginx holds, those in work among them
    backlog: int = 8
    declared: int = 180     # capacity, as the settings say it
    is_dead: bool = False   # as the drill begins
    has_vip: bool = True
    line_ms: int = 0        # one way, of the tunnel to it; 0: no line worth the name


class Fleet:
    """`machines[i]` is what `lab.network.servers[i]` is."""

    def __init__(self, lab, machines, mode):
        self.lab = lab
        self.namespaces = lab.namespaces
        self.mode = mode
        self.machines = {server.name: machine
                         for server, machine in zip(lab.network.servers, machines)}
        self.addresses = {server.name: server.address[4] for server in lab.network.servers}
        self.database = None  # how to reach it
        self.processes = {}   # by server

    def start(self):
        self._routes()
        self.lab.servers.start_decapsulators(
            self.mode, 4, without=[name for name, machine in self.machines.items()
                                   if machine.line_ms])
        for name, machine in self.machines.items():
            if machine.line_ms:
                self._slow_line(name, machine)
            if not machine.has_vip:
                self.namespaces.ip(f'-n {self.namespaces.name(name)} addr del {VIP[4]}/32 dev lo')
            self._start_server(name, machine)
        for name, machine in self.machines.items():
            self._bound(name, machine)
            if machine.is_dead:
                self.crash(name)

    def _routes(self):
        """Clients have many addresses; answers to them go past the box, or in mode nat by it."""
        gateway = BOX_LAN if self.mode == 'nat' else CLIENT_LAN
        self.namespaces.ip(
            f'-n {self.namespaces.name("client")} route add local {CLIENTS} dev lo')
        for server in self.lab.network.servers:
            self.lab.network.answer(server, gateway)
            self.namespaces.ip(
                f'-n {self.namespaces.name(server.name)} route add {CLIENTS} via {gateway[4]}')

    def _slow_line(self, name, machine):
        process = self.namespaces.start(
            name, ['/usr/bin/python3', HERE / 'slow_line.py', self.addresses[name], 'line',
                   machine.line_ms], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b'ready\n', 'slow_line.py did not start'

    def _start_server(self, name, machine):
        folder = self.lab.folder / name
        folder.mkdir(exist_ok=True)
        settings = {'name': name, 'workers': machine.workers, 'seconds': machine.seconds,
                    'waiting': machine.waiting, 'health': HEALTH_PORT,
                    'socket': str(folder / 'application'), 'database': self.database}
        application = self.namespaces.start(
            name, ['/usr/bin/python3', HERE / 'application.py', json.dumps(settings)],
            stdout=subprocess.PIPE, stderr=(folder / 'application.log').open('w'))
        configuration = folder / 'nginx.conf'
        configuration.write_text(_NGINX.format(folder=folder, name=name, waiting=machine.waiting,
                                               backlog=machine.backlog))
        nginx = self.namespaces.start(
            name, ['nginx', '-e', folder / 'error.log', '-c', configuration],
            stderr=subprocess.DEVNULL)
        self.processes[name] = [application, nginx]

    def _bound(self, name, machine):
        """nginx gets as many connections as it may have to the application, and files for as many
        from clients."""
        application, nginx = self.processes[name]
        assert application.stdout.readline() == b'ready\n', f"{name}'s application did not start"
        front = self.lab.folder / name / 'front'
        until(lambda: self._listens(front), f"{name}'s nginx listens")
        files = len(os.listdir(f'/proc/{nginx.pid}/fd'))
        with contextlib.ExitStack() as stack:
            channels = [stack.enter_context(socket.socket(socket.AF_UNIX))
                        for _ in range(machine.waiting)]
            for channel in channels:
                channel.connect(str(front))
                channel.sendall(b'GET /warm HTTP/1.1\r\nHost: warm\r\n\r\n')
            said = [channel.recv(4096) for channel in channels]
        assert all(b' 200 OK' in text for text in said), f'{name} answers {said}'
        resource.prlimit(nginx.pid, resource.RLIMIT_NOFILE, (files + 2 * machine.waiting,) * 2)

    def _listens(self, path):
        with socket.socket(socket.AF_UNIX) as channel:
            return channel.connect_ex(str(path)) == 0

    def crash(self, name):
        """All that the server runs is gone from one moment to the next."""
        for process in self.processes.pop(name):
            self.namespaces.end(process, signal.SIGKILL)

    # --- The database ---------------------------------------------------------------------------

    def start_database(self, name, connections):
        """PostgreSQL on the server of that name, for all of them."""
        folder = self.lab.folder / 'database'
        folder.mkdir()
        shutil.chown(folder, 'postgres', 'postgres')
        programs = PROGRAMS[-1]
        self._as_postgres(name, programs / 'initdb', '--no-sync', '--auth=trust', '-D', folder)
        with (folder / 'pg_hba.conf').open('a', encoding='ascii') as rules:
            rules.write('host all all 10.0.0.0/24 trust\n')
        options = {'listen_addresses': '*', 'unix_socket_directories': folder,
                   'max_connections': connections, 'shared_buffers': '16MB', 'fsync': 'off',
                   'dynamic_shared_memory_type': 'mmap'}
        log = (self.lab.folder / 'database.log').open('w')
        # What it shares among its processes is to be gone with it, however it ends.
        self.namespaces.start(
            name, ['unshare', '--ipc', *AS_POSTGRES, programs / 'postgres', '-D', folder,
                   *(word for key, value in options.items() for word in ('-c', f'{key}={value}'))],
            stdout=log, stderr=log)
        until(lambda: self._asks(name, folder, 'select 1'), 'the database answers', 20, 0.1)
        self._asks(name, folder, 'create table stock as select item, 0 as sold '
                   'from generate_series(1, 1000) as item; create index on stock (item)')
        self.database = f'host={self.addresses[name]} user=postgres dbname=postgres'

    def _as_postgres(self, name, *command, **options):
        return self.namespaces.run(name, [*AS_POSTGRES, *command], **options)

    def _asks(self, name, folder, text):
        with contextlib.suppress(AssertionError):
            return self._as_postgres(name, PROGRAMS[-1] / 'psql', '-h', folder, '-c', text)
        return ''

    def refusals(self):
        """How many connections the database has refused, since there were too many."""
        log = self.lab.folder / 'database.log'
        return log.read_text().count('too many clients') if log.exists() else 0
