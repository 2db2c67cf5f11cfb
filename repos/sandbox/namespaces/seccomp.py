"""The system-call filter, as a classic BPF program for `bwrap --seccomp`.

What ordinary programs, test suites and compilers use stays; what opens the kernel or other
processes does not: new namespaces and mounts, ptrace, keyrings, BPF, perf, io_uring, modules,
socket families that namespaces don't separate (vsock reaches the hypervisor), TIOCSTI, native AIO
(its contexts are counted for the whole machine), what tells which pages of files are cached.

Locks are refused while hidden tests are in the sandbox: descriptors without a file (eventfd, epoll)
have one inode on the whole machine, and a lock on it is seen by every other sandbox.
"""

from __future__ import annotations

import platform
import struct

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
EPERM, ENOLCK, ENOSYS, EAFNOSUPPORT = 1, 37, 38, 97

LOAD, EQUAL, GREATER_EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NR, ARCH = 0, 4

NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}
FAMILIES = (1, 2, 10, 16)  # UNIX, INET, INET6, NETLINK
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
LOCKS = (6, 7, 37, 38, 1024, 1026)
"""Commands of fcntl: F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE, F_NOTIFY."""

# From the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl, asm-generic/unistd.h).
X86_64 = {
    "ioctl": 16, "socket": 41, "clone": 56, "fcntl": 72, "flock": 73, "ptrace": 101,
    "mincore": 27, "syslog": 103, "uselib": 134, "io_setup": 206,
    "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164,
    "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
    "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173, "create_module": 174,
    "init_module": 175, "delete_module": 176, "quotactl": 179, "lookup_dcookie": 212,
    "clock_settime": 227, "mbind": 237, "kexec_load": 246, "add_key": 248, "request_key": 249,
    "keyctl": 250, "migrate_pages": 256, "unshare": 272, "move_pages": 279,
    "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320,
    "bpf": 321, "userfaultfd": 323, "clone3": 435,
}  # fmt: skip
AARCH64 = {
    "io_setup": 0, "fcntl": 25, "flock": 32, "ioctl": 29, "mount": 40, "umount2": 39,
    "mincore": 232, "pivot_root": 41, "chroot": 51, "quotactl": 60,
    "acct": 89, "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106,
    "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161,
    "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "socket": 198, "add_key": 217,
    "request_key": 218, "keyctl": 219, "clone": 220, "swapon": 224, "swapoff": 225, "mbind": 235,
    "migrate_pages": 238, "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262,
    "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268,
    "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273,
    "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294, "lookup_dcookie": 18,
    "clone3": 435,
}  # fmt: skip
# The same number everywhere: io_uring, the new mount calls, mount_setattr, quotactl_fd, ...
COMMON = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "cachestat": 451,
}  # fmt: skip
ARCHITECTURES = {
    "x86_64": (0xC000003E, X86_64),
    "aarch64": (0xC00000B7, AARCH64),
}
SPECIAL = {"ioctl", "socket", "clone", "clone3", "fcntl", "flock"}

PROFILES = ("default", "scoring", "locks", "ptrace", "none")


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _argument(index: int) -> int:
    """Return the offset of the low half of an argument (both architectures are little-endian)."""
    return 16 + 8 * index


def program(profile: str = "default", machine: str | None = None) -> bytes | None:
    """Return the filter, or None where the profile or the machine has none.

    Args:
        profile: "default"; "scoring" (the same without locks); "locks" (the same as "default",
            also while a patch is scored); "ptrace" (processes may trace their own); or "none".
        machine: As `platform.machine()` says; this one by default.

    Raises:
        ValueError: The profile is not known.
    """
    if profile not in PROFILES:
        raise ValueError(f"unknown seccomp profile {profile!r}; known: {', '.join(PROFILES)}")
    machine = machine or platform.machine()
    if profile == "none" or machine not in ARCHITECTURES:
        return None
    audit, table = ARCHITECTURES[machine]
    refuse = _instruction(RETURN, ERRNO | EPERM)
    unknown = _instruction(RETURN, ERRNO | ENOSYS)
    out = [
        _instruction(LOAD, ARCH),
        _instruction(EQUAL, audit, 1, 0),
        unknown,
        _instruction(LOAD, NR),
    ]
    if machine == "x86_64":  # the x32 numbers
        out += [_instruction(GREATER_EQUAL, 0x40000000, 0, 1), unknown]
    # The C library falls back from clone3, whose flags no filter can see, to clone.
    out += [_instruction(EQUAL, table["clone3"], 0, 1), unknown]
    out += [
        _instruction(EQUAL, table["clone"], 0, 4),
        _instruction(LOAD, _argument(0)),
        _instruction(ANY_BIT, NAMESPACE_FLAGS, 0, 1),
        refuse,
        _instruction(RETURN, ALLOW),
    ]
    out += [_instruction(EQUAL, table["socket"], 0, len(FAMILIES) + 3)]
    out += [_instruction(LOAD, _argument(0))]
    for at, family in enumerate(FAMILIES):
        out.append(_instruction(EQUAL, family, len(FAMILIES) - at, 0))
    out += [_instruction(RETURN, ERRNO | EAFNOSUPPORT), _instruction(RETURN, ALLOW)]
    out += [
        _instruction(EQUAL, table["ioctl"], 0, 5),
        _instruction(LOAD, _argument(1)),
        _instruction(EQUAL, TIOCSTI, 1, 0),
        _instruction(EQUAL, TIOCLINUX, 0, 1),
        refuse,
        _instruction(RETURN, ALLOW),
    ]
    if profile == "scoring":
        unlocked = _instruction(RETURN, ERRNO | ENOLCK)
        out += [_instruction(EQUAL, table["flock"], 0, 1), unlocked]
        out += [_instruction(EQUAL, table["fcntl"], 0, len(LOCKS) + 3)]
        out += [_instruction(LOAD, _argument(1))]
        for at, command in enumerate(LOCKS):
            out.append(_instruction(EQUAL, command, len(LOCKS) - at, 0))
        out += [_instruction(RETURN, ALLOW), unlocked]
    spared = SPECIAL | {"ptrace"} if profile == "ptrace" else SPECIAL
    denied = sorted({n for name, n in {**table, **COMMON}.items() if name not in spared})
    for at, number in enumerate(denied):
        out.append(_instruction(EQUAL, number, len(denied) - at, 0))
    out += [_instruction(RETURN, ALLOW), refuse]
    return b"".join(out)
