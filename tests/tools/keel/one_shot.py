#!/usr/bin/python3
"""keel from a shell: every command against a server on a Unix socket, what it prints, where, and
what it ends with; servers that misbehave; the manual and the completion. `one_shot.py KEEL`."""

import json
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import fake_box  # noqa: E402
from boxes import running_box  # noqa: E402

DONE, REFUSED, USAGE, UNREACHABLE, FORBIDDEN, LOCAL = range(6)
WEIGHT = 'services.shop.backends.web1.weight'


class Shell(unittest.TestCase):
    """keel, a box made up for it, and a folder of its own."""

    program = None

    def setUp(self):
        box = running_box(fake_box.__file__)
        self.socket = box.__enter__()
        self.addCleanup(box.__exit__, None, None, None)
        self.folder = Path(tempfile.mkdtemp(prefix='keel-one-shot-'))
        self.addCleanup(shutil.rmtree, self.folder)

    def keel(self, *words, expected=DONE, **more):
        environment = {'PATH': os.environ['PATH'], 'KEEL_SOCKET': self.socket, 'LC_ALL': 'C.UTF-8',
                       'HOME': str(self.folder), 'TERM': 'xterm', **more.pop('environment', {})}
        outcome = subprocess.run([self.program, *words], capture_output=True, text=True, timeout=60,
                                 env=environment, check=False, **more)
        self.assertEqual(outcome.returncode, expected, (words, outcome.stdout, outcome.stderr))
        for text in (outcome.stdout, outcome.stderr):
            for harmful in ('\x1b', '\x07', '\x9b', '\u202e'):
                # JSON may have direction marks in it; it is for programs.
                if harmful != '\u202e' or '--json' not in words:
                    self.assertNotIn(harmful, text, words)
        return outcome

    def in_terminal(self, words, more, until=None, typed=b''):
        """What keel writes when all of its files are a terminal."""
        environment = {**os.environ, 'TERM': 'xterm', 'KEEL_SOCKET': self.socket, **more}
        environment.pop('NO_COLOR', None) if 'NO_COLOR' not in more else None
        child, terminal = pty.fork()
        if child == 0:
            os.execve(self.program, [self.program, *words], environment)
        os.write(terminal, typed)
        written = b''
        end = time.monotonic() + 20
        while time.monotonic() < end and (until is None or until not in written):
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            written += part
        os.close(terminal)
        os.waitpid(child, 0)
        return written


