"""Runs inside the sandbox: a process that has a test framework loaded and forks for each run.

Usage: python warm.py FRAMEWORK, the folder that holds the framework's module. It imports nothing
of the repository, so that an edit is always seen; what the framework makes of a test file is
kept by the file's content. Each line of standard input is a JSON object as `develop.py` takes
it, with `timeout` and `output` (a file for what the run prints); the answer is one line
`{"exit": status or null, "limit": "time" or null}`.
After each run everything that it started is killed.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
import tempfile
import time

import develop

del sys.modules["develop"]  # a repository may have a module of that name

PR_SET_CHILD_SUBREAPER = 36


def play(request):
    """Run tests in a child; return its exit status, or None where the time ran out."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.setsid()
            out = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            code = develop.run(request, quick=True)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    done = ended(child, request["timeout"])
    status = os.waitpid(child, 0)[1] if done else None
    sweep()
    if status is None:
        return None
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def ended(child, timeout_s):
    """Wait until a child has ended and return whether it did in time; it is not reaped."""
    if not hasattr(os, "pidfd_open"):  # before CPython 3.9
        return ended_before_39(child, timeout_s)
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], timeout_s)[0])
    finally:
        os.close(handle)


def ended_before_39(child, timeout_s):
    """Do what `ended` does by looking again and again."""
    deadline = time.monotonic() + timeout_s
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def sweep():
    """Kill and reap every process below this one: orphans come here, it is their reaper."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        mine = children(os.getpid())
        for pid in mine:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def children(parent):
    """Return the processes whose parent is `parent`."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/" + name + "/stat", "rb") as handle:
                    facts = handle.read()
            except OSError:
                continue
            if int(facts.rpartition(b")")[2].split()[1]) == parent:
                found.append(int(name))
    return found


def main():
    """Answer requests until standard input ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.path.insert(0, sys.argv[1])
    import repogym_framework  # pyright: ignore[reportMissingImports]

    repogym_framework.preload(tempfile.mkdtemp(prefix=".rewritten-", dir="/tmp"))
    sys.path.remove(sys.argv[1])
    gc.collect()
    gc.freeze()  # no run need look at what was loaded before it
    for line in sys.stdin:
        request = json.loads(line)
        status = play(request)
        answer = {"exit": status, "limit": "time" if status is None else None}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
