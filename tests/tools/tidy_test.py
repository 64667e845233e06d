#!/usr/bin/python3
"""Every rule of tools/tidy.py: a made-up tree that breaks it is found out, a clean one is not."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import tidy  # noqa: E402

HEADER = '// What it is for.\n#pragma once\n'
TEST = '// What it proves.\n#include "firmware/%s.h"\n'

# A small repository in which nothing is wrong.
CLEAN = {
    'README.md': '# Made up\n`tools/show` shows.\n',
    'meson.build': "# The build.\nproject('made-up')\n",
    'tools/show': '#!/bin/bash\n# Shows.\n',
    'firmware/meson.build': "# Sources.\nfiles('base/name.cc', 'wire/read.cc')\n",
    'firmware/base/name.h': HEADER + 'int name();\n',
    'firmware/base/name.cc': '#include "firmware/base/name.h"\n\nint name() { return 1; }\n',
    'firmware/wire/read.h': HEADER + '#include "firmware/base/name.h"\n\nint read();\n',
    'firmware/wire/read.cc': '#include "firmware/wire/read.h"\n\nint read() { return name(); }\n',
    'firmware/exchange/pass.h': HEADER + '#include <atomic>\n#include <rte_rcu_qsbr.h>\n',
    'tests/meson.build': "# Tests.\nfiles('base/name_test.cc', 'wire/read_test.cc',\n"
                         "      'exchange/pass_test.cc')\n",
    'tests/base/name_test.cc': TEST % 'base/name',
    'tests/wire/read_test.cc': TEST % 'wire/read' + '#include <atomic>\n',
    'tests/exchange/pass_test.cc': TEST % 'exchange/pass',
}


def long_function(lines, head='int f() {'):
    return head + '\n' + '  g();\n' * (lines - 2) + '}\n'


class Tidy(unittest.TestCase):
    """Each case changes files of CLEAN (None takes one away)."""

    def rules(self, changes):
        """(file, line, rule) of what is found."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**CLEAN, **changes}.items():
                if text is not None:
                    full = Path(root, path)
                    full.parent.mkdir(parents=True, exist_ok=True)
                    full.write_text(text, encoding='utf-8')
            found = []
            for finding in tidy.findings(root):
                path, line, rule, advice = finding.split(':', 3)
                self.assertTrue(advice.strip(), finding)
                found.append((path, int(line), rule.strip()))
            return found

    def expect(self, path, line, rule, changes):
        self.assertEqual(self.rules(changes), [(path, line, rule)])

    def expect_word(self, rule, path, line_of_code):
        """`line_of_code` is refused in `path`, but not in a comment or a string there."""
        text = CLEAN[path]
        line = text.count('\n') + 1
        self.expect(path, line, rule, {path: text + line_of_code + '\n'})
        quoted = line_of_code.replace('"', "'")
        self.assertEqual(self.rules({path: text + f'// {line_of_code}\n'}), [])
        self.assertEqual(self.rules({path: text + f'/*\n{line_of_code}\n*/\n'}), [])
        self.assertEqual(self.rules({path: text + f'auto text = "{quoted}";\n'}), [])
        self.assertEqual(self.rules({path: text + f'auto text = R"x("{quoted}")x";\n'}), [])

    def test_clean(self):
        self.assertEqual(self.rules({}), [])

    def test_includes(self):
        read = CLEAN['firmware/wire/read.h']
        for include in ('read.h', 'wire/read.h', 'firmware/wire/gone.h'):
            self.expect('firmware/wire/read.h', 7, 'include',
                        {'firmware/wire/read.h': read + f'\n#include "{include}"\n'})

    def test_floors(self):
        name = CLEAN['firmware/base/name.h']
        self.expect('firmware/base/name.h', 4, 'floors',
                    {'firmware/base/name.h': name + '#include "firmware/wire/read.h"\n'})
        self.expect('firmware/base/name.h', 4, 'floors',
                    {'firmware/base/name.h': name + ' # include "tests/help.h"\n',
                     'tests/help.h': HEADER})

    def test_who_may_include_whom(self):
        for source, target, expected in (
                ('firmware/wire/a.h', 'firmware/wire/b.h', True),
                ('firmware/wire/deeper/a.h', 'firmware/wire/b.h', True),
                ('firmware/wire/a.h', 'drivers/b.h', False),
                ('drivers/a.h', 'firmware/wire/b.h', True),
                ('drivers/a.h', 'firmware/base/b.h', True),
                ('firmware/packet/a.h', 'drivers/b.h', True),
                ('firmware/packet/a.h', 'firmware/settings/b.h', False),
                ('firmware/settings/a.h', 'firmware/packet/b.h', False),
                ('firmware/manage/a.h', 'firmware/packet/b.h', False),
                ('firmware/manage/a.h', 'firmware/change/b.h', True),
                ('firmware/change/a.h', 'firmware/manage/b.h', False),
                ('firmware/appliance/a.h', 'firmware/packet/b.h', True),
                ('firmware/main.cc', 'firmware/appliance/b.h', True),
                ('firmware/appliance/a.h', 'tools/b.h', False),
                ('tools/benchmarks/a.cc', 'firmware/exchange/b.h', True),
                ('tools/keel/a.cc', 'firmware/base/b.h', True),
                ('tools/keel/a.cc', 'firmware/settings/b.h', True),
                ('tools/keel/a.cc', 'firmware/exchange/b.h', False),
                ('tools/keel/a.cc', 'firmware/change/b.h', False),
                ('tests/wire/a.cc', 'firmware/packet/b.h', True),
                ('tests/wire/a.cc', 'tests/help.h', True)):
            self.assertEqual(tidy.may_include(source, target), expected, (source, target))

    def test_words(self):
        wire, base = 'firmware/wire/read.cc', 'firmware/base/name.cc'
        self.expect_word('dpdk', wire, '#include <rte_mbuf.h>')
        self.expect_word('dpdk', base, 'int x = RTE_MAX_LCORE;')
        self.expect_word('atomics', base, 'std::atomic<int> x;')
        self.expect_word('atomics', base, '#include <atomic>')
        self.expect_word('atomics', base, 'int x = __atomic_load_n(&y, 0);')
        self.expect_word('settings', base, '#include <libconfig.h++>')
        self.expect_word('errors', base, 'void f() { throw 1; }')
        self.expect_word('packet path', wire, 'int* x = new int;')
        self.expect_word('packet path', wire, 'void* x = malloc(1);')
        self.expect_word('packet path', wire, 'std::mutex x;')
        self.expect_word('packet path', wire, 'int x = std::printf("x");')
        self.expect_word('packet path', wire, 'struct X { virtual int f(); };')
        self.expect_word('clock', base, 'auto x = std::chrono::steady_clock::now();')
        self.expect_word('clock', base, 'std::random_device x;')

    def test_words_that_only_look_alike(self):
        wire = CLEAN['firmware/wire/read.cc']
        for code in ('int newest, renew, support_rte, operand(int);', "int x = 1'000; int y = 2'0;",
                     "char x = '\"'; // \" throw new\nint y;"):
            self.assertEqual(self.rules({'firmware/wire/read.cc': wire + code + '\n'}), [])

    def test_digit_separators_hide_nothing(self):
        text = CLEAN['firmware/base/name.cc'] + "int x = 1'000; void f() { throw 0x1'f; }\n"
        self.expect('firmware/base/name.cc', 4, 'errors', {'firmware/base/name.cc': text})

    def test_one_file_knows_libconfig(self):
        load = HEADER + '#include <libconfig.h>\n'
        one = {'firmware/settings/load.h': load,
               'tests/settings/load_test.cc': TEST % 'settings/load',
               'tests/meson.build': CLEAN['tests/meson.build'] + "'settings/load_test.cc'\n"}
        self.assertEqual(self.rules(one), [])
        self.expect('firmware/settings/load_more.h', 1, 'settings',
                    {**one, 'firmware/settings/load_more.h': load, 'firmware/settings/load.h':
                     load + '#include "firmware/settings/load_more.h"\n'})

    def test_lengths(self):
        path, text = 'firmware/base/name.cc', CLEAN['firmware/base/name.cc']
        line = text.count('\n') + 1
        self.assertEqual(self.rules({path: text + '/' * 100 + '\n'}), [])
        self.expect(path, line, 'line length', {path: text + '/' * 101 + '\n'})
        self.assertEqual(self.rules({path: text + 'int x;\n' * (500 - line + 1)}), [])
        self.expect(path, 501, 'file length', {path: text + 'int x;\n' * (500 - line + 2)})

    def test_function_length(self):
        path, text = 'firmware/base/name.cc', CLEAN['firmware/base/name.cc']
        line = text.count('\n') + 1
        for head in ('int f() {', 'template <class T = int>\nint f() {', 'X::X() : a_{1}, b_{2} {',
                     'int X::operator==(const X& x) const {', 'auto f() -> int {',
                     '[[noreturn]] void f(int x = g(1)) {'):
            more = head.count('\n')
            self.assertEqual(self.rules({path: text + long_function(70 - more, head)}), [], head)
            self.expect(path, line, 'function length',
                        {path: text + long_function(71 - more, head)})
        inside = text + 'namespace a {\nclass X : Y {\n public:\n' + long_function(71) + '};\n}\n'
        self.expect(path, line + 2, 'function length', {path: inside})

    def test_what_is_no_function_may_be_long(self):
        path, text = 'firmware/base/name.cc', CLEAN['firmware/base/name.cc']
        for head, end in (('namespace a {', '}'), ('struct alignas(64) X {', '};'),
                          ('constexpr int x[] = {', '};'), ('enum class X : int {', '};'),
                          ('extern "C" {', '}')):
            body = head + '\n' + '  // one of many\n' * 100 + end + '\n'
            self.assertEqual(self.rules({path: text + body}), [], head)
        halves = long_function(40) + '#define X(a) {\n' + long_function(40, 'int g() {')
        self.assertEqual(self.rules({path: text + halves}), [])

    def test_python_function_length(self):
        for lines, expected in ((70, []), (71, [('tools/show.py', 3, 'function length')])):
            script = '#!/usr/bin/python3\n"""Shows."""\ndef f():\n' + '    g()\n' * (lines - 1)
            self.assertEqual(self.rules({'tools/show.py': script,
                                         'README.md': '# Made up\ntools/show tools/show.py\n'}),
                             expected)

    def test_openings(self):
        name = 'firmware/base/name.h'
        self.expect(name, 1, 'pragma once', {name: '// What it is for.\nint name();\n'})
        self.expect(name, 1, 'opening', {name: '#pragma once\nint name();\n'})
        for path in ('tests/base/name_test.cc', 'firmware/base/name.cc'):
            own, other = '#include "firmware/base/name.h"\n', '#include "firmware/wire/read.h"\n'
            self.assertEqual(self.rules({path: own}), [])
            self.assertIn((path, 1, 'opening'), self.rules({path: other + own}))
        for path in ('tests/base/name_test.cc', 'meson.build', 'tools/show'):
            text = CLEAN[path].partition('\n')
            without = text[0] + '\nx\n' if text[0].startswith('#!') else 'x\n'
            self.expect(path, 1, 'opening', {path: without})

    def test_unfinished(self):
        path, text = 'firmware/wire/read.cc', CLEAN['firmware/wire/read.cc']
        self.expect(path, 4, 'unfinished', {path: text + '// TO' + 'DO: more\n'})

    def test_every_source_has_its_test(self):
        without = {'tests/exchange/pass_test.cc': None,
                   'tests/wire/read_test.cc': TEST % 'wire/read'
                                              + '#include "firmware/exchange/pass.h"\n'}
        self.expect('firmware/exchange/pass.h', 1, 'mirror', without)
        # A test may prove a part or one property of its source; a part is tested with its whole.
        tests = CLEAN['tests/meson.build']
        for name in ('pass_stress', 'pass'):
            self.assertEqual(self.rules({
                **without, f'tests/exchange/{name}_test.cc': TEST % 'exchange/pass',
                'tests/meson.build': tests + f"'exchange/{name}_test.cc'\n"}), [])
        self.assertEqual(self.rules({
            'firmware/wire/read_inner.h': HEADER,
            'firmware/wire/read.cc': CLEAN['firmware/wire/read.cc']
            + '#include "firmware/wire/read_inner.h"\n'}), [])

    def test_every_test_has_its_source(self):
        for path, text in (('tests/wire/gone_test.cc', '// Proves.\n'),
                           ('tests/base/read_test.cc', '// Proves.\n'),
                           ('tests/fuzz/gone_fuzz.cc', '// Proves.\n'),
                           ('tests/tools/gone_test.py', '"""Proves."""\n')):
            build = CLEAN['tests/meson.build'] + f"'{path.removeprefix('tests/')}'\n"
            self.expect(path, 1, 'mirror', {path: text, 'tests/meson.build': build})
            known = path.replace('gone', 'read').replace('base/read', 'base/name')
            if known.endswith('.cc'):
                build = build.replace('gone', 'read')
                self.assertEqual(self.rules({known: text, 'tests/meson.build': build}), [])

    def test_orphans(self):
        more = {'firmware/wire/read_more.cc': '// More of it.\n'}
        self.expect('firmware/wire/read_more.cc', 1, 'orphan', more)
        self.assertEqual(self.rules({
            **more, 'meson.build': CLEAN['meson.build'] + "'firmware/wire/read_more.cc'\n"}), [])
        self.expect('firmware/wire/read_more.h', 1, 'orphan',
                    {'firmware/wire/read_more.h': HEADER})
        self.expect('tools/hide', 1, 'orphan', {'tools/hide': '#!/bin/bash\n# Hides.\n'})
        self.expect('tests/help', 1, 'orphan', {'tests/help': '#!/bin/bash\n# Helps.\n'})

    def test_top_level(self):
        self.expect('notes.txt', 1, 'top level', {'notes.txt': 'x\n'})
        self.assertEqual(self.rules({'.gitignore': '/build/\n', 'build-x/y.cc': 'x\n'}), [])

    def test_the_command_fails_when_something_is_found(self):
        with tempfile.TemporaryDirectory() as root:
            Path(root, 'notes.txt').write_text('x\n', encoding='utf-8')
            outcome = subprocess.run([tidy.__file__, root], capture_output=True, text=True,
                                     check=False)
            self.assertEqual(outcome.returncode, 1)
            self.assertIn('notes.txt:1: top level: ', outcome.stdout)
            Path(root, 'notes.txt').unlink()
            outcome = subprocess.run([tidy.__file__, root], capture_output=True, text=True,
                                     check=False)
            self.assertEqual((outcome.returncode, outcome.stdout), (0, ''))


if __name__ == '__main__':
    unittest.main()
