"""Changes that come into force step by step, between real clients and real servers: a harmless one
reaches all flows, a harmful one few and not for long, and connections stay where they are.
"""

import contextlib
import re
import socket
import time

from lab import managed_lab
from network import VIP
from proof import expect, until

BACKENDS = 'services.web.backends'
STEPS = {'steps': [10, 50], 'step_time': '3s'}
RULES = {'max_moved_buckets': 60}  # half of a table is somewhat more or less, by the box's secret
PRECISION = 0.06      # of shares
CHECKS = 0.03         # of a server's connections, at most
SECONDS_TO_BE_BACK = 3.0
REQUEST = b'GET / HTTP/1.1\r\nHost: shop\r\n\r\n'


@contextlib.contextmanager
def setup(programs):
    """Of three servers two are in the settings, and the third does not unpack what comes to it."""
    with managed_lab(programs, rollout=STEPS, rules=RULES) as result:
        result.servers.start_decapsulators('ipip', 4, without=('server3',))
        result.box.settings['services'][0]['backends'].pop()
        result.hanging = result.folder / 'the disk hangs'
        result.box.environment = {'LD_PRELOAD': str(programs.system / 'libhang.so'),
                                  'HANG_FILE': str(result.hanging)}
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip, seconds=20)
        yield result


def start_clients(lab_):
    """Of each family, one on new connections and one on connections that stay; until ended."""
    return [lab_.start_requests(vip, requests=0, seconds=300, connections=connections, each=each,
                                pause=pause, timeout=20)
            for vip in VIP.values() for connections, each, pause in ((16, 1, 5), (32, 0, 10))]


def end_clients(lab_, clients):
    for client in clients:
        client.terminate()
    return [lab_.results(client) for client in clients]


def commit(box, why, *words):
    began = time.monotonic()
    change = box.told('commit', '--confirm', '5m', '--why', why, *words)
    expect(change['state'], 'on-probation', 'the change')
    return change['id'], began


def share_of_new_flows(lab_, server, count):
    before = lab_.servers.connections()

    def share():
        now = lab_.servers.connections()
        new = {name: now[name] - before[name] for name in now}
        return new[server] / sum(new.values()) if sum(new.values()) >= count else None
    return until(share, f'{count} new connections', 20, 0.2)  # each look is a connection, too


def harmless(lab_):
    box = lab_.box
    lost, clients = box.lost(), start_clients(lab_)
    until(lambda: box.told('show', 'services')['services'][0]['new_flows_per_s'] > 200,
          'clients are at work', 20)
    box.keel('set', f'{BACKENDS}.server2.weight', 2)
    change, began = commit(box, 'server2 has grown', '--waive', 'single-node', '--reason', 'it has')
    rollout = box.told('status')['rollout']
    expect(rollout['share'], 10, 'the first step')
    said = box.keel('confirm', change, expected=1)
    assert 'a part of the flows' in said, said
    shares = {rollout['share']}

    def is_over():
        rollout = box.told('status')['rollout']
        if rollout is not None:
            shares.add(rollout['share'])
        return rollout is None
    until(is_over, 'all flows follow the change', 30, 0.05)
    seconds = time.monotonic() - began
    expect(shares, {10, 50}, 'steps')
    new_share = share_of_new_flows(lab_, 'server2', 1_000)
    assert abs(new_share - 2 / 3) < PRECISION, new_share
    box.keel('confirm', change)
    results = end_clients(lab_, clients)
    for result in results:
        assert result['ok'] > 0 and not result['failed'], result
    expect(box.lost(), lost, 'packets that the box lost')
    return f'{sum(result["ok"] for result in results)} requests, none failed; {seconds:.1f} s'


def harmful(lab_):
    """The new server answers its check, but does not unpack what it is sent: clients find out."""
    box = lab_.box
    confirmed = box.told('status')['confirmed']
    clients = start_clients(lab_)
    until(lambda: box.told('show', 'services')['services'][0]['new_flows_per_s'] > 200,
          'clients are at work', 20)
    server3 = lab_.network.servers[2]
    box.keel('set', f'{BACKENDS}.server3.address', f'"{server3.address[4]}"')
    _, began = commit(box, 'more servers')
    until(lambda: box.told('status')['change'] is None, 'the change has gone back', 30, 0.02)
    seconds = time.monotonic() - began
    status = box.told('status')
    expect((status['confirmed'], status['in_force']), (confirmed, confirmed), 'generations')
    outcome = box.told('history')['history'][0]['outcome']
    assert 'rolled back by itself' in outcome, outcome
    assert re.search(r'; 10 % of the flows followed the change, [1-9][0-9,]* new ones', outcome)
    assert seconds < SECONDS_TO_BE_BACK, seconds
    new, kept = share_of_new_flows(lab_, 'server2', 1_000), end_clients(lab_, clients)
    assert abs(new - 2 / 3) < PRECISION, new
    for result in kept:
        assert result['ok'] > 0 and not result['failed'], result
    return f'back after {seconds:.2f} s: {outcome.splitlines()[-1]}'


