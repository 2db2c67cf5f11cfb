# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH100, PTH120, SIM105
"""The zygote: a small process that only forks, and how its children become sandboxes.

What a forking process writes between two forks is no longer shared with the children made before:
forks of the namespace daemon, which is busy and large, each held 1.2 MB more than forks of this.
It has the exec server's code loaded. What a sandbox sees was laid out by bwrap, once for all
sandboxes of a kind (`templates.py`); the child gets namespaces, overlays, memory file systems,
`/proc` and pseudo-terminals of its own, gives up every right, and serves. It is PID 1 of its
namespace. No inode that it sees is another's: locks, leases and watches would tell of each other.

Run by the namespace daemon as `python -I -S zygote.py` in its own folder, `REPOGYM_ZYGOTE` in the
environment being the descriptor of the connection: the command line is what sandboxes see of their
first process. Standard library only, and little of it: a page that a child writes to is copied,
so less code means less memory and time for every sandbox.
"""

from __future__ import annotations

import _signal  # pyright: ignore[reportMissingImports]
import _socket
import fcntl
import gc
import os
import resource
import sys

if __name__ == "__main__":  # run by path, isolated: find our own package
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(here))))

from repos.sandbox.guest.server import codec, rights
from repos.sandbox.guest.server.serving import Server
from repos.sandbox.guest.server.starting import Starter
from repos.sandbox.namespaces import linux, root

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing it would double the time of each fork
    from typing import Any, NoReturn

SERVER_FD = 10
LEASH_FD, ROOT_FD, LINK_FD, USER_FD = 13, 14, 15, 16
MESSAGE = 1 << 18
DESCRIPTORS = 6

_INHERITED = (
    _signal.SIGINT,
    _signal.SIGHUP,
    _signal.SIGCHLD,
    _signal.SIGQUIT,
    _signal.SIGTERM,
    _signal.SIGALRM,
    _signal.SIGUSR1,
    _signal.SIGUSR2,
    _signal.SIGTSTP,
    _signal.SIGTTIN,
    _signal.SIGTTOU,
)


def main() -> None:
    """Fork a sandbox for each order until the daemon is gone."""
    connection = _socket.socket(fileno=int(os.environ.pop("REPOGYM_ZYGOTE")))
    os.set_inheritable(connection.fileno(), False)
    linux.prctl(linux.PR_SET_PDEATHSIG, _signal.SIGKILL)
    for number in (_signal.SIGINT, _signal.SIGHUP):
        _signal.signal(number, _signal.SIG_IGN)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # the kernel collects our children
    os.umask(0o022)
    enter(connection)
    try:
        linux.leave_keyring()  # the filter refuses keys, but not every sandbox has one
    except OSError:
        pass
    home = home_namespace()
    Starter()  # loads what the server needs later
    gc.collect()
    gc.disable()
    gc.freeze()  # children would copy what a collection touches
    while True:
        data, fds = receive(connection)
        if not data:
            return
        try:
            said = str(spawn(data, fds, home, connection))
        except OSError as error:
            said = error.strerror or str(error)
        for fd in fds:
            os.close(fd)
        connection.send(said.encode())


def receive(connection: _socket.socket) -> tuple[bytes, list[int]]:
    """Return the next message and the descriptors that came with it; b"" at the end."""
    space = _socket.CMSG_SPACE(DESCRIPTORS * 4)
    data, extra, _, _ = connection.recvmsg(MESSAGE, space, _socket.MSG_CMSG_CLOEXEC)
    fds = [
        int.from_bytes(raw[at : at + 4], sys.byteorder)
        for _, _, raw in extra
        for at in range(0, len(raw), 4)
    ]
    return data, fds


def enter(connection: _socket.socket) -> None:
    """Follow the daemon into its namespaces, which come as the first message.

    A program that was started in the daemon's user namespace would belong to that for good:
    what `/proc` shows of sandboxes' servers would be the agent's user's own.
    """
    _, fds = receive(connection)
    if not fds:
        sys.exit()  # the daemon may not have namespaces, and has gone
    *user, mounts = fds
    for fd in user:
        linux.setns(fd, linux.CLONE_NEWUSER)
    linux.setns(mounts, linux.CLONE_NEWNS)
    for fd in fds:
        os.close(fd)
    os.chdir("/")


