#!/usr/bin/python3
"""Runs a command on each source file, but only where something has changed since it last passed.

    each_file.py CACHE ENDING,... FOLDER... -- COMMAND... {} ...

{} stands for the file, a path from the repository's root, where the command runs. A file has
changed when it, any file that it includes, a tool's settings for it, the command or its program's
version has: CACHE remembers the digests of all that for what passed.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ('.clang-format', '.clang-tidy')  # hold for their folder and all below
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.M)


def with_includes(path):
    """`path` and every file of the repository that it includes, in a stable order."""
    seen, pending = set(), [path]
    while pending:
        name = pending.pop()
        if name not in seen and (ROOT / name).is_file():
            seen.add(name)
            pending += [found.decode() for found in INCLUDE.findall((ROOT / name).read_bytes())]
    return sorted(seen)


def digest(path, common):
    state = hashlib.sha256(common)
    settings = [str(folder / name) for folder in Path(path).parents for name in SETTINGS]
    for name in with_includes(path) + [name for name in settings if (ROOT / name).is_file()]:
        state.update(name.encode() + b'\0' + (ROOT / name).read_bytes())
    return state.hexdigest()


def files_in(folders, endings):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob('*')):
            if path.suffix in endings:
                yield str(path.relative_to(ROOT))


def run(command, path):
    """None if the command passes, else what it said."""
    outcome = subprocess.run([path if word == '{}' else word for word in command], cwd=ROOT,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False)
    return None if outcome.returncode == 0 else outcome.stdout


def read_cache(path):
    try:
        return set(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return set()


def main():
    end = sys.argv.index('--')
    cache, endings, *folders = sys.argv[1:end]
    cache, command = Path(cache), sys.argv[end + 1:]
    version = subprocess.run([command[0], '--version'], stdout=subprocess.PIPE, check=True).stdout
    common = version + repr(command).encode()

    digests = {path: digest(path, common) for path in files_in(folders, endings.split(','))}
    passed = read_cache(cache) & set(digests.values())
    changed = [path for path in digests if digests[path] not in passed]
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = pool.map(lambda path: run(command, path), changed)
        for path, complaint in zip(changed, said):
            if complaint is None:
                passed.add(digests[path])
            else:
                failures += 1
                print(f'--- {path}\n{complaint}', flush=True)
    cache.write_text(json.dumps(sorted(passed)))
    print(f'{len(digests)} files: {len(changed)} changed, {failures} failed')
    sys.exit(failures != 0)


if __name__ == '__main__':
    main()
