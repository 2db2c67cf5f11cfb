"""File operations that a client asks for."""

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

    Body = Dict[str, Any]
    Operation = Callable[[Body], object]


class Files:
    """Reads, writes, removes and lists files of the sandbox."""

    def __init__(self, folder: str, is_first: bool) -> None:
        """Prepare.

        Args:
            folder: Where relative paths start.
            is_first: Whether this is PID 1, of which `/proc` must not tell anything.
        """
        self.folder = folder
        self.is_first = is_first

    def operations(self) -> "Dict[str, Operation]":
        """Return what answers each kind of request."""
        return {"read": self.read, "write": self.write, "remove": self.remove, "list": self.list}

    def path(self, path: str) -> str:
        """Return an absolute path; relative ones start at the workspace.

        Raises:
            PermissionError: It leads to what the kernel says about this server itself.
        """
        full = os.path.join(self.folder, path)
        if self.is_first and (os.path.realpath(full) + "/").startswith("/proc/1/"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return full

    def read(self, body: "Body") -> bytes:
        """Return the bytes of a regular file, links followed."""
        path = self.path(body["path"])
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            info = os.fstat(fd)
            if stat.S_ISDIR(info.st_mode):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), body["path"])
            if not stat.S_ISREG(info.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", body["path"])
            limit = body["max_bytes"]
            pieces = []
            size = 0
            while size <= limit:
                piece = os.read(fd, 1 << 20)
                if not piece:
                    return b"".join(pieces)
                pieces.append(piece)
                size += len(piece)
            raise OSError(errno.EFBIG, "larger than %d bytes" % limit, body["path"])
        finally:
            os.close(fd)

    def write(self, body: "Body") -> None:
        """Write a file beside its place, then move it there."""
        shown = body["path"]
        path = os.path.realpath(self.path(shown))
        mode = None
        try:
            info = os.lstat(path)
            if stat.S_ISDIR(info.st_mode):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), shown)
            if not stat.S_ISREG(info.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", shown)
            mode = stat.S_IMODE(info.st_mode)
        except FileNotFoundError:
            pass
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if mode is None:
            mode = 0o755 if body["executable"] else 0o644
        elif body["executable"] is not None:
            mode = mode | 0o111 if body["executable"] else mode & ~0o111
        temporary = os.path.join(folder, ".repogym-write-%d~" % os.getpid())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(temporary, flags, 0o600)
        except FileExistsError:
            remove_tree(temporary)
            fd = os.open(temporary, flags, 0o600)
        try:
            try:
                view = memoryview(body["data"])
                while view:
                    view = view[os.write(fd, view) :]
                os.fchmod(fd, mode)
            finally:
                os.close(fd)
            os.rename(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise

    def remove(self, body: "Body") -> None:
        """Remove a file or a folder with all that is in it."""
        remove_tree(self.path(body["path"]))

    def list(self, body: "Body") -> bytes:
        """Return the entries as one blob: kind, executable, size, path, each ended by NUL."""
        found: List[Tuple[str, str, int, int]] = []
        folders = [(self.path(body["path"]), "")]
        while folders:
            folder, prefix = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    items = [*entries]
            except OSError:
                if not prefix:
                    raise
                continue
            for item in items:
                name = prefix + item.name
                try:
                    info = item.stat(follow_symlinks=False)
                except OSError:
                    continue
                mode = info.st_mode
                if stat.S_ISREG(mode):
                    found.append((name, "f", 1 if mode & 0o100 else 0, info.st_size))
                elif stat.S_ISDIR(mode):
                    found.append((name, "d", 0, 0))
                    if body["recursive"]:
                        folders.append((item.path, name + "/"))
                elif stat.S_ISLNK(mode):
                    found.append((name, "l", 0, info.st_size))
                else:
                    found.append((name, "o", 0, 0))
        found.sort()
        rows = ("%s\0%d\0%d\0%s\0" % (kind, ex, size, name) for name, kind, ex, size in found)
        return "".join(rows).encode("utf-8", "surrogateescape")


def remove_tree(path: str) -> None:
    """Remove a file or folder, granting ourselves the right where it is ours."""
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        os.unlink(path)
        return
    try:
        names = os.listdir(path)
    except PermissionError:
        os.chmod(path, 0o700)
        names = os.listdir(path)
    for name in names:
        child = os.path.join(path, name)
        try:
            remove_tree(child)
        except PermissionError:
            os.chmod(path, 0o700)
            remove_tree(child)
    os.rmdir(path)
