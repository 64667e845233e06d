#!/usr/bin/python3
"""The rules of this repository that a compiler cannot check: `tools/tidy.py [ROOT]`.

Each rule is one function that yields findings; each finding is one line,
`file:line: rule: what to do`. Rules judge text from which comments and string literals have been
blanked out, never raw lines. tests/tools/tidy_test.py shows every rule a tree that breaks it.
"""

import ast
import functools
import os
import re
import sys
from pathlib import Path

# Floors: a file includes only lower floors and its own folder.
FLOORS = {
    'firmware/base': 0,
    'firmware/wire': 1,
    'drivers': 2,
    'firmware/table': 2,
    'firmware/exchange': 3,
    'firmware/packet': 4,
    'firmware/settings': 4,
    'firmware/health': 5,
    'firmware/change': 6,
    'firmware/manage': 7,
    'firmware/appliance': 8,
    'firmware': 9,  # main.cc
}
# The packet's path and the configuration's path meet in exchange only.
CONFIGURATION_PATH = {'firmware/settings', 'firmware/health', 'firmware/change', 'firmware/manage'}
# What a command may know of the firmware; a benchmark, a demonstration and a test may know all.
TOOLS_SEE = {'firmware/base', 'firmware/manage', 'firmware/settings'}

PACKET_PATH = ('firmware/wire/', 'firmware/table/', 'firmware/packet/')
PRODUCT = ('firmware/', 'drivers/')


def under(*folders):
    return lambda path: path.startswith(folders)


# (rule, where it holds, what must not appear there, what to do)
FORBIDDEN = [
    ('dpdk', lambda path: path.startswith(PRODUCT) and not path.startswith(
        ('drivers/', 'firmware/packet/', 'firmware/exchange/')),
     r'\b(rte|RTE)_\w+', 'rte_ names belong in drivers, packet and exchange only'),
    ('atomics', lambda path: path.startswith(PRODUCT + ('tools/',))
     and not path.startswith('firmware/exchange/'),
     r'<atomic>|\bstd::(atomic|memory_order)|\b__(atomic|sync)_\w+',
     'what crosses threads belongs in firmware/exchange only'),
    ('settings', lambda path: not path.startswith('firmware/settings/'),
     r'\blibconfig\w*|\bconfig_t\b',
     'libconfig belongs in one file of firmware/settings only'),
    ('errors', under(*PRODUCT), r'\bthrow\b',
     'return a Status or Result (base/status.h) instead of throwing'),
    ('packet path', under(*PACKET_PATH), r'\bnew\b|\b(m|c|re|aligned_)alloc\s*\(',
     'the packet path allocates nothing; control code uses containers'),
    ('packet path', under(*PACKET_PATH), r'\bstd::\w*(mutex|lock)\b|\bpthread_\w+',
     'the packet path takes no lock'),
    ('packet path', under(*PACKET_PATH), r'\bf?printf\s*\(|\bstd::(cout|cerr|clog)\b|<iostream>',
     'the packet path logs nothing: count it'),
    ('packet path', under(*PACKET_PATH), r'\bvirtual\b', 'the packet path makes no virtual call'),
    ('clock', lambda path: path.startswith('firmware/')
     and not path.startswith('firmware/appliance/'),
     r'\b(steady|system|high_resolution)_clock\b|\b(clock_gettime|gettimeofday)\b'
     r'|\brandom_device\b|\brand\s*\(',
     'take time and randomness as an argument, so that a test can own them'),
]

CODE = ('.cc', '.py')

LINES_PER_FUNCTION = 70
LINES_PER_FILE = 500
COLUMNS = 100

TOP_LEVEL = {'README.md', 'config', 'drivers', 'firmware', 'meson.build', 'meson_options.txt',
             'tests', 'tools'}

