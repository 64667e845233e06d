"""Who watches the box: Prometheus scrapes it, Alertmanager and a webhook are told what is wrong and
when it is over. Both are the real ones, beside keeld in its network namespace; clients make
requests all the while. Alertmanager and the webhook listen only to whom they know.
"""

import contextlib
import http.server
import json
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from guarded import AUTHORIZATION, is_nowhere, web_config, write_secret
from lab import managed_lab
from network import VIP
from proof import expect, until

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = ROOT / 'config'
METRICS = '127.0.0.1:9880'
HOOK = 9881
PROMETHEUS = '127.0.0.1:9090'
ALERTMANAGER = '127.0.0.1:9093'
TOKEN = 'Bearer of-the-webhook'
SOON = 5  # seconds until what is wrong is known by whoever is to know it


class Hook:
    """A webhook that keeps what it is told. `manner`: what it answers, by its name."""

    def __init__(self, lab_):
        self.heard = []
        self.manner = 'good'
        self.token = TOKEN
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                if self.headers['Authorization'] != hook.token:
                    self.send_error(401)
                elif hook.manner == 'good':
                    hook.heard.append(json.loads(body))
                    self.send_response(204)
                    self.end_headers()
                elif hook.manner == 'elsewhere':
                    self.send_response(302)
                    self.send_header('Location', f'http://{ALERTMANAGER}/')
                    self.end_headers()
                elif hook.manner == 'garbage':
                    self.wfile.write(b'\0\1\2 what?\r\n\r\n')
                else:
                    time.sleep(30)

            def log_message(self, *_):
                pass

        with lab_.namespaces.inside('box'):
            self.server = http.server.ThreadingHTTPServer(('127.0.0.1', HOOK), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def states(self, name, **labels):
        """What it was told of an alert, one after the other: ['firing', 'over']."""
        return [alert['state'] for message in self.heard for alert in message['alerts']
                if alert['name'] == name and labels.items() <= alert['labels'].items()]


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs, metrics={'listen': METRICS}, alerts={
            'webhooks': [f'http://127.0.0.1:{HOOK}/hook'],
            'alertmanagers': [f'http://{ALERTMANAGER}'], 'repeat': '2s'}) as result:
        result.box.settings['credentials'] = [
            {'name': 'hook', 'url': f'http://127.0.0.1:{HOOK}',
             'authorization_file': write_secret(result.folder / 'hook.secret', TOKEN + '\n')},
            {'name': 'alertmanager', 'url': f'http://{ALERTMANAGER}/api',
             'authorization_file': write_secret(result.folder / 'am.secret', AUTHORIZATION)}]
        result.hook = Hook(result)
        start_alertmanager(result)
        start_prometheus(result)
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        until(lambda: not firing(result), 'nothing is wrong', 20, 0.1)
        yield result
        result.hook.server.shutdown()


def start_alertmanager(lab_):
    config = lab_.folder / 'alertmanager.yml'
    config.write_text('route: {receiver: nobody}\nreceivers: [{name: nobody}]\n')
    lab_.alertmanager = lab_.namespaces.start('box', [
        'prometheus-alertmanager', f'--config.file={config}', '--cluster.listen-address=',
        f'--storage.path={lab_.folder}/alertmanager', f'--web.listen-address={ALERTMANAGER}',
        f'--web.config.file={web_config(lab_.folder)}'],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: answers(lab_, f'http://{ALERTMANAGER}/-/ready'), 'Alertmanager is ready', 30, 0.1)


def start_prometheus(lab_):
    config = lab_.folder / 'prometheus.yml'
    config.write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ['{CONFIG}/prometheus/evenkeel.rules.yml']
