"""Runs inside the sandbox: turns what unittest tells of tests into one plain record a test."""

import os
import re
import time
import traceback
import unittest

ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
FIXTURE = re.compile(r"^(setUpClass|tearDownClass|setUpModule|tearDownModule) \((.+)\)$")
RANK = {"passed": 0, "xpassed": 1, "skipped": 2, "xfailed": 3, "failed": 4, "error": 5}
MAX_FRAMES = 15


def plain(text):
    """Return a text without addresses and without what UTF-8 can't say."""
    return ADDRESS.sub("0x…", text).encode("utf-8", "replace").decode("utf-8")


def one_line(text, limit=400):
    """Return the first line of a message, addresses blanked, cut to `limit` characters."""
    line = plain(str(text).strip().split("\n", 1)[0])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def run(suite, places, emit, cover, answers=None):
    """Run a suite; return 0 where all its tests passed, 1 otherwise, 5 where there is none."""
    count = suite.countTestCases()
    result = Result(suite, places, emit, cover, answers)
    suite.run(result)
    missing = result.expected - result.told
    if missing:
        reason = "the session was stopped" if result.shouldStop else "the session ended early"
        emit({"kind": "unfinished", "missing": len(missing), "reason": reason})
    print("Ran %d tests: %s" % (result.testsRun, "OK" if result.wasSuccessful() else "FAILED"))
    if not count:
        return 5
    return 0 if result.wasSuccessful() else 1


def tests_in(suite):
    """Yield all tests of a suite."""
    for test in suite:
        if isinstance(test, unittest.TestCase):
            yield test
        elif isinstance(test, unittest.BaseTestSuite):
            yield from tests_in(test)


