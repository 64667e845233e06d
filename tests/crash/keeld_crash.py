#!/usr/bin/python3
"""keeld, cut off at every system call that changes its folder, as root:

    keeld_crash.py [--every N] [--kinds KIND,...] KEELD TRACE [STORY...]

Each story is told to the real program by its API, while a client's packets pass. Once it is told,
every such call is known (tracer.h). Then, for each of them or each Nth, keeld is killed in place of
the call (kill); or finds its disk full, or read-only, from there on (fail); or the power is cut
there, in each way that disk_model.py knows (cut). After each of these it starts again: the packets
that leave, from the first one on, and the API, and the text of the generation that it names must
all be of what was confirmed before or was being confirmed. While its disk fails it must forward,
too, and name a trouble.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import errno
import json
import multiprocessing
import os
import shutil
import signal
import sys
from types import SimpleNamespace

import disk_model
from keeld_lab import PATIENCE, Gone, Lab
from proof import until

FAULTS = [errno.ENOSPC, errno.EROFS]
SEED, OLD, NEW, TRIED = 61, 62, 63, 64  # ttls, each of a text
# Of a box whose neighbours are yet to be found.
WAITING = 'backends take no flows'
PDEATHSIG = 1
CORES = None  # a queue of (control's, the worker's), in each process: two keelds at a time


class Refused(Exception):
    """An operator was told no."""


class Operator:
    """Does what a story says, and knows what may be confirmed meanwhile, and what is overridden."""

    def __init__(self, lab, confirmed, overrides=0):
        self.lab = lab
        self.confirmed = {confirmed}
        self.overrides = {overrides}
        self.history = []  # (calls made before, both of the above)

    def note(self):
        self.history.append((self.lab.calls_made(), frozenset(self.confirmed),
                             frozenset(self.overrides)))

    def ask(self, method, path, body=None):
        status, answer = self.lab.ask(method, path, body)
        if status != 200:
            raise Refused(f'{method} {path}: {status} {answer}')
        return answer

    def commit(self, ttl, seconds=600):
        """Answers the change's id, on probation."""
        base = self.lab.get('/v1/status')['confirmed']
        self.ask('POST', '/v1/change', {'base': base, 'text': self.lab.text(ttl)})
        return self.release(seconds)

    def release(self, seconds=600):
        wanted = {'confirm_s': seconds, 'why': 'a story'}
        return self.ask('POST', '/v1/change/commit', wanted)['id']

    def restore(self, generation):
        self.ask('POST', '/v1/rollback', {'generation': generation, 'why': 'it was better'})
        return self.release()

    def confirm(self, number, ttl):
        before = self.confirmed
        self.confirmed = before | {ttl}
        self.note()
        try:
            self.ask('POST', '/v1/change/confirm', {'id': number})
            self.confirmed = {ttl}
        except Refused:
            self.confirmed = before
            raise
        finally:
            self.note()

    def roll_back(self, number):
        self.ask('POST', '/v1/change/rollback', {'id': number, 'why': 'it was worse'})

    def wait_until_back(self):
        until(lambda: self.lab.get('/v1/status')['change'] is None, 'it goes back', PATIENCE,
              0.02)

    def override(self, method, path, body, count):
        before = self.overrides
        self.overrides = before | {count}
        self.note()
        try:
            answer = self.ask(method, path, body)
            self.overrides = {count}
            return answer
        except Refused:
            self.overrides = before
            raise
        finally:
            self.note()

    def set_drain(self, count=1):
        request = {'backend': 'dns/ns2', 'kind': 'drain', 'for_s': 3600, 'reason': 'a story'}
        return self.override('POST', '/v1/overrides', request, count)['id']

    def remove_drain(self, number):
        self.override('DELETE', f'/v1/overrides/{number}', None, 0)


# --- Stories: the folder that one begins with, and what is done then ---------------------------

def nothing(lab):
    """The box has never been started."""


def two_generations(lab):
    lab.start(SEED)
    lab.ready()
    operator = Operator(lab, SEED)
    operator.confirm(operator.commit(OLD), OLD)
    lab.forwarded()
    lab.kill()


def killed_on_probation(lab):
    two_generations(lab)
    lab.start(SEED)
    lab.ready()
    operator = Operator(lab, OLD)
    operator.commit(NEW)
    lab.kill()


def damaged(lab):
    """As after a bad sector in every object of the archive."""
    two_generations(lab)
    for path in (lab.state / 'settings.git' / 'objects').rglob('*'):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)
    (lab.state / 'settings.git' / 'HEAD').write_text('x')


def only_start(operator):
    """Counted from its first call, and to its last one."""


def confirm(operator):
    operator.confirm(operator.commit(NEW), NEW)


def roll_back(operator):
    operator.roll_back(operator.commit(NEW))


def expire(operator):
    operator.commit(NEW, 1)
    operator.wait_until_back()


def restore(operator):
    operator.confirm(operator.restore(1), SEED)


def override(operator):
    operator.remove_drain(operator.set_drain())
    operator.set_drain()