scrape_configs: [{{job_name: evenkeel, static_configs: [{{targets: ['{METRICS}']}}]}}]
""")
    lab_.namespaces.start('box', [
        'prometheus', f'--config.file={config}', f'--storage.tsdb.path={lab_.folder}/prometheus',
        f'--web.listen-address={PROMETHEUS}'],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: answers(lab_, f'http://{PROMETHEUS}/-/ready'), 'Prometheus is ready', 30, 0.1)


# --- Asking -------------------------------------------------------------------------------------

def fetch(lab_, url):
    request = urllib.request.Request(url)
    if ALERTMANAGER in url:
        request.add_header('Authorization', AUTHORIZATION)
    with lab_.namespaces.inside('box'), urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def answers(lab_, url):
    with contextlib.suppress(OSError):
        return bool(fetch(lab_, url))
    return False


def query(lab_, expression):
    """{labels as text: value}."""
    quoted = urllib.parse.quote(expression)
    told = json.loads(fetch(lab_, f'http://{PROMETHEUS}/api/v1/query?query={quoted}'))
    return {json.dumps(row['metric'], sort_keys=True): float(row['value'][1])
            for row in told['data']['result']}


def firing(lab_):
    """Ids of what the box says is wrong; what has happened stands for minutes, and is left out."""
    return {row['id'] for row in lab_.box.told('show', 'alerts')['alerts']
            if row['state'] == 'firing' and row['name'] != 'evenkeel_change_rolled_back'}


def at_alertmanager(lab_, name, **labels):
    """The alert as Alertmanager has it while it fires, or None."""
    labels['alertname'] = name
    for alert in json.loads(fetch(lab_, f'http://{ALERTMANAGER}/api/v2/alerts')):
        if labels.items() <= alert['labels'].items():
            return alert
    return None


def metrics_of(text):
    return set(re.findall(r'^# TYPE (\S+) ', text, re.M))


def metrics_named_in(text):
    """Histograms have samples that go by other names."""
    names = set(re.findall(r'\bevenkeel_[a-z_]+', text))
    return {re.sub(r'_seconds_(bucket|sum|count)$', '_seconds', name) for name in names}


def kill_server(lab_, name):
    lab_.namespaces.end(lab_.servers.nginx[name], signal.SIGTERM)


def revive_server(lab_, name):
    lab_.servers.nginx[name] = lab_.servers.start_nginx(name)
    until(lambda: not firing(lab_), 'nothing is wrong any more', 20, 0.1)


# --- What is proved -----------------------------------------------------------------------------

def promtool_accepts_it(lab_):
    plain = fetch(lab_, f'http://{METRICS}/metrics')
    by_api = subprocess.run(['curl', '-sS', '--fail', '--unix-socket', lab_.box.api,
                             'http://keeld/metrics'], capture_output=True, text=True, check=True)
    expect(metrics_of(plain), metrics_of(by_api.stdout), 'metrics by either way')
    for text in (plain, by_api.stdout):
        checked = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True,
                                 capture_output=True, check=False)
        expect((checked.returncode, checked.stderr), (0, ''), 'what promtool says')
    for target in ('/', '/v1/status'):
        with contextlib.suppress(urllib.error.HTTPError):
            raise AssertionError(f'{target}: {fetch(lab_, f"http://{METRICS}{target}")}')
    return f'{len(metrics_of(plain))} metrics in {len(plain)} bytes'


def board_and_rules_fit(lab_):
    """Whatever they name, the box has; and they are what Grafana and Prometheus can read."""
    known = metrics_of(fetch(lab_, f'http://{METRICS}/metrics'))
    board = (CONFIG / 'grafana/evenkeel.json').read_text(encoding='utf-8')
    panels = json.loads(board)['panels']
    rules = CONFIG / 'prometheus/evenkeel.rules.yml'
    for command in (['check', 'rules', rules],
                    ['test', 'rules', CONFIG / 'prometheus/evenkeel.rules.test.yml']):
        subprocess.run(['promtool', *command], check=True, capture_output=True)
    for text in (board, rules.read_text(encoding='utf-8')):
        named = metrics_named_in(text)
        assert len(named) > 5 and named <= known, named - known
    for panel in panels:
        for target in panel['targets']:
            expression = target['expr'].replace('$instance', '.*').replace('$service', '.*')
            query(lab_, expression)
    return f'{len(panels)} panels'


def prometheus_sees_the_traffic(lab_):
    """What it has of each backend is what keel shows."""
    def new_flows():
        rows = query(lab_, 'evenkeel_backend_new_flows_total')
        return {json.loads(labels)['backend']: value for labels, value in rows.items()}
    until(lambda: query(lab_, 'up{job="evenkeel"} == 1'), 'Prometheus scrapes the box', 20, 0.2)
    lab_.all_answered(VIP[4], 2_000)
    lab_.all_answered(VIP[6], 2_000)
    told = {row['name']: row['new_flows'] for row in lab_.box.told('show', 'backends')['backends']}
    until(lambda: new_flows() == told, lambda: f'{new_flows()} is {told}', 10, 0.2)
    sampled = sum(query(lab_, 'evenkeel_service_handshake_seconds_count').values())
    completed = sum(query(lab_, 'evenkeel_backend_handshakes_completed_total').values())
    assert 0 < sampled == completed, (sampled, completed)
    return f'{sum(told.values())} flows, {sampled:.0f} of them sampled'


def health_is_shown(lab_):
    """Of a server that answers, one that is drained, one that is dead, and one that is back."""
    box = lab_.box

    def row(name):
        rows = {row['name']: row for row in box.told('show', 'health', 'web')['health']}
        return rows[name]

    expect((row('server1')['state'], row('server1')['why']), ('up', ''), 'one that answers')
    assert row('server1')['answered_s'] <= 2 and row('server1')['took_ms'] > 0, row('server1')
    box.keel('drain', 'web/server2', '--for', '1m', '--reason', 'a test')
    until(lambda: row('server2')['state'] == 'draining', 'one is drained', SOON)
    kill_server(lab_, 'server3')
    until(lambda: row('server3')['state'] == 'down' and row('server3')['why'], 'one is dead', SOON)
    dead = row('server3')
    assert 'refused' in dead['answer'] and dead['answer'] in dead['why'], dead
    assert dead['for_s'] <= SOON and row('server1')['for_s'] >= dead['for_s'], dead
    text = box.keel('show', 'health')
    assert 'draining' in text and 'refused' in text, text
    revive_server(lab_, 'server3')
    until(lambda: row('server3')['state'] == 'up', 'it is back', SOON)
    box.keel('undrain', 'web/server2')
    until(lambda: row('server2')['state'] == 'up', 'the other is drained no more', SOON)
    until(lambda: not firing(lab_), 'nothing is wrong', SOON)


def a_dead_server_is_told(lab_):
    """To Alertmanager, the webhook, and by Prometheus's own rules; and that it is over."""
    lab_.hook.heard.clear()
    labels = {'service': 'web', 'backend': 'server3'}
    began = time.monotonic()
    kill_server(lab_, 'server3')
    alert = until(lambda: at_alertmanager(lab_, 'evenkeel_backend_down', **labels),
                  'Alertmanager knows', SOON, 0.05)
    took = time.monotonic() - began
    expect((alert['status']['state'], alert['labels']['severity'], alert['labels']['box']),
           ('active', 'warning', 'lb1'), 'the alert')
    assert 'server3' in alert['annotations']['description'], alert
    until(lambda: lab_.hook.states('evenkeel_backend_down', **labels) == ['firing'],
          'the webhook knows', SOON)
    expect(firing(lab_), {'evenkeel_backend_down{backend="server3",service="web"}'}, 'alerts')
    expect(len(lab_.box.keel('show', 'alerts').splitlines()) >= 2, True, 'rows of keel')
    until(lambda: query(lab_, 'ALERTS{alertname="EvenkeelAlert",alertstate="firing"}'),
          'Prometheus knows', 20, 0.2)

    def was_told_again():
        return at_alertmanager(lab_, 'evenkeel_backend_down', **labels)['updatedAt'] != told_at
    told_at = alert['updatedAt']
    until(was_told_again, 'Alertmanager is told again', 10, 0.1)

    revive_server(lab_, 'server3')
    until(lambda: at_alertmanager(lab_, 'evenkeel_backend_down', **labels) is None,
          'Alertmanager knows that it is over', SOON, 0.05)
    until(lambda: lab_.hook.states('evenkeel_backend_down', **labels) == ['firing', 'over'],
          'the webhook knows that it is over', SOON)
    return f'Alertmanager knew after {took:.1f} s'


