#!/usr/bin/python3
"""keel's interactive mode, driven in a real terminal (tmux): prompt, completion, `?`, history,
pager, a change with its countdown, and top. `terminal.py KEEL [SOCKET]`: against the box whose API
is at SOCKET, or one that the test makes up. It changes the box's settings, and confirms that."""

import http.client
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import fake_box  # noqa: E402
from boxes import running_box  # noqa: E402

DEADLINE = 15  # seconds, for whatever a screen is to show


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__('localhost', timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(path, target):
    connection = Connection(path)
    connection.request('GET', target, headers={'Connection': 'close'})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


# What runs a terminal's program: a shell that stays, since tmux 3.3 may miss that its child ended.
STAYING = '"$@"; echo "It ended with $?."; exec sleep infinity'


class Terminal:
    """A terminal of its own, in which one program runs."""

    def __init__(self, folder, command, environment, columns=100, rows=30):
        self.tmux = ['tmux', '-S', f'{folder}/tmux', '-f', '/dev/null']
        settings = [f'{name}={value}' for name, value in environment.items()]
        self.run('new-session', '-d', '-x', str(columns), '-y', str(rows),
                 'env', *settings, 'sh', '-c', STAYING, 'sh', *command)

    def run(self, *words):
        environment = {**os.environ, 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm-256color'}
        return subprocess.run([*self.tmux, *words], capture_output=True, text=True, check=True,
                              timeout=DEADLINE, env=environment).stdout

    def screen(self):
        return self.run('capture-pane', '-p')

    def type(self, text):
        self.run('send-keys', '-l', '--', text)

    def press(self, *keys):
        self.run('send-keys', *keys)

    def enter(self, line):
        self.type(line)
        self.press('Enter')

    def wait(self, pattern, what=None):
        """What `pattern` matches on the screen, when it does."""
        end = time.monotonic() + DEADLINE
        while not (found := re.search(pattern, self.screen(), re.M)):
            if time.monotonic() > end:
                raise AssertionError(f'{what or pattern!r} never came; there is:\n{self.screen()}')
            time.sleep(0.02)
        return found

    def wait_last(self, pattern):
        return self.wait(rf'{pattern}\s*\Z')

    def end(self):
        self.run('kill-server')


class Interactive(unittest.TestCase):
    keel = socket_path = None
    is_made_up = True

    def setUp(self):
        self.name = ask(self.socket_path, '/v1/status')['name']
        self.start('less')

    def start(self, pager):
        self.folder = tempfile.mkdtemp(prefix='keel-terminal-')
        self.addCleanup(shutil.rmtree, self.folder)
        self.terminal = Terminal(self.folder, [self.keel], {
            'HOME': self.folder, 'KEEL_SOCKET': self.socket_path, 'PAGER': pager,
            'LC_ALL': 'C.UTF-8'})
        self.addCleanup(self.terminal.end)
        self.prompt()

    def prompt(self):
        self.terminal.wait_last(rf'^{re.escape(self.name)}( \[change [^\]]*\])?>')

    def test_completion_of_commands(self):
        self.terminal.type('com')
        self.terminal.press('Tab')
        self.terminal.wait(r'^  commit +Make the candidate live')
        self.terminal.wait(r'^  completion ')
        self.terminal.wait_last(r'> com')
        self.terminal.type('mi')
        self.terminal.press('Tab')
        self.terminal.type('--conf')
        self.terminal.press('Tab')
        self.terminal.wait_last(r'> commit --confirm')
        self.terminal.press('C-c')  # begins the line again
        self.prompt()

    def test_completion_of_keys_and_live_names(self):
        service = ask(self.socket_path, '/v1/services')['services'][0]['name']
        backends = ask(self.socket_path, f'/v1/backends?service={service}')['backends']
        names = [row['name'] for row in backends if row['name'].isprintable()]
        self.terminal.type('set serv')
        self.terminal.press('Tab')
        self.terminal.wait_last(r'> set services\.')
        self.terminal.type(f'{service}.back')
        self.terminal.press('Tab')
        self.terminal.wait_last(rf'> set services\.{service}\.backends\.')
        self.terminal.type(f'{names[0]}.wei')
        self.terminal.press('Tab')
        self.terminal.wait_last(rf'> set services\.{service}\.backends\.{names[0]}\.weight')
        self.terminal.press('C-c')
        self.terminal.type(f'drain {service}/')
        self.terminal.press('Tab', 'Tab')
        for name in names[:3]:
            self.terminal.wait(rf'\b{re.escape(name)}\b')

    def test_a_question_mark_explains(self):
        self.terminal.type('show ?')
        self.terminal.wait(r'^WHAT: services, backends')
        self.terminal.wait_last(r'> show')
        self.terminal.press('C-c')
        self.terminal.type("commit --why 'what?")  # in a quote it is one
        self.terminal.wait_last(r"> commit --why 'what\?")
        self.terminal.press('C-c')
        self.terminal.enter('show srvices')
        self.terminal.wait(r"^keel: 'srvices' is no WHAT of show; did you mean services\?")

    def test_long_output_is_paged(self):
        self.terminal.enter('help')
        self.terminal.wait(r'^Change the settings')
        self.terminal.wait_last(r'^:')
        self.terminal.press('q')
        self.prompt()

    def test_without_its_pager_nothing_is_lost(self):
        self.start('/absent/pager')
        self.terminal.enter('help')
        self.terminal.wait(r'^Exit status')
        self.prompt()

    def test_history_is_kept(self):
        self.terminal.enter('help status')
        self.terminal.wait(r'^usage: keel status')
        self.prompt()
        self.terminal.press('Up')
        self.terminal.wait_last(r'> help status')
        self.terminal.press('C-c')
        self.prompt()  # a line of its own, before it can end
        self.terminal.press('C-d')
        self.terminal.wait(r'^It ended with 0\.', 'the end')
        history = Path(self.folder, '.keel_history')
        self.assertIn('help\\040status', history.read_text(encoding='utf-8'))
        self.assertEqual(stat.S_IMODE(history.stat().st_mode), 0o600)

    def test_top(self):
        self.terminal.enter('top')
        self.terminal.wait(r'^backend .*planned')
        self.terminal.press('q')
        self.prompt()

    def test_nothing_that_a_terminal_obeys_comes_through(self):
        if not self.is_made_up:
            self.skipTest('a real box has no such names')
        self.terminal.enter('journal')
        self.terminal.wait(r'evil\\x1b\]0;owned')
        self.terminal.enter('show backends')
        self.terminal.wait(r'^shop +evil\\x1b')
        self.assertNotIn('owned', self.terminal.run('display-message', '-p', '#{pane_title}'))

    def test_a_change_and_its_countdown(self):
        service = ask(self.socket_path, '/v1/services')['services'][0]['name']
        backend = ask(self.socket_path, f'/v1/backends?service={service}')['backends'][0]
        weight = backend['weight'] + 1
        self.terminal.enter(f"set services.{service}.backends.{backend['name']}.weight {weight}")
        number = self.terminal.wait(r'\[change (\d+)\]>\s*\Z').group(1)
        self.terminal.enter('plan')
        self.terminal.wait(rf'Change {number} by')
        if self.terminal.wait_last(r'(^\(END\)|^:|\]>)').group(1) != ']>':
            self.terminal.press('q')  # the pager's, if it is longer than the screen
        self.terminal.wait_last(r'\]>')
        waivers = ''.join(f" --waive {rule} --reason 'so it is'"
                          for rule in ask(self.socket_path, '/v1/change/plan')['refusals'])
        self.terminal.enter(f"commit --confirm 5m --why 'what is it?'{waivers}")
        self.terminal.wait(r'It goes back by itself in [45]:\d\d, unless:')
        self.terminal.wait_last(rf'\[change {number}, [45]:\d\d left\]>')
        first = self.left()
        end = time.monotonic() + DEADLINE
        while self.left() >= first - 1:  # it counts down while nobody types
            self.assertLess(time.monotonic(), end, self.terminal.screen())
            time.sleep(0.05)
        self.terminal.enter(f'confirm {number}')
        self.terminal.wait_last(rf'^{re.escape(self.name)}>')
        self.assertIsNone(ask(self.socket_path, '/v1/status')['change'])

    def left(self):
        minutes, seconds = re.search(r'(\d+):(\d\d) left\]>\s*\Z', self.terminal.screen()).groups()
        return 60 * int(minutes) + int(seconds)


def main():
    Interactive.keel = os.path.abspath(sys.argv[1])
    if len(sys.argv) > 2:
        Interactive.is_made_up = False
        Interactive.socket_path = sys.argv[2]
        unittest.main(argv=sys.argv[:1])
    with running_box(fake_box.__file__) as path:
        Interactive.socket_path = path
        unittest.main(argv=sys.argv[:1])


if __name__ == '__main__':
    main()
