"""Where `change.approval` is required, nobody makes a change live alone. Everybody here is a Unix
user of this machine, in Unix groups of it, and is known to the box by the kernel only.
"""

import contextlib
import json
import shutil
import subprocess

from lab import managed_lab
from network import VIP
from proof import expect

GROUPS = {'viewers': 'users', 'operators': 'staff', 'approvers': 'adm'}
# Users that every Debian has, and the group by which each is somebody to the box.
PEOPLE = {'games': 'users', 'news': 'staff', 'mail': 'adm', 'backup': 'adm'}
WEIGHT = 'services.web.backends.server3.weight'
REFUSED, FORBIDDEN = 1, 4


class Office:
    """People who run keel."""

    def __init__(self, lab_):
        self.lab = lab_
        self.box = lab_.box
        self.program = lab_.folder / 'keel'
        shutil.copy(lab_.programs.keel, self.program)  # to where everybody may run it
        self.program.chmod(0o755)

    def report(self):
        return self.box.report()

    def keel(self, user, *arguments, expected=0, group=None):
        """What keel says to the user, whose exit status must be as expected."""
        done = subprocess.run(
            ['setpriv', f'--reuid={user}', f'--regid={user}', '--groups', group or PEOPLE[user],
             '--no-new-privs', self.program, '--socket', self.box.api, *map(str, arguments)],
            capture_output=True, text=True, timeout=20, check=False, cwd='/')
        assert done.returncode == expected, (
            f'{user}: keel {arguments} ended with {done.returncode}, not {expected}:\n'
            f'{done.stdout}{done.stderr}')
        return done.stdout + done.stderr

    def told(self, user, *arguments):
        return json.loads(self.keel(user, *arguments, '--json'))

    def weight(self):
        rows = self.told('games', 'show', 'backends')['backends']
        return {row['name']: row['weight'] for row in rows}['server3']

    def change(self):
        return self.told('games', 'status')['change']


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs, change={'approval': 'required'}) as result:
        result.box.settings['api'].update(GROUPS)
        result.box.start()
        result.wait_for_service(VIP[4], seconds=20)
        yield Office(result)


def known_by_the_kernel(office):
    for user, role in (('games', 'viewer'), ('news', 'operator'), ('mail', 'approver'),
                       ('backup', 'approver')):
        expect(office.told(user, 'status')['you'], {'user': user, 'role': role}, 'who asks')
    said = office.keel('games', 'status', expected=FORBIDDEN, group='nogroup')
    assert 'none of the groups' in said and all(name in said for name in GROUPS.values()), said


def viewer_may_not(office):
    """Neither make a change, nor do anything with that of another."""
    before = office.told('games', 'status')
    for words in (('set', WEIGHT, 2), ('rollback', 'generation', 1, '--why', 'x'),
                  ('drain', 'web/server1', '--for', '1h', '--reason', 'for fun')):
        assert 'operator' in office.keel('games', *words, expected=FORBIDDEN), words
    change = wait_for_approval(office, 'mail', 2)
    for words in (('approve', change), ('confirm', change), ('rollback', change), ('discard',),
                  ('commit', '--why', 'mine')):
        office.keel('games', *words, expected=FORBIDDEN)
    expect(office.change()['state'], 'awaiting-approval', 'the change')
    office.keel('mail', 'discard')
    after = office.told('games', 'status')
    expect((after['confirmed'], after['change']), (before['confirmed'], None), 'what there is')
    expect(office.told('games', 'overrides')['overrides'], [], 'overrides')


def wait_for_approval(office, user, weight):
    """The user sets server3's weight, and commits; the change's id."""
    was = office.weight()
    office.keel(user, 'set', WEIGHT, weight)
    change = office.told(user, 'commit', '--confirm', '1m', '--why', f'{user} wants it')
    expect((change['state'], change['needs_approval']), ('awaiting-approval', True), 'the change')
    expect(office.weight(), was, 'the weight in force')
    return change['id']


def not_by_oneself(office):
    """Not as an approver, not in another of one's groups, not in another way than to approve."""
    change = wait_for_approval(office, 'backup', 2)
    said = office.keel('backup', 'approve', change, expected=FORBIDDEN)
    assert "backup's own" in said and 'another approver' in said, said
    office.keel('backup', 'confirm', change, expected=REFUSED)
    office.keel('backup', 'commit', '--why', 'once more', expected=REFUSED)
    office.keel('news', 'approve', change, expected=FORBIDDEN)
    office.keel('news', 'confirm', change, expected=REFUSED)
    expect(office.change()['state'], 'awaiting-approval', 'the change')
    expect(office.weight(), 1, 'the weight in force')
    office.keel('backup', 'discard')


def by_somebody_else(office):
    """By an approver, and by the change's number only."""
    change = wait_for_approval(office, 'backup', 2)
    office.keel('mail', 'approve', change + 1, expected=REFUSED)
    office.keel('mail', 'approve', change)
    expect((office.change()['state'], office.weight()), ('on-probation', 2), 'the change')
    office.lab.all_answered(VIP[4], 500)
    office.keel('backup', 'confirm', change)
    status = office.told('games', 'status')
    expect((status['confirmed'], status['in_force'], status['change']), (change, change, None),
           'generations')
    events = [event for event in office.told('games', 'journal', '--limit', 1_000)['events']
              if event['generation'] == change]
    approved = [event['who'] for event in events if 'approved' in event['what']]
    expect(approved, ['mail'], 'who released it, by the journal')


def an_operators_is_released(office):
    """Who may not approve at all has his changes released."""
    change = wait_for_approval(office, 'news', 1)
    office.keel('news', 'approve', change, expected=FORBIDDEN)
    office.keel('backup', 'approve', change)
    expect(office.weight(), 1, 'the weight in force')
    office.keel('news', 'confirm', change)
    expect(office.told('news', 'status')['confirmed'], change, 'the confirmed generation')


def not_switched_off_alone(office):
    """To want no approval any more is a rule's business, and needs one itself."""
    office.keel('backup', 'set', 'change.approval', '"none"')
    said = office.keel('backup', 'commit', '--why', 'quicker', expected=REFUSED)
    assert 'loosened-rule' in said, said
    change = office.told('backup', 'commit', '--why', 'quicker', '--waive', 'loosened-rule',
                         '--reason', 'I say so')
    expect(change['state'], 'awaiting-approval', 'the change')
    office.keel('backup', 'approve', change['id'], expected=FORBIDDEN)
    office.keel('mail', 'discard')
    expect(office.change(), None, 'a change')


TESTS = [
    ('everybody is whom the kernel says he is', known_by_the_kernel),
    ('a viewer can neither make a change nor release one', viewer_may_not),
    ('who made a change cannot release it, and no operator can', not_by_oneself),
    ('another approver can', by_somebody_else),
    ("an operator's change is released by an approver", an_operators_is_released),
    ('that an approval is needed is not switched off alone', not_switched_off_alone),
]
