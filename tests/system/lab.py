"""The whole arrangement that most tests share: the network, servers on it, the box and clients."""

import contextlib
import hashlib
import json
import socket

from box import Box
from namespaces import Namespaces
from network import Network
from proof import expect, until
from servers import Servers


class Lab:
    def __init__(self, namespaces, programs, **network):
        self.namespaces = namespaces
        self.programs = programs
        self.folder = namespaces.folder
        self.network = Network(namespaces, **network)
        self.servers = Servers(self.network, programs.system)
        self.box = Box(self.network, programs)

    def client(self, command, **options):
        return self.namespaces.run('client', command, **options)

    # --- What clients do ------------------------------------------------------------------------

    def start_requests(self, vip, port=80, **values):
        """tests/system/requests.cc under way; give it to results()."""
        return self.namespaces.start(
            'client', [self.programs.system / 'requests', vip, port,
                       *(f'{name}={value}' for name, value in values.items())],
            stdout=-1, text=True)

    def results(self, process, seconds=120):
        said, _ = process.communicate(timeout=seconds)
        self.namespaces.end(process)
        return json.loads(said)

    def requests(self, vip, port=80, **values):
        return self.results(self.start_requests(vip, port, **values))

    def all_answered(self, vip, count=10_000, **values):
        """Makes so many requests, none of which may fail; returns what was counted."""
        result = self.requests(vip, requests=count, **values)
        assert result['ok'] == count and not result['failed'], f'{vip}: {result}'
        return result

    def url(self, vip, path):
        return f'http://[{vip}]{path}' if ':' in vip else f'http://{vip}{path}'

    def curl(self, *arguments, seconds=20, **options):
        return self.client(['curl', '-sS', '--fail', '-g', '--max-time', seconds, *arguments],
                           seconds=seconds + 5, **options)

    def download(self, vip, sha256):
        target = self.folder / 'download'
        self.curl('-o', target, self.url(vip, '/large'))
        expect(hashlib.sha256(target.read_bytes()).hexdigest(), sha256, f'{vip}/large')

    def upload(self, vip, sha256):
        """Sends what /large is; it must lie, byte for byte, on one of the servers."""
        self.curl('-T', self.folder / 'large', self.url(vip, '/upload/large'))
        found = list(self.folder.glob('*/upload/large'))
        expect(len(found), 1, f'servers that have what was sent to {vip}')
        expect(hashlib.sha256(found[0].read_bytes()).hexdigest(), sha256, 'what was sent')
        found[0].unlink()

    def wait_for_service(self, vip, port=80, seconds=10.0):
        """Until every backend of a service has a next hop: a few requests in a row are answered."""
        def answers():
            result = self.requests(vip, port, requests=16, connections=16, timeout=1, seconds=1)
            return result['failed'] == 0 and result['ok'] == 16
        until(answers, f'{vip} port {port} is served', seconds)

    def sends(self, family, kind=socket.SOCK_DGRAM, protocol=0):
        """A socket of the client's."""
        with self.namespaces.inside('client'):
            return socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind, protocol)

    def answers(self, vip, port, data, seconds=0.5):
        """What comes back to a datagram from a port of its own; nothing: b''."""
        with self.sends(6 if ':' in vip else 4) as channel, contextlib.suppress(OSError):
            channel.settimeout(seconds)
            channel.sendto(data, (vip, port))
            return channel.recv(65536)
        return b''

    def wait_for_datagrams(self, vip, port, data):
        until(lambda: all(self.answers(vip, port, data) for _ in range(16)),
              f'{vip} port {port} is served')


@contextlib.contextmanager
def lab(programs, **network):
    """A Lab with nginx on its servers; `sha256` is that of /large."""
    with Namespaces() as namespaces:
        result = Lab(namespaces, programs, **network)
        result.sha256 = result.servers.start_web()
        yield result


@contextlib.contextmanager
def managed_lab(programs, **settings):
    """A Lab whose box keel manages, with IPIP to servers that take it; it is not started. Changes
    come into force for all flows at once, unless `settings` say otherwise.
    """
    with lab(programs) as result:
        box = result.box
        result.servers.start_decapsulators('ipip', 4)
        box.is_managed = True
        web = box.service('web', 'ipip')
        web['check'] = {'type': 'tcp', 'interval': '500ms', 'timeout': '300ms'}
        box.settings.update({'services': [web], 'api': {'socket': str(box.api)},
                             'rollout': {'steps': []}}, **settings)
        yield result
