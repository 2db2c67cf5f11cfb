"""Runs inside the sandbox: tests under a supervisor that owns the results.

Start it with `python -s -S grade.py FRAMEWORK`, the folder of the framework's module: without
`site`, the supervisor reads no `.pth` file and imports no `sitecustomize`, so nothing of the
repository runs in it, whatever the environment puts on the import path. It is not dumpable, so
processes of its own user can neither read its memory nor open its descriptors. It forks the
process that runs the tests, gives it a random key, and accepts only records that carry a valid
HMAC with a running number.
It reads the config as one JSON object from standard input and prints the line `ready` before
any project code can run, then one JSON object. How tests are run is the business of the module
`repogym_framework`. The tested process loads it before there is a config, which may come later:
both may be started before the repository is in its place.
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
ROOT = "/testbed"
"""Where the repository is, or will be; plain processes have it elsewhere, and nothing ahead."""


def enabled_site():
    """Do what `site` does at start-up, but for the modules that a repository could bring.

    Return the import path, without our own folder.
    """
    import site

    site.execsitecustomize = site.execusercustomize = lambda: None
    site.main()
    return [p for p in sys.path if p and os.path.abspath(p) != HERE]


def tested(told, pipe):
    """Load the framework, then run the tests that are told by `told`; write records to `pipe`.

    Never returns to the supervisor's code.
    """
    start, there = list(sys.path), is_there(ROOT)
    framework, paths = loaded(sys.argv[1])
    with os.fdopen(told, "rb") as handle:
        key = bytes.fromhex(handle.readline().decode().strip())
        config = json.loads(handle.read().decode())
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

    answers = asking(config["answers"], emit)
    sys.argv = [framework.PROGRAM]
    if os.getcwd() == "/":  # started ahead
        os.chdir(config["root"])
    if there:
        sys.path[:] = paths
    else:  # only now the repository's folders can be found, and come on the path
        sys.path[:] = start
        sys.path[:] = enabled_site()
    emit({"kind": "start"})

    guard = Guard(config["hashes"], emit)
    if config["brief"] or not framework.REWRITES:
        sys.meta_path.insert(0, source_only(config["hashes"]))
    status = framework.grade(config, emit, guard, answers)
    sys.stdout.flush()  # the supervisor ends this process at the next record
    emit({"kind": "end", "status": status})


def is_there(root):
    """Whether the repository is in its place; where the place is another one, it is there."""
    try:
        return bool(os.listdir(root))
    except OSError:
        return True


def loaded(folder):
    """Return the framework's module and the import path.

    What the module imports is there too; of the repository nothing can be imported.
    """
    paths = enabled_site()
    sys.path[:] = [p for p in paths if p != ROOT and not p.startswith(ROOT + "/")]
    sys.path.insert(0, folder)
    import repogym_framework as framework  # pyright: ignore[reportMissingImports]

    framework.load()
    return framework, paths


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


def supervise():
    """Run the tests in a child; return its records and whether anything was forged."""
    reading, writing = os.pipe()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.close(tell)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(2, 1)
        try:
            tested(told, writing)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            sys.stderr.flush()  # it is buffered before CPython 3.9
        finally:
            os._exit(0)
    os.close(writing)
    os.close(told)
    key, config = os.urandom(32), json.load(sys.stdin)
    sys.stdout.write(READY)
    sys.stdout.flush()
    with os.fdopen(tell, "wb") as handle:
        handle.write(key.hex().encode() + b"\n" + json.dumps(config).encode())
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
    result = supervise()
    sys.stdout.write(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)
