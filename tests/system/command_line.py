"""What keeld says when it cannot start: one sentence that names the thing at fault, and no more."""

import contextlib
import copy
import os

from box import Box, to_text
from namespaces import Namespaces
from network import Network


@contextlib.contextmanager
def setup(programs):
    with Namespaces() as namespaces:
        network = Network(namespaces, servers=1)
        box = Box(network, programs)
        box.settings['services'] = [box.service('web', 'ipip')]
        yield box


def keeld(box, *arguments):
    """(exit status, what it said)."""
    process = box.namespaces.start('box', [box.programs.keeld, *arguments], stdout=-1, stderr=-2,
                                   text=True)
    said, _ = process.communicate(timeout=20)
    return box.namespaces.end(process), said


def refuses(change, *words):
    """A test that keeld does not start with the changed settings, and says so in these words."""
    def test(box):
        bad = Box(box.network, box.programs)
        bad.settings = copy.deepcopy(box.settings)
        change(bad)
        bad.write()
        status, said = keeld(bad, '--config', bad.settings_path)
        assert status not in (0, -6, -11), f'ended with {status}: {said}'
        lines = [line for line in said.splitlines() if line]
        assert all(word in said for word in words), f'{words} are not in: {said}'
        assert len(lines) <= 2, f'more than one sentence: {said}'
        return lines[-1]
    return test


def port(**values):
    return lambda bad: bad.settings['ports'][0].update(values)


def settings(**values):
    return lambda bad: bad.settings.update(values)


def memory(**values):
    return lambda bad: bad.settings['memory'].update(values)


def free_hugepages():
    with open('/proc/meminfo', encoding='ascii') as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith('HugePages_Free'))


def needs_hugepages(box):
    mib = free_hugepages() * 2 + 2_000
    return refuses(memory(hugepages=True, mib=mib), 'hugepages')(box)


def no_such_file(box):
    status, said = keeld(box, '--config', box.namespaces.folder / 'missing.conf')
    assert status not in (0, -6, -11) and 'missing.conf' in said, f'{status}: {said}'
    return said.strip()


def unknown_option(box):
    status, said = keeld(box, '--confg', 'x')
    assert status not in (0, -6, -11) and "'--confg'" in said and '--help' in said, said
    return said.strip()


def names_what_it_does_not_use(box):
    """What only managed settings are for, in a box that is run by its file alone."""
    alone = Box(box.network, box.programs)
    alone.settings = {**copy.deepcopy(box.settings), 'rules': {'max_share': 70},
                      'metrics': {'listen': '127.0.0.1:9000'}, 'rollout': {'tolerance': 5}}
    alone.settings['ports'][0]['device'] = 'net_af_packet,iface=absent0'
    alone.write()
    status, said = keeld(alone, '--config', alone.settings_path)
    assert status not in (0, -6, -11), said
    for key in ('rules.max_share', 'metrics.listen', 'rollout.tolerance'):
        assert f'{key} does nothing with --config' in said, said
    assert said.count('does nothing') == 3, said
    return said.splitlines()[0]


def check_finds_all(box):
    """Every mistake at once, each with its line."""
    path = box.namespaces.folder / 'bad.conf'
    bad = copy.deepcopy(box.settings)
    bad['services'][0].update(mode='ipop', buckets=7)
    bad['ports'][0]['mtu'] = 70_000
    path.write_text('\n'.join(f'{key} = {to_text(value)};' for key, value in bad.items()))
    status, said = keeld(box, '--check', path)
    assert status not in (0, -6, -11), said
    for word in ('mode', 'buckets', 'mtu', 'bad.conf:'):
        assert word in said, f'{word} is not in: {said}'
    return f'{len(said.splitlines())} lines'


def check_accepts(box):
    box.write()
    status, said = keeld(box, '--check', box.settings_path)
    assert status == 0, f'{status}: {said}'


def check_accepts_shipped(box):
    """The settings that come with the product."""
    root = os.path.join(os.path.dirname(__file__), '..', '..', 'config')
    names = [name for name in os.listdir(root) if name.endswith('.conf')]
    assert names, 'config/ has no settings'
    for name in names:
        status, said = keeld(box, '--check', os.path.join(root, name))
        assert status == 0, f'{name}: {status}: {said}'
    return ', '.join(names)


TESTS = [
    ('without its file', no_such_file),
    ('with an option that it does not know', unknown_option),
    ('with settings that it has no use for', names_what_it_does_not_use),
    ('--check finds every mistake', check_finds_all),
    ('--check accepts what is right', check_accepts),
    ('--check accepts the settings that are shipped', check_accepts_shipped),
    ('with a port whose interface is not there',
     refuses(port(device='net_af_packet,iface=nothing0'), 'wan', 'nothing0')),
    ('with a port by a PCI address that is not there',
     refuses(port(device='0000:7f:1f.7'), 'wan', '0000:7f:1f.7')),
    ('with a driver that there is not', refuses(port(device='net_nonsense,x=1'), 'net_nonsense')),
    ('with more memory in hugepages than there is', needs_hugepages),
    ('with less memory than the buffers need', refuses(memory(mib=64, buffers=65_536), 'mib')),
    ('with fewer buffers than the queues hold', refuses(memory(buffers=1_024), 'buffers')),
    ('with a worker on a core that there is not',
     refuses(settings(cpu={'control': 0, 'workers': [500]}), '500')),
    ('with a namespace for the kernel that there is not',
     refuses(settings(kernel={'namespace': 'nowhere'}), 'nowhere')),
    ('with a folder for the secret that there is not',
     refuses(settings(secret_file='/nowhere/secret'), '/nowhere/secret')),
]
