"""keeld is killed under load and started again: the box remembers nothing, so nothing is lost."""

import contextlib
import hashlib
import signal
import time

from lab import lab
from network import VIP
from proof import expect

ECHO_PORT = 7
SOON = 1.0  # seconds from the start of keeld to the first packet that it forwards
CONNECTIONS = 100


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        result.servers.start_echo('udp', ECHO_PORT)
        result.servers.start_decapsulators('ipip', 4)
        result.box.settings['services'] = [
            result.box.service('web', 'ipip', affinity='stateless'),
            result.box.service('echo', 'ipip', protocol='udp', ports=str(ECHO_PORT),
                               affinity='stateless')]
        result.box.start()
        for vip in VIP.values():
            result.wait_for_service(vip)
        yield result


def first_answer(lab_):
    """Seconds until a datagram comes back, one tried every 5 ms."""
    began = time.monotonic()
    while not lab_.answers(VIP[4], ECHO_PORT, b'?', 0.005):
        assert time.monotonic() - began < 20, 'no datagram came back'
    return time.monotonic() - began


def comes_back(lab_):
    load = [lab_.start_requests(vip, requests=0, each=0, connections=CONNECTIONS, pause=20,
                                seconds=3_600) for vip in VIP.values()]
    downloads = [(lab_.folder / f'download-{family}',
                  lab_.namespaces.start('client', [
                      'curl', '-sSg', '--fail', '--limit-rate', '4M',
                      '-o', lab_.folder / f'download-{family}', lab_.url(vip, '/large')]))
                 for family, vip in VIP.items()]
    times = []
    for _ in range(3):
        assert lab_.answers(VIP[4], ECHO_PORT, b'?')
        time.sleep(0.5)  # so that every connection has had an answer
        lab_.box.kill()
        lab_.box.launch()
        times.append(first_answer(lab_))
    said = [f'{seconds:.2f} s' for seconds in times]
    assert min(times) < SOON, f'forwarding again after {said}'
    for target, process in downloads:
        assert process.wait(60) == 0, f'{target} broke off'
        expect(hashlib.sha256(target.read_bytes()).hexdigest(), lab_.sha256, target.name)
    answered = 0
    for process in load:
        process.send_signal(signal.SIGTERM)
        result = lab_.results(process)
        assert result['ok'] and not result['failed'], result
        expect(result['opened'], CONNECTIONS, 'connections that were opened in all')
        answered += result['ok']
    return (f'forwarding again after {", ".join(said)}; {2 * CONNECTIONS} connections went on, '
            f'{answered} requests on them, none failed; {len(downloads)} downloads whole')


def ends_when_told(lab_):
    lab_.box.stop()
    lab_.box.start()
    lab_.wait_for_service(VIP[4])


TESTS = [
    ('killed and started again three times, it forwards within a second, and every connection '
     'goes on', comes_back),
    ('it ends when told to, says so with 0, and can be started again', ends_when_told),
]
