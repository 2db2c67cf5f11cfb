"""The few Linux calls that Python's library lacks; nothing but the standard library."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x02000000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x20000000, 0x40000000, 0x80
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096
MS_MOVE, MS_REC, MS_PRIVATE = 0x2000, 0x4000, 0x40000
MNT_DETACH = 2
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000
# The same numbers on all architectures. The first two came with Linux 5.2, the last with 5.12.
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = 1, 4
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 1, 24, 36
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
KEYCTL_JOIN_SESSION_KEYRING = 1
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Move this process into new namespaces (unshare(2))."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace that `fd` refers to (setns(2))."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount a file system (mount(2))."""
    _check(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            os.fsencode(kind) if kind else None,
            ctypes.c_ulong(flags),
            os.fsencode(data) if data else None,
        ),
        f"mount {target}",
    )


def mount_read_only(lower: str, target: str, flags: int, *, user: bool) -> None:
    """Mount an overlay that nothing can be written to.

    Args:
        lower: At least two folders, the upper one first, with colons between.
        target: Where to mount it.
        flags: Further flags.
        user: Whether this is a user namespace, whose overlays keep marks in "user" attributes.
    """
    options = f"lowerdir={lower}" + (",userxattr" if user else "")
    mount("overlay", target, "overlay", MS_RDONLY | flags, options)


def change_root(path: str) -> None:
    """Make a mounted folder the root and detach what was there (pivot_root(2))."""
    os.chdir(path)
    number = {"x86_64": 155, "aarch64": 41}.get(os.uname().machine)
    if number is None:
        _check(_libc.pivot_root(b".", b"."), "pivot_root")
    else:
        _check(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def unmount(target: str) -> None:
    """Detach a mount (umount2(2) with MNT_DETACH)."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def remount_read_only(target: str) -> None:
    """Make a file system read-only.

    Raises:
        OSError: EBUSY where a file of it is open for writing.
    """
    flags = ctypes.c_ulong(MS_REMOUNT | MS_RDONLY)
    _check(_libc.mount(None, os.fsencode(target), None, flags, None), f"remount {target}")


def take_mount(target: str, name: str = "") -> int:
    """Detach a mount from its place and return a descriptor that holds it, or a file in it."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC
    path = os.fsencode(f"{target}/{name}" if name else target)
    fd = _libc.syscall(ctypes.c_long(SYS_OPEN_TREE), AT_FDCWD, path, ctypes.c_uint(flags))
    _check(fd, f"open_tree {target}")
    unmount(target)
    return fd


def put_mount(fd: int, target: str) -> None:
    """Attach a mount that `take_mount` holds, in the present mount namespace."""
    call, flags = ctypes.c_long(SYS_MOVE_MOUNT), ctypes.c_uint(MOVE_MOUNT_F_EMPTY_PATH)
    _check(
        _libc.syscall(call, fd, b"", AT_FDCWD, os.fsencode(target), flags), f"move_mount {target}"
    )


class _MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


def protect_mount(fd: int, *, writable: bool) -> None:
    """Take set-user-id programs, devices and, unless `writable`, writing from a held mount."""
    attributes = _MountAttributes(set=0x6 if writable else 0x7)
    flags = ctypes.c_uint(AT_EMPTY_PATH | AT_RECURSIVE)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    call = ctypes.c_long(SYS_MOUNT_SETATTR)
    _check(_libc.syscall(call, fd, b"", flags, ctypes.byref(attributes), size), "mount_setattr")


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process."""
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def drop_bounding_set() -> None:
    """Make sure that no program, whatever its file says, ever gets a capability."""
    capability = 0
    while _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == 0:
        capability += 1


def drop_capabilities() -> None:
    """Give up the effective, permitted and inheritable capabilities (capset(2))."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(_libc.capset(header, nothing), "capset")


def leave_keyring() -> None:
    """Take an empty session keyring instead of the caller's (keyctl(2)).

    Raises:
        OSError: It is refused, as in containers, where its calls are refused to all.
    """
    number = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if number is not None:
        _check(_libc.syscall(ctypes.c_long(number), KEYCTL_JOIN_SESSION_KEYRING, None), "keyctl")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def install_filter(program: bytes) -> None:
    """Install a system-call filter for good; `no_new_privs` must be set."""
    value = ctypes.byref(_Program(len(program) // 8, program))
    _check(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, value, 0, 0), "seccomp")
