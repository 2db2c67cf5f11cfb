# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH100, PTH101, PTH102, PTH106, PTH112, PTH119, PTH120, PTH123, PTH208
"""The keeper: one helper process a parent, which owns the mounts behind its sandboxes.

It lives in a mount namespace of its own (as an ordinary user also in a user namespace), so
nothing of this is visible on the host, and all of it is gone when the keeper ends, which it
does when its parent ends, however that happens.

A *family* is a created sandbox with its forks. It has a mount namespace of its own, in which
every sandbox has a sized tmpfs with the `u`pper and `w`ork folder of its overlay. Freezing a
stopped sandbox's upper folder makes it a read-only layer, whatever its size.

Run as `python -I -S keeper.py CONTROL_FD PARENT_PID`; standard library only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

if __name__ == "__main__":  # run by path, isolated: find our own package
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from repos.sandbox import cgroups, layers, linux, server

SERVER_FD = 10
INFO_FD = 11
SECCOMP_FD = 12
LEASH_FD = 13
MOUNT_POINT = "/sys/kernel"


@dataclass
class Family:
    """A created sandbox with its forks."""

    namespace: int
    uppers: set[str] = field(default_factory=set)


@dataclass
class Box:
    """One sandbox: at most one running bwrap at a time."""

    family: int
    group: cgroups.Group
    pid: int = 0
    child: int = 0
    info: int = -1
    errors: int = -1
    upper: str = ""


class Keeper:
    """Answers the parent's requests, one after the other."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self.control = control
        self.parent = parent
        self.families: dict[int, Family] = {}
        self.boxes: dict[int, Box] = {}
        self.counter = 0
        # Servers end when the writing end, which only the keeper has, is closed: as root the
        # kernel's parent-death signal is refused to them, whose user is another.
        self.leash, self.leash_end = os.pipe()
        self.is_root = os.geteuid() == 0
        self.groups: cgroups.Parent | None = None

    def next(self) -> int:
        """Return a number that was not given out yet."""
        self.counter += 1
        return self.counter

    # ---- set-up
    def set_up(self, files: dict[str, str], agent_uid: int) -> dict[str, Any]:
        """Enter our namespaces and lay out the folder of tools.

        Args:
            files: Name in the tools folder to a source on the host.
            agent_uid: Owner of what sandboxes write, where we are root.
        """
        self.agent = agent_uid
        if self.is_root:
            linux.unshare(linux.CLONE_NEWNS)
        else:
            uid, gid = os.geteuid(), os.getegid()
            linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"0 {uid} 1")
            _write("/proc/self/gid_map", f"0 {gid} 1")
        linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        self.base = MOUNT_POINT
        linux.mount("tmpfs", self.base, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
        self.etc = layers.make_etc(f"{self.base}/etc", network=False, uid=agent_uid)
        os.mkdir(f"{self.base}/empty")
        os.mkdir(f"{self.base}/tools")
        for name, source in files.items():
            target = f"{self.base}/tools/{name}"
            if name.endswith(".pyc"):
                _compile(source, target)
                os.chmod(target, 0o644)
            else:
                shutil.copyfile(source, target)
                os.chmod(target, 0o755 if os.access(source, os.X_OK) else 0o644)
        self.groups = cgroups.find_parent()
        if self.groups is not None:
            cgroups.remove_stale(self.groups)
        return {
            "base": self.base,
            "pid": os.getpid(),
            "controllers": sorted(self.groups.folders) if self.groups else [],
        }

    def network_etc(self) -> str:
        """Return the folder of `/etc` for sandboxes with a network, made when first needed."""
        path = f"{self.base}/etcnet"
        if not os.path.isdir(path):
            layers.make_etc(path, network=True, uid=self.agent)
        return path

    # ---- starting
    def start(self, body: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Start bwrap for a new sandbox, or for one that is started again."""
        (server_fd,) = fds
        ident = body["box"]
        old_upper = ""
        if ident is None:
            ident = self.next()
            group = cgroups.Group(1, {})
            if self.groups is not None:
                group = cgroups.create(
                    self.groups,
                    f"{self.parent}-{os.getpid()}-{ident}",
                    body["memory"],
                    body["processes"],
                )
            box = Box(family=body["family"] or 0, group=group)
        else:
            box = self.boxes[ident]
            self.kill(box, wait=False)
            if body["drop"]:
                old_upper = box.upper
        family = self.families.get(box.family)
        name = f"{self.base}/{self.next():x}"
        argv = [
            item.replace("@UPPER@", f"{name}/u")
            .replace("@WORK@", f"{name}/w")
            .replace("@TMP@", f"{name}/t")
            for item in body["argv"]
        ]
        info_read, info_write = os.pipe()
        err_read, err_write = os.pipe()
        status_read, status_write = os.pipe()
        go_read, go_write = os.pipe()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(go_write)
            self.become(
                body, argv, family, name, old_upper, box.group,
                (server_fd, info_write, err_write, status_write, go_read),
            )  # fmt: skip
        for fd in (info_write, err_write, status_write, server_fd, go_read):
            os.close(fd)
        box.pid = pid
        message = b""
        while True:
            piece = os.read(status_read, 65536)
            if not piece:
                break
            message += piece
            if family is None and message.startswith(b"+"):
                # It waits for us: were it to end first, its namespace would be gone.
                family = Family(os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC))
                os.write(go_write, b"+")
        os.close(status_read)
        os.close(go_write)
        if message.lstrip(b"+"):
            os.waitpid(pid, 0)
            box.pid = 0
            os.close(info_read)
            os.close(err_read)
            if body["box"] is None:
                cgroups.remove(box.group)
                if family is not None and box.family == 0:
                    os.close(family.namespace)
            raise OSError(0, message.lstrip(b"+").decode("utf-8", "replace"))
        assert family is not None
        if box.family == 0:
            box.family = self.next()
            self.families[box.family] = family
        for fd in (box.info, box.errors):
            if fd >= 0:
                os.close(fd)
        os.set_blocking(err_read, False)
        box.child, box.info, box.errors, box.upper = 0, info_read, err_read, name
        family.uppers.discard(old_upper)
        family.uppers.add(name)
        self.boxes[ident] = box
        return {
            "box": ident,
            "family": box.family,
            "upper": f"{name}/u",
            "group": [box.group.version, dict(box.group.folders)],
        }

    def become(
        self,
        body: dict[str, Any],
        argv: list[str],
        family: Family | None,
        name: str,
        old_upper: str,
        group: cgroups.Group,
        fds: tuple[int, int, int, int, int],
    ) -> None:
        """In the forked child: prepare the mounts, then turn into bwrap. Never returns."""
        server_fd, info_write, err_write, status, go = fds
        try:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            for path in group.procs():
                _write(path, str(os.getpid()))
            if family is None:
                linux.unshare(linux.CLONE_NEWNS)
                os.write(status, b"+")
                os.read(go, 1)
            else:
                linux.setns(family.namespace, linux.CLONE_NEWNS)
            if old_upper:
                with contextlib.suppress(OSError):
                    linux.unmount(old_upper)
            self.make_upper(name, body["disk_bytes"])
            if body["tmp"]:
                size, executable = body["tmp"]
                os.mkdir(f"{name}/t")
                flags = linux.MS_NOSUID | linux.MS_NODEV | (0 if executable else linux.MS_NOEXEC)
                linux.mount("tmpfs", f"{name}/t", "tmpfs", flags, f"size={size},mode=1777")
            seccomp = -1
            if body["seccomp"]:
                seccomp = os.memfd_create("seccomp")
                os.write(seccomp, body["seccomp"])
                os.lseek(seccomp, 0, os.SEEK_SET)
            null = os.open("/dev/null", os.O_RDWR)
            # Sources may have any number: move them out of the way of the targets first.
            targets = {
                0: null, 1: null, 2: err_write, SERVER_FD: server_fd, INFO_FD: info_write,
                SECCOMP_FD: seccomp, LEASH_FD: self.leash,
            }  # fmt: skip
            moved = {target: _move(fd) for target, fd in targets.items() if fd >= 0}
            status = _move(status)
            for target, fd in moved.items():
                os.dup2(fd, target)
            for kind, soft, hard in body["rlimits"]:
                _limit(kind, soft, hard)
            os.chdir("/")
            os.execve(argv[0], argv, {"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
        except BaseException as error:
            os.write(status, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(1)

    def make_upper(self, name: str, size: int) -> None:
        """Mount a sized tmpfs with the two folders that an overlay writes to."""
        os.mkdir(name)
        inodes = max(65536, size >> 12)
        linux.mount(
            "tmpfs", name, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV,
            f"mode=755,size={size},nr_inodes={inodes}",
        )  # fmt: skip
        for folder in ("u", "w"):
            os.mkdir(f"{name}/{folder}", 0o755)
            if self.is_root:
                os.chown(f"{name}/{folder}", self.agent, self.agent)

    # ---- stopping
    def kill(self, box: Box, *, wait: bool = True) -> None:
        """End a sandbox's processes; with `wait`, until all of them have ended."""
        if not box.pid:
            return
        if box.info >= 0 and not box.child:
            box.child = _child_pid(box.info)
        for pid in (box.child, box.pid) if not wait else (box.child or box.pid,):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if wait:
            os.waitpid(box.pid, 0)
        box.pid = box.child = 0

    def reap(self) -> None:
        """Collect sandboxes that ended in the meantime, and what was orphaned to us."""
        running = {box.pid: box for box in self.boxes.values() if box.pid}
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in running:
                running[pid].pid = running[pid].child = 0

    def stop(self, body: dict[str, Any], fds: list[int]) -> None:
        """End a sandbox for good; its upper folder goes unless other layers stand on it."""
        box = self.boxes.pop(body["box"])
        self.kill(box)
        for fd in (box.info, box.errors):
            if fd >= 0:
                os.close(fd)
        if box.group.folders:
            cgroups.remove(box.group)
        family = self.families[box.family]
        if not any(other.family == box.family for other in self.boxes.values()):
            os.close(family.namespace)
            del self.families[box.family]
            for name in family.uppers:
                with contextlib.suppress(OSError):
                    os.rmdir(name)
        elif box.upper in family.uppers and not body["keep"]:
            self.inside(family, lambda: linux.unmount(box.upper))
            family.uppers.discard(box.upper)
            with contextlib.suppress(OSError):
                os.rmdir(box.upper)

    def why(self, body: dict[str, Any], fds: list[int]) -> str:
        """Return what bwrap and the server wrote to standard error."""
        box = self.boxes[body["box"]]
        out = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(box.errors, 65536):
                out += piece
        return out.decode("utf-8", "replace").strip()

    # ---- layers
    def freeze(self, body: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Stop a sandbox and say what its upper folder holds; the caller makes it a layer.

        Returns:
            `layer` (None where nothing was written) and the `used` bytes of it.
        """
        box = self.boxes[body["box"]]
        family = self.families[box.family]
        if self.inside(family, lambda: not os.listdir(f"{box.upper}/u")):
            return {"layer": None, "used": 0}  # the sandbox goes on as it is
        self.kill(box)

        def look() -> dict[str, Any]:
            usage = os.statvfs(box.upper)
            empty = not os.listdir(f"{box.upper}/u")
            return {
                "layer": None if empty else f"{box.upper}/u",
                "used": 0 if empty else (usage.f_blocks - usage.f_bfree) * usage.f_frsize,
            }

        return self.inside(family, look)

    def merge(self, body: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Merge frozen layers (lowest first) into a new one."""
        family = self.families[body["family"]]
        name = f"{self.base}/{self.next():x}"

        def work() -> dict[str, Any]:
            self.make_upper(name, body["disk_bytes"])
            layers.merge(body["layers"], f"{name}/u")
            usage = os.statvfs(name)
            return {
                "layer": f"{name}/u",
                "used": (usage.f_blocks - usage.f_bfree) * usage.f_frsize,
            }

        result = self.inside(family, work)
        family.uppers.add(name)
        return result

    def changed(self, body: dict[str, Any], fds: list[int]) -> dict[str, str]:
        """Return the paths in which upper folders differ from what lies below them."""
        family = self.families[body["family"]]
        return self.inside(family, lambda: layers.changed_paths(body["base"], body["uppers"]))

    def inside(self, family: Family, work: Callable[[], Any]) -> Any:
        """Run a function in a family's mount namespace and return what it returned."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(read)
                linux.setns(family.namespace, linux.CLONE_NEWNS)
                try:
                    answer = [True, work()]
                except OSError as error:
                    answer = [False, f"{error}"]
                with os.fdopen(write, "wb") as f:
                    f.write(server.encode(answer))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as f:
            data = f.read()
        os.waitpid(pid, 0)
        if not data:
            raise OSError(0, "the keeper's child died")
        fine, value = cast("list[Any]", server.decode(data))
        if not fine:
            raise OSError(0, value)
        return value

    # ---- loop
    def run(self) -> None:
        """Answer until the parent is gone, then leave nothing behind."""
        operations: dict[str, Callable[[dict[str, Any], list[int]], Any]] = {
            "set_up": lambda body, fds: self.set_up(body["files"], body["agent"]),
            "network_etc": lambda body, fds: self.network_etc(),
            "start": self.start,
            "stop": self.stop,
            "why": self.why,
            "freeze": self.freeze,
            "merge": self.merge,
            "changed": self.changed,
        }
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        with contextlib.suppress(OSError):
            # End of file is not enough: a fork of the parent may hold the socket too.
            poll.register(os.pidfd_open(self.parent), select.POLLIN)
        inbox = bytearray()
        waiting: list[int] = []
        while True:
            for fd, _ in poll.poll():
                if fd != self.control.fileno():
                    return
                data, fds, _, _ = socket.recv_fds(self.control, 1 << 18, 8)
                if not data:
                    return
                inbox += data
                waiting += fds
                for ident, kind, body in server.take_frames(inbox):
                    taken = [waiting.pop(0) for _ in range(body.get("fds", 0))]
                    try:
                        answer = [ident, "ok", operations[kind](body, taken)]
                    except Exception as error:
                        for extra in taken:
                            with contextlib.suppress(OSError):
                                os.close(extra)
                        text = str(error) if isinstance(error, OSError) else repr(error)
                        number = (error.errno or 0) if isinstance(error, OSError) else 0
                        answer = [ident, "error", {"text": text, "errno": number}]
                    self.control.sendall(server.frame(answer))
                    self.reap()

    def leave(self) -> None:
        """End all sandboxes and remove their control groups."""
        for box in self.boxes.values():
            with contextlib.suppress(OSError):
                self.kill(box)
        for box in self.boxes.values():
            if box.group.folders:
                cgroups.remove(box.group)


def _write(path: str, text: str) -> None:
    with open(path, "w") as f:
        f.write(text)


def _move(fd: int) -> int:
    import fcntl

    return fd if fd < 0 else fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)


def _limit(kind: str, soft: int, hard: int) -> None:
    import resource

    number = getattr(resource, kind)
    ceiling = resource.getrlimit(number)[1]
    if ceiling != resource.RLIM_INFINITY:
        hard = ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)
    if hard != resource.RLIM_INFINITY:
        soft = hard if soft == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(number, (soft, hard))


def _child_pid(fd: int) -> int:
    """Read the sandbox's first process from bwrap's information; 0 where bwrap never said."""
    data = b""
    while b"}" not in data:
        piece = os.read(fd, 4096)
        if not piece:
            break
        data += piece
    _, _, rest = data.partition(b'"child-pid":')
    digits = rest.strip().split(b",")[0].split(b"}")[0].strip()
    return int(digits) if digits.isdigit() else 0


def _compile(source: str, target: str) -> None:
    """Byte-compile a file; compiling it at each start of a sandbox would cost 20 ms."""
    with open(source, "rb") as f:
        code = compile(f.read(), os.path.basename(source), "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    with open(target, "wb") as f:
        f.write(header + marshal.dumps(code))


def main(argv: list[str]) -> None:
    """Run the keeper until its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    control = socket.socket(fileno=int(argv[1]))
    os.set_inheritable(control.fileno(), False)
    os.umask(0o022)
    keeper = Keeper(control, int(argv[2]))
    try:
        keeper.run()
    finally:
        keeper.leave()


if __name__ == "__main__":
    main(sys.argv)
