"""An API server over a Unix socket that keel's tests talk to: `fake_box.py SOCKET` serves until it
is ended. It keeps one change, as keeld does, and whatever it says of the box is made up; some of it
on purpose with bytes that a terminal would obey."""

import json
import os
import socketserver
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

HOSTILE = 'evil\x1b]0;owned\x07\x1b[2J\u202e\u009b31m'
WHEN = '2026-03-01 12:00:05'
TEXT = 'name = "lb1";  # the box\nservices = ( { name = "shop"; } );\n'


def backend(name, before, after, **more):
    return {'name': name, 'fate': 'same', 'share': {'before': before, 'after': after},
            'flows': {'before': 120.5 * before, 'after': 120.5 * after}, 'capacity': 100,
            'moved': max(0, before - after), 'trouble': '', **more}


def impact():
    return {
        'summary': {'added': 0, 'changed': 1, 'removed': 0, 'unchanged': 3},
        'services': [{
            'name': 'shop', 'family': None, 'fate': 'changed',
            'open': {'before': True, 'after': True}, 'buckets': {'before': 65537, 'after': 65537},
            'moved': 0.3333, 'moved_flows': 0.312, 'flows': 120.5,
            'backends': [backend('web1', 0.3333, 0.75, fate='changed'),
                         backend('web2', 0.3333, 0.25),
                         backend(HOSTILE, 0.3333, 0, fate='removed', capacity=None)],
            'check': [{'name': 'type', 'before': 'http', 'after': 'http'},
                      {'name': 'interval', 'before': '2s', 'after': '5s'},
                      {'name': 'path', 'before': '/', 'after': ''}],
            'headroom': {'before': {'without': 'web1', 'fullest': 'web2', 'load': 0.602,
                                    'by_traffic': True},
                         'after': {'without': 'web1', 'fullest': 'web2', 'load': 1.205,
                                   'by_traffic': True}}}],
        'differences': [{'path': 'services.shop.backends.web1.weight', 'before': '1', 'after': '3'},
                        {'path': 'services.shop.backends.web3', 'before': 'weight 1', 'after': ''}],
        'hits': [{'rule': 'single-node', 'severity': 'refuse', 'where': 'services.shop',
                  'what': 'web1 would get 75.0 % of new flows, and 60 % is the most.',
                  'reason': 'one backend gets more than its share', 'outage': 'single-node'},
                 {'rule': 'weakened-health-check', 'severity': 'warn',
                  'where': 'services.shop.check.interval', 'what': HOSTILE,
                  'reason': 'a failure is found later than before', 'outage': 'checks-off'}],
        'refusals': ['single-node'],
        'checklist': ['Are the servers that get more ready for it?']}


class Box:
    def __init__(self):
        self.text, self.confirmed, self.change, self.overrides = TEXT, 12, None, []
        self.role, self.stall = 'operator', False

    def status(self):
        return {'name': 'lb1', 'version': '0.1', 'uptime_s': 90061, 'confirmed': self.confirmed,
                'in_force': 13 if self.change and self.change['deadline_s'] else self.confirmed,
                'change': self.shown(), 'troubles': [], 'eal_prefix': 'evenkeel',
                'you': {'user': 'ann', 'role': self.role}}

    def shown(self):
        if not self.change:
            return None
        change = {name: value for name, value in self.change.items() if name != 'text'}
        if change['deadline_s']:
            change['deadline_s'] = max(0, int(change['deadline_s'] - time.monotonic()))
        return change

    def open(self, base, text):
        self.change = {'id': 7, 'owner': 'ann', 'state': 'candidate', 'base': base, 'text': text,
                       'generation': None, 'opened': WHEN, 'deadline_s': None, 'why': '',
                       'waivers': [], 'needs_approval': False}


class Refusal(Exception):
    def __init__(self, status, code, message, **more):
        super().__init__(message)
        self.status = status
        self.error = {'code': code, 'message': message, 'advice': 'see keel status', **more}


def needs_change(box):
    if not box.change:
        raise Refusal(404, 'no-change', 'there is no change')
    return box.change


def open_change(box, body, _):
    if body['base'] != box.confirmed:
        raise Refusal(409, 'stale-base', f'generation {body["base"]} is not the confirmed one',
                      diff='--- 11\n+++ 12\n@@ -1 +1 @@\n-name = "lb0";\n+name = "lb1";\n')
    if 'meanwhile' in body['text']:  # a colleague confirms while the editor is open
        box.confirmed += 1
    if 'wrong' in body['text']:
        raise Refusal(422, 'mistakes', 'the text has a mistake', mistakes=[
            {'file': 'lb.conf', 'line': 2, 'path': 'wrong',
             'what': 'is no key; did you mean name?'}])
    box.open(body['base'], body['text'])
    return box.shown()


