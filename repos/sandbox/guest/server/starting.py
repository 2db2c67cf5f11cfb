"""Starting programs, each marked so that what it starts can be told from others' processes.

The mark is the soft limit RLIMIT_RTTIME: it is inherited by every child, and without effect on
processes that may not use real-time scheduling.
"""

import errno
import os
import sys

try:
    import resource
except ImportError:
    resource = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence, Tuple

RTTIME_BASE = 900000000
FORMS: "Tuple[Tuple[Any, ...], ...]" = (
    (-1, None, None, None, -1, None, True),
    (-1, None, None, None, -1, None),
    (None, None, None, -1, None),
    (None,),
)
"""The last arguments of the interpreter's private `fork_exec`, which changed four times."""


class Starter:
    """Starts programs by the interpreter's own vfork path (0.7 ms; `fork` costs 4)."""

    def __init__(self, oom_fd: "Optional[int]" = None) -> None:
        """Find the form of the private function that this interpreter has.

        Args:
            oom_fd: This process's `oom_score_adj`, open for writing; None where it has none.
        """
        import _posixsubprocess  # pyright: ignore[reportMissingModuleSource]

        self.fork_exec: Any = _posixsubprocess.fork_exec
        self.oom_fd = oom_fd
        if sys.version_info >= (3, 14):
            known = FORMS[1]
        elif sys.version_info >= (3, 11):
            known = FORMS[0]
        elif sys.version_info >= (3, 9):
            known = FORMS[2]
        else:
            known = FORMS[3]
        # A wrong number of arguments is a TypeError before anything is started, so the other
        # forms are tried then.
        self.forms = [known] + [form for form in FORMS if form is not known]

    def start(
        self,
        argv: "Sequence[str]",
        cwd: str,
        env: "Dict[str, str]",
        streams: "Tuple[int, int, int]",
        slot: int,
    ) -> "Tuple[Optional[int], int, bool]":
        """Start a program in a new session.

        Args:
            argv: Program and arguments.
            cwd: Folder to start in.
            env: All its variables.
            streams: Its standard input, output and error.
            slot: Number that its processes carry.

        Returns:
            Its id, 0 and False; or None, the error number and whether it was the folder that
            could not be entered.
        """
        args = [os.fsencode(arg) for arg in argv]
        if b"/" in args[0]:
            candidates = [args[0]]
        else:
            path = env.get("PATH", "/usr/bin:/bin")
            candidates = [
                os.path.join(os.fsencode(folder or "."), args[0]) for folder in path.split(":")
            ]
        env_list = [os.fsencode(k) + b"=" + os.fsencode(v) for k, v in env.items()]
        stdin, stdout, stderr = streams
        _mark(slot)
        self._lower_oom(True)
        err_read = err_write = -1
        try:
            err_read, err_write = os.pipe()
            head = (
                args,
                candidates,
                True,
                (err_write,),
                os.fsencode(cwd),
                env_list,
                stdin,
                -1,
                -1,
                stdout,
                -1,
                stderr,
                err_read,
                err_write,
                True,
                True,
            )
            pid = self._fork_exec(head)
            os.close(err_write)
            err_write = -1
            failed = _what_failed(err_read)
            if failed is not None:
                os.waitpid(pid, 0)
                return (None, failed[0], failed[1])
            return (pid, 0, False)
        finally:
            self._lower_oom(False)
            for fd in (err_read, err_write):
                if fd >= 0:
                    os.close(fd)

    def _fork_exec(self, head: "Tuple[Any, ...]") -> int:
        while True:
            try:
                return self.fork_exec(*(head + self.forms[0]))
            except TypeError:
                if len(self.forms) == 1:
                    raise
                del self.forms[0]

    def _lower_oom(self, child: bool) -> None:
        """Make what starts now the first to go when memory runs out, never this server."""
        if self.oom_fd is None:
            return
        try:
            os.pwrite(self.oom_fd, b"900" if child else b"0", 0)
        except OSError:
            self.oom_fd = None


def _mark(slot: int) -> None:
    if resource is None:
        return
    try:
        hard = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
        resource.setrlimit(resource.RLIMIT_RTTIME, (RTTIME_BASE + slot, hard))
    except (AttributeError, ValueError, OSError):
        pass  # ancestry alone then tells whose a process is


def _what_failed(pipe: int) -> "Optional[Tuple[int, bool]]":
    """Read what the child said when it could not start: (errno, in chdir) or None."""
    data = b""
    while True:
        piece = os.read(pipe, 4096)
        if not piece:
            break
        data += piece
    if not data:
        return None
    parts = data.split(b":", 2)
    try:
        number = int(parts[1], 16)
    except (IndexError, ValueError):
        number = errno.EIO
    return number, parts[-1].startswith(b"noexec")