# What has no unit test: no behaviour of its own, or only one with all other parts around it, which
# tests/system shows.
NOTHING_TO_TEST = {
    'firmware/appliance/appliance': 'tests/system: starts, reloads, ends',
    'firmware/appliance/control': 'tests/system: settings and neighbours become plans',
    'firmware/appliance/control_rollout': 'tests/system/rollout.py: steps into force',
    'firmware/appliance/control_troubles': 'tests/system/alerts.py: what control knows to be wrong',
    'firmware/appliance/control_ways': 'tests/system/kernel_path.py: next hops come and go',
    'firmware/appliance/dataplane': 'tests/system: puts the parts together',
    'firmware/appliance/management': 'tests/system/changes.py: puts the parts together',
    'firmware/appliance/sample': 'counters, as they are',
    'firmware/appliance/views': 'tests/system/changes.py: what the API shows of the box',
    'firmware/appliance/views_health': 'tests/system/alerts.py: what the API shows of health',
    'firmware/appliance/views_flow': 'tests/system/changes.py: what the API shows of a flow',
    'firmware/appliance/views_metrics': 'tests/system/alerts.py: what Prometheus sees of the box',
    'firmware/appliance/status': 'tests/system: what telemetry answers',
    'firmware/change/box.h': 'an interface',
    'firmware/exchange/liveness.h': 'counters',
    'firmware/base/event_loop.h': 'names of Boost\'s',
    'firmware/base/limits.h': 'constants, related by static_assert',
    'firmware/health/dialogue.h': 'an interface',
    'firmware/manage/answers': 'a table, held against real answers by openapi_test',
    'firmware/manage/handlers.h': 'api_test, openapi_test: each asked through its route',
    'firmware/manage/handlers_change': 'api_test: each asked through its route',
    'firmware/manage/handlers_look': 'api_test, openapi_test: each asked through its route',
    'firmware/manage/handlers_watch': 'metrics_test, openapi_test: each asked through its route',
    'firmware/manage/route.h': 'plain structs',
    'firmware/manage/routes': 'a table; api_test tries every row',
    'firmware/manage/troubles': 'api_test, metrics_test: what status and metrics tell',
    'firmware/manage/views.h': 'an interface',
    'firmware/settings/settings.h': 'plain structs',
    'firmware/wire/frame.h': 'a plain struct',
    'firmware/wire/headers.h': 'layouts, checked by static_assert',
}


class Source:
    """One file: `text`; `code` without comments; `bare` without comments and literals."""

    def __init__(self, root, path):
        self.path = path
        self.folder, _, self.name = path.rpartition('/')
        self.is_cpp = path.endswith(('.cc', '.h'))
        self.is_python = path.endswith('.py')
        self.text = (Path(root) / path).read_text(encoding='utf-8')
        self.is_script = self.text.startswith('#!')

    @functools.cached_property
    def code(self):
        return blank(self.text, literals=False)

    @functools.cached_property
    def bare(self):
        return blank(self.text, literals=True)

    @functools.cached_property
    def includes(self):
        """(line, path) of every quoted include."""
        found = re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', self.code, re.M)
        return [(line_of(self.code, match.start(1)), match.group(1)) for match in found]

    def finding(self, line, rule, advice):
        return f'{self.path}:{line}: {rule}: {advice}'


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