class Result(unittest.TestResult):
    """Folds all that is told of a test, its subtests included, into its worst status."""

    def __init__(self, suite, places, emit, cover, answers):
        """`emit` takes a JSON-able dict; `cover` and `answers` may be None."""
        super().__init__()
        self.answers = answers
        self.places = places
        self.emit = emit
        self.cover = cover
        self.record = None
        self.begun = 0.0
        self.left = suite.countTestCases()
        self.by_class, self.by_module = {}, {}
        for test in tests_in(suite):  # a suite forgets its tests while it runs
            kind = type(test)
            ident = places.identify(test)
            name = "%s.%s" % (kind.__module__, kind.__qualname__)
            self.by_class.setdefault(name, []).append(ident)
            self.by_module.setdefault(kind.__module__, []).append(ident)
        self.told = set()
        self.expected = {ident for idents in self.by_class.values() for ident in idents}

    def startTest(self, test):  # noqa: N802
        """Open a test's record."""
        super().startTest(test)
        self.left -= 1
        self.begun = time.perf_counter()
        self.record = self.fresh(self.places.identify(test))
        if self.answers is not None:
            self.answers.begin(self.record["id"])
        if self.cover is not None:
            self.cover.begin(self.record["id"])

    def stopTest(self, test):  # noqa: N802
        """Emit it."""
        super().stopTest(test)
        if self.cover is not None and self.cover.end(self.left <= 0):
            self.shouldStop = True
        if self.record is not None:
            self.record["seconds"] = time.perf_counter() - self.begun
            self.send(self.record)
            self.record = None

    def addError(self, test, err):  # noqa: N802
        """Take an error of a test, or of a fixture that all tests of a class or module share."""
        super().addError(test, err)
        self.take(test, "error", err)

    def addFailure(self, test, err):  # noqa: N802
        """Take a failure."""
        super().addFailure(test, err)
        self.take(test, "failed", err)

    def addSubTest(self, test, subtest, err):  # noqa: N802
        """Take what one subtest did; its values stand in the message."""
        super().addSubTest(test, subtest, err)
        if err is not None and err[0] is not None:
            status = "failed" if issubclass(err[0], test.failureException) else "error"
            self.take(test, status, err, " [%s]" % subtest._subDescription())  # pyright: ignore

    def addSkip(self, test, reason):  # noqa: N802
        """Take a skipped test."""
        super().addSkip(test, reason)
        self.note(test, "skipped", one_line(reason))

    def addExpectedFailure(self, test, err):  # noqa: N802
        """Take a failure that was expected."""
        super().addExpectedFailure(test, err)
        self.note(test, "xfailed", message_of(err))

    def addUnexpectedSuccess(self, test):  # noqa: N802
        """Take a success that was not."""
        super().addUnexpectedSuccess(test)
        self.note(test, "xpassed", "")

    def take(self, test, status, err, more=""):
        """Note an exception."""
        self.note(test, status, message_of(err) + more, self.frames(err), bool(more))

    def note(self, test, status, message, text="", subtest=False):
        """Note a status where it is worse than what was known."""
        fixture = FIXTURE.match(str(test)) if not isinstance(test, unittest.TestCase) else None
        if fixture is not None:
            self.share(fixture.group(1), fixture.group(2), status, message, text)
            return
        test = getattr(test, "test_case", test)
        record = self.record
        if record is None:  # a skipped class tells of tests that it never starts
            record = self.fresh(self.places.identify(test))
        if status == "error" and record["status"] == "failed" and not subtest:
            # An error after a failure comes from tearDown or a cleanup: the failure comes first.
            record["traceback"] += "\nand then, in its teardown:\n" + text[:8000]
        elif RANK[status] > RANK[record["status"]]:
            record.update(status=status, message=message, traceback=text)
        if self.record is None:
            self.send(record)

    def share(self, fixture, name, status, message, text):
        """Note what a shared fixture did: all tests that wait for it did the same."""
        table = self.by_module if fixture.endswith("Module") else self.by_class
        idents = table.get(name, ())
        if fixture.startswith("tearDown"):
            idents = [i for i in idents if i in self.told][-1:]
        else:
            idents = [i for i in idents if i not in self.told]
        for ident in idents:
            record = self.fresh(ident)
            record.update(status=status, message="%s: %s" % (fixture, message), traceback=text)
            self.send(record)

    @staticmethod
    def fresh(ident):
        """Return the record of a test of which nothing is known."""
        return {"kind": "test", "id": ident, "status": "passed", "seconds": 0.0}

    def send(self, record):
        """Emit a record."""
        self.told.add(record["id"])
        self.emit(record)

    def frames(self, err):
        """Return the traceback as short lines `path:line: source`, oldest first."""
        lines = []
        trace = err[2]
        while trace is not None:
            code = trace.tb_frame
            if "__unittest" not in code.f_globals:
                (entry,) = traceback.extract_tb(trace, limit=1)
                path = self.places.relative(os.path.abspath(entry.filename))
                lines.append("%s:%s: %s" % (path, entry.lineno, entry.line or ""))
            trace = trace.tb_next
        if len(lines) > MAX_FRAMES:
            lines = [*lines[:3], "…", *lines[-12:]]
        text = "\n".join(lines)[-8000:] + "\n" + whole_message(err)[:1500]
        return plain((text + further(err[1]))[:16000])


def further(error, depth=4):
    """Return the members of an exception group and the causes of an exception, as lines."""
    lines = ""
    members = getattr(error, "exceptions", None)
    for member in members if isinstance(members, tuple) and depth else ():
        if isinstance(member, BaseException):
            text = whole_message((type(member), member))[:1500]
            lines += "\nmember: " + text + further(member, depth - 1)
    cause = error.__cause__ if error is not None else None
    if cause is None and error is not None and not error.__suppress_context__:
        cause = error.__context__
    if cause is not None and depth:
        text = whole_message((type(cause), cause))[:1500]
        lines += "\ncaused by: " + text + further(cause, depth - 1)
    return lines


def whole_message(err):
    """Return exception type and message."""
    try:
        text = str(err[1])
    except Exception:  # the project's own exceptions may fail at that
        text = "(its message can't be shown)"
    return "%s: %s" % (err[0].__name__, text) if text else err[0].__name__


def message_of(err):
    """Return exception type and message as one line."""
    return one_line(whole_message(err))
