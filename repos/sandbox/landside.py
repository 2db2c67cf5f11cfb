# Runs inside: standard library, CPython >= 3.6.
# ruff: noqa: UP031
"""Confining a process by Landlock for good; runs inside, before the exec server starts.

System call numbers, rights and structures are those of the kernel's `uapi/linux/landlock.h`; the
three calls have the same numbers on every architecture.
"""

import ctypes
import os
import resource
import stat

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
GET_VERSION = 1
PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38
O_PATH = 0o10000000
CAPABILITY_VERSION = 0x20080522

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Version to how many rights it knows; later ones have the last number."""
TCP = 0b11
SCOPES = 0b11
LEAST_VERSION = 3
"""Earlier ones can't forbid to truncate files outside."""


class _Ruleset(ctypes.Structure):
    _fields_ = [
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def _call(number, *args):
    library = ctypes.CDLL(None, use_errno=True)
    result = library.syscall(ctypes.c_long(number), *args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def version():
    """Return the version of Landlock that the kernel offers; 0 where it offers none."""
    try:
        return _call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(GET_VERSION))
    except OSError:
        return 0


def apply(rules):
    """Confine this process and all that it starts.

    Args:
        rules: `read` and `write` (paths with all below them), `list` (folders that may be
            listed), `rlimits` (name to value).

    Raises:
        OSError: The kernel refused.
    """
    found = version()
    if found < LEAST_VERSION:
        raise OSError(95, "Landlock version %d is too old or switched off" % found)
    every = (1 << RIGHTS.get(found, 16)) - 1
    ruleset = _Ruleset(every, TCP if found >= 4 else 0, SCOPES if found >= 6 else 0)
    size = 8 if found < 4 else 16 if found < 6 else 24
    fd = _call(CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in rules["read"]:
            _allow(fd, path, (EXECUTE | READ_FILE | READ_DIR) & every)
        for path in rules["write"]:
            _allow(fd, path, every)
        for path in rules["list"]:
            _allow(fd, path, READ_DIR)
        _set_limits(rules["rlimits"])
        _drop_capabilities()
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        _call(RESTRICT_SELF, ctypes.c_int(fd), ctypes.c_uint32(0))
    finally:
        os.close(fd)


def _allow(ruleset, path, rights):
    try:
        fd = os.open(path, O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        rule = _Beneath(rights, fd)
        _call(
            ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(fd)


def _set_limits(limits):
    for name, value in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))


def _drop_capabilities():
    """Give up all capabilities, root's too; the user id stays, for files only it may read."""
    library = ctypes.CDLL(None, use_errno=True)
    number = 0
    while library.prctl(24, number, 0, 0, 0) == 0:  # PR_CAPBSET_DROP
        number += 1
    # No program that is started gets them back because it is root's (SECBIT_NOROOT, locked).
    library.prctl(28, 0b11, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    if library.capset(ctypes.byref(header), ctypes.byref(none)) != 0:
        raise OSError(ctypes.get_errno(), "dropping the capabilities was refused")
