"""Runs inside the sandbox: how `develop.py`, `warm.py` and `grade.py` run Django's own tests.

The repository's `tests/runtests.py` finds and runs the tests; results are taken from unittest
by a result class of ours. For CPython 3.6 and later.
"""

import os
import re
import runpy
import sys
import time
import unittest

PROGRAM = "tests/runtests.py"
REWRITES = False
OPTIONS = ("--verbosity", "2", "--settings=test_sqlite", "--parallel", "1")
NAMED = re.compile(r"(\w+) \(([\w.]+)\)$")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
RANK = {"passed": 0, "xpassed": 1, "skipped": 2, "xfailed": 3, "failed": 4, "error": 5}


def load():
    """All that is needed is imported with this module."""


def preload(folder):
    """Keep nothing between runs."""


def develop(config, emit, cover, quick):
    """Run tests as a developer would; return 0 where all passed."""
    return run(config["root"], config["ids"], emit, cover, developer=True)


def grade(config, emit, guard, answers):
    """Run whole test files for the scorer; return 0 where all passed. Nothing is asked."""
    guard.check_all()
    return run(config["root"], config["files"], emit, None, developer=False)


def label(name):
    """Return how `runtests.py` calls a file, a dotted name or `test_x (module.Class)`."""
    found = NAMED.match(name)
    if found:
        test, place = found.groups()
        return place if place.endswith("." + test) else "%s.%s" % (place, test)
    if name.endswith(".py"):
        name = name[:-3]
    if name.startswith("tests/"):
        name = name[len("tests/") :]
    return name.rstrip("/").replace("/", ".")


def run(root, names, emit, cover, developer):
    """Run `runtests.py` with a result class that tells each test."""
    kind = result_class(emit, cover, developer)
    unittest.TextTestRunner.resultclass = kind  # pyright: ignore
    program = os.path.join(root, PROGRAM)
    sys.argv = [program, *OPTIONS, *[label(name) for name in names]]
    sys.path.insert(0, os.path.dirname(program))
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        return 0 if end.code in (None, 0, False) else 1
    return 0


def result_class(emit, cover, developer):
    """Return a result class that passes one record a test to `emit`."""

    class Recording(unittest.TextTestResult):
        record = None
        begun = 0.0

        def startTest(self, test):  # noqa: N802
            super().startTest(test)
            self.begun = time.perf_counter()
            # The benchmark reads the last line: the docstring's first one where there is one.
            lines = self.getDescription(test).split("\n")
            name = lines[0] if developer else lines[-1].strip()
            self.record = {"kind": "test", "id": name, "status": "passed", "seconds": 0.0}
            if cover is not None:
                cover.begin(name)

        def stopTest(self, test):  # noqa: N802
            super().stopTest(test)
            if cover is not None and cover.end(False):
                self.shouldStop = True
            if self.record is not None:
                self.record["seconds"] = time.perf_counter() - self.begun
                emit(self.record)
                self.record = None

        def note(self, status, err=None, reason=""):
            record = self.record
            if record is None or RANK[status] <= RANK[record["status"]]:
                return
            record["status"] = status
            if err is not None and err[0] is not None:
                reason = "%s: %s" % (err[0].__name__, err[1])
                if status != "xfailed":
                    record["traceback"] = traceback_of(err)
            record["message"] = ADDRESS.sub("0x…", str(reason).strip().split("\n", 1)[0])[:400]

        def addError(self, test, err):  # noqa: N802
            super().addError(test, err)
            self.note("error", err)

        def addFailure(self, test, err):  # noqa: N802
            super().addFailure(test, err)
            self.note("failed", err)

        def addSubTest(self, test, subtest, err):  # noqa: N802
            super().addSubTest(test, subtest, err)
            if err is not None and err[0] is not None:
                failed = issubclass(err[0], test.failureException)
                self.note("failed" if failed else "error", err)

        def addSkip(self, test, reason):  # noqa: N802
            super().addSkip(test, reason)
            self.note("skipped", reason=reason)

        def addExpectedFailure(self, test, err):  # noqa: N802
            super().addExpectedFailure(test, err)
            self.note("xfailed", err)

        def addUnexpectedSuccess(self, test):  # noqa: N802
            super().addUnexpectedSuccess(test)
            self.note("xpassed")

    return Recording


def traceback_of(err):
    """Return the frames of an exception as short lines `path:line: source`, oldest first."""
    import traceback

    frames = traceback.extract_tb(err[2])[-12:]
    lines = ["%s:%s: %s" % (f.filename, f.lineno, f.line or "") for f in frames]
    return ADDRESS.sub("0x…", "\n".join(lines))
