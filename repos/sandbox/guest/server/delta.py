"""A state of a copied workspace as records of what differs from its filling.

A record is `[path, kind, mode, mtime_ns, data]`. Kinds are "d" (folder), "f" (file), "+" (more of
the file before it), "l" (link, data its target), "p" (named pipe) and "x" (gone). Paths are
relative, surrogate-escaped.
"""

import os
import stat

from .files import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Tuple

    Record = List[Any]

PIECE = 4 << 20
"""Bytes of a file in one record."""


def make_records(root: str, differences: "Dict[str, str]") -> "Iterator[Record]":
    """Yield the records of the paths that differ, read as late as possible.

    Args:
        root: The workspace.
        differences: Each path with "gone" or another word.
    """
    for path in sorted((p for p, word in differences.items() if word == "gone"), reverse=True):
        yield [path, "x", 0, 0, b""]
    for path in sorted(p for p, word in differences.items() if word != "gone"):
        at = os.path.join(root, path)
        try:
            info = os.lstat(at)
        except OSError:
            continue
        mode, when = stat.S_IMODE(info.st_mode), info.st_mtime_ns
        if stat.S_ISDIR(info.st_mode):
            yield [path, "d", mode, when, b""]
        elif stat.S_ISLNK(info.st_mode):
            yield [path, "l", mode, when, os.fsencode(os.readlink(at))]
        elif stat.S_ISFIFO(info.st_mode):
            yield [path, "p", mode, when, b""]
        elif stat.S_ISREG(info.st_mode):
            kind = "f"
            fd = _open_for_reading(at, mode)
            try:
                while True:
                    data = os.read(fd, PIECE)
                    yield [path, kind, mode, when, data]
                    if len(data) < PIECE:
                        break
                    kind = "+"
            finally:
                os.close(fd)


def _open_for_reading(path: str, mode: int) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except PermissionError:
        os.chmod(path, mode | 0o400)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        finally:
            os.chmod(path, mode)


class Applier:
    """Applies records to a workspace; the modes of folders are set at the end."""

    def __init__(self, root: str) -> None:
        """Prepare for the workspace at `root`."""
        self.root = root
        self.modes: List[Tuple[str, int]] = []

    def apply(self, record: "Record") -> None:
        """Apply one record."""
        path, kind, mode, when, data = record
        at = os.path.join(self.root, path)
        try:
            there = os.lstat(at)
        except OSError:
            there = None
        if kind == "x":
            if there is not None:
                remove_tree(at)
        elif kind == "+":
            with open(at, "ab") as f:
                f.write(data)
            os.chmod(at, mode)
            os.utime(at, ns=(when, when))
        elif kind == "d":
            if there is None or not stat.S_ISDIR(there.st_mode):
                if there is not None:
                    remove_tree(at)
                os.mkdir(at, 0o700)
            else:
                os.chmod(at, mode | 0o700)
            self.modes.append((at, mode))
        else:
            if there is not None:
                remove_tree(at)
            _make(at, kind, mode, when, data)

    def finish(self) -> None:
        """Give the folders their modes."""
        for at, mode in reversed(self.modes):
            os.chmod(at, mode)
        self.modes = []


def _make(at: str, kind: str, mode: int, when: int, data: bytes) -> None:
    if kind == "l":
        os.symlink(os.fsdecode(data), at)
        os.utime(at, ns=(when, when), follow_symlinks=False)
    elif kind == "p":
        os.mkfifo(at, mode)
    else:
        fd = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as f:
            f.write(data)
        # A file that goes on in the next record must stay writable till then.
        os.chmod(at, mode | 0o200 if len(data) == PIECE else mode)
        os.utime(at, ns=(when, when))
