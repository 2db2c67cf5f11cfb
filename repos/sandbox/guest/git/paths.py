"""Paths and files of a workspace, as the kernel shows them: no link is followed."""

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    Found = Tuple[bytes, bytes]


MOST_BYTES = 256 << 20
"""Bytes that all files of one change may have together."""


def safe(path: bytes) -> bool:
    """Whether a path (bytes) may be part of a diff: inside, and in nobody's `.git`."""
    parts = path.split(b"/")
    for part in parts:
        if part in (b"", b".", b"..") or part.lower() in (b".git", b"git~1"):
            return False
    return True


def compiled(path: bytes) -> bool:
    """Whether a path is byte-code, which is never part of a diff."""
    return path.endswith((b".pyc", b".pyo")) or b"__pycache__" in path.split(b"/")[:-1]


def open_up(root: bytes, path: bytes) -> None:
    """Give the owner back the right to read a path."""
    at = root
    for part in path.split(b"/"):
        try:
            mode = os.lstat(at).st_mode
            if stat.S_ISDIR(mode) and mode & 0o500 != 0o500:
                os.chmod(at, mode | 0o500)
        except OSError:
            return
        at = os.path.join(at, part)
    try:
        mode = os.lstat(at).st_mode
        if stat.S_ISREG(mode) and not mode & 0o400:
            os.chmod(at, mode | 0o400)
    except OSError:
        pass


def look(root: bytes, path: bytes, most: int = 1 << 40, again: bool = True) -> "Optional[Found]":
    """Return (mode, content) of a path, links not followed at any level, or None.

    Raises:
        ValueError: It is larger than `most` bytes.
    """
    parts = path.split(b"/")
    at = root
    try:
        for part in parts[:-1]:
            at = os.path.join(at, part)
            if not stat.S_ISDIR(os.lstat(at).st_mode):
                return None
        at = os.path.join(at, parts[-1])
        info = os.lstat(at)
        if stat.S_ISLNK(info.st_mode):
            return b"120000", os.readlink(at)
        if not stat.S_ISREG(info.st_mode):
            return None
        if info.st_size > most:
            raise ValueError("%r and what else changed are too large" % os.fsdecode(path))
        with open(at, "rb") as f:
            return (b"100755" if info.st_mode & 0o100 else b"100644"), f.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        if not again:
            raise
        open_up(root, path)
        return look(root, path, most, again=False)


def everything(root: bytes) -> "List[bytes]":
    """Return all paths below a folder that are not folders, but what lies in a `.git`."""
    found: List[bytes] = []
    for folder, names, files in os.walk(root):
        prefix = os.path.relpath(folder, root)
        for name in list(names):
            at = os.path.join(folder, name)
            if not os.path.islink(at) and not os.access(at, os.R_OK | os.X_OK):
                open_up(root, os.path.relpath(at, root) + b"/.")
            if name.lower() == b".git":
                names.remove(name)
            elif os.path.islink(os.path.join(folder, name)):
                files.append(name)
        for name in files:
            found.append(name if prefix == b"." else prefix + b"/" + name)
    return found