def spawn(order: bytes, fds: list[int], home: int | None, connection: _socket.socket) -> int:
    """Fork the first process of a new process namespace.

    Args:
        order: What `become` takes, encoded.
        fds: The server's end of its connection, where errors go, what is at its end once the
            daemon has ended, the template's mount namespace, the link to the daemon, and where
            there is one a user namespace.
        home: What `home_namespace` returned.
        connection: Ours to the daemon, which the child must not have.

    Raises:
        OSError: It can't be done.
    """
    if home is None:
        return _fork_twice(order, fds)
    # The next child only is the first process of a new namespace.
    linux.unshare(linux.CLONE_NEWPID)
    try:
        pid = os.fork()
        if pid == 0:
            become(order, fds)
        return pid
    finally:
        linux.setns(home, linux.CLONE_NEWPID)


def home_namespace() -> int | None:
    """Return our process namespace if we may come back to it; an ordinary user may not."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        linux.setns(own, linux.CLONE_NEWPID)
    except OSError:
        os.close(own)
        return None
    return own


def _fork_twice(order: bytes, fds: list[int]) -> int:
    """Fork the server from a child that enters the new namespace and ends; return its id."""
    read, write = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            linux.unshare(linux.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                become(order, fds)
            os.write(write, str(pid).encode())
        except OSError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    said = os.read(read, 4096)
    os.close(read)
    try:
        os.waitpid(between, 0)  # the server has another parent from then on
    except ChildProcessError:
        pass  # nobody's to collect, but it has ended
    if not said.isdigit():
        raise OSError(0, said.decode("utf-8", "replace") or "no further process is allowed")
    return int(said)


def become(order: bytes, fds: list[int]) -> NoReturn:
    """Turn the forked child into a sandbox's server. What goes wrong is written to its errors.

    Args:
        order: Encoded: an order and the files of control groups to join. The order is encoded
            too: `options` (the server's), `network`, `tmpfs` ([target, bytes, mode, whether
            programs may be run], ...), `hostname`, `seccomp` (program or None), `rlimits`
            ([name, soft, hard], ...).
        fds: As `spawn` takes them.
    """
    errors, link = fds[1], fds[4]
    try:
        # Only then is the process that stays our parent, whose end we ask to be told of.
        if not os.read(link, 1):
            os._exit(1)
        linux.prctl(linux.PR_SET_PDEATHSIG, _signal.SIGKILL)
        # A shell that started us in the background may have had some of them ignored.
        for number in _INHERITED:
            _signal.signal(number, _signal.SIG_DFL)
        wanted = {2: errors, SERVER_FD: fds[0], LEASH_FD: fds[2], ROOT_FD: fds[3], LINK_FD: link}
        own_user = len(fds) > 5
        _descriptors({**wanted, USER_FD: fds[5]} if own_user else wanted)
        errors = 2
        what, joins = codec.decode(order)
        body: Any = codec.decode(what)
        os.setsid()
        for path in joins:
            _write(path, b"0")
        root.enter(ROOT_FD, body)
        _show_root()
        for kind, soft, hard in body["rlimits"]:
            _limit(getattr(resource, kind), soft, hard)
        options = body["options"]
        options["oom_fd"] = rights.open_oom_score()
        if own_user:
            linux.setns(USER_FD, linux.CLONE_NEWUSER)
            os.close(USER_FD)
        _give_up_rights(options["uid"], options["gid"], body["seccomp"])
        if options["uid"] is None and options["processes"]:
            rights.cap_processes(2 * options["processes"] + 64)
        gc.enable()
        Server(SERVER_FD, options).run()
    except BaseException as error:
        at, trail = error.__traceback__, ""
        while at is not None:
            trail = f"{at.tb_frame.f_code.co_name}, line {at.tb_lineno}"
            at = at.tb_next
        text = f"{type(error).__name__}: {error} ({trail})"
        os.write(errors, text.encode("utf-8", "replace")[-4000:])
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


def _show_root() -> None:
    """Hand our mount namespace to the daemon."""
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    link = _socket.socket(fileno=LINK_FD)
    rights = own.to_bytes(4, sys.byteorder)
    link.sendmsg([b"+"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    link.close()
    os.close(own)


def _write(path: str, text: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)


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
            _write(f"/proc/self/{name}", text.encode())
        linux.drop_bounding_set()
    rights.lock_down(uid, gid)
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


if __name__ == "__main__":
    main()