def a_change_that_went_back_is_told(lab_):
    box = lab_.box
    lab_.hook.heard.clear()
    box.keel('set', 'services.web.backends.server2.weight', 2)
    change = box.told('commit', '--confirm', '1s', '--why', 'a trial')
    labels = {'generation': str(change['id'])}
    alert = until(lambda: at_alertmanager(lab_, 'evenkeel_change_rolled_back', **labels),
                  'Alertmanager knows', 1 + SOON, 0.05)
    expect(alert['labels']['severity'], 'critical', 'how bad it is')
    assert 'not confirmed' in alert['annotations']['description'], alert
    until(lambda: lab_.hook.states('evenkeel_change_rolled_back', **labels) == ['firing'],
          'the webhook knows', SOON)


def alertmanager_may_be_away(lab_):
    """Meanwhile nothing else is late, and it hears of everything later."""
    box = lab_.box
    lab_.namespaces.end(lab_.alertmanager, signal.SIGKILL)
    before = box.lost()
    client = lab_.start_requests(VIP[4], requests=20_000, connections=4)
    kill_server(lab_, 'server2')
    labels = {'service': 'web', 'backend': 'server2'}
    until(lambda: any('server2' in one for one in firing(lab_)), 'the box knows', SOON, 0.05)
    until(lambda: 'firing' in lab_.hook.states('evenkeel_backend_down', **labels),
          'the webhook knows', SOON)
    until(lambda: any(ALERTMANAGER in trouble for trouble in box.told('status')['troubles']),
          'the box says that Alertmanager is away', SOON, 0.05)
    lab_.results(client)
    expect(box.lost(), before, 'packets that the box lost')
    start_alertmanager(lab_)
    until(lambda: at_alertmanager(lab_, 'evenkeel_backend_down', **labels), 'Alertmanager knows',
          35, 0.1)
    lab_.all_answered(VIP[4], 1_000)
    revive_server(lab_, 'server2')
    until(lambda: at_alertmanager(lab_, 'evenkeel_backend_down', **labels) is None,
          'Alertmanager knows that it is over', SOON, 0.05)
    failed = query(lab_, 'evenkeel_alert_posts_total{kind="alertmanager",outcome="failed"}')
    return f'{sum(failed.values()):.0f} POSTs failed'


