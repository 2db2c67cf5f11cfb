# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH101, PTH110, PTH116, PTH123, SIM105
"""The root of a sandbox, which its first process puts together.

A template shows what all sandboxes of a kind see. None sees it itself: its root is one of overlays,
so that no inode is another's; locks, leases and watches on one would tell of each other.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import sys

from repos.sandbox.namespaces import linux

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing it would double the time of each fork
    from typing import Any

NEW, SHARED = "/tmp", "/var"
"""Folders of a template: where a sandbox's own root is put together, and the daemon's folder."""

TERMINALS = 256
COVERED = ("sys", "sysrq-trigger", "irq", "bus")
"""Folders and files of `/proc` that act on the whole machine."""

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def enter(template: int, body: dict[str, Any]) -> None:
    """Enter a template's root with namespaces and file systems of our own.

    Args:
        template: Descriptor of its mount namespace, which is closed.
        body: The order that `zygote.become` takes.

    Raises:
        OSError: It can't be done.
    """
    linux.setns(template, linux.CLONE_NEWNS)
    os.close(template)
    flags = linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
    linux.unshare(flags if body["network"] else flags | linux.CLONE_NEWNET)
    try:
        linux.unshare(linux.CLONE_NEWCGROUP)
    except OSError:
        pass  # unknown to old kernels; nothing of ours is shown then
    _own_time()
    if not body["network"]:
        _start_loopback()
    _socket.sethostname(body["hostname"])
    user = body["options"]["uid"] is None
    _show(body["views"], user=user)
    _devices(own=body["devices"], user=user)
    strict = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    # The machine's own /proc, which the template has (an ordinary user may mount another only
    # where one is visible), goes with the old root.
    linux.mount("proc", f"{NEW}/proc", "proc", strict)
    for name in COVERED:
        path = f"{NEW}/proc/{name}"
        if os.path.exists(path):
            linux.mount(path, path, None, linux.MS_BIND | linux.MS_REC)
            flags = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | strict
            linux.mount("none", path, None, flags)
    options = f"newinstance,ptmxmode=0666,mode=620,max={TERMINALS}"
    linux.mount("devpts", f"{NEW}/dev/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC, options)
    for target, size, mode, programs in body["tmpfs"]:
        flags = linux.MS_NOSUID | linux.MS_NODEV | (0 if programs else linux.MS_NOEXEC)
        linux.mount("tmpfs", NEW + target, "tmpfs", flags, f"mode={mode},size={size}")
    linux.change_root(NEW)


def _show(views: list[list[Any]], *, user: bool) -> None:
    """Mount overlays of what the template shows below the new root.

    Args:
        views: As `rootview.overlays` returns them.
        user: Whether we are in a user namespace of an ordinary user.
    """
    read_only = linux.MS_NOSUID | linux.MS_NODEV
    copies = 0
    for target, above, kind in views:
        place = NEW + target
        if kind == "folder":
            os.chdir(target)
            lower = ":".join([*(f"{SHARED}/{name}" for name in above), "."])
            linux.mount_read_only(lower, place, read_only, user=user)
        elif kind == "file":
            if not copies:
                linux.mount("tmpfs", f"{NEW}/run", "tmpfs", read_only, "mode=755")
            copies += 1
            _copy(target, f"{NEW}/run/{copies}")
            linux.mount(f"{NEW}/run/{copies}", place, None, linux.MS_BIND)
            flags = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | read_only
            linux.mount("none", place, None, flags)
        else:
            linux.mount(target, place, None, linux.MS_BIND)
    os.chdir("/")
    if copies:
        linux.unmount(f"{NEW}/run")


def _own_time() -> None:
    """Enter a time namespace: who shares one can put locks on it."""
    try:
        linux.unshare(linux.CLONE_NEWTIME)
        fd = os.open("/proc/self/ns/time_for_children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return  # before Linux 5.6, or a kernel built without
    linux.setns(fd, linux.CLONE_NEWTIME)
    os.close(fd)


def _devices(*, own: bool, user: bool) -> None:
    """Mount `/dev`. Where the kernel lets nobody but root make devices, they are the machine's."""
    linux.mount_read_only(f"{SHARED}/empty:{SHARED}/dev", f"{NEW}/dev", linux.MS_NOSUID, user=user)
    if own:
        return
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        linux.mount(f"/dev/{name}", f"{NEW}/dev/{name}", None, linux.MS_BIND)


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as origin, open(target, "wb") as copy:
        while piece := origin.read(1 << 20):
            copy.write(piece)
    os.chmod(target, os.stat(source).st_mode & 0o777)


def _start_loopback() -> None:
    any_socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    request = b"lo".ljust(16, b"\0") + (IFF_UP | IFF_RUNNING).to_bytes(2, sys.byteorder)
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, request.ljust(32, b"\0"))
    any_socket.close()
