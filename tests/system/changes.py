"""A change of the settings as operators and their clients see it: what is refused, what goes back
by itself, what survives, while connections are made all the time.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from lab import managed_lab
from network import VIP
from proof import expect, until

WEIGHTS = 'services.web.backends.server{}.weight'


@contextlib.contextmanager
def setup(programs):
    with managed_lab(programs) as result:
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        yield result


def in_force(box):
    return box.told('status')['in_force']


def weights(box):
    return {row['name']: row['weight'] for row in box.told('show', 'backends')['backends']}


def wait_for_probation_to_end(box, seconds=20):
    until(lambda: box.told('status')['change'] is None, 'the change has ended', seconds, 0.1)


def first_generation(lab_):
    status = lab_.box.told('status')
    expect((status['confirmed'], status['in_force'], status['change']), (1, 1, None), 'generations')
    expect(status['you'], {'user': 'root', 'role': 'approver'}, 'who asks')
    said = subprocess.run(
        ['git', '-C', lab_.box.state / 'settings.git', '-c', 'safe.directory=*', 'log',
         '--format=%s', 'confirmed'], capture_output=True, text=True, check=True).stdout
    assert 'the first settings' in said, said
    # What is to be imported into a box that does not run is had from either.
    text = subprocess.run(
        ['git', '-C', lab_.box.state / 'settings.git', '-c', 'safe.directory=*', 'show',
         'confirmed:evenkeel.conf'], capture_output=True, text=True, check=True).stdout
    assert text == lab_.box.keel('show', 'settings') == lab_.box.keel('show', 'settings', 1), text


def refused_by_name(lab_):
    box = lab_.box
    box.keel('set', WEIGHTS.format(1), 1000)
    said = box.keel('check', expected=1)
    assert 'single-node' in said, said
    said = box.keel('commit', '--why', 'more for server1', expected=1)
    assert 'single-node' in said and '--waive' in said, said
    expect(in_force(box), 1, 'the generation in force')
    box.keel('discard')
    expect(weights(box), {'server1': 1, 'server2': 1, 'server3': 1}, 'weights')


def mistakes_named(lab_):
    box = lab_.box
    said = box.keel('set', 'services.web.buckts', 7, expected=1)
    assert 'buckets' in said, said
    expect(box.told('status')['change'], None, 'a change')


def goes_back_by_itself(lab_):
    """What is not confirmed is gone after its time; no client notices either way."""
    box = lab_.box
    before = box.lost()
    count = 20_000
    clients = [lab_.start_requests(vip, requests=count, connections=4) for vip in VIP.values()]
    box.keel('set', WEIGHTS.format(3), 2)
    said = box.keel('plan')
    assert 'server3' in said and '50' in said, said
    box.keel('commit', '--confirm', '2s', '--why', 'a trial')
    expect(weights(box)['server3'], 2, 'the weight on probation')
    expect(box.told('status')['confirmed'], 1, 'the confirmed generation')
    wait_for_probation_to_end(box)
    expect(weights(box)['server3'], 1, 'the weight after it')
    for client in clients:
        result = lab_.results(client)
        assert result['ok'] == count and not result['failed'], result
    expect(box.lost(), before, 'packets that the box lost')
    box.keel('set', WEIGHTS.format(3), 2)
    said = box.keel('commit', '--why', 'again', expected=1)
    assert 'latched' in said, said
    box.keel('discard')


def confirmed_and_booted(lab_):
    box = lab_.box
    box.keel('set', WEIGHTS.format(2), 2)
    change = box.told('commit', '--confirm', '1m', '--why', 'server2 has grown')
    box.keel('confirm', change['id'] + 1, expected=1)
    box.keel('confirm', change['id'])
    expect(box.told('status')['confirmed'], change['id'], 'the confirmed generation')
    box.stop()
    box.start()
    expect(weights(box), {'server1': 1, 'server2': 2, 'server3': 1}, 'weights after a restart')
    lab_.wait_for_service(VIP[4])


def killed_on_probation(lab_):
    box = lab_.box
    confirmed = box.told('status')['confirmed']
    box.keel('set', WEIGHTS.format(3), 2)
    box.keel('commit', '--confirm', '10m', '--why', 'then it is killed')
    box.kill()
    began = time.monotonic()
    box.start()
    seconds = time.monotonic() - began
    expect(in_force(box), confirmed, 'the generation in force')
    expect(weights(box)['server3'], 1, 'the weight')
    expect(box.told('status')['change'], None, 'a change')
    for vip in VIP.values():
        lab_.wait_for_service(vip)
        lab_.all_answered(vip, 500)
    return f'it forwarded by what is confirmed after {seconds:.1f} s'


def confirm_edits(box, why, **edits):
    """Sets keys of the service, commits and confirms; returns the generation."""
    for key, value in edits.items():
        box.keel('set', f'services.web.{key.replace("__", ".")}', value)
    change = box.told('commit', '--why', why)
    box.keel('confirm', change['id'])
    return change['id']


def text_of(box, generation):
    said = subprocess.run(['curl', '-sS', '--fail', '--unix-socket', box.api,
                           f'http://keeld/v1/settings?generation={generation}'],
                          capture_output=True, text=True, check=True)
    return json.loads(said.stdout)['text']


def restored_through_the_gates(lab_):
    """What was right once and breaks a rule now is refused by name, and can be waived."""
    box = lab_.box
    old = box.told('status')['confirmed']
    between = confirm_edits(box, 'notice sooner', check__interval='"400ms"')
    last = confirm_edits(box, 'server1 has grown', backends__server1__weight=2)

    box.keel('rollback', 'generation', old, '--why', 'as it was')
    expect(in_force(box), last, 'the generation in force')
    assert 'weakened-health-check' in box.keel('check', expected=1)
    said = box.keel('commit', expected=1)
    assert 'weakened-health-check' in said and '--waive' in said, said
    expect(in_force(box), last, 'the generation in force')
    expect(weights(box)['server1'], 2, 'the weight in force')
    said = box.keel('commit', '--waive', 'single-node', '--reason', 'the wrong one', expected=1)
    assert 'weakened-health-check' in said, said

    change = box.told('commit', '--waive', 'weakened-health-check', '--reason', 'it was enough')
    expect(change['state'], 'on-probation', 'the change')
    expect(weights(box)['server1'], 1, 'the weight on probation')
    box.keel('confirm', change['id'])
    expect(in_force(box), change['id'], 'the generation in force')
    expect(text_of(box, change['id']), text_of(box, old), 'the text, and that of long ago')
    newest = box.told('history', '--limit', 1)['history'][0]
    expect((newest['generation'], newest['why'], newest['waivers']),
           (change['id'], 'as it was', [{'rule': 'weakened-health-check',
                                         'reason': 'it was enough'}]), 'the history')
    lab_.all_answered(VIP[4], 500)

    box.keel('rollback', 'generation', between, '--why', 'it checks more often')  # no waiver
    change = box.told('commit', '--why', 'sooner again')
    box.keel('confirm', change['id'])
    expect(text_of(box, change['id']), text_of(box, between), 'the text')
    said = box.keel('rollback', 'generation', 9_999, '--why', 'far', expected=1)
    assert '9999' in said, said
    return f'{last} -> {old} with a waiver, then {between} without'


def share_of_server1(box):
    rows = box.told('show', 'backends')['backends']
    return {row['name']: row['share'] for row in rows}['server1']


def drains_survive(lab_):
    """A drain is neither lost by a restart nor by a commit, and ends by itself."""
    box = lab_.box
    def share():
        return share_of_server1(box)
    box.keel('drain', 'web/server1', '--for', '1h', '--reason', 'a new kernel')
    expect(share(), 0, 'the share of who is drained')
    box.stop()
    box.start()
    expect(share(), 0, 'its share after a restart')
    box.keel('set', WEIGHTS.format(2), 1)
    change = box.told('commit', '--why', 'as before')
    box.keel('confirm', change['id'])
    expect(share(), 0, 'its share after a commit')
    box.keel('undrain', 'web/server1')
    until(lambda: share() > 0, 'its share is back')
    box.keel('drain', 'web/server1', '--for', '2s', '--reason', 'a moment')
    expect(share(), 0, 'its share')
    until(lambda: share() > 0, 'the drain has ended', 10)


def maintenance_ends_by_steps(lab_):
    """Its check was green all the time, and its caches may be cold."""
    box = lab_.box
    for pace in ('10m', '0us'):
        box.keel('set', 'services.web.check.slow_start', f'"{pace}"')
        change = box.told('commit', '--why', 'caches need a while')
        box.keel('confirm', change['id'])
        box.keel('maintenance', 'web/server1', '--for', '1h', '--reason', 'a new kernel')
        expect(share_of_server1(box), 0, 'its share in maintenance')
        box.keel('undrain', 'web/server1')
        share = until(lambda: share_of_server1(box), 'it takes flows again')
        assert (0 < share < 0.1) == (pace != '0us'), (pace, share)


def why_says_what_happens(lab_):
    """Asked for many flows, it names the server that then answers."""
    box = lab_.box
    said = box.told('why', 'tcp', '198.51.100.7:40000', f'{VIP[4]}:80')
    expect(said['verdict'], 'forwarded', f'what is said of the flow ({said})')
    assert said['backend'].startswith('web/server') and said['headers'], said
    said = box.told('why', 'tcp', '198.51.100.7:40000', f'{VIP[4]}:81')
    assert said['verdict'] != 'forwarded', said
    old = box.told('why', 'tcp', '198.51.100.7:40000', f'{VIP[4]}:80', '--generation', 1)
    expect(old['generation'], 1, 'the generation asked for')


def everything_can_be_looked_at(lab_):
    box = lab_.box
    for what in ('services', 'backends', 'workers', 'ports', 'neighbours', 'drops'):
        rows = box.told('show', what)[what]
        assert rows, f'{what}: nothing'
        table = box.keel('show', what)
        assert len(table.splitlines()) >= 2 or what == 'drops', table
    row = box.told('show', 'backends', 'web')['backends'][0]
    expect((row['name'], row['state'], row['why']), ('server1', 'usable', ''), 'a backend')
    top = box.keel('top', '--times', 1)
    assert 'web' in top, top
    assert 'a trial' in box.keel('history'), 'why a generation was made'


def a_failed_server_is_left_out(lab_):
    """Its check finds out, and new connections go elsewhere, until it is back."""
    box = lab_.box

    def state():
        rows = box.told('show', 'backends')['backends']
        return {row['name']: row['state'] for row in rows}['server3']
    lab_.namespaces.end(lab_.servers.nginx['server3'], signal.SIGTERM)
    until(lambda: state() == 'down', 'server3 is down', 10, 0.05)
    answered = lab_.all_answered(VIP[4], 500)
    assert 'server3' not in answered['servers'], answered
    lab_.servers.nginx['server3'] = lab_.servers.start_nginx('server3')
    until(lambda: state() == 'usable', 'server3 is back', 10, 0.05)


def a_person_at_the_prompt(lab_):
    """keel in a real terminal, as tests/tools/keel/terminal.py drives it."""
    script = Path(__file__).resolve().parent.parent / 'tools/keel/terminal.py'
    done = subprocess.run(['/usr/bin/python3', script, lab_.programs.keel, lab_.box.api],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def curl_works(lab_):
    box = lab_.box
    said = subprocess.run(['curl', '-sS', '--fail', '--unix-socket', box.api,
                           'http://keeld/v1/status'], capture_output=True, text=True, check=True)
    assert '"confirmed"' in said.stdout, said.stdout


def viewers_only_look(lab_):
    """Who is in no group is told which there are."""
    box = lab_.box
    os.chmod(lab_.folder, 0o755)
    said = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'curl',
                           '-sSv', '--unix-socket', box.api, 'http://keeld/v1/status'],
                          capture_output=True, text=True, check=False)
    assert 'evenkeel-viewer' in said.stdout, said
    expect(box.told('status')['change'], None, 'a change')


def everything_is_in_the_journal(lab_):
    events = lab_.box.told('journal', '--limit', 1000)['events']
    kinds = {event['kind'] for event in events}
    assert {'change', 'command', 'override', 'rule'} <= kinds, kinds
    text = '\n'.join(event['what'] for event in events)
    assert 'a trial' in text or 'rolled back' in text, text
    return f'{len(events)} events'


def forwards_without_its_api(lab_):
    """What keeps the socket from being made keeps no packet; when it is gone, keel is back."""
    box = lab_.box
    box.stop()
    box.api.unlink(missing_ok=True)
    box.api.write_text('of somebody')
    before = box.log_size()
    box.start()
    box.wait_for_log('keel cannot reach it', since=before)
    for vip in VIP.values():
        lab_.wait_for_service(vip, seconds=20)
    box.api.unlink()
    until(box.api.is_socket, 'the API is there', 20, 0.1)
    box.told('status')


TESTS = [
    ('the seed is generation 1, and plain git reads it', first_generation),
    ('a change that gives all to one server is refused by name', refused_by_name),
    ('a misspelt key is refused with the one that was meant', mistakes_named),
    ('a change that is not confirmed goes back by itself, and no client notices',
     goes_back_by_itself),
    ('a confirmed change is what a restart boots', confirmed_and_booted),
    ('killed on probation, the box boots what is confirmed', killed_on_probation),
    ('a rollback to an older generation goes through the same gates', restored_through_the_gates),
    ('a drain survives a restart, and ends', drains_survive),
    ('maintenance ends by steps, where that is set', maintenance_ends_by_steps),
    ('why names the way of a flow', why_says_what_happens),
    ('every list can be looked at', everything_can_be_looked_at),
    ('a server that fails its check is left out until it is back', a_failed_server_is_left_out),
    ('a person at the prompt', a_person_at_the_prompt),
    ('curl can talk to the API', curl_works),
    ('who is in no group may not even look', viewers_only_look),
    ('everything is in the journal', everything_is_in_the_journal),
    ('a box forwards though its API cannot be reached', forwards_without_its_api),
]