STORIES = {
    'first start': (nothing, only_start, SEED),
    'start': (two_generations, only_start, OLD),
    'start after a kill on probation': (killed_on_probation, only_start, OLD),
    'start of a damaged archive': (damaged, only_start, OLD),
    'commit, confirm': (two_generations, confirm, OLD),
    'commit, roll back': (two_generations, roll_back, OLD),
    'commit, expire': (two_generations, expire, OLD),
    'back to a generation': (two_generations, restore, OLD),
    'overrides': (two_generations, override, OLD),
}


class Teller:
    """Tells one story, again and again."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.prepare, self.run, self.confirmed = STORIES[name]
        self.prepared, self.before = lab.folder / 'prepared', lab.folder / 'before'
        self.tried = {}
        self.failures = []
        self.clear()
        self.prepare(lab)
        os.rename(lab.state, self.prepared)

    def clear(self, filled_from=None):
        shutil.rmtree(self.lab.state, ignore_errors=True)
        if filled_from:
            shutil.copytree(filled_from, self.lab.state)
        else:
            self.lab.state.mkdir()

    def tell(self, *traced):
        """The operator, and what he was refused if he was; Gone, if keeld is."""
        lab = self.lab
        operator = Operator(lab, self.confirmed)
        lab.kill()
        lab.forget_calls()
        self.clear(self.prepared)
        if self.run is only_start:
            self.count(operator)
        lab.start(SEED, *traced)
        try:
            lab.ready()
            self.settle()
            if self.run is not only_start:
                self.count(operator)
            self.run(operator)
        except (Gone, Refused) as error:
            return operator, error
        return operator, None

    def count(self, operator):
        shutil.rmtree(self.before, ignore_errors=True)
        shutil.copytree(self.lab.state, self.before)
        self.lab.count()
        operator.note()

    def settle(self):
        """Until it forwards and has told whatever it has to tell of its backends."""
        self.lab.forwarded()
        until(lambda: not any(WAITING in trouble for trouble in self.troubles()), 'next hops',
              PATIENCE)

    def troubles(self):
        return self.lab.get('/v1/status')['troubles']

    def add(self, kind):
        self.tried[kind] = self.tried.get(kind, 0) + 1

    @contextlib.contextmanager
    def blames(self, kind, point):
        try:
            yield
        except (AssertionError, Gone) as error:
            calls = self.lab.calls.read_text().splitlines() if self.lab.calls.exists() else ['']
            self.failures.append(f'{self.name}, {kind}, call {point}: {error}; '
                                 f'the call: {calls[-1][:200]}; its log:\n'
                                 f'{self.lab.log()[-1500:]}')

    def judge(self, kind, point, confirmed, overrides):
        """A start from what is there, on a disk that works."""
        self.add(kind)
        with self.blames(kind, point):
            self.lab.kill()
            self.lab.forget_calls()
            self.lab.start(SEED)
            self.lab.ready()
            self.settle()
            found = self.broken(confirmed, overrides)
            assert not found, found

    def broken(self, confirmed, overrides):
        status = self.lab.get('/v1/status')
        ttl = self.lab.text_of(status['confirmed'])
        sent = self.lab.forwarded() | self.lab.seen
        if ttl not in confirmed:
            return f'confirmed is {ttl}, not one of {sorted(confirmed)}'
        if status['in_force'] != status['confirmed'] or status['change'] is not None:
            return f'not what is confirmed is in force: {status}'
        if sent != {ttl}:
            return f'packets are of {sorted(sent)}, and confirmed is {ttl}'
        if status['overrides'] not in overrides:
            return f'{status["overrides"]} overrides, not {sorted(overrides)}'
        unexpected = [trouble for trouble in status['troubles'] if not self.expects(trouble)]
        return f'troubles: {unexpected}' if unexpected else ''

    def expects(self, trouble):
        """Of a start on a disk that works. Cut off before it confirmed what it began with, the
        box says that it goes on with it."""
        begins = ('confirmed is missing', 'goes on with generation 1:')
        return self.prepare is damaged or (
            self.prepare is nothing and any(words in trouble for words in begins))

    # --- Where it fails -------------------------------------------------------------------------

    def record(self):
        """Learns every call, in order, and what may be confirmed at each."""
        operator, error = self.tell('record')
        self.told = self.lab.calls_made()
        ended = self.lab.end(signal.SIGTERM)
        if error or ended != 0:
            raise SystemExit(f'{self.name}: {error}, ended with {ended}:\n{self.lab.log()}')
        self.lines = [json.loads(line) for line in self.lab.calls.read_text().splitlines()]
        self.history = operator.history
        shutil.rmtree(f'{self.before}.end', ignore_errors=True)
        os.rename(self.lab.state, f'{self.before}.end')
        os.rename(self.before, self.lab.state)
        disk = disk_model.Disk(str(self.lab.state))
        for line in self.lines:
            disk.apply(line)
        if disk.render(None) != disk_model.Disk(f'{self.before}.end').render(None):
            raise SystemExit(f'{self.name}: the model of the disk differs from the disk')
        os.rename(self.lab.state, f'{self.before}.start')

    def kill(self, points):
        for point in points:
            with self.blames('killed', point):
                operator, error = self.tell('kill', point)
                assert not isinstance(error, Refused), error
                if error is None:
                    self.lab.end(signal.SIGTERM)
                if self.lab.process.wait(PATIENCE) == 2:
                    self.add('not reached')
                else:
                    self.judge('killed', point, operator.confirmed, operator.overrides)

    def fail(self, error, points):
        kind = errno.errorcode[error]
        for point in points:
            with self.blames(kind, point):
                operator, refused = self.tell('fail', point, error, 'always')
                if self.lab.calls_made() < point:
                    self.add('not reached')
                    continue
                self.judge_failing(operator, refused)
                self.judge(kind, point, operator.confirmed, operator.overrides)

    def judge_failing(self, operator, refused):
        """While its disk takes nothing."""
        lab = self.lab
        assert not isinstance(refused, Gone), f'it ended: {refused}'
        with contextlib.suppress(Refused):
            operator.set_drain(0)
            raise AssertionError('an override was taken that the disk did not take')
        assert any(WAITING not in trouble for trouble in self.troubles()), 'it has no trouble'
        status = lab.get('/v1/status')
        is_tried = status['change'] is not None and status['change']['state'] == 'on-probation'
        assert is_tried or status['in_force'] == status['confirmed'], status
        lab.forget_packets()
        sent, ttl = lab.forwarded(), lab.text_of(status['in_force'])
        assert sent == {ttl}, f'packets are of {sorted(sent)}, and in force is {ttl}: {status}'

    def cut(self, every):
        """Every state that the power may leave, but for those that others are like."""
        self.lab.kill()
        self.clear(f'{self.before}.start')
        disk, seen, states = disk_model.Disk(str(self.lab.state)), set(), []
        for point, line in enumerate(self.lines, 1):
            disk.apply(line)
            promise = [each[1:] for each in self.history if each[0] <= point][-1]
            for way in disk_model.WAYS:
                found = disk.render(way)
                state = hash((promise, tuple(sorted(found.items(), key=lambda each: each[0]))))
                if state not in seen:
                    seen.add(state)
                    states.append((point, way, promise, found))
        for point, way, promise, found in states[every // 2::every]:
            self.lab.kill()
            shutil.rmtree(self.lab.state)
            disk_model.write_out(found, str(self.lab.state))
            with contextlib.suppress(FileNotFoundError):
                (self.lab.state / 'secret').chmod(0o600)
            self.judge(f'power cut, {way}', point, *promise)
        return len(states)


def tell_story(programs, name, every, kinds):
    """(calls, states after a power cut, {kind: tried}, failures)."""
    cores = CORES.get()
    try:
        with Lab(programs, cores) as lab:
            teller = Teller(lab, name)
            teller.record()
            calls, states = len(teller.lines), 0
            if 'kill' in kinds:
                teller.kill(range(1 + every // 2, calls + 1, every))
            for error in FAULTS if 'fail' in kinds else ():
                teller.fail(error, range(1 + every // 2, teller.told + 1, every))
            if 'cut' in kinds:
                states = teller.cut(every)
            return calls, states, teller.tried, teller.failures
    finally:
        CORES.put(cores)


def begin_worker(cores):
    """A process that tells stories does not outlive the test."""
    global CORES
    CORES = cores
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('keeld')
    parser.add_argument('trace')
    parser.add_argument('--every', type=int, default=1, help='of so many points, one is tried')
    parser.add_argument('--kinds', default='kill,fail,cut', help='of what happens there')
    parser.add_argument('stories', nargs='*')
    options = parser.parse_args()
    if os.geteuid() != 0:
        print('network namespaces need root')
        return 77
    os.environ['TMPDIR'] = '/dev/shm'
    stories = options.stories or list(STORIES)
    programs = SimpleNamespace(keeld=os.path.abspath(options.keeld),
                               trace=os.path.abspath(options.trace))
    cores = multiprocessing.Queue()
    for pair in ((0, 1), (1, 0)):
        cores.put(pair)
    failures, tried, calls, states = [], {}, 0, 0
    with concurrent.futures.ProcessPoolExecutor(2, None, begin_worker, (cores,)) as pool:
        told = {pool.submit(tell_story, programs, name, options.every, options.kinds): name
                for name in stories}
        for each in concurrent.futures.as_completed(told):
            made, left, kinds, failed = each.result()
            calls, states = calls + made, states + left
            failures += failed
            for kind, number in kinds.items():
                tried[kind] = tried.get(kind, 0) + number
            print(f'{told[each]}: {made} calls, {sum(kinds.values())} tried, {len(failed)} failed',
                  flush=True)
    for failure in failures[:40]:
        print(failure)
    for kind, number in sorted(tried.items()):
        print(f'{number:6} {kind}')
    points = sum(number for kind, number in tried.items() if kind != 'not reached')
    print(f'keeld: {calls} system calls in {len(stories)} stories; at one of {options.every} of '
          f'them, and of {states} states after a power cut: {points} points tried, '
          f'{len(failures)} failed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
