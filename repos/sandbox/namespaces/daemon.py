# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH100, PTH101, PTH102, PTH103, PTH211, PTH112, PTH120, PTH123, PTH208
"""The namespace daemon: one helper process a parent, which owns the mounts of its sandboxes.

It lives in a mount namespace of its own (as an ordinary user also in a user namespace), so
nothing of this is visible on the host, and all of it is gone when the daemon ends, which it
does when its parent ends, however that happens.

A sandbox is launched without its files, which takes longest and can be done ahead: a fork of the
zygote enters a root that bwrap laid out once for all sandboxes of a kind, and becomes the exec
server. The files are then attached: an overlay is mounted and moved into the sandbox's namespace,
in 1 ms. A *family* is a created sandbox with its forks. It has a mount namespace of its own, in
which every sandbox has a sized tmpfs with the `u`pper and `w`ork folder of its overlay. Freezing
an upper folder makes it a read-only layer, whatever its size, without stopping the sandbox.
`docs/sandbox-start.md` tells the whole chain.

Run as `python -I -S daemon.py` in its own folder, `REPOGYM_DAEMON` in the environment being
`CONTROL_FD PARENT_PID`: the command line is what sandboxes see of their first process. Standard
library only.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":  # run by path, isolated: find our own package
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(here))))

from repos.sandbox import zipapps
from repos.sandbox.guest.server import codec
from repos.sandbox.namespaces import cgroups, layers, linux
from repos.sandbox.namespaces.families import Family
from repos.sandbox.namespaces.launch import Launcher, SandboxProcess
from repos.sandbox.namespaces.templates import Templates
from repos.sandbox.namespaces.users import UserNamespaces

MOUNT_POINT = "/sys/kernel"


class NamespaceDaemon:
    """Answers the parent's requests, one after the other."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self.control = control
        self.parent = parent
        self.families: dict[int, Family] = {}
        self.sandboxes: dict[int, SandboxProcess] = {}
        self.dying: list[SandboxProcess] = []
        self.counter = 0
        self.unanswered: int | None = None
        # Servers end when the writing end, which only the daemon has, is closed: as root the
        # kernel's parent-death signal is refused to them, whose user is another.
        self.leash, self.leash_end = os.pipe()
        self.is_root = os.geteuid() == 0
        self.groups: cgroups.Parent | None = None
        self.templates = Templates()
        self.launcher = Launcher(self.leash)

    def next(self) -> int:
        """Return a number that was not given out yet."""
        self.counter += 1
        return self.counter

    # ---- set-up
    def set_up(
        self, files: dict[str, str], packages: dict[str, str], agent_uid: int
    ) -> dict[str, Any]:
        """Enter our namespaces and lay out the folder of tools.

        Args:
            files: Path below `/opt/repogym` to a file of the host.
            packages: Path below it to a package of `guest/`.
            agent_uid: Owner of what sandboxes write, where we are root.
        """
        self.agent = agent_uid
        self.users = UserNamespaces(agent_uid)
        if self.is_root:
            linux.unshare(linux.CLONE_NEWNS)
        else:
            uid, gid = os.geteuid(), os.getegid()
            linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"0 {uid} 1")
            _write("/proc/self/gid_map", f"0 {gid} 1")
        layers.use_marks_of("trusted" if self.is_root else "user")
        linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        self.launcher.follow(user=not self.is_root)
        self.mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self.base = MOUNT_POINT
        linux.mount("tmpfs", self.base, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
        for name in ("empty", "etc", "tools/opt/repogym/bin", "tools/var", "point"):
            os.makedirs(f"{self.base}/{name}")
        layers.make_etc(f"{self.base}/etc/etc", network=False, uid=agent_uid)
        _write(f"{self.base}/point.file", "")
        devices = layers.make_devices(f"{self.base}/dev")
        os.symlink("/tmp", f"{self.base}/tools/var/tmp")
        for name, source in files.items():
            target = f"{self.base}/tools/opt/repogym/{name}"
            shutil.copyfile(source, target)
            os.chmod(target, 0o755 if os.access(source, os.X_OK) else 0o644)
        for name, package in packages.items():
            with open(f"{self.base}/tools/opt/repogym/{name}", "wb") as f:
                f.write(zipapps.pack(package))
        self.groups = cgroups.find_parent()
        if self.groups is not None:
            cgroups.remove_stale(self.groups)
        gc.collect()
        gc.freeze()  # forked children would copy what a collection touches
        return {
            "base": self.base,
            "pid": os.getpid(),
            "devices": devices,
            "controllers": sorted(self.groups.folders) if self.groups else [],
        }

    def network_etc(self) -> str:
        """Return the name of the folder with `/etc` for sandboxes with a network."""
        if not os.path.isdir(f"{self.base}/etcnet"):
            os.mkdir(f"{self.base}/etcnet")
            layers.make_etc(f"{self.base}/etcnet/etc", network=True, uid=self.agent)
        return "etcnet"

    # ---- sandboxes
    def launch(self, body: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Start a sandbox without files.

        The body has the `order` for the zygote, bwrap's `argv` for the root, the `sources` that
        it binds, the folders with what is `hidden` of it, and the `memory` and `processes` of
        the control group.

        The answer comes before it is known whether that worked: the server's end of the
        connection is closed where it did not, and `why` says more.
        """
        (server_fd,) = fds
        ident = self.next()
        group = cgroups.Group(1, {})
        if self.groups is not None:
            name = f"{self.parent}-{os.getpid()}-{ident}"
            group = cgroups.create(self.groups, name, body["memory"], body["processes"])
        self.answer({"sandbox": ident, "group": [group.version, dict(group.folders)]})
        try:
            order = body["order"]
            for name, paths in body["hidden"].items():
                layers.make_mask(f"{self.base}/{name}", paths)
            root = self.templates.get(body["argv"], body["sources"])
            user = self.users.take() if self.is_root else -1
            try:
                process = self.launcher.launch(order, group, server_fd, root, user)
            except OSError:
                self.users.give(user)
                raise
            self.sandboxes[ident] = process
        except OSError as error:
            read, write = os.pipe()
            os.write(write, str(error).encode()[:4000])
            os.close(write)
            self.sandboxes[ident] = SandboxProcess(group=group, process=-1, errors=read)
        finally:
            os.close(server_fd)
        return {}

    def why(self, body: dict[str, Any], fds: list[int]) -> str:
        """Return what the server wrote to standard error."""
        return self.sandboxes[body["sandbox"]].complaints()

    def stop(self, body: dict[str, Any], fds: list[int]) -> None:
        """End a sandbox for good, with its upper folder unless that was frozen."""
        sandbox = self.sandboxes.pop(body["sandbox"])
        sandbox.kill()
        self.dying.append(sandbox)
        if body.get("wait", True) and sandbox.ended(wait=True):
            self.bury(sandbox)
        family = self.families.get(sandbox.family)
        if family is None:
            return
        if not any(other.family == sandbox.family for other in self.sandboxes.values()):
            self.families.pop(sandbox.family).close()
        elif not body.get("keep"):
            family.drop(sandbox.upper)

    def bury(self, sandbox: SandboxProcess) -> None:
        """Forget an ended sandbox; its control group may need another moment."""
        sandbox.close()
        self.users.give(sandbox.user)
        sandbox.user = -1
        if cgroups.remove(sandbox.group, patience_s=0):
            self.dying.remove(sandbox)

    def reap(self) -> None:
        """Collect orphans of ours, and the sandboxes that have ended since they were killed."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        for sandbox in [sandbox for sandbox in self.dying if sandbox.ended()]:
            self.bury(sandbox)

    # ---- files
    def attach(self, body: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Give a sandbox its files: an overlay of layers with a new upper folder.

        Args:
            body: `sandbox`; `family` (None for a new one); `base` and `chain` (layers, lowest
                first); `disk_bytes`; `inner`, what is mounted below `/testbed` ([source,
                target, whether it is a folder, whether writable, what lies below it], ...).
            fds: None.
        """
        sandbox = self.sandboxes[body["sandbox"]]
        root = sandbox.mounts()
        if body["family"] is None:
            owner = self.agent if self.is_root else None
            family = Family(self.base, self.mounts, owner, self.next)
            number = self.next()
        else:
            number = body["family"]
            family = self.families[number]
        try:
            upper = family.mount_overlay(root, body, replace=False)
        except OSError:
            if body["family"] is None:
                family.close()
            raise
        self.families[number] = family
        sandbox.family, sandbox.upper = number, upper
        return {"family": number, "upper": f"{upper}/u"}

    def freeze(self, body: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Make a sandbox's upper folder a layer; the sandbox goes on with a new one above it.

        Returns:
            `layer` (None where nothing was written), the `used` bytes of it, and the new
            `upper`; or `busy` where a process has a file open for writing.
        """
        sandbox = self.sandboxes[body["sandbox"]]
        family = self.families[sandbox.family]
        old = sandbox.upper

        def look() -> tuple[bool, int]:
            usage = os.statvfs(old)
            used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
            return not os.listdir(f"{old}/u"), used

        empty, used = family.inside(look)
        if empty:
            return {"layer": None}
        left = max(1 << 20, body["disk_bytes"] - used)
        body = {**body, "chain": [*body["chain"], f"{old}/u"], "disk_bytes": left}
        try:
            upper = family.mount_overlay(sandbox.mounts(), body, replace=True)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return {"busy": True}
        sandbox.upper = upper
        return {"layer": f"{old}/u", "used": family.inside(look)[1], "upper": f"{upper}/u"}

    def merge(self, body: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Merge frozen layers (lowest first) into a new one."""
        family = self.families[body["family"]]
        name = family.new_upper()

        def work() -> int:
            family.make_upper(name, body["disk_bytes"])
            layers.merge(body["layers"], f"{name}/u")
            usage = os.statvfs(name)
            return (usage.f_blocks - usage.f_bfree) * usage.f_frsize

        used = family.aside(work)
        family.uppers.add(name)
        return {"layer": f"{name}/u", "used": used}

    def changed(self, body: dict[str, Any], fds: list[int]) -> dict[str, str]:
        """Return the paths in which upper folders differ from what lies below them."""
        family = self.families[body["family"]]
        return family.aside(lambda: layers.changed_paths(body["base"], body["uppers"]))

    # ---- loop
    def answer(self, value: Any, kind: str = "ok") -> None:
        """Answer the present request, once."""
        if self.unanswered is not None:
            ident, self.unanswered = self.unanswered, None
            self.control.sendall(codec.frame([ident, kind, value]))

    def run(self) -> None:
        """Answer until the parent is gone, then leave nothing behind."""
        operations: dict[str, Callable[[dict[str, Any], list[int]], Any]] = {
            "set_up": lambda body, fds: self.set_up(body["files"], body["packages"], body["agent"]),
            "network_etc": lambda body, fds: self.network_etc(),
            "launch": self.launch,
            "attach": self.attach,
            "freeze": self.freeze,
            "stop": self.stop,
            "why": self.why,
            "merge": self.merge,
            "changed": self.changed,
        }
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.launcher.zygote, 0)  # its end is always told: nothing works without it
        with contextlib.suppress(OSError):
            # End of file is not enough: a fork of the parent may hold the socket too.
            poll.register(os.pidfd_open(self.parent), select.POLLIN)
        inbox = bytearray()
        waiting: list[int] = []
        while True:
            for fd, _ in poll.poll(20 if self.dying else None):
                if fd != self.control.fileno():
                    return
                data, fds, _, _ = socket.recv_fds(self.control, 1 << 18, 8)
                if not data:
                    return
                inbox += data
                waiting += fds
                for ident, kind, body in codec.take_frames(inbox):
                    self.unanswered = ident
                    taken = [waiting.pop(0) for _ in range(body.get("fds", 0))]
                    try:
                        self.answer(operations[kind](body, taken))
                    except Exception as error:
                        text = (error.strerror or str(error)) if isinstance(error, OSError) else ""
                        number = (error.errno or 0) if isinstance(error, OSError) else 0
                        self.answer({"text": text or repr(error), "errno": number}, "error")
            self.reap()

    def leave(self) -> None:
        """End all sandboxes and remove their control groups."""
        self.launcher.close()
        for sandbox in [*self.sandboxes.values(), *self.dying]:
            sandbox.kill()
        for sandbox in [*self.sandboxes.values(), *self.dying]:
            sandbox.ended(wait=True)
            cgroups.remove(sandbox.group)


def _write(path: str, text: str) -> None:
    with open(path, "w") as f:
        f.write(text)


def main() -> None:
    """Run until the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    connection, parent = map(int, os.environ.pop("REPOGYM_DAEMON").split())
    os.chdir("/")
    control = socket.socket(fileno=connection)
    os.set_inheritable(control.fileno(), False)
    os.umask(0o022)
    daemon = NamespaceDaemon(control, parent)
    try:
        daemon.run()
    finally:
        daemon.leave()


if __name__ == "__main__":
    main()