def edit_change(box, body, _):
    for edit in body['edits']:
        if edit.get('set') == 'role':
            box.role = edit['value']
        if 'nothing' in edit.get('set', edit.get('delete')):
            raise Refusal(422, 'mistakes', 'there is no key nothing')
    if not box.change:
        box.open(box.confirmed, box.text)
    box.change['text'] += json.dumps(body['edits']) + '\n'
    return box.shown()


def commit(box, body, _):
    change = needs_change(box)
    if 'single-node' not in [waiver['rule'] for waiver in body['waivers']]:
        raise Refusal(422, 'rules', 'rules refuse the change', hits=impact()['hits'][:1])
    change.update(state='on-probation', why=body['why'], waivers=body['waivers'], generation=13,
                  deadline_s=time.monotonic() + body.get('confirm_s', 600))
    return box.shown()


def end_change(outcome):
    def end(box, body, _):
        change = needs_change(box)
        if body.get('id') != change['id']:
            raise Refusal(409, 'no-such-change', f'the change is {change["id"]}')
        shown = {**box.shown(), 'state': outcome, 'deadline_s': None}
        if outcome == 'confirmed':
            box.confirmed, box.text = 13, change['text']
        box.change = None
        return shown
    return end


def add_override(box, body, _):
    if body['backend'] == 'shop/web9':
        raise Refusal(404, 'no-backend', 'there is no backend shop/web9')
    number = len(box.overrides) + 1
    box.overrides.append({'id': number, 'who': 'ann', 'left_s': body['for_s'], **body})
    return box.overrides[-1]


def settings(box, _, query):
    if query.get('generation') == 'candidate':
        change = needs_change(box)
        return {'generation': None, 'base': change['base'], 'text': change['text']}
    if int(query.get('generation', box.confirmed)) > box.confirmed:
        raise Refusal(404, 'no-generation', f'there is no generation {query["generation"]}')
    return {'generation': box.confirmed, 'base': box.confirmed, 'text': box.text}


def backends(_, __, query):
    rows = [{'name': name, 'service': 'shop', 'address': f'10.0.0.{i}', 'weight': 1,
             'state': 'usable', 'share': 0.3333, 'new_flows_per_s': 40 * i}
            for i, name in enumerate(('web1', 'web2', HOSTILE), 1)]
    if query.get('service', 'shop') != 'shop':
        raise Refusal(404, 'no-service', f'there is no service {query["service"]}')
    return {'backends': rows}


def field(row, path):
    for name in path.split('/'):
        row = (row or {}).get(name)
    return row


def table(box, _, query):
    rows = ROUTES[f'GET /v1/{query["of"]}'](box, _, query)[query['of']]
    columns = query['columns'].split(',')
    return {'columns': columns, 'rows': [[field(row, path) for path in columns] for row in rows]}


def discard(box, _, __):
    needs_change(box)
    box.change = None
    return {}


def restore(box, body, _):
    if body['generation'] > box.confirmed:
        raise Refusal(404, 'no-generation', f'there is no generation {body["generation"]}')
    box.open(box.confirmed, f'# as generation {body["generation"]}\n')
    return box.shown()


SCHEMA = {'type': 'object', 'properties': {
    'name': {'type': 'string', 'description': 'Of the box.'},
    'idle': {'enum': ['adaptive', 'poll'], 'description': 'What workers do.'},
    'services': {'type': 'array', 'items': {'type': 'object', 'properties': {
        'protocol': {'enum': ['tcp', 'udp', 'sctp']}, 'mss': {'type': 'integer'},
        'backends': {'type': 'array', 'items': {'type': 'object', 'properties': {
            'weight': {'type': 'integer', 'description': 'Share.'},
            'address': {'type': 'string'}}}}}}}}}

