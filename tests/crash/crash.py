#!/usr/bin/python3
"""Crash safety by exhaustion: `crash.py SCENARIO [STORY...]`.

Each story of scenario.cc is told once while tracer.cc records every system call that changes the
disk. Then, for each of these calls, it is told again and killed in place of the call; told again
with the call answered by an error, once or from there on; and the power is cut there, in each way
that disk_model.py knows. After each of these the box starts again: it must find what was confirmed
before or what was being confirmed, every generation, override and event that was promised, nothing
that was not, and nothing damaged; and it must be able to go on.
"""

import concurrent.futures
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile

import disk_model

STORIES = ('begin', 'change', 'expire', 'back', 'overrides', 'journal', 'damage', 'leftovers')
PREPARED_EVENTS = ['prepared-1', 'prepared-2']
FAULTS = [(errno.ENOSPC, 'once'), (errno.ENOSPC, 'always'), (errno.EROFS, 'always')]


class Promise:
    """What a start must find, by what the story had been told before: see follow()."""

    def __init__(self, story):
        is_new = story == 'begin'
        self.story = story
        self.confirmed = {'none'} if is_new else {'text-2'}
        self.generations = {}
        self.overrides = {''} if is_new else {'web1,'}
        self.events = [] if is_new else list(PREPARED_EVENTS)
        self.perhaps = None  # an event that is being written
        self.refused = []    # events that the journal could not take
        self.before = None   # what was confirmed or overridden before the step that is going on

    def follow(self, mark, coming):
        """One line of the story; `coming` are those after it."""
        words = mark.split()
        step = ' '.join(words[:2])
        if step == 'begin store' and 'none' in self.confirmed:
            self.confirmed = {'none', words[2]}
        elif step == 'end store' and words[-1] == 'ok':
            self.generations[words[2]] = words[3]
        elif step == 'begin confirm':
            self.confirmed = self.confirmed | {words[2]}
        elif step == 'begin append':
            self.perhaps = words[2]
        elif step == 'end append':
            (self.events if words[-1] == 'ok' else self.refused).append(words[2])
            self.perhaps = None
        elif step == 'begin override':
            after = next((line for line in coming if line.startswith('overrides')), None)
            if after:
                self.overrides = self.overrides | {overrides_of(after)}
        elif words[0] == 'overrides':
            self.overrides = {overrides_of(mark)}
        elif words[0] == 'confirmed' and (words[1] != 'none' or 'none' not in self.confirmed):
            self.confirmed = {words[1]}

    def broken_by(self, found):
        """What is wrong with what a start found; empty: nothing."""
        if 'died' in found:
            return f'the start died: {found["died"]}'
        events = list(reversed(found['events']))
        if found['confirmed'] not in self.confirmed:
            return f'confirmed is {found["confirmed"]}, not one of {sorted(self.confirmed)}'
        for number, text in self.generations.items():
            if found['generations'].get(number) != text:
                return f'generation {number} is {found["generations"].get(number)}, not {text}'
        if found['overrides'] not in self.overrides:
            return f'overrides are {found["overrides"]}, not one of {sorted(self.overrides)}'
        if [event for event in events if event not in self.refused + [self.perhaps]] != self.events:
            return f'events are {events}, not {self.events}'
        for key in ('trouble', 'alarm'):
            if found[key]:
                return f'{key}: {found[key]}'
        if found['damage'] and self.story != 'damage' and 'none' not in self.confirmed:
            return f'damage: {found["damage"]}'
        return '' if found['goes_on'] else 'it does not go on'


def overrides_of(mark):
    return mark.removeprefix('overrides').strip()


def promise_after(story, lines):
    promise = Promise(story)
    for index, line in enumerate(lines):
        promise.follow(line, lines[index + 1:])
    return promise