def moved(lab_):
    """What the new server does is not held against the old one of that name."""
    box = lab_.box
    clients = start_clients(lab_)
    until(lambda: box.told('show', 'services')['services'][0]['new_flows_per_s'] > 200,
          'clients are at work', 20)
    address = lab_.network.servers[2].address[4]
    box.keel('set', f'{BACKENDS}.server1.address', f'"{address}"')
    commit(box, 'a new machine')
    until(lambda: box.told('status')['change'] is None, 'the change has gone back', 30, 0.02)
    outcome = box.told('history')['history'][0]['outcome']
    assert 'rolled back by itself' in outcome, outcome
    new = share_of_new_flows(lab_, 'server1', 1_000)
    assert abs(new - 1 / 3) < PRECISION, new
    until(lambda: not any('left out' in trouble for trouble in box.told('status')['troubles']),
          'who has left its pool is no alarm', 5)
    for result in end_clients(lab_, clients):
        assert result['ok'] > 0 and not result['failed'], result


def harmful_to_few(lab_):
    """Too few for a comparison of both arms, all of whom go to the one server that is new."""
    box = lab_.box
    confirmed = box.told('status')['confirmed']
    clients = start_clients(lab_)
    for server, weight in (('server1', 100), ('server2', 200), ('server3', 1)):
        box.keel('set', f'{BACKENDS}.{server}.weight', weight)
    address = lab_.network.servers[2].address[4]
    box.keel('set', f'{BACKENDS}.server3.address', f'"{address}"')
    _, began = commit(box, 'a little server')
    until(lambda: box.told('status')['change'] is None, 'the change has gone back', 60, 0.02)
    seconds = time.monotonic() - began
    expect(box.told('status')['confirmed'], confirmed, 'the confirmed generation')
    outcome = box.told('history')['history'][0]['outcome']
    assert 'rolled back by itself: web/server3, which the change brings' in outcome, outcome
    until(lambda: not any('left out' in trouble for trouble in box.told('status')['troubles']),
          'who has left its pool is no alarm', 5)
    for result in end_clients(lab_, clients):
        assert result['ok'] > 0 and not result['failed'], result
    return f'back after {seconds:.2f} s: {outcome.splitlines()[-1]}'


def harmful_to_few_who_stay(lab_):
    """As harmful_to_few(), where nobody may be left out."""
    box = lab_.box
    box.keel('set', 'evidence.max_ejected', 0)
    change, _ = commit(box, 'nobody is left out')
    until(lambda: box.told('status')['rollout'] is None, 'it is in force', 30)
    box.keel('confirm', change)
    confirmed = box.told('status')['confirmed']
    clients = start_clients(lab_)
    box.keel('set', f'{BACKENDS}.server1.address', f'"{lab_.network.servers[2].address[4]}"')
    box.keel('set', f'{BACKENDS}.server2.weight', 300)
    _, began = commit(box, 'a little server', '--waive', 'single-node', '--reason', 'it is little')
    until(lambda: box.told('status')['change'] is None, 'the change has gone back', 60, 0.02)
    seconds = time.monotonic() - began
    expect(box.told('status')['confirmed'], confirmed, 'the confirmed generation')
    outcome = box.told('history')['history'][0]['outcome']
    assert 'web/server1, which the change brings, does worse than its pool' in outcome, outcome
    for result in end_clients(lab_, clients):
        assert result['ok'] > 0 and not result['failed'], result
    return f'back after {seconds:.2f} s: {outcome.splitlines()[-1]}'


def rolled_back_by_hand(lab_):
    box = lab_.box
    clients = start_clients(lab_)
    box.keel('set', f'{BACKENDS}.server2.weight', 1)
    change, _ = commit(box, 'not so much')
    box.keel('rollback', change, '--why', 'I have changed my mind')
    status = box.told('status')
    expect((status['change'], status['rollout']), (None, None), 'what is left of it')
    new_share = share_of_new_flows(lab_, 'server2', 1_000)
    assert abs(new_share - 2 / 3) < PRECISION, new_share
    for result in end_clients(lab_, clients):
        assert result['ok'] > 0 and not result['failed'], result


def overridden_meanwhile(lab_):
    """Who is drained while a change rolls out takes no new flows of either arm."""
    box = lab_.box
    clients = start_clients(lab_)
    box.keel('set', f'{BACKENDS}.server2.weight', 1)
    change, _ = commit(box, 'not so much')
    drained = box.told('drain', 'web/server1', '--for', '1h', '--reason', 'a new disk')
    expect(box.told('status')['rollout']['share'], 10, 'it goes on')
    share = share_of_new_flows(lab_, 'server1', 1_000)
    assert share < CHECKS, share
    until(lambda: box.told('status')['rollout'] is None, 'all flows follow the change', 30, 0.05)
    share = share_of_new_flows(lab_, 'server1', 1_000)
    assert share < CHECKS, share
    box.keel('confirm', change)
    box.keel('undrain', drained['id'])
    for result in end_clients(lab_, clients):
        assert result['ok'] > 0 and not result['failed'], result


