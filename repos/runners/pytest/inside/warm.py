"""Runs inside the sandbox: a process that has pytest loaded and forks for each test run.

It imports nothing of the repository, so that an edit is always seen; what pytest makes of a
test file is kept by the file's content. Each line of standard
input is a JSON object as `develop.py` takes it, with `timeout` and `output` (a file for what
the run prints); the answer is one line `{"exit": status or null, "limit": "time" or null}`.
After each run everything that it started is killed.
"""

import ctypes
import gc
import hashlib
import importlib
import json
import marshal
import os
import select
import signal
import sys
import tempfile
import time

import develop

PR_SET_CHILD_SUBREAPER = 36


def preload():
    """Import pytest and its own plugins; third-party plugins load in each run as ever."""
    import pytest  # noqa: F401
    import recorder  # noqa: F401
    from _pytest import config

    for name in config.default_plugins:
        importlib.import_module("_pytest." + name)


def remember_rewrites(folder):
    """Let all runs share the rewritten code of test files and of plugins' modules.

    Sandboxes write no byte code, so pytest would parse and rewrite each of them in every run:
    with a plugin such as hypothesis, most of a short run's time.
    """
    from _pytest.assertion import rewrite

    plain = getattr(rewrite, "_rewrite_test", None)
    if plain is None:  # private to pytest; without it runs are slower, no more
        return

    def remembered(path, *rest):
        with open(path, "rb") as handle:
            source = handle.read()
        name = os.fsencode(path) + b"\0"
        kept = os.path.join(folder, hashlib.sha256(name + source).hexdigest())
        try:
            with open(kept, "rb") as handle:
                return os.stat(path), marshal.loads(handle.read())
        except (OSError, ValueError, EOFError, TypeError):
            facts, code = plain(path, *rest)
        part = f"{kept}.{os.getpid()}"
        try:
            with open(part, "wb") as handle:
                handle.write(marshal.dumps(code))
            os.replace(part, kept)
        except OSError:  # no room left: the next run does the work again
            pass
        return facts, code

    rewrite._rewrite_test = remembered


class Ending:
    """Spares a short run pytest's five searches for garbage at its end."""

    def pytest_sessionfinish(self):
        """Leave what there is alone: the process ends."""
        gc.freeze()


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
            code = develop.run(request, [Ending()])
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    handle = os.pidfd_open(child)
    try:
        done, _, _ = select.select([handle], [], [], request["timeout"])
    finally:
        os.close(handle)
    status = os.waitpid(child, 0)[1] if done else None
    sweep()
    return None if status is None else os.waitstatus_to_exitcode(status)


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
    preload()
    remember_rewrites(tempfile.mkdtemp(prefix=".rewritten-", dir="/tmp"))
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
