"""The user's own monitoring as evidence: a real Prometheus scrapes what servers really answered.
A change goes back by what it says - or stays, when it says nothing.

Each nginx writes the status of every answer into a file; a small exporter beside Prometheus counts
them. Of three servers, two are in the settings; the third one's handshakes and check are fine, and
its application answers 500.
"""

import contextlib
import http.server
import signal
import subprocess
import threading
import time
import urllib.request

from guarded import AUTHORIZATION, is_nowhere, make_certificate, web_config, write_secret
from lab import managed_lab
from network import VIP
from proof import expect, until

PROMETHEUS = '127.0.0.1:9090'
GUARDED = '127.0.0.1:9091'
EXPORTER = 9882
BACKENDS = 'services.web.backends'
ERRORS = 'sum(rate(answers_total{code="500"}[3s])) / sum(rate(answers_total[3s]))'
QUERIES = [{'name': 'errors', 'query': ERRORS, 'at_most': 0.02, 'for': '1s'},
           {'name': 'answers', 'query': 'sum by (server) (rate(answers_total[3s]))', 'at_least': 0,
            'for': '1s'}]
SECONDS_TO_BE_BACK = 10.0
SOON = 10


class Exporter:
    """What the servers answered, as Prometheus scrapes it: answers_total{server, code}."""

    def __init__(self, lab_):
        self.files = {server.name: lab_.folder / server.name / 'codes'
                      for server in lab_.network.servers}
        self.read = dict.fromkeys(self.files, 0)
        self.counts = {(name, code): 0 for name in self.files for code in ('200', '500')}
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = exporter.page().encode()
                self.send_response(200)
                self.send_header('Content-Type', 'text/plain; version=0.0.4')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        with lab_.namespaces.inside('box'):
            self.server = http.server.HTTPServer(('127.0.0.1', EXPORTER), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self):
        for name, path in self.files.items():
            with path.open('rb') as file:
                file.seek(self.read[name])
                lines = file.read()
            self.read[name] += lines.rfind(b'\n') + 1
            for code in lines[:lines.rfind(b'\n') + 1].split():
                if (name, code.decode()) in self.counts:
                    self.counts[name, code.decode()] += 1
        return '# TYPE answers_total counter\n' + ''.join(
            f'answers_total{{server="{name}",code="{code}"}} {count}\n'
            for (name, code), count in self.counts.items())


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs, rollout={'steps': [10, 50], 'step_time': '2s'},
                     prometheus={'url': f'http://{PROMETHEUS}', 'interval': '200ms'}) as result:
        let_servers_tell(result)
        exporter = Exporter(result)
        start_prometheus(result)
        web = result.box.settings['services'][0]
        web['backends'].pop()
        web['queries'] = QUERIES
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        yield result
        exporter.server.shutdown()


def let_servers_tell(lab_):
    """Starts every nginx anew with a file of statuses; server3's application is broken."""
    for server in lab_.network.servers:
        folder = lab_.folder / server.name
        config = folder / 'nginx.conf'
        text = config.read_text().replace(
            'access_log off;', f'log_format code "$status"; access_log {folder}/codes code;')
        if server.name == 'server3':
            text = text.replace('return 200', 'return 500')
        config.write_text(text)
        lab_.namespaces.end(lab_.servers.nginx[server.name], signal.SIGTERM)
        lab_.servers.nginx[server.name] = lab_.namespaces.start(
            server.name, ['nginx', '-e', folder / 'error.log', '-c', config],
            stderr=subprocess.DEVNULL)
        lab_.servers.wait_for_port(server, 80)