class Teller:
    """Tells one story, again and again, in a folder of its own."""

    def __init__(self, scenario, story, room):
        self.story = story
        self.prepared, self.work = f'{room}/prepared', f'{room}/work'
        self.scenario = subprocess.Popen([scenario, story, self.prepared, self.work], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.marks_until_done()
        self.tried = {}
        self.failures = []

    def ask(self, *words):
        self.scenario.stdin.write(' '.join(map(str, words)) + '\n')
        self.scenario.stdin.flush()

    def marks_until_done(self):
        """How it ended, and the marks before that."""
        marks = []
        while not (line := self.scenario.stdout.readline()).startswith('done '):
            if not line:
                raise SystemExit(f'{self.story}: the scenario itself died')
            marks.append(line.rstrip('\n'))
        return int(line.split()[1]), marks

    def tell(self, *how):
        self.ask(*how)
        return self.marks_until_done()

    def judge(self, kind, point, promise, code=0):
        """Starts in the folder, and counts."""
        self.ask('check')
        found = json.loads(self.scenario.stdout.readline())
        broken = f'exit code {code}' if code else promise.broken_by(found)
        self.tried[kind] = self.tried.get(kind, 0) + 1
        if broken:
            self.failures.append(f'{self.story}, {kind}, call {point}: {broken}')

    def record(self):
        """Every change and mark, in order; the model must come to what the disk came to."""
        log = f'{self.work}.log'
        code, _ = self.tell('record', log)
        with open(log, encoding='utf-8') as file:
            lines = [json.loads(line) for line in file]
        shutil.rmtree(f'{self.work}.end', ignore_errors=True)
        os.rename(self.work, f'{self.work}.end')
        shutil.copytree(self.prepared, self.work)
        disk = disk_model.Disk(self.work)
        for line in lines:
            if line['what'] != 'mark':
                disk.apply(line)
        if code or disk.render(None) != disk_model.Disk(f'{self.work}.end').render(None):
            raise SystemExit(f'{self.story}: the model of the disk differs from the disk')
        return lines

    def kill(self, count):
        for point in range(1, count + 1):
            code, marks = self.tell('kill', point)
            self.judge('killed', point, self.promise_within(marks), code)

    def promise_within(self, marks):
        """Of a story that ended early: the rest of it is known from the record."""
        promise = Promise(self.story)
        for index, line in enumerate(marks):
            promise.follow(line, self.marks[index + 1:])
        return promise

    def fail(self, count):
        for error, often in FAULTS:
            for point in range(1, count + 1):
                code, marks = self.tell('fail', point, error, often)
                kind = f'{errno.errorcode[error]} {often}'
                self.judge(kind, point, promise_after(self.story, marks), code)

    def cut(self, lines):
        shutil.rmtree(self.work)
        shutil.copytree(self.prepared, self.work)
        disk = disk_model.Disk(self.work)
        marks, seen, point = [], set(), 0
        for line in lines:
            if line['what'] == 'mark':
                marks += line['text'].splitlines()
                continue
            disk.apply(line)
            point += 1
            for way in disk_model.WAYS:
                found = disk.render(way)
                state = (len(marks), tuple(sorted(found.items(), key=lambda each: each[0])))
                if hash(state) in seen:
                    continue
                seen.add(hash(state))
                shutil.rmtree(self.work)
                disk_model.write_out(found, self.work)
                self.judge(f'power cut, {way}', point, self.promise_within(marks))

    def run(self):
        lines = self.record()
        self.marks = [mark for line in lines if line['what'] == 'mark'
                      for mark in line['text'].splitlines()]
        count = sum(line['what'] != 'mark' for line in lines)
        self.kill(count)
        self.fail(count)
        self.cut(lines)
        self.scenario.stdin.close()
        self.scenario.wait()
        return count, self.tried, self.failures


def run_story(scenario, story):
    with tempfile.TemporaryDirectory(dir='/dev/shm') as room:
        return Teller(scenario, story, room).run()


def main():
    scenario, *stories = sys.argv[1:]
    stories = stories or STORIES
    failures, tried, calls = [], {}, 0
    with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
        for count, kinds, failed in pool.map(run_story, [scenario] * len(stories), stories):
            calls += count
            failures += failed
            for kind, number in kinds.items():
                tried[kind] = tried.get(kind, 0) + number
    for failure in failures[:40]:
        print(failure)
    for kind, number in sorted(tried.items()):
        print(f'{number:6} {kind}')
    print(f'{calls} system calls in {len(stories)} stories: {sum(tried.values())} points tried, '
          f'{len(failures)} failed')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