def bad_webhooks_are_a_trouble(lab_):
    """One that says nothing, nonsense, or sends us elsewhere holds up nobody."""
    box = lab_.box
    told = []
    for manner, says in (('elsewhere', '302'), ('garbage', 'does not answer'),
                         ('silent', 'does not answer')):
        lab_.hook.manner = manner
        kill_server(lab_, 'server1')
        labels = {'service': 'web', 'backend': 'server1'}
        until(lambda: at_alertmanager(lab_, 'evenkeel_backend_down', **labels),
              'Alertmanager knows', SOON, 0.05)
        trouble = until(lambda: next((trouble for trouble in box.told('status')['troubles']
                                      if f':{HOOK}' in trouble), None),
                        f'the trouble with a webhook that is {manner}', 40, 0.1)
        assert says in trouble, trouble
        began = time.monotonic()
        box.told('status')
        assert time.monotonic() - began < 1, 'the API waits for a webhook'
        lab_.all_answered(VIP[4], 500)
        lab_.hook.manner = 'good'
        lab_.servers.nginx['server1'] = lab_.servers.start_nginx('server1')
        until(lambda: not firing(lab_), 'nothing is wrong any more', 60, 0.1)
        told.append(manner)
    return ', '.join(told)


def a_webhook_has_another_token(lab_):
    """It is told again as soon as the box's file has the new one; which nobody gets to see."""
    box = lab_.box
    lab_.hook.token = 'Bearer a-better-one'
    box.keel('set', 'services.web.backends.server2.weight', 3)
    change = box.told('commit', '--confirm', '1s', '--why', 'another trial')
    trouble = until(lambda: next((trouble for trouble in box.told('status')['troubles']
                                  if f':{HOOK}' in trouble), None), 'the trouble', 1 + SOON, 0.1)
    assert 'it answers 401 ' in trouble, trouble
    write_secret(lab_.folder / 'hook.secret', lab_.hook.token)
    began = time.monotonic()
    labels = {'generation': str(change['id'])}
    until(lambda: lab_.hook.states('evenkeel_change_rolled_back', **labels) == ['firing'],
          'the webhook knows', 2 * SOON, 0.05)
    took = time.monotonic() - began
    for secret in (TOKEN, lab_.hook.token, AUTHORIZATION):
        assert is_nowhere(secret.split()[1], box), secret
    return f'told after {took:.1f} s'


def settings_change_at_once(lab_):
    """Where metrics are served, and whom alerts go to, needs no restart."""
    box = lab_.box
    other = '127.0.0.1:9882'
    box.keel('set', 'metrics.listen', f'"{other}"')
    change = box.told('commit', '--why', 'another port')
    box.keel('confirm', change['id'])
    until(lambda: answers(lab_, f'http://{other}/metrics'), 'metrics at the new place', SOON, 0.1)
    assert not answers(lab_, f'http://{METRICS}/metrics'), 'metrics at the old place'
    box.keel('set', 'metrics.listen', '"192.0.2.99:9880"')
    change = box.told('commit', '--why', 'an address of somebody else')
    until(lambda: any('192.0.2.99' in trouble for trouble in box.told('status')['troubles']),
          'the trouble', SOON, 0.1)
    box.keel('rollback', change['id'])
    until(lambda: answers(lab_, f'http://{other}/metrics'), 'metrics are back', SOON, 0.1)


TESTS = [
    ('promtool has nothing to say against the metrics', promtool_accepts_it),
    ('board and rules name only metrics that there are', board_and_rules_fit),
    ('prometheus sees the traffic that there was', prometheus_sees_the_traffic),
    ('the health of each backend is shown', health_is_shown),
    ('a dead server is told to whom it concerns, and that it is over', a_dead_server_is_told),
    ('a change that went back is told', a_change_that_went_back_is_told),
    ('alertmanager may be away', alertmanager_may_be_away),
    ('a webhook that misbehaves is a trouble, and holds up nobody', bad_webhooks_are_a_trouble),
    ('a webhook that has another token says so, and is told by it soon',
     a_webhook_has_another_token),
    ('who watches changes with the settings, without a restart', settings_change_at_once),
]