def start_prometheus(lab_):
    config = lab_.folder / 'prometheus.yml'
    config.write_text(f"""
global: {{scrape_interval: 400ms, scrape_timeout: 400ms}}
scrape_configs: [{{job_name: web, static_configs: [{{targets: ['127.0.0.1:{EXPORTER}']}}]}}]
""")
    lab_.prometheus = lab_.namespaces.start('box', [
        'prometheus', f'--config.file={config}', f'--storage.tsdb.path={lab_.folder}/prometheus',
        f'--web.listen-address={PROMETHEUS}'],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_ready():
        with contextlib.suppress(OSError), lab_.namespaces.inside('box'):
            return urllib.request.urlopen(f'http://{PROMETHEUS}/-/ready', timeout=5).status == 200
        return False
    until(is_ready, 'Prometheus is ready', 30, 0.1)


# --- What is seen --------------------------------------------------------------------------------

def queries(lab_):
    return {row['name']: row for row in lab_.box.told('show', 'queries')['queries']}


def are_inside(lab_):
    return all(row['state'] == 'inside' for row in queries(lab_).values())


def fires(lab_, name, **labels):
    return next((row['what'] for row in lab_.box.told('show', 'alerts')['alerts']
                 if row['name'] == name and row['state'] == 'firing' and
                 labels.items() <= row['labels'].items()), None)


@contextlib.contextmanager
def clients(lab_):
    """Requests all the while, once Prometheus has seen them."""
    client = lab_.start_requests(VIP[4], requests=0, seconds=300, connections=32, pause=10)
    until(lambda: are_inside(lab_), lambda: f'all is inside its bounds: {queries(lab_)}', 20, 0.1)
    yield
    client.terminate()
    lab_.results(client)


def roll_out(lab_, why, *words):
    change = lab_.box.told('commit', '--confirm', '5m', '--why', why, *words)
    expect(change['state'], 'on-probation', 'the change')
    return change['id']


def is_for_all(lab_):
    status = lab_.box.told('status')
    assert status['change'] is not None, lab_.box.told('history')['history'][0]['outcome']
    return status['rollout'] is None


# --- What is proved -----------------------------------------------------------------------------

def a_harmless_change(lab_):
    box = lab_.box
    with clients(lab_):
        box.keel('set', f'{BACKENDS}.server2.weight', 2)
        change = roll_out(lab_, 'server2 has grown', '--waive', 'single-node', '--reason', 'it has')
        until(lambda: all(row['judges'] for row in queries(lab_).values()), 'all judge it', SOON)
        until(lambda: is_for_all(lab_), 'all flows follow the change', 30, 0.05)
        shown = queries(lab_)
        expect([shown['errors']['value'], shown['errors']['at_most']], [0, 0.02], 'errors')
        assert 'errors' in box.keel('show', 'queries'), 'what a person sees'
        box.keel('confirm', change)
    until(lambda: not any(row['judges'] for row in queries(lab_).values()), 'nothing is judged')
    said = box.keel('journal', '--kind', 'change')
    assert 'judged by 2 of 2 queries' in said, said
    return f'{shown["answers"]["what"]}'


def a_harmful_change(lab_):
    """It widens the bound as well, which counts for later changes only."""
    box = lab_.box
    confirmed = box.told('status')['confirmed']
    server3 = lab_.network.servers[2]
    with clients(lab_):
        box.keel('set', f'{BACKENDS}.server1.address', f'"{server3.address[4]}"')
        box.keel('set', 'services.web.queries.errors.at_most', 0.9)
        said = box.keel('check')
        assert 'would have wider bounds' in said, said
        began = time.monotonic()
        roll_out(lab_, 'a new server')
        until(lambda: box.told('status')['change'] is None, 'the change has gone back', 30, 0.02)
        seconds = time.monotonic() - began
    status = box.told('status')
    expect((status['confirmed'], status['in_force']), (confirmed, confirmed), 'generations')
    outcome = box.told('history')['history'][0]['outcome'].splitlines()[-1]
    for part in ('rolled back by itself: service web: its query errors is 0.', 'at_most is 0.02'):
        assert part in outcome, outcome
    told = fires(lab_, 'evenkeel_change_rolled_back')
    assert 'its query errors is 0.' in told, told
    assert seconds < SECONDS_TO_BE_BACK, seconds
    return f'back after {seconds:.1f} s: {outcome}'


def prometheus_is_killed(lab_):
    box = lab_.box
    with clients(lab_):
        box.keel('set', f'{BACKENDS}.server2.weight', 1)
        change = roll_out(lab_, 'not so much')
        lab_.namespaces.end(lab_.prometheus, signal.SIGKILL)
        def silence():
            told = fires(lab_, 'evenkeel_prometheus_failed', prometheus=PROMETHEUS) or ''
            return 'does not answer 2 of 2 queries: it cannot be reached' in told and told
        told = until(silence, 'the alert', SOON, 0.05)
        until(lambda: is_for_all(lab_), 'all flows follow the change', 30, 0.05)
        expect({row['state'] for row in queries(lab_).values()}, {'unknown'}, 'queries')
        assert any(PROMETHEUS in trouble for trouble in box.told('status')['troubles'])
        box.keel('confirm', change)
    start_prometheus(lab_)
    until(lambda: not fires(lab_, 'evenkeel_prometheus_failed'), 'the alert is over', SOON, 0.1)
    return told


def a_bad_query(lab_):
    """Prometheus's own words get to whoever has to mend it."""
    box = lab_.box
    box.keel('set', 'services.web.queries.bad', '{ query = "sum(rate(x)"; at_most = 1; }')
    change = roll_out(lab_, 'one query more')
    expect(box.told('status')['rollout'], None, 'there are no flows that it could be split by')
    box.keel('confirm', change)
    told = until(lambda: fires(lab_, 'evenkeel_query_failed', service='web', query='bad'),
                 'the alert', SOON, 0.05)
    assert 'bad_data' in told and 'parse error' in told, told
    return told


def start_guarded_prometheus(lab_):
    """By TLS, and for whom it knows; it has seen nothing."""
    config = lab_.folder / 'guarded-prometheus.yml'
    config.write_text('scrape_configs: []\n')
    certificate = make_certificate(lab_.folder, GUARDED.split(':', maxsplit=1)[0])
    lab_.namespaces.start('box', [
        'prometheus', f'--config.file={config}', f'--storage.tsdb.path={lab_.folder}/guarded',
        f'--web.listen-address={GUARDED}',
        f'--web.config.file={web_config(lab_.folder, certificate)}'],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def a_guarded_prometheus(lab_):
    """Behind an authority and a password of the user's own, as settings and their files say."""
    box = lab_.box
    start_guarded_prometheus(lab_)
    secret = lab_.folder / 'prometheus.secret'
    box.keel('set', 'prometheus.url', f'https://{GUARDED}')
    box.keel('set', 'services.web.queries.one', '{ query = "vector(1)"; at_most = 1; }')
    box.keel('set', 'credentials.prometheus.url', f'https://{GUARDED}')
    box.keel('set', 'credentials.prometheus.ca_file', f'{lab_.folder}/ca.pem')
    box.keel('set', 'credentials.prometheus.authorization_file', secret)
    said = box.keel('commit', '--why', 'another Prometheus', expected=1)
    assert ('credentials[prometheus].authorization_file: the authorization file '
            f'{secret} cannot be opened') in said, said

    def is_told(words):
        return any(words in trouble for trouble in box.told('status')['troubles'])
    write_secret(secret, 'Basic d3Jvbmc6d3Jvbmc=\n')
    box.keel('confirm', roll_out(lab_, 'another Prometheus'))
    until(lambda: is_told('it answers 401 '), 'the wrong password is told', SOON, 0.1)
    began = time.monotonic()
    write_secret(secret, AUTHORIZATION)
    until(lambda: queries(lab_)['one']['state'] == 'inside', lambda: f'{queries(lab_)}', SOON, 0.1)
    took = time.monotonic() - began

    secret.chmod(0o644)
    told = until(lambda: fires(lab_, 'evenkeel_credentials_failed', credentials='prometheus'),
                 'the alert', SOON, 0.1)
    assert 'is open to others' in told and is_told('is open to others'), told
    expect(queries(lab_)['one']['state'], 'inside', 'the query')
    assert is_nowhere(AUTHORIZATION.split()[1], box)
    return f'asked after {took:.1f} s: {told}'


TESTS = [
    ('a harmless change is judged by the queries, and confirmed', a_harmless_change),
    ('a change that only the application suffers from goes back by itself', a_harmful_change),
    ('a prometheus that is killed takes nothing back', prometheus_is_killed),
    ('a query that prometheus refuses is an alert', a_bad_query),
    ('a prometheus behind TLS and a password is asked with credentials', a_guarded_prometheus),
]
