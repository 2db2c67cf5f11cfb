"""What the server gives up, or asks of the kernel, before anything else runs."""

import _signal  # pyright: ignore[reportMissingImports]
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


def _prctl() -> "Callable[..., int]":
    """Return the C library's prctl; `ctypes` itself would cost 3 ms of start-up."""
    try:
        import _ctypes

        program = _ctypes.dlopen(None, 2)  # pyright: ignore[reportArgumentType]
        address = _ctypes.dlsym(program, "prctl")
        call = _ctypes.call_cdeclfunction
        return lambda *args: call(address, args)
    except (ImportError, AttributeError, OSError):
        import ctypes

        library = ctypes.CDLL(None)
        return lambda *args: library.prctl(*args)


def lock_down(uid: "Optional[int]", gid: int) -> None:
    """Give up all rights for good; afterwards nobody inside can look into this process.

    Args:
        uid: User to become where started as root, else None.
        gid: Group to become.
    """
    prctl = _prctl()
    if uid is not None:
        capability = 0
        while prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
            capability += 1
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no_new_privs was refused")
    if prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("PR_SET_DUMPABLE was refused")
    # Changing the user cleared it.
    prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def adopt_orphans() -> None:
    """Have orphans of ours come to us, and outlive the parent, so as to end them."""
    prctl = _prctl()
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)


def ignore_interrupts() -> None:
    """Let the kernel drop signals that come from inside, as it does for a PID 1 without handlers.

    Python handles SIGINT from its start: any program inside could end the sandbox with it.
    """
    if os.getpid() == 1:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def cap_processes(most: int) -> None:
    """Stop a fork bomb before the watch sees it, where no control group counts processes.

    The kernel counts for each user namespace (Linux 5.14), so other sandboxes of the same
    user do not count. The cap is above the bound, which the watch holds and names.
    """
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def open_oom_score() -> "Optional[int]":
    """Open what says who goes first when memory runs out; None where the kernel lacks it."""
    try:
        return os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return None


def install_filter(program: bytes) -> None:
    """Install a system-call filter for good; `no_new_privs` is set before.

    Raises:
        OSError: The kernel refused it.
    """
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    value = Program(len(program) // 8, program)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(value), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number or errno.EPERM, "the seccomp filter was refused")