# Numbers come first: the ' in 65'536 opens no character.
TOKEN = re.compile(
    r"(?P<number>\b\d(?:'?\w)*)"
    r'|(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<literal>R"(?P<mark>[^(\n]*)\(.*?\)(?P=mark)"'
    r'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')''', re.S)


def blank(text, literals):
    """C++ text with comments, and literals if asked for, replaced by spaces; lines stay."""
    def spaces(match):
        if match.lastgroup == 'number' or (match['literal'] and not literals):
            return match.group()
        return re.sub(r'[^\n]', ' ', match.group())
    return TOKEN.sub(spaces, text)


def folder_on_floor(path):
    """The folder of FLOORS that holds `path`, or None."""
    folder = path.rpartition('/')[0]
    while folder and folder not in FLOORS:
        folder = folder.rpartition('/')[0]
    return folder or None


def may_include(source, target):
    """Whether the floors let the file `source` include the file `target`."""
    mine, theirs = folder_on_floor(source), folder_on_floor(target)
    if source.startswith(('tests/', 'tools/benchmarks/', 'tools/demonstration/')):
        return True
    if source.startswith('tools/'):
        return target.startswith('tools/') or theirs in TOOLS_SEE
    if theirs is None:
        return False
    if 'firmware/packet' in (mine, theirs) and {mine, theirs} & CONFIGURATION_PATH:
        return False
    return mine == theirs or FLOORS[theirs] < FLOORS[mine]


def check_includes(sources):
    known = {source.path for source in sources}
    for source in sources:
        for line, target in source.includes if source.is_cpp else ():
            if target not in known:
                yield source.finding(line, 'include', f'"{target}" is no file of this repository; '
                                     'name it from the root, or use <> for the system')
            elif not may_include(source.path, target):
                yield source.finding(line, 'floors', f'{source.folder} must not include {target}: '
                                     'only lower floors and its own folder')


def check_forbidden_words(sources):
    for source in sources:
        for rule, holds_for, pattern, advice in FORBIDDEN if source.is_cpp else ():
            if holds_for(source.path):
                for match in re.finditer(pattern, source.bare):
                    yield source.finding(line_of(source.bare, match.start()), rule,
                                         f'{match.group().strip()}: {advice}')


def check_one_file_knows_libconfig(sources):
    users = [source for source in sources if source.is_cpp and 'libconfig' in source.bare
             and source.path.startswith('firmware/settings/')]
    for source in users[1:]:
        yield source.finding(1, 'settings', f'only one file uses libconfig: {users[0].path} does')


def check_lengths(sources):
    for source in sources:
        lines = source.text.split('\n')
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS and not source.path.endswith('.md'):
                yield source.finding(number, 'line length',
                                     f'{len(line)} columns; {COLUMNS} at most')
        if len(lines) - 1 > LINES_PER_FILE:
            yield source.finding(LINES_PER_FILE + 1, 'file length',
                                 f'{len(lines) - 1} lines; split it, {LINES_PER_FILE} at most')
        for first, last in functions(source):
            if last - first + 1 > LINES_PER_FUNCTION:
                yield source.finding(first, 'function length', f'{last - first + 1} lines; '
                                     f'split it, {LINES_PER_FUNCTION} at most')


def functions(source):
    """(first line, last line) of every function."""
    if source.is_cpp:
        yield from cpp_functions(source.bare)
    elif source.is_python:
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, ast.FunctionDef):
                yield node.lineno, node.end_lineno


def cpp_functions(bare):
    """Functions are the brace blocks with parameters that stand in a namespace or a type."""
    code = re.sub(r'^[ \t]*#(\\\n|[^\n])*', lambda match: re.sub(r'[^\n]', ' ', match.group()),
                  bare, flags=re.M)
    scopes = []  # 'declarations' (a namespace, a type) or 'statements' (all else)
    head = 0     # where the declaration begins whose block comes next
    for match in re.finditer(r'[{};]', code):
        at, declaring = match.start(), 'statements' not in scopes
        if match.group() == '{':
            scopes.append(kind_of_block(code[head:at]) if declaring else 'statements')
            if scopes[-1] == 'declarations':
                head = at + 1
        elif match.group() == '}' and scopes:
            ended = scopes.pop()
            if 'statements' in scopes:
                continue
            # In `Type() : first_{1}, second_{2} { ... }` the declaration goes on.
            if ended == 'statements' and re.match(r'\s*[,{]', code[at + 1:]):
                continue
            if ended == 'statements' and is_function(code[head:at]):
                start = head + len(code[head:]) - len(code[head:].lstrip())
                yield line_of(code, start), line_of(code, at)
            head = at + 1
        elif match.group() == ';' and declaring:
            head = at + 1


def without_template(head):
    """A declaration's head without `template <...>`, attributes and access labels."""
    head = re.sub(r'\b(public|private|protected)\s*:(?!:)|\[\[.*?\]\]', ' ', head, flags=re.S)
    while match := re.search(r'\btemplate\s*<', head):
        depth, end = 1, match.end()
        while end < len(head) and depth:
            depth += {'<': 1, '>': -1}.get(head[end], 0)
            end += 1
        head = head[:match.start()] + head[end:]
    return head.strip()


def kind_of_block(head):
    opens_declarations = re.match(
        r'((inline|typedef|static|const|constexpr)\s+)*(namespace|class|struct|union|enum)\b'
        r'|extern\s*$', without_template(head))
    return 'declarations' if opens_declarations else 'statements'


def is_function(declaration):
    head = without_template(declaration.split('{')[0])
    return '(' in head and not head.endswith('=')


def check_openings(sources):
    for source in sources:
        if source.path.endswith('.h') and not re.match(r'\s*#pragma once\s', source.bare):
            yield source.finding(1, 'pragma once', 'a header begins with #pragma once, after its '
                                 'opening comment')
        body = re.sub(r'^#![^\n]*\n', '', source.text)
        if source.is_cpp:
            # Of a source or test that begins with its own header, that header says it.
            header = Path(source.path).stem.removesuffix('_test') + '.h'
            opens = body.startswith('//') or re.match(rf'#include "([^"]*/)?{header}"', body)
        else:
            opens = body.startswith(('#', '/*', '"""'))
        if not opens:
            yield source.finding(1, 'opening', 'open with a comment: its problem and its answer')


def check_unfinished(sources):
    for source in sources:
        if source.path != 'tools/tidy.py':
            for match in re.finditer(r'\b(TODO|FIXME|XXX)\b', source.text):
                yield source.finding(line_of(source.text, match.start()), 'unfinished',
                                     f'{match.group()}: finish it, or leave it out')


def stems(sources, folder, ending):
    """Names in `folder` without their `ending`."""
    return {source.name[:-len(ending)] for source in sources
            if source.folder == folder and source.name.endswith(ending)}


def mirrors(first, second):
    """parse_test tests parse and its parts, as parse_ipv6; slot_stress_test tests slot too."""
    return first == second or first.startswith(second + '_') or second.startswith(first + '_')


def check_tests_mirror_sources(sources):
    for source in sources:
        part, ending = Path(source.path).stem, Path(source.path).suffix
        if source.path.startswith(('firmware/', 'drivers/')) and source.is_cpp:
            if source.path in NOTHING_TO_TEST or folder_on_floor(source.path) == 'firmware':
                continue
            if source.path.rpartition('.')[0] in NOTHING_TO_TEST:
                continue
            folder = source.folder.replace('firmware', 'tests', 1).replace('drivers',
                                                                           'tests/drivers', 1)
            if not any(mirrors(part, test) for test in stems(sources, folder, '_test.cc')):
                yield source.finding(1, 'mirror', f'write {folder}/{part}_test.cc')
        elif source.path.startswith('tests/fuzz/') and part.endswith('_fuzz'):
            known = {Path(other.path).stem for other in sources if other.path.startswith(PRODUCT)}
            if part[:-len('_fuzz')] not in known:
                yield source.finding(1, 'mirror', f'no source is named {part[:-len("_fuzz")]}')
        elif source.path.startswith('tests/') and part.endswith('_test') and ending in CODE:
            if not source.path.startswith('tests/system/') and not is_of_a_source(sources, source):
                yield source.finding(1, 'mirror', 'tests nothing: name it after what it tests')


def is_of_a_source(sources, test):
    """Whether a test is named after a source: in firmware or at the top, or a script beside it."""
    part = Path(test.path).stem[:-len('_test')]
    mirrored = test.folder.partition('/')[2]
    if test.is_python:
        return any(part in stems(sources, folder, ending)
                   for folder in (mirrored, test.folder) for ending in ('.py', ''))
    return any(part == stem or part.startswith(stem + '_')
               for folder in ('firmware/' + mirrored, mirrored) for ending in ('.h', '.cc')
               for stem in stems(sources, folder, ending))


def check_orphans(sources):
    builds = [source for source in sources if source.name == 'meson.build']
    listed = {os.path.normpath(os.path.join(build.folder, name)) for build in builds
              for name in re.findall(r"'([^'\n]+)'", build.text)}
    included = {target for source in sources for _, target in source.includes if source.is_cpp}
    readme = ' '.join(source.text for source in sources
                      if source.path in ('README.md', 'tools/README.md'))
    for source in sources:
        if source.path.endswith('.cc') or (source.is_script and source.path.startswith('tests/')):
            if source.path not in listed:
                yield source.finding(1, 'orphan', 'name it in a meson.build')
        elif source.path.endswith('.h'):
            if source.path not in included:
                yield source.finding(1, 'orphan', 'nothing includes it')
        elif source.is_script and source.folder == 'tools':
            if source.path not in readme:
                yield source.finding(1, 'orphan', f'say in README.md what {source.path} is for')


def check_top_level(root):
    for name in sorted(os.listdir(root)):
        if name not in TOP_LEVEL and not name.startswith(('.', 'build')):
            yield f'{name}:1: top level: move it into a folder that belongs here'


def read_sources(root):
    paths = ['meson.build', 'meson_options.txt', 'README.md', '.ci/run']
    for top in ('config', 'drivers', 'firmware', 'tests', 'tools'):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = [name for name in folders if name != '__pycache__']
            paths += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    known = ('.cc', '.h', '.py', '.sh', '.md', '.pml', 'meson.build', 'meson_options.txt')
    sources = []
    for path in sorted(paths):
        full = Path(root) / path
        if full.is_file() and (path.endswith(known) or full.read_bytes()[:2] == b'#!'):
            sources.append(Source(root, path))
    return sources


def findings(root):
    sources = read_sources(root)
    for check in (check_includes, check_forbidden_words, check_one_file_knows_libconfig,
                  check_lengths, check_openings, check_unfinished, check_tests_mirror_sources,
                  check_orphans):
        yield from check(sources)
    yield from check_top_level(root)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = list(findings(root))
    for finding in found:
        print(finding)
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
