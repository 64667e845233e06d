"""What a disk may hold after a power cut: a model of files, folders, and what was made safe.

Every file has the content that a process sees, and the one that a sync has made safe; every folder
likewise has its names. Between two syncs a power cut may keep any of it, so each state is rendered
in several ways: nothing but what is safe, the names without the contents, the contents without the
names, the last write torn, the last one without those before it, or zeros where data should be.
"""

import os

WAYS = ('nothing unsafe', 'only names', 'only contents', 'torn', 'only the last write', 'zeros')


class File:
    def __init__(self, content=b''):
        self.live = bytearray(content)
        self.safe = bytes(content)
        self.writes = []  # (offset, bytes) and (size, None), since the last sync

    def write(self, offset, content):
        apply(self.live, offset, content)
        self.writes.append((offset, content))

    def sync(self):
        self.safe = bytes(self.live)
        self.writes = []

    def after(self, writes):
        content = bytearray(self.safe)
        for offset, written in writes:
            apply(content, offset, written)
        return bytes(content)

    def render(self, way):
        if not self.writes or way in ('nothing unsafe', 'only names'):
            return self.safe
        if way == 'torn':
            offset, written = self.writes[-1]
            half = written[:len(written) // 2] if written is not None else None
            return self.after(self.writes[:-1] + ([(offset, half)] if half is not None else []))
        if way == 'only the last write':
            return self.after(self.writes[-1:])
        if way == 'zeros':
            return self.safe[:len(self.live)].ljust(len(self.live), b'\0')
        return bytes(self.live)


def apply(content, offset, written):
    """A write, or (with None) a change of size."""
    if written is None:
        if offset < len(content):
            del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(written)] = written


class Folder:
    def __init__(self):
        self.live = {}
        self.safe = {}

    def sync(self):
        self.safe = dict(self.live)


class Disk:
    """Below `top`, as it is there now; all of that is safe."""

    def __init__(self, top):
        self.top = top
        self.root = self.read(top)

    def read(self, path):
        folder = Folder()
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                folder.live[entry.name] = self.read(entry.path)
            else:
                with open(entry.path, 'rb') as file:
                    folder.live[entry.name] = File(file.read())
        folder.sync()
        return folder

    def place(self, path):
        """The folder that `path` is in, and its name there."""
        names = os.path.relpath(os.path.normpath(path), self.top).split('/')
        folder = self.root
        for name in names[:-1]:
            folder = folder.live[name]
        return folder, names[-1]

    def find(self, path):
        if os.path.normpath(path) == self.top:
            return self.root
        folder, name = self.place(path)
        return folder.live.get(name)

    def apply(self, change):
        """One line of the tracer's record."""
        what, path = change['what'], change['path']
        if not change['ok']:
            return
        if path.endswith(' (deleted)') or what == 'none':
            return
        if what == 'sync':
            self.find(path).sync()
        elif what in ('write', 'truncate', 'grow'):
            self.change_content(what, self.find(path), change)
        else:
            self.change_names(what, path, change)

    @staticmethod
    def change_content(what, file, change):
        if what == 'write':
            file.write(change['offset'], bytes.fromhex(change['bytes']))
        elif what == 'truncate' or change['size'] > len(file.live):
            file.write(change['size'], None)

    def change_names(self, what, path, change):
        folder, name = self.place(path)
        if what == 'open':
            file = folder.live.setdefault(name, File())
            if change['truncates'] and file.live:
                file.write(0, None)
        elif what == 'mkdir':
            folder.live[name] = Folder()
        elif what in ('unlink', 'rmdir'):
            del folder.live[name]
        else:
            node = folder.live[name] if what == 'link' else folder.live.pop(name)
            to_folder, to_name = self.place(change['to'])
            to_folder.live[to_name] = node

    def render(self, way):
        """{path below the top: content, or None for a folder}; of no way: as a process sees it."""
        found = {}
        names_are_live = way not in ('nothing unsafe', 'only contents')

        def walk(folder, prefix):
            for name, node in (folder.live if names_are_live else folder.safe).items():
                if isinstance(node, Folder):
                    found[prefix + name] = None
                    walk(node, prefix + name + '/')
                else:
                    found[prefix + name] = bytes(node.live) if way is None else node.render(way)

        walk(self.root, '')
        return found


def write_out(found, top):
    """Makes what was rendered below a new folder."""
    os.mkdir(top)
    for path, content in found.items():
        if content is None:
            os.mkdir(f'{top}/{path}')
        else:
            with open(f'{top}/{path}', 'wb') as file:
                file.write(content)
