# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH110, PTH123
"""Launching a box from the keeper: a fork that enters a template's root and locks itself down.

The keeper has the exec server's code loaded already: a fork of it takes half the processor time
(11 ms for create and close) and 0.8 MB less than a bwrap with a new interpreter each time would.
What a box sees was laid out by bwrap, once for all
boxes of a kind (`templates.py`); the fork gets namespaces, memory file systems, `/proc` and
pseudo-terminals of its own, gives up every right, and serves. It is PID 1 of its namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import socket
import struct
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

from repos.sandbox import cgroups, linux, server

SERVER_FD = 10
LEASH_FD, ROOT_FD, LINK_FD = 13, 14, 15
COVERED = ("sys", "sysrq-trigger", "irq", "bus")
"""Folders and files of `/proc` that act on the whole machine."""

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


@dataclass(eq=False)
class Box:
    """One sandbox: an exec server with what it runs.

    Attributes:
        group: Its control group.
        pid: The server, as seen here; 0 once it was collected.
        link: Brings its mount namespace.
        namespace: That, once it was asked for.
        errors: Where the server writes errors to.
        family: Number of its family; 0 before it has files.
        upper: The folder that holds what it writes.
    """

    group: cgroups.Group
    pid: int
    link: socket.socket | None = None
    namespace: int = -1
    errors: int = -1
    family: int = 0
    upper: str = ""

    def mounts(self) -> int:
        """Return its mount namespace, waiting for it to be complete.

        Raises:
            OSError: The server ended before.
        """
        if self.namespace < 0 and self.link is not None:
            # Nobody may open it from outside once the server has locked itself down.
            _, found, _, _ = socket.recv_fds(self.link, 1, 1)
            if found:
                self.namespace = found[0]
        if self.namespace < 0 or not self.pid:
            raise OSError(0, "the exec server has ended")
        return self.namespace

    def complaints(self) -> str:
        """Return what was written to standard error so far."""
        out = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.errors, 65536):
                out += piece
        return out.decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """Kill the server, and with it everything inside."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close our descriptors."""
        for fd in (self.errors, self.namespace):
            if fd >= 0:
                os.close(fd)
        self.errors = self.namespace = -1
        if self.link is not None:
            self.link.close()


def launch(
    body: dict[str, Any],
    group: cgroups.Group,
    connection: int,
    leash: int,
    root: int,
    home: int | None,
) -> Box:
    """Fork a box's server. What goes wrong in it is written to the box's `errors`.

    Args:
        body: `options` (the server's), `network`, `tmpfs` ([target, bytes, mode, whether
            programs may be run], ...), `seccomp` (program or None), `rlimits` ([name, soft,
            hard], ...).
        group: Control group to join.
        connection: The server's end of its connection.
        leash: Descriptor that is at its end once the keeper has ended.
        root: Mount namespace of the template.
        home: What `home_namespace` returned.

    Raises:
        OSError: It could not be started.
    """
    err_read, err_write = os.pipe()
    ours, theirs = socket.socketpair()
    fds = (connection, err_write, leash, root, theirs.fileno())
    try:
        if home is None:
            pid = _fork_twice(body, group, fds, ours)
        else:
            # The next child only is the first process of a new namespace.
            linux.unshare(linux.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                _become(body, group, fds)
            linux.setns(home, linux.CLONE_NEWPID)
    except OSError:
        os.close(err_read)
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(err_write)
    # Only now are we its parent, whose end it asks to be told of.
    ours.send(b"+")
    os.set_blocking(err_read, False)
    return Box(group=group, pid=pid, link=ours, errors=err_read)


def home_namespace() -> int | None:
    """Return our process namespace if we may come back to it; an ordinary user may not."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        linux.setns(own, linux.CLONE_NEWPID)
    except OSError:
        os.close(own)
        return None
    return own


def _fork_twice(
    body: dict[str, Any], group: cgroups.Group, fds: tuple[int, ...], ours: socket.socket
) -> int:
    """Fork the server from a child that enters the new namespace and ends; return its id."""
    read, write = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            linux.unshare(linux.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                ours.close()
                os.close(write)
                _become(body, group, fds)
            os.write(write, str(pid).encode())
        except OSError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        said = f.read()
    os.waitpid(between, 0)
    if not said.isdigit():
        raise OSError(0, said.decode("utf-8", "replace") or "no further process is allowed")
    return int(said)


def _become(body: dict[str, Any], group: cgroups.Group, fds: tuple[int, ...]) -> NoReturn:
    """Turn the forked child into the box's server."""
    connection, errors, leash, root, link = fds
    try:
        if not os.read(link, 1):
            os._exit(1)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGHUP):  # the first process ignores them so
            signal.signal(number, signal.SIG_DFL)
        _descriptors(
            {2: errors, SERVER_FD: connection, LEASH_FD: leash, ROOT_FD: root, LINK_FD: link}
        )
        os.setsid()
        for path in group.procs():
            with open(path, "w") as f:
                f.write("0")
        _own_root(body)
        _show_root()
        for kind, soft, hard in body["rlimits"]:
            _limit(getattr(resource, kind), soft, hard)
        options = body["options"]
        options["oom_fd"] = None
        with contextlib.suppress(OSError):
            options["oom_fd"] = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        _give_up_rights(options["uid"], options["gid"], body["seccomp"])
        if options["uid"] is None and options["processes"]:
            server.cap_processes(2 * options["processes"] + 64)
        server.Server(SERVER_FD, options).run()
    except BaseException:
        with contextlib.suppress(OSError):
            os.write(2, traceback.format_exc().encode("utf-8", "replace")[-4000:])
    finally:
        os._exit(1)