def does_not_answer(box):
    return any('does not answer' in trouble for trouble in box.told('status')['troubles'])


@contextlib.contextmanager
def hanging_disk(lab_):
    lab_.hanging.touch()
    try:
        yield
    finally:
        lab_.hanging.unlink()


def harmful_while_the_disk_hangs(lab_):
    """The verdict does not wait for it, nor does anybody who asks; what it did not take, it takes
    when it answers again."""
    box = lab_.box
    confirmed = box.told('status')['confirmed']
    clients = start_clients(lab_)
    until(lambda: box.told('show', 'services')['services'][0]['new_flows_per_s'] > 200,
          'clients are at work', 20)
    server3 = lab_.network.servers[2]
    box.keel('set', f'{BACKENDS}.server3.address', f'"{server3.address[4]}"')
    box.keel('set', f'{BACKENDS}.server3.capacity', 1_000_000)
    _, began = commit(box, 'more servers, once more')
    with hanging_disk(lab_):
        until(lambda: box.told('status')['change'] is None, 'the change has gone back', 30, 0.02)
        seconds = time.monotonic() - began
        status = box.told('status')
        expect((status['confirmed'], status['in_force']), (confirmed, confirmed), 'generations')
        # It is done before; then archive and journal have two seconds' patience each.
        assert seconds < SECONDS_TO_BE_BACK + 5, seconds
        until(lambda: does_not_answer(box), 'the disk is an alarm', 10)
        began = time.monotonic()
        for words in (('drain', 'web/server1', '--for', '1h', '--reason', 'a disk'), ('history',)):
            said = box.keel(*words, expected=1)
            assert 'does not answer' in said, said
        assert time.monotonic() - began < 8, 'whoever asks waits for the disk'
        events = box.told('journal')['events']
        assert any('rolled back by itself' in event['what'] for event in events), events
    until(lambda: not box.told('status')['troubles'],
          lambda: f'the disk is well again: {box.told("status")["troubles"]}', 20)
    outcome = box.told('history')['history'][0]['outcome']
    assert 'rolled back by itself' in outcome, outcome
    box.keel('set', f'{BACKENDS}.server3.address', f'"{server3.address[4]}"')
    box.keel('set', f'{BACKENDS}.server3.capacity', 1_000_000)
    said = box.keel('commit', '--why', 'and again', expected=1)
    assert 'latched' in said, said
    box.keel('discard')
    for result in end_clients(lab_, clients):
        assert result['ok'] > 0 and not result['failed'], result
    return f'back after {seconds:.2f} s: {outcome.splitlines()[-1]}'


def connection_to(lab_, server):
    """One that stays open, and that this server has answered."""
    for _ in range(64):
        channel = lab_.sends(4, socket.SOCK_STREAM)
        channel.settimeout(10)
        channel.connect((VIP[4], 80))
        channel.sendall(REQUEST)
        if server.encode() in channel.recv(4096):
            return channel
        channel.close()
    raise AssertionError(f'no connection in 64 is {server}\'s')


def left_and_switched_off(lab_):
    """A server that is no longer in the settings keeps its connections; when it is switched off,
    they are another server's, which resets them: clients need not wait for what never comes."""
    box = lab_.box
    server = lab_.network.servers[1]
    with connection_to(lab_, server.name) as channel:
        box.keel('delete', f'{BACKENDS}.{server.name}')
        change, _ = commit(box, 'it goes', '--waive', 'single-node', '--reason', 'for a while')
        until(lambda: box.told('status')['rollout'] is None, 'all flows follow the change', 60)
        box.keel('confirm', change)
        channel.sendall(REQUEST)
        assert server.name.encode() in channel.recv(4096), 'the connection has moved'
        lab_.network.link(server.name, 'lan', 'down')
        began = time.monotonic()
        channel.sendall(REQUEST)
        try:
            said = channel.recv(4096)
            raise AssertionError(f'it should be reset, and says {said}')
        except ConnectionResetError:
            return f'reset after {time.monotonic() - began:.2f} s'


TESTS = [
    ('a harmless change reaches all flows step by step, and no request fails', harmless),
    ('a harmful change goes back by itself at its first step, and no request fails', harmful),
    ('a server that moves to a bad place goes back, and has its share there at once', moved),
    ('a change that harms one flow in three hundred goes back by who is new', harmful_to_few),
    ('while the disk hangs, a harmful change goes back, and nobody waits for the disk',
     harmful_while_the_disk_hangs),
    ('a rollout that is rolled back by hand leaves nothing', rolled_back_by_hand),
    ('an override holds in both arms', overridden_meanwhile),
    ('a change that harms one flow in three hundred goes back where nobody may be left out, too',
     harmful_to_few_who_stay),
    ('who has left and is switched off keeps nobody waiting', left_and_switched_off),
]
