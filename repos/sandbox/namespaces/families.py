# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH102, PTH106, PTH119, PTH120
"""A family of sandboxes: its mount namespace, and the overlays that are made in it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, cast

from repos.sandbox.guest.server import codec
from repos.sandbox.namespaces import linux


class Family:
    """A created sandbox with its forks: a mount namespace, and the upper folders in it.

    Attributes:
        uppers: Folders with a tmpfs of ours: what sandboxes write to, and frozen layers.
    """

    def __init__(
        self, base: str, home: int, owner: int | None, next_number: Callable[[], int]
    ) -> None:
        """Make a copy of this process's mount namespace.

        Args:
            base: The daemon's folder.
            home: The daemon's mount namespace.
            owner: User that owns what is written, where we are root; else None.
            next_number: Gives numbers for names.

        Raises:
            OSError: There may be no further namespace.
        """
        self.base = base
        self.home = home
        self.owner = owner
        self.next = next_number
        self.uppers: set[str] = set()
        self.aliases: dict[str, str] = {}
        self.bound: set[str] = set()
        self.namespace = _copy_of_namespace(home)

    def close(self) -> None:
        """Let go of the namespace, and with it of all that is mounted in it."""
        os.close(self.namespace)
        for name in [*self.uppers, *self.aliases.values()]:
            with contextlib.suppress(OSError):
                os.rmdir(name)

    def drop(self, upper: str) -> None:
        """Throw away one upper folder."""
        self.inside(lambda: linux.unmount(upper))
        self.uppers.discard(upper)
        with contextlib.suppress(OSError):
            os.rmdir(upper)

    def new_upper(self) -> str:
        """Return the name for a further upper folder."""
        return f"{self.base}/{self.next():x}"

    def mount_overlay(self, target: int, body: dict[str, Any], *, replace: bool) -> str:
        """Mount an overlay in our namespace and move it to `/testbed` of a sandbox.

        Raises:
            OSError: EBUSY where the present one, to be replaced, is being written to.
        """
        name = self.new_upper()
        lower = [self.alias(path) for path in reversed([*body["base"], *body["chain"]])]

        def prepare(held: list[int]) -> None:
            self.make_upper(name, body["disk_bytes"])
            for path, alias in self.aliases.items():
                if alias not in self.bound:
                    linux.mount(path, alias, None, linux.MS_BIND)
                    self.bound.add(alias)
            os.chdir(self.base)
            options = f"lowerdir={':'.join(lower)},upperdir={name}/u,workdir={name}/w"
            if self.owner is None:
                options += ",userxattr"
            flags = linux.MS_NOSUID | linux.MS_NODEV
            linux.mount("overlay", f"{self.base}/point", "overlay", flags, options)
            held.append(linux.take_mount(f"{self.base}/point"))
            for source, _, is_folder, writable, over in body["inner"]:
                held.append(self.take(source, over, is_folder=is_folder, writable=writable))
                linux.protect_mount(held[-1], writable=writable)

        def place(held: list[int]) -> None:
            if replace:
                # Processes that stay in the old one must not write to a frozen layer.
                linux.remount_read_only("/testbed")
                linux.unmount("/testbed")
            linux.put_mount(held[0], "/testbed")
            for (_, at, is_folder, _, _), fd in zip(body["inner"], held[1:], strict=True):
                self.make_place(at, is_folder)
                linux.put_mount(fd, at)

        held: list[int] = []
        try:
            self.inside(lambda: prepare(held))
            within(target, self.home, lambda: place(held))
        except OSError:
            with contextlib.suppress(OSError):
                self.drop(name)
            raise
        finally:
            for fd in held:
                os.close(fd)
        self.uppers.add(name)
        return name

    def take(self, source: str, over: str, *, is_folder: bool, writable: bool) -> int:
        """Return a mount of a folder or file, with inodes that no other sandbox has.

        Args:
            source: The folder or file.
            over: A folder that lies below it; "" for none.
            is_folder: Which of both it is.
            writable: Whether it may be written to: then it is shown as it is.
        """
        point = f"{self.base}/point"
        if writable:
            point = point if is_folder else f"{point}.file"
            linux.mount(source, point, None, linux.MS_BIND | linux.MS_REC)
            return linux.take_mount(point)
        os.chdir(source if is_folder else os.path.dirname(source))
        # By its descriptor: a path may hold what means something in a mount's options.
        below = os.open(over or f"{self.base}/empty", os.O_PATH | os.O_CLOEXEC)
        try:
            lower = f".:/proc/self/fd/{below}"
            linux.mount_read_only(lower, point, linux.MS_NOSUID, user=self.owner is None)
        finally:
            os.close(below)
        os.chdir("/")
        return linux.take_mount(point, "" if is_folder else os.path.basename(source))

    def make_place(self, path: str, is_folder: bool) -> None:
        """Make the folder or file on which something is mounted below `/testbed`."""
        missing = []
        at = path
        while not os.path.lexists(at):
            missing.append(at)
            at = os.path.dirname(at)
        for at in reversed(missing):
            if is_folder or at != path:
                os.mkdir(at, 0o755)
            else:
                os.close(os.open(at, os.O_CREAT | os.O_WRONLY, 0o644))
            if self.owner is not None:
                os.chown(at, self.owner, self.owner)

    def alias(self, path: str) -> str:
        """Return a short, unambiguous name for a layer, relative to our folder."""
        if path.startswith(self.base + "/"):
            return path[len(self.base) + 1 :]
        if path not in self.aliases:
            alias = f"{self.base}/l{self.next():x}"
            os.mkdir(alias)
            self.aliases[path] = alias
        return self.aliases[path][len(self.base) + 1 :]

    def make_upper(self, name: str, size: int) -> None:
        """Mount a sized tmpfs with the two folders that an overlay writes to."""
        os.mkdir(name)
        flags = linux.MS_NOSUID | linux.MS_NODEV
        inodes = max(65536, size >> 12)
        linux.mount("tmpfs", name, "tmpfs", flags, f"mode=755,size={size},nr_inodes={inodes}")
        for folder in ("u", "w"):
            os.mkdir(f"{name}/{folder}", 0o755)
            if self.owner is not None:
                os.chown(f"{name}/{folder}", self.owner, self.owner)

    def inside(self, work: Callable[[], Any]) -> Any:
        """Run a function in our mount namespace.

        Raises:
            OSError: The function did.
        """
        return within(self.namespace, self.home, work)

    def aside(self, work: Callable[[], Any]) -> Any:
        """Run a function in our mount namespace in a child: for what reads whole trees.

        What an agent made may take all memory or go too deep: that must not end the daemon.
        """
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            answer: list[Any] = [0, "a child of the namespace daemon failed"]
            try:
                os.close(read)
                sys.setrecursionlimit(100_000)  # agents nest folders as deep as paths go
                linux.setns(self.namespace, linux.CLONE_NEWNS)
                answer = [None, work()]
            except OSError as error:
                answer = [error.errno or 0, error.strerror or str(error)]
            except BaseException as error:
                answer = [0, repr(error)]
            finally:
                with os.fdopen(write, "wb") as f:
                    f.write(codec.encode(answer))
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as f:
            data = f.read()
        os.waitpid(pid, 0)
        if not data:
            raise OSError(0, "a child of the namespace daemon died")
        number, value = cast("list[Any]", codec.decode(data))
        if number is not None:
            raise OSError(number, value)
        return value


def within(namespace: int, home: int, work: Callable[[], Any]) -> Any:
    """Run a function in a mount namespace and come back.

    No child is forked for it: that would take longer than what is done inside.

    Args:
        namespace: The one to enter.
        home: The one that this process is in.
        work: What to do there; the working directory is `/` when it begins.

    Raises:
        SystemExit: There is no way back: this process must not go on.
    """
    try:
        linux.setns(namespace, linux.CLONE_NEWNS)
        return work()
    finally:
        try:
            linux.setns(home, linux.CLONE_NEWNS)
        except OSError as error:
            raise SystemExit(f"the namespace daemon lost its namespace: {error}") from error


def _copy_of_namespace(home: int) -> int:
    """Return a copy of this process's mount namespace, to which it goes back."""
    linux.unshare(linux.CLONE_NEWNS)
    try:
        return os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        linux.setns(home, linux.CLONE_NEWNS)