def _descriptors(wanted: dict[int, int]) -> None:
    """Keep only these (target to source), and nothing at standard input and output."""
    null = os.open("/dev/null", os.O_RDWR)
    # Sources may have any number: move them out of the way of the targets first.
    moved = {
        target: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
        for target, fd in {0: null, 1: null, **wanted}.items()
    }
    for target, fd in moved.items():
        os.dup2(fd, target, inheritable=target < 3)
    at = 3
    for target in sorted(target for target in moved if target > 2):
        os.closerange(at, target)
        at = target + 1
    os.closerange(at, 1 << 30)


def _own_root(body: dict[str, Any]) -> None:
    """Enter the template's root with namespaces and file systems of our own."""
    linux.setns(ROOT_FD, linux.CLONE_NEWNS)
    os.close(ROOT_FD)
    flags = linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
    linux.unshare(flags if body["network"] else flags | linux.CLONE_NEWNET)
    with contextlib.suppress(OSError):  # unknown to old kernels; nothing of ours is shown then
        linux.unshare(linux.CLONE_NEWCGROUP)
    if not body["network"]:
        _start_loopback()
    socket.sethostname("sandbox")
    strict = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    # The machine's own /proc, which the template has (an ordinary user may mount another only
    # where one is visible), goes once ours is there.
    linux.mount("proc", "/tmp", "proc", strict)
    linux.unmount("/proc")
    linux.mount("/tmp", "/proc", None, linux.MS_MOVE)
    for name in COVERED:
        path = f"/proc/{name}"
        if os.path.exists(path):
            linux.mount(path, path, None, linux.MS_BIND | linux.MS_REC)
            flags = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | strict
            linux.mount("none", path, None, flags)
    options = "newinstance,ptmxmode=0666,mode=620"
    linux.mount("devpts", "/dev/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC, options)
    for target, size, mode, programs in body["tmpfs"]:
        flags = linux.MS_NOSUID | linux.MS_NODEV | (0 if programs else linux.MS_NOEXEC)
        linux.mount("tmpfs", target, "tmpfs", flags, f"mode={mode},size={size}")
    os.chdir("/")


def _show_root() -> None:
    """Hand our mount namespace to the keeper."""
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    with socket.socket(fileno=LINK_FD) as link:
        socket.send_fds(link, [b"+"], [own])
    os.close(own)


def _start_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def _give_up_rights(uid: int | None, gid: int, program: bytes | None) -> None:
    """Become the agent's user without any right, for good.

    Args:
        uid: The user to become where we are root; None where we are not: then a user
            namespace shows us as the agent.
        gid: The same for the group; also the user's number in that namespace.
        program: The system-call filter.
    """
    if uid is None:
        linux.unshare(linux.CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{gid} 0 1"),
            ("gid_map", f"{gid} 0 1"),
        ):
            with open(f"/proc/self/{name}", "w") as f:
                f.write(text)
        linux.drop_bounding_set()
    server.lock_down(uid, gid)
    linux.drop_capabilities()
    os.umask(0o022)
    if program is not None:
        linux.install_filter(program)


def _limit(kind: int, soft: int, hard: int) -> None:
    """Set a limit, at most what we have ourselves."""
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(kind, (min(soft, hard), hard))