class OneShot(Shell):
    def test_a_change_from_beginning_to_end(self):
        self.assertIn('No change is pending', self.keel('status').stdout)
        self.assertIn('keel plan', self.keel('set', WEIGHT, '3').stdout)
        plan = self.keel('plan').stdout
        for part in ('Change 7 by ann, from generation 12', '+ 0 added   ~ 1 changed', '31.2 %',
                     'headroom', 'single-node', 'Before you commit', '→ keel edit',
                     "→ keel commit --why '...' --waive single-node --reason '...'"):
            self.assertIn(part, plan)
        self.assertIn('--waive single-node', self.keel('check', expected=REFUSED).stdout)
        self.assertIn('+name', self.keel('diff').stdout)
        refused = self.keel('commit', '--why', 'x', expected=REFUSED)
        self.assertEqual(refused.stdout, '')
        self.assertIn('rules refuse the change', refused.stderr)
        self.assertIn('→ see keel status', refused.stderr)
        live = self.keel('commit', '--confirm', '5m', '--why', 'x', '--waive', 'single-node',
                         '--reason', 'because').stdout
        self.assertRegex(live, r'It goes back by itself in [45]:\d\d, unless:\n'
                               '→ keel confirm 7   once all flows follow it: see keel status\n')
        self.assertIn('waived: single-node (because)', live)
        checked = self.keel('check').stdout  # what is waived refuses no more
        self.assertIn('! waived  single-node', checked)
        self.assertNotIn('--waive', checked)
        self.keel('check', '--json')
        self.assertIn('the change is 7', self.keel('confirm', '8', expected=REFUSED).stderr)
        self.assertIn('confirmed', self.keel('confirm', '7').stdout)
        self.assertIn('*          13', self.keel('history').stdout)

    def test_ways_back(self):
        self.assertIn('no change to go back from', self.keel('rollback', expected=REFUSED).stderr)
        self.keel('set', WEIGHT, '3')
        self.assertIn('--why TEXT is needed', self.keel(
            'commit', '--waive', 'single-node', '--reason', 'x', expected=USAGE).stderr)
        self.keel('commit', '--why', 'x', '--waive', 'single-node', '--reason', 'x')
        self.assertIn('rolled-back', self.keel('rollback').stdout)
        self.assertIn('candidate', self.keel('rollback', 'generation', '3', '--why', 'x').stdout)
        self.keel('rollback', 'generation', '99', '--why', 'x', expected=REFUSED)
        self.keel('rollback', 'generation', '3', expected=USAGE)
        self.keel('rollback', 'generation', expected=USAGE)
        self.keel('rollback', 'x', expected=USAGE)
        self.assertIn('is gone', self.keel('discard').stdout)
        self.keel('discard', expected=REFUSED)
        self.assertIn('keel rollback generation 13 --why',
                      self.keel('unlatch', '13', '--why', 'the switch was at fault').stdout)

    def test_texts(self):
        good, wrong = self.folder / 'good.conf', self.folder / 'wrong.conf'
        good.write_text('name = "lb1";\n', encoding='utf-8')
        wrong.write_text('wrong = 1;\n', encoding='utf-8')
        self.assertIn('candidate', self.keel('load', str(good)).stdout)
        self.assertIn('candidate', self.keel('load', '-', input='name = "x";\n').stdout)
        stale = self.keel('load', '--base', '11', str(good), expected=REFUSED).stderr
        self.assertIn('generation 11 is not the confirmed one', stale)
        self.assertIn('+name = "lb1";', stale)
        self.assertIn('lb.conf:2: wrong: is no key; did you mean name?',
                      self.keel('load', str(wrong), expected=REFUSED).stderr)
        self.keel('load', str(self.folder / 'gone.conf'), expected=LOCAL)
        self.keel('load', '--base', 'x', str(good), expected=USAGE)

    def editor(self, script):
        path = self.folder / 'editor'
        path.write_text(f'#!/bin/sh\n{script}\n', encoding='utf-8')
        path.chmod(0o755)
        return {'EDITOR': str(path), 'TMPDIR': str(self.folder)}

    def test_an_editor(self):
        idle = self.editor('true')
        self.assertIn('Nothing was changed', self.keel('edit', environment=idle).stdout)
        json.loads(self.keel('edit', '--json', environment=idle).stdout)
        kept = self.editor('stat -c %a "$1" >"$0.mode"; echo "# more" >>"$1"')
        self.assertIn('candidate', self.keel('edit', environment=kept).stdout)
        self.assertEqual((self.folder / 'editor.mode').read_text(encoding='utf-8').strip(), '600')
        again = self.editor('grep -q "# more" "$1" && echo wrong >>"$1"')  # of the candidate
        refused = self.keel('edit', expected=REFUSED, environment=again).stderr
        self.assertIn('the text has a mistake', refused)
        kept = Path(re.search(r'kept: keel load --base 12 (\S+)', refused).group(1))
        self.assertTrue(kept.read_text(encoding='utf-8').endswith('wrong\n'))
        self.assertIn('ended with 7', self.keel('edit', expected=LOCAL,
                                                environment=self.editor('exit 7')).stderr)
        self.assertIn('there is no program', self.keel('edit', expected=LOCAL,
                                                       environment={'EDITOR': '/none'}).stderr)
        self.assertEqual(list(self.folder.glob('keel-??????.conf')), [kept])

    def test_nothing_that_was_written_is_lost(self):
        def kept(pattern, script, expected=REFUSED):
            said = self.keel('edit', expected=expected, environment=self.editor(script)).stderr
            path = re.search(pattern, said)
            self.assertTrue(path, said)
            self.assertIn('mine', Path(path.group(1)).read_text(encoding='utf-8'))
            return said

        kept(r'kept: keel load --base 12 (\S+)', 'echo "# mine" >>"$1"; exit 7', LOCAL)
        kept(r'kept: keel load --base 12 (\S+)', 'echo "# mine" >>"$1"; kill $$', LOCAL)
        # In a terminal it is offered again, and a colleague has confirmed something by then.
        environment = self.editor('grep -q wrong "$1" && sed -i "s/wrong/# mine/" "$1" || '
                                  'echo "wrong meanwhile" >>"$1"')
        said = self.in_terminal(['edit'], environment, typed=b'\n').decode()
        self.assertEqual(said.count('Edit again?'), 1, said)  # a stale base is stale for good
        self.assertNotIn('keel load', said)
        path = re.search(r'what you wrote is kept in (\S+);', said).group(1)
        self.assertIn('# mine', Path(path).read_text(encoding='utf-8'))
        self.assertIn('made from generation 12', said)
        self.assertIn('+name = "lb1";', said)

    def test_setting_backends_aside(self):
        self.keel('drain', 'shop/web1', '--for', '30m', '--reason', 'kernel')
        self.keel('weight', 'shop/web1', '5', '--for', '1h', '--reason', 'x')
        self.keel('maintenance', 'web2', '--for', '1h30m', '--reason', 'x')
        self.assertRegex(self.keel('overrides').stdout, r'shop/web1 +drain +30:00 +ann +kernel')
        self.keel('drain', 'shop/web9', '--for', '30m', '--reason', 'x', expected=REFUSED)
        self.keel('drain', 'shop/web1', '--for', 'soon', '--reason', 'x', expected=USAGE)
        self.keel('weight', 'shop/web1', '-1', '--for', '1h', '--reason', 'x', expected=USAGE)
        self.keel('undrain', 'shop/web1')
        self.assertNotIn('shop/web1', self.keel('overrides').stdout)
        self.keel('undrain', '3')
        self.assertIn('Nothing is set', self.keel('overrides').stdout)
        self.keel('undrain', 'shop/web1', expected=REFUSED)

    def test_what_is_shown(self):
        for what, part in (('services', '203.0.113.10/32'), ('backends', 'web2'),
                           ('health', 'connection refused'), ('workers', 'core'),
                           ('ports', 'wan'), ('neighbours', 'No neighbour'), ('drops', 'too_big'),
                           ('changes', 'generation')):
            self.assertIn(part, self.keel('show', what).stdout)
        self.assertIn('web1', self.keel('show', 'backends', 'shop').stdout)
        self.keel('show', 'backends', 'gone', expected=REFUSED)
        self.keel('show', 'ports', 'shop', expected=USAGE)
        self.assertIn('✗ dropped (no_service): no service has this address',
                      self.keel('why', 'tcp', '[2001:db8::7]:1', '203.0.113.9:80').stdout)
        self.assertIn('generation 3', self.keel('why', 'udp', '192.0.2.1:1', '192.0.2.2:2',
                                                '--generation', '3').stdout)
        self.assertIn('planned', self.keel('top', '--times', '1').stdout)
        self.assertIn('keeld 0.1', self.keel('version').stdout)
        self.keel('journal', '--limit', '0', expected=USAGE)
        self.assertIn('it can be change, rollout',
                      self.keel('journal', '--kind', 'chnage', expected=USAGE).stderr)
        self.assertEqual(self.keel('show', 'settings').stdout, fake_box.TEXT)
        self.assertEqual(self.keel('show', 'settings', '3').stdout, fake_box.TEXT)
        self.assertEqual(json.loads(self.keel('show', 'settings', '--json').stdout)['base'], 12)
        self.keel('show', 'settings', '99', expected=REFUSED)
        self.keel('show', 'settings', 'candidate', expected=REFUSED)
        self.keel('show', 'settings', 'newest', expected=USAGE)

    def test_what_cannot_be_written_is_told(self):
        environment = {**os.environ, 'KEEL_SOCKET': self.socket, 'LC_ALL': 'C.UTF-8'}
        for words, script in ((['history'], None), (['top', '--times', '1'], None),
                              ([], 'history')):
            with open('/dev/full', 'w', encoding='utf-8') as full:
                outcome = subprocess.run([self.program, *words], stdout=full, text=True,
                                         stderr=subprocess.PIPE, timeout=60, env=environment,
                                         check=False, input=script)
            self.assertEqual(outcome.returncode, LOCAL, words)
            self.assertIn('cannot write the output: No space left', outcome.stderr)
        reader, writer = os.pipe()
        os.close(reader)  # who reads may stop
        outcome = subprocess.run([self.program, 'history'], stdout=writer, stderr=subprocess.PIPE,
                                 timeout=60, env=environment, check=False)
        os.close(writer)
        self.assertEqual((outcome.returncode, outcome.stderr), (DONE, b''))

    def test_top_outlasts_a_restart(self):
        path = str(self.folder / 'api.sock')
        box = self.box_at(path)
        child, terminal = pty.fork()
        if child == 0:
            os.execve(self.program, [self.program, 'top'],
                      {**os.environ, 'TERM': 'xterm', 'KEEL_SOCKET': path})
        self.read_until(terminal, b'planned')
        box.terminate()
        box.wait()
        self.read_until(terminal, b'keeld does not answer, trying again')
        box = self.box_at(path)
        self.read_until(terminal, b'planned')
        os.write(terminal, b'q')
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), DONE)
        os.close(terminal)

    def box_at(self, path):
        box = subprocess.Popen(['timeout', '600', sys.executable, '-B', fake_box.__file__, path])
        self.addCleanup(box.wait)
        self.addCleanup(box.terminate)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as asking:
                if asking.connect_ex(path) == 0:
                    break
            time.sleep(0.02)
        return box

    def read_until(self, terminal, expected):
        written, end = b'', time.monotonic() + 20
        while expected not in written:
            self.assertLess(time.monotonic(), end, written)
            if select.select([terminal], [], [], 0.1)[0]:
                written += os.read(terminal, 65536)

    def test_json_on_every_command(self):
        self.keel('set', WEIGHT, '3')
        for words in (('status',), ('plan',), ('diff',), ('history',), ('show', 'services'),
                      ('show', 'changes'), ('overrides',), ('journal',), ('version',),
                      ('set', 'a', '1'),
                      ('delete', 'a'), ('why', 'tcp', 'a:1', 'b:2'), ('top', '--times', '1'),
                      ('drain', 'a', '--for', '1m', '--reason', 'x'), ('undrain', 'a'),
                      ('discard',)):
            outcome = self.keel('--json', *words)
            self.assertEqual(outcome.stdout.count('\n'), 1, words)
            json.loads(outcome.stdout)
            self.assertEqual(outcome.stderr, '')
        plan = json.loads(self.keel('set', WEIGHT, '3', '--json').stdout)
        self.assertEqual(plan['id'], 7)
        checked = self.keel('check', '--json', expected=REFUSED).stdout
        self.assertEqual(json.loads(checked)['hits'][0]['rule'], 'single-node')
        refused = self.keel('confirm', '9', '--json', expected=REFUSED).stdout
        self.assertEqual(json.loads(refused)['error']['code'], 'no-such-change')

    def test_colours_are_for_terminals_that_want_them(self):
        for more, expected in (({}, True), ({'NO_COLOR': '1'}, False), ({'NO_COLOR': ''}, True),
                               ({'TERM': 'dumb'}, False)):
            self.assertEqual(b'\x1b[' in self.in_terminal(['status'], more), expected, more)

    def test_who_may_not(self):
        with running_box(fake_box.__file__) as path:
            environment = {'KEEL_SOCKET': path}
            self.keel('set', 'role', 'viewer', environment=environment)
            self.assertIn('you are a viewer',
                          self.keel('set', WEIGHT, '3', expected=FORBIDDEN,
                                    environment=environment).stderr)
            self.keel('status', environment=environment)

    def test_wrong_command_lines_send_nothing(self):
        nowhere = {'KEEL_SOCKET': '/nowhere'}
        for words in (('comit',), ('set', 'a'), ('commit', '--waive', 'x'), ('--jsn', 'status'),
                      ('commit', '--confirm', 'soon'), ('history', '--limit', 'x'),
                      ('confirm', 'x')):
            outcome = self.keel(*words, expected=USAGE, environment=nowhere)
            self.assertTrue(outcome.stderr.startswith('keel: '), outcome.stderr)
            self.assertEqual(outcome.stdout, '')

    def test_scripts(self):
        self.assertIn('Change 7', self.keel(input=f'# a comment\nset {WEIGHT} 3\n').stdout)
        self.keel(input='frobnicate\n', expected=USAGE)
        self.keel(input="set 'open\n", expected=USAGE)

    def test_capture(self):
        tools = self.folder / 'tools'
        tools.mkdir()
        fake = tools / 'dpdk-dumpcap'
        fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding='utf-8')
        fake.chmod(0o755)
        path = {'PATH': f'{tools}:{os.environ["PATH"]}'}
        outcome = self.keel('capture', 'lan', '--to', '/tmp/x.pcapng', '--for', '1m', '--filter',
                            'tcp port 80', environment=path)
        self.assertEqual(outcome.stderr,  # whatever the program itself says
            '--file-prefix=evenkeel\n-i\n1\n-w\n/tmp/x.pcapng\n-s\n256\n-c\n100000\n-a\n'
            'duration:60\n-f\ntcp port 80\n')
        self.assertIn('Captured into /tmp/x.pcapng', outcome.stdout)
        self.keel('capture', 'gone', expected=USAGE, environment=path)
        self.keel('capture', '--packets', '0', expected=USAGE, environment=path)
        self.assertIn('there is no program dpdk-dumpcap',
                      self.keel('capture', expected=LOCAL, environment={'PATH': '/none'}).stderr)


