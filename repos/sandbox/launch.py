# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH123
"""Starting bwrap from the keeper: descriptors, limits, control groups, and what it reports."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
from dataclasses import dataclass
from typing import Any

from repos.sandbox import cgroups, linux

SERVER_FD = 10
INFO_FD = 11
SECCOMP_FD = 12
LEASH_FD = 13


@dataclass(eq=False)
class Box:
    """One sandbox: a bwrap with its server inside.

    Attributes:
        group: Its control group.
        pid: bwrap itself; 0 once it was collected.
        child: The server, as seen here; 0 where not known yet.
        info: Where bwrap tells that.
        errors: Where bwrap and the server write errors to.
        family: Number of its family; 0 before it has files.
        upper: The folder that holds what it writes.
    """

    group: cgroups.Group
    pid: int
    child: int = 0
    info: int = -1
    errors: int = -1
    family: int = 0
    upper: str = ""

    def find_child(self) -> int:
        """Return the server's process id, waiting for bwrap to tell it; 0 where it never did."""
        if not self.child and self.info >= 0:
            data = b""
            while b"}" not in data and (piece := os.read(self.info, 4096)):
                data += piece
            digits = data.partition(b'"child-pid":')[2].strip().split(b",")[0].strip(b"} \n")
            self.child = int(digits) if digits.isdigit() else 0
        return self.child

    def complaints(self) -> str:
        """Return what was written to standard error so far."""
        out = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.errors, 65536):
                out += piece
        return out.decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """Kill the server, and with it everything inside; bwrap ends by itself then."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.find_child() or self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close our descriptors."""
        for fd in (self.info, self.errors):
            if fd >= 0:
                os.close(fd)
        self.info = self.errors = -1


def launch(body: dict[str, Any], group: cgroups.Group, server: int, leash: int, base: str) -> Box:
    """Start bwrap.

    Args:
        body: `argv` (with `@TMP@` for a folder that is not executable), `tmp` ([bytes] or
            None), `seccomp` (program or None) and `rlimits` ([name, soft, hard], ...).
        group: Control group to join.
        server: The server's end of its connection.
        leash: Descriptor that is at its end once the keeper has ended.
        base: The keeper's folder.

    Raises:
        OSError: It could not be started.
    """
    info_read, info_write = os.pipe()
    err_read, err_write = os.pipe()
    status_read, status_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(body, group, (server, info_write, err_write, leash, status_write), base)
    for fd in (info_write, err_write, status_write):
        os.close(fd)
    with os.fdopen(status_read, "rb") as f:
        message = f.read()  # ends when bwrap runs
    if message:
        os.waitpid(pid, 0)
        os.close(info_read)
        os.close(err_read)
        raise OSError(0, message.decode("utf-8", "replace"))
    os.set_blocking(err_read, False)
    return Box(group=group, pid=pid, info=info_read, errors=err_read)


def _become(
    body: dict[str, Any], group: cgroups.Group, fds: tuple[int, int, int, int, int], base: str
) -> None:
    """Turn the forked child into bwrap. Never returns."""
    server, info_write, err_write, leash, status = fds
    try:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        for path in group.procs():
            with open(path, "w") as f:
                f.write(str(os.getpid()))
        argv = body["argv"]
        if body["tmp"]:
            # bwrap has no option for a tmpfs without programs: bind one of ours.
            linux.unshare(linux.CLONE_NEWNS)
            flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
            linux.mount("tmpfs", f"{base}/tmp", "tmpfs", flags, f"size={body['tmp'][0]},mode=1777")
            argv = [f"{base}/tmp" if item == "@TMP@" else item for item in argv]
        seccomp = -1
        if body["seccomp"]:
            seccomp = os.memfd_create("seccomp")
            os.write(seccomp, body["seccomp"])
            os.lseek(seccomp, 0, os.SEEK_SET)
        null = os.open("/dev/null", os.O_RDWR)
        targets = {
            0: null, 1: null, 2: err_write, SERVER_FD: server, INFO_FD: info_write,
            SECCOMP_FD: seccomp, LEASH_FD: leash,
        }  # fmt: skip
        # Sources may have any number: move them out of the way of the targets first.
        moved = {target: _move(fd) for target, fd in targets.items() if fd >= 0}
        status = _move(status)
        for target, fd in moved.items():
            os.dup2(fd, target)
        for kind, soft, hard in body["rlimits"]:
            _limit(getattr(resource, kind), soft, hard)
        os.chdir("/")
        os.execve(argv[0], argv, {"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
    except BaseException as error:
        os.write(status, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(1)


def _move(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)


def _limit(kind: int, soft: int, hard: int) -> None:
    """Set a limit, at most what we have ourselves."""
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(kind, (min(soft, hard), hard))