ROUTES = {
    'GET /v1/status': lambda box, _, __: box.status(),
    'GET /v1/settings': settings,
    'GET /v1/schema': lambda *_: SCHEMA,
    'POST /v1/change': open_change,
    'POST /v1/change/edit': edit_change,
    'GET /v1/change': lambda box, _, __: (needs_change(box), box.shown())[1],
    'DELETE /v1/change': discard,
    'POST /v1/change/check': lambda box, _, __: (needs_change(box), {
        'hits': impact()['hits'] if 'weight' in box.change['text'] else [], 'mistakes': [],
        'ok': True, 'needs_restart': [], 'no_plan': ''})[1],
    'GET /v1/change/plan': lambda box, _, __: (needs_change(box), impact())[1],
    'GET /v1/change/diff': lambda box, _, __: (needs_change(box), {
        'text': f'--- 12\n+++ candidate\n@@ -1 +1 @@\n-name = "lb1";\n+name = "{HOSTILE}";\n',
        'differences': []})[1],
    'POST /v1/change/commit': commit,
    'POST /v1/change/approve': end_change('on-probation'),
    'POST /v1/change/confirm': end_change('confirmed'),
    'POST /v1/change/rollback': end_change('rolled-back'),
    'POST /v1/rollback': restore,
    'GET /v1/history': lambda box, _, query: {'history': [
        {'generation': number, 'who': 'ann', 'why': HOSTILE, 'when': WHEN, 'outcome': '',
         'waivers': [], 'confirmed': number == box.confirmed}
        for number in range(box.confirmed, 0, -1)][:int(query['limit'])]},
    'GET /v1/services': lambda *_: {'services': [
        {'name': 'shop', 'protocol': 'tcp', 'vips': ['203.0.113.10/32'], 'ports': '443'},
        {'name': 'dns', 'protocol': 'udp', 'vips': ['203.0.113.53/32'], 'ports': '53'}]},
    'GET /v1/backends': backends,
    'GET /v1/health': lambda *_: {'health': [
        {'service': 'shop', 'name': 'web1', 'state': 'down', 'for_s': 70, 'why': 'its check fails',
         'answer': 'connection refused', 'answered_s': 1, 'took_ms': 0.25, 'note': '', 'part': 1,
         'marks': '+--', 'answers': ['1 s ago, bad: connection refused'],
         'load': None}]},
    'GET /v1/table': table,
    'GET /v1/workers': lambda *_: {'workers': [{'worker': 0, 'core': 1, 'running': 'yes'}]},
    'GET /v1/neighbours': lambda *_: {'neighbours': []},
    'GET /v1/drops': lambda *_: {'drops': [{'reason': 'too_big', 'packets': 5, 'per_s': 0.5}]},
    'GET /v1/why': lambda _, __, query: {**query, 'verdict': 'dropped', 'reason': 'no_service',
                                         'because': 'no service has this address', 'headers': []},
    'POST /v1/unlatch': lambda box, body, __: {'generation': body['generation']},
    'GET /v1/ports': lambda *_: {'ports': [{'name': 'wan', 'link': 'up'},
                                           {'name': 'lan', 'link': 'down'}]},
    'GET /v1/overrides': lambda box, _, __: {'overrides': box.overrides},
    'POST /v1/overrides': add_override,
    'GET /v1/journal': lambda *_: {'events': [
        {'when': WHEN, 'kind': 'change', 'who': 'ann', 'what': HOSTILE}]},
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self):
        box = self.server.box
        path, _, query = self.path.partition('?')
        query = dict(urllib.parse.parse_qsl(query))
        length = int(self.headers.get('Content-Length') or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        status, answer = 200, None
        try:
            if self.command != 'GET' and box.role == 'viewer':
                raise Refusal(403, 'role', 'you are a viewer')
            if self.command == 'DELETE' and path.startswith('/v1/overrides/'):
                gone = int(path.rpartition('/')[2])
                box.overrides = [row for row in box.overrides if row['id'] != gone]
                answer = {}
            else:
                answer = ROUTES[f'{self.command} {path}'](box, body, query)
        except Refusal as refusal:
            status, answer = refusal.status, {'error': refusal.error}
        except KeyError as missing:
            status, answer = 404, {'error': {'message': f'no {missing}', 'advice': ''}}
        self.send(status, json.dumps(answer, ensure_ascii=False).encode())

    def send(self, status, data):
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def address_string(self):
        return 'keel'


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path):
        self.box = Box()
        super().__init__(path, Handler)

    def handle_error(self, *_):
        """Who asks may leave before the answer."""


def main():
    path = sys.argv[1]
    if os.path.exists(path):
        os.unlink(path)
    with Server(path) as server:
        server.serve_forever(poll_interval=0.1)


if __name__ == '__main__':
    main()