class Misbehaving(Shell):
    """Servers that do what keeld does not."""

    def serve(self, *parts, waits=0.0):
        """A socket whose clients get `parts`, and then the end of the connection."""
        path = str(self.folder / 'odd.sock')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()

        def run():
            connection, _ = listener.accept()
            connection.recv(65536)
            time.sleep(waits)
            for part in parts:
                connection.sendall(part)
            connection.close()

        threading.Thread(target=run, daemon=True).start()
        self.addCleanup(listener.close)
        return path

    def expect(self, message, *parts):
        path = self.serve(*parts)
        stderr = self.keel('status', '--socket', path, expected=UNREACHABLE).stderr
        os.unlink(path)
        self.assertIn(message, stderr)

    def test_answers_that_are_none(self):
        self.expect('broke off or is no HTTP')
        self.expect('broke off or is no HTTP', b'\x1b[2J garbage\r\n\r\n')
        self.expect('broke off or is no HTTP', b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}')
        self.expect('is no JSON', b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"a":')
        self.expect('HTTP status 500', b'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n')
        self.expect('broke off', b'HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n')
        deep = b'[' * 100_000
        self.expect('is no JSON', b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(deep),
                    deep)

    def test_nobody_there(self):
        for path in (str(self.folder / 'none.sock'), '/etc/passwd', 'x' * 200):
            outcome = self.keel('status', '--socket', path, expected=UNREACHABLE)
            self.assertIn('keel: ', outcome.stderr)

    def test_waiting_is_shown_on_a_terminal(self):
        path = self.serve(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', waits=2.5)
        shown = self.in_terminal(['history'], {'KEEL_SOCKET': path})
        self.assertIn(b'waiting for keeld, 1 s', shown)
        self.assertIn(b'\r\x1b[K', shown)  # and is gone when the answer is there
        self.assertIn(b'There is no generation yet.', shown)


class Documents(unittest.TestCase):
    def run_keel(self, *words):
        return subprocess.run([Shell.program, *words], capture_output=True, text=True, check=True,
                              timeout=60).stdout

    def test_the_manual_is_good_roff(self):
        page = self.run_keel('--man')
        groff = subprocess.run(['groff', '-man', '-ww', '-z', '-K', 'utf8'], input=page, text=True,
                               capture_output=True, check=True, timeout=60)
        self.assertEqual(groff.stderr, '')
        shown = subprocess.run(['groff', '-man', '-Tutf8', '-K', 'utf8', '-P-cbou'], input=page,
                               text=True, capture_output=True, check=True, timeout=60).stdout
        for part in ('commit [--confirm TIME]', 'EXIT STATUS', 'KEEL_SOCKET', 'shop/web3'):
            self.assertIn(part, shown)

    def test_bash_completes(self):
        with running_box(fake_box.__file__) as path:
            script = f'''
                export PATH={os.path.dirname(Shell.program)}:$PATH KEEL_SOCKET={path}
                . /usr/share/bash-completion/bash_completion
                . <(keel completion bash)
                try() {{
                  COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=("$@")
                  COMP_CWORD=$(($# - 1)); _keel 2>/dev/null; echo "${{COMPREPLY[*]}}"
                }}
                try keel comm; try keel show po; try keel set services.shop.backends.we
                try keel drain sh; try keel commit --wa; try keel set idle ""'''
            shown = subprocess.run(['bash', '-c', script], capture_output=True, text=True,
                                   check=True, timeout=60).stdout
        self.assertEqual(shown.splitlines(), [
            'commit', 'ports', 'services.shop.backends.web1. services.shop.backends.web2.',
            'shop/', '--waive', 'adaptive poll'])


if __name__ == '__main__':
    Shell.program = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
