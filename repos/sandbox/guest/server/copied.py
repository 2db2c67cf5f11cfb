"""A workspace that is a copy of the layers, where no overlay can be mounted.

It is filled from the read-only layers. What differs from that filling is found by inode and
change time, which the processes inside can't set, against an index that lives in this process,
which they can't read.
"""

import os
import stat

from .codec import decode, encode
from .delta import Applier, make_records
from .files import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

    from .delta import Record
    from .files import Operation

    Body = Dict[str, Any]

BATCH = 4 << 20
SIGCONT, SIGSTOP = 18, 19


class CopiedWorkspace:
    """The copy, with the operations on it that a client asks for."""

    def __init__(
        self, root: str, skip: "Iterable[str]", signal_all: "Callable[[int], object]"
    ) -> None:
        """Prepare for an empty folder.

        Args:
            root: The workspace.
            skip: Paths in it on which something is mounted.
            signal_all: Sends a signal to every process of the sandbox.
        """
        self.root = root
        self.skip = frozenset(skip)
        self.signal_all = signal_all
        self.index: Dict[str, str] = {}
        self.applier = Applier(root)
        self.packing: Optional[Iterator[Record]] = None

    def operations(self) -> "Dict[str, Operation]":
        """Return what answers each kind of request."""
        return {
            "fill": self.fill,
            "changed": self.changed,
            "pack": self.pack,
            "unpack": self.unpack,
        }

    def fill(self, body: "Body") -> None:
        """Copy the layers into the empty workspace, later ones over earlier ones."""
        for layer in body["layers"]:
            for path, info in self._visit(layer, ""):
                source, target = os.path.join(layer, path), os.path.join(self.root, path)
                _place(source, target, info, layer == body["layers"][0])
        self.index = self._scan()

    def changed(self, body: "Body") -> bytes:
        """Return what differs from the filling: path and word in turn, each ended by NUL."""
        out: List[str] = []
        for path, word in self._differences().items():
            if word[0] != "d":
                out += [path, word]
        return "".join(item + "\0" for item in out).encode("utf-8", "surrogateescape")

    def pack(self, body: "Body") -> bytes:
        """Return the next records of the delta, all of it over several calls; b"" at its end.

        The first call (`start`) stops all processes, so that they can't write meanwhile.
        """
        if body.get("start"):
            self.signal_all(SIGSTOP)
            self.packing = make_records(self.root, self._differences())
        if self.packing is None:
            return b""
        records, size = [], 0
        try:
            for record in self.packing:
                records.append(record)
                size += 64 + len(record[4])
                if size >= BATCH:
                    break
        except BaseException:
            self.packing = None
            self.signal_all(SIGCONT)
            raise
        if not records:
            self.packing = None
            self.signal_all(SIGCONT)
            return b""
        return encode(records)

    def unpack(self, body: "Body") -> None:
        """Apply records; modes and times of folders come with the last call (`end`)."""
        for record in decode(body["records"]) if body["records"] else ():
            self.applier.apply(record)
        if body.get("end"):
            self.applier.finish()

    def _visit(self, folder: str, prefix: str) -> "Iterator[Tuple[str, os.stat_result]]":
        """Yield (path, stat) of everything below a folder, folders before their content."""
        try:
            with os.scandir(folder) as entries:
                items = sorted(entries, key=lambda entry: entry.name)
        except PermissionError:
            mode = os.lstat(folder).st_mode
            if mode & 0o700 == 0o700:
                return
            os.chmod(folder, stat.S_IMODE(mode) | 0o700)
            try:
                yield from self._visit(folder, prefix)
            finally:
                os.chmod(folder, stat.S_IMODE(mode))
            return
        for item in items:
            path = prefix + item.name
            if path in self.skip:
                continue
            try:
                info = item.stat(follow_symlinks=False)
            except OSError:
                continue
            yield path, info
            if stat.S_ISDIR(info.st_mode):
                yield from self._visit(item.path, path + "/")

    def _scan(self) -> "Dict[str, str]":
        """Return {path: word} of the workspace; a word changes when the entry does."""
        table = {}
        for path, info in self._visit(self.root, ""):
            if stat.S_ISDIR(info.st_mode):
                table[path] = "d%o" % stat.S_IMODE(info.st_mode)
            else:
                table[path] = "%d:%o:%d:%d:%d" % (
                    info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns,
                )  # fmt: skip
        return table

    def _differences(self) -> "Dict[str, str]":
        """Return {path: word} of what differs from the filling; "gone" where it is no more."""
        now = self._scan()
        found = {path: word for path, word in now.items() if self.index.get(path) != word}
        found.update((path, "gone") for path in self.index if path not in now)
        return found


def _place(source: str, target: str, info: os.stat_result, is_first: bool) -> None:
    """Copy one entry of a layer, in the place of what an earlier layer has there."""
    mode = info.st_mode
    there = None
    if not is_first:
        try:
            there = os.lstat(target)
        except OSError:
            pass
    if stat.S_ISDIR(mode):
        if there is not None and not stat.S_ISDIR(there.st_mode):
            os.unlink(target)
        try:
            os.mkdir(target, stat.S_IMODE(mode) | 0o700)
        except FileExistsError:  # also made for what is mounted in it
            pass
        return
    if there is not None:
        remove_tree(target)
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)
    elif stat.S_ISREG(mode):
        _copy_file(source, target, info.st_size)
    elif stat.S_ISFIFO(mode):
        os.mkfifo(target, stat.S_IMODE(mode))


def _copy_file(source: str, target: str, size: int) -> None:
    """Copy a file's bytes by the kernel."""
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while size > 0:
                # No offset: it goes on where it was. The stubs know a number only.
                sent = os.sendfile(writing, reading, None, size)
                if sent == 0:
                    break
                size -= sent
            info = os.fstat(reading)
            os.fchmod(writing, stat.S_IMODE(info.st_mode) | 0o600)
            os.utime(writing, ns=(info.st_atime_ns, info.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)
