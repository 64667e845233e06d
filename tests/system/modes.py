"""Every mode carries real TCP, of both families of IP, from end to end."""

import contextlib
from functools import partial

from lab import lab
from network import BOX_LAN, CLIENT_LAN, VIP

VNI = 7_001
MARKS = {10: VIP[4], 11: VIP[6]}
REQUESTS = 10_000


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        yield result


def services(box, mode, outer):
    """One service for each VIP that the mode can carry to servers of the family `outer`."""
    if mode == 'l3_direct':
        dscp = next(mark for mark, vip in MARKS.items() if vip == VIP[outer])
        return [box.service('web', mode, outer, [VIP[outer]], dscp=dscp)]
    if mode == 'nat':
        return [box.service('web', mode, outer, [VIP[outer]])]
    tunnel = {'tunnel': {'vni': VNI}} if mode in ('vxlan', 'geneve') else {}
    return [box.service('web', mode, outer, **tunnel)]


def carries(mode, outer, lab_):
    box = lab_.box
    way = lab_.servers.start_decapsulators(mode, outer, VNI, MARKS if mode == 'l3_direct' else None)
    for server in lab_.network.servers:
        lab_.network.answer(server, BOX_LAN if mode == 'nat' else CLIENT_LAN)
    box.settings['services'] = services(box, mode, outer)
    if box.process:
        box.reload()
    else:
        box.start()
    said = []
    for vip in box.settings['services'][0]['vips']:
        lab_.wait_for_service(vip)
        result = lab_.all_answered(vip, REQUESTS)
        assert len(result['servers']) == len(lab_.network.servers), result
        lab_.download(vip, lab_.sha256)
        lab_.upload(vip, lab_.sha256)
        said.append(f"{vip}: {result['ok']} of {REQUESTS} in {result['seconds']} s")
    return '; '.join(said) + ('' if way == 'kernel' else "; the test's own tunnel end")


MODES = [('l2_direct', 4), ('l3_direct', 4), ('l3_direct', 6), ('nat', 4), ('nat', 6)] + [
    (mode, outer) for mode in ('ipip', 'gre', 'gue', 'vxlan', 'geneve') for outer in (4, 6)]

TESTS = [
    (f'{mode} to servers by IPv{outer}: {REQUESTS} requests, none failed; uploads and downloads '
     'arrive byte for byte', partial(carries, mode, outer)) for mode, outer in MODES
]
