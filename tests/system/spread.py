"""Connections spread over servers as the weights say.

The chi-square statistic of N connections over k servers stays below its 99.99 % quantile in all
but one of ten thousand runs of a box that spreads rightly. Buckets are dealt out in advance, to
within one of the weights' shares: with 65,537 of them that adds next to nothing. The client's ports
are each used once: those that a kernel chooses come again, and so does their server.
"""

import contextlib

from lab import lab
from network import VIP

CONNECTIONS = 24_000
FIRST_PORT = 5_000  # below those that a kernel chooses by itself
WEIGHTS = (1, 2, 3)
QUANTILE = 18.421  # of chi-square with two degrees of freedom, at 0.01 %


@contextlib.contextmanager
def setup(programs):
    with lab(programs) as result:
        result.servers.start_decapsulators('ipip', 4)
        result.box.settings['services'] = [result.box.service('web', 'ipip', weights=WEIGHTS)]
        result.box.start()
        yield result


def chi_square(found, weights):
    total = sum(found)
    expected = [total * weight / sum(weights) for weight in weights]
    return sum((have - want) ** 2 / want for have, want in zip(found, expected))


def follows_weights(lab_):
    said = []
    for vip in VIP.values():
        lab_.wait_for_service(vip)
        result = lab_.all_answered(vip, CONNECTIONS, first_port=FIRST_PORT)
        found = [result['servers'].get(server.name, 0) for server in lab_.network.servers]
        value = chi_square(found, WEIGHTS)
        said.append(f'{vip}: {found}, chi-square {value:.2f}')
        assert value < QUANTILE, said
    return '; '.join(said) + f'; allowed {QUANTILE}'


TESTS = [(f'{CONNECTIONS} connections over weights 1:2:3 pass a chi-square test at 0.01 %',
          follows_weights)]
