"""Runs inside the sandbox: tests under a supervisor that owns the results.

Start it with `python -s -S grade.py`: without `site`, the supervisor reads no `.pth` file
and imports no `sitecustomize`, so nothing of the repository runs in it, whatever the
environment puts on the import path. It is not dumpable, so processes of its own user can
neither read its memory nor open its descriptors. It forks the process that runs the tests, gives
it a random key, and accepts only records that carry a valid HMAC with a running number.
It reads the config as one JSON object from standard input and prints the line `ready` before
any project code can run, then one JSON object. How tests are run is the business of the
module `repogym_framework` in the folder that the config names.
The code under test shares the tested process: see docs/threat-model.md for what that means.
"""

import sys

HERE = __file__.rpartition("/")[0]
# Python puts the folder of a program first on the import path; nothing is imported from it.
sys.path[:] = [p for p in sys.path if p not in ("", HERE)]

import ctypes  # noqa: E402
import hashlib  # noqa: E402
import hmac  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402

PR_SET_DUMPABLE = 4
READY = "ready\n"


def enable_site():
    """Do what `site` does at start-up, but for the modules that a repository could bring."""
    import site

    site.execsitecustomize = site.execusercustomize = lambda: None
    site.main()


def tested(config, key, pipe):
    """Run the tests; write signed records to `pipe`. Never returns to the supervisor's code."""
    sign = hmac.new(key, digestmod=hashlib.sha256)
    del key
    dumps, write, copy = json.dumps, os.write, sign.copy
    count = [0]

    def emit(record):
        body = dumps([count[0], record]).encode()
        count[0] += 1
        mac = copy()
        mac.update(body)
        line = mac.hexdigest().encode() + b" " + body + b"\n"
        while line:
            line = line[write(pipe, line) :]

    enable_site()
    paths = [p for p in sys.path if p and os.path.abspath(p) != HERE]
    # Until the harness's own imports are done, nothing of the repository can be imported.
    root = config["root"]
    sys.path[:] = [p for p in paths if p != root and not p.startswith(root + "/")]
    sys.path.insert(0, config["framework"])
    import repogym_framework as framework  # pyright: ignore[reportMissingImports]

    sys.argv = [framework.PROGRAM]
    framework.load()
    answers = asking(config["answers"], emit)
    sys.path[:] = paths
    emit({"kind": "start"})

    guard = Guard(config["hashes"], emit)
    if config["brief"] or not framework.REWRITES:
        sys.meta_path.insert(0, source_only(config["hashes"]))
    status = framework.grade(config, emit, guard, answers)
    sys.stdout.flush()  # the supervisor ends this process at the next record
    emit({"kind": "end", "status": status})


def asking(module, emit):
    """Return what takes the answers of rewritten tests, under the name that they import."""
    if not module:
        return None
    sys.path.insert(0, HERE)
    import repogym_answers

    answers = repogym_answers.Answers(emit)
    sys.modules[module] = answers  # pyright: ignore[reportArgumentType]
    return answers


class Guard:
    """Checks that each protected test file is the one the scorer laid there."""

    def __init__(self, hashes, emit):
        """`hashes` holds SHA-256 by path; a file that differs is told to `emit`."""
        self.hashes = dict(hashes)
        self.emit = emit
        self.open, self.digest = open, hashlib.sha256

    def check(self, path):
        """Tell of the file if it is protected and is another one."""
        wanted = self.hashes.get(path)
        if wanted is None:
            return
        try:
            with self.open(path, "rb") as handle:
                intact = self.digest(handle.read()).hexdigest() == wanted
        except OSError:
            intact = False
        if not intact:
            self.emit({"kind": "tampered", "id": path})

    def check_all(self):
        """Tell of each protected file that is another one."""
        for path in self.hashes:
            self.check(path)


def source_only(paths):
    """Return an importer that compiles these files from what they say, whatever byte code lies by.

    A framework that rewrites test files keeps byte code of its own kind apart.
    """
    from importlib.machinery import PathFinder, SourceFileLoader

    class FromSource(SourceFileLoader):
        def get_code(self, fullname):
            return self.source_to_code(self.get_data(self.path), self.path)

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.origin is not None and spec.origin in paths:
                spec.loader, spec.cached = FromSource(spec.name, spec.origin), None
                return spec
            return None

    return Finder


def supervise(config):
    """Run the tests in a child; return its records and whether anything was forged."""
    key = os.urandom(32)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(2, 1)
        try:
            tested(config, key, writing)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(0)
    os.close(writing)
    # Signals of the tested process do not reach the supervisor, but for KILL and STOP.
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD) and not 32 <= number < 34:
            signal.signal(number, signal.SIG_IGN)
    records, forged, expected, left = [], 0, 0, config["max_bytes"]
    with os.fdopen(reading, "rb") as lines:
        while left > 0:
            line = lines.readline(left + 1)
            if not line:
                break
            left -= len(line)
            mac, _, body = line.rstrip(b"\n").partition(b" ")
            wanted = hmac.new(key, body, hashlib.sha256).hexdigest().encode()
            if not hmac.compare_digest(mac, wanted):
                forged += 1
                continue
            try:
                number, record = json.loads(body.decode())
                kind = record["kind"]
            except (ValueError, TypeError, LookupError, RecursionError):
                forged += 1
                continue
            if number != expected:
                forged += 1
                continue
            expected += 1
            records.append(record)
            if kind == "end":
                break
    os.kill(child, 9)
    os.waitpid(child, 0)
    return {"records": records, "forged": forged, "overflow": left <= 0}


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    task = json.load(sys.stdin)
    sys.stdout.write(READY)
    sys.stdout.flush()
    result = supervise(task)
    sys.stdout.write(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)
