"""Runs inside the sandbox: turns pytest's hooks into one plain record a test.

Standard library and pytest only; imported by `repogym_framework`.
"""

import gc
import os
import re

ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
RANK = {"passed": 0, "xpassed": 1, "skipped": 2, "xfailed": 3, "failed": 4, "error": 5}
REFUSED = {2: "an interrupt", 3: "an internal error", 4: "a usage error"}
"""What pytest's exit statuses say of a run that collected nothing."""

MAX_FRAMES = 16000
"""Characters of a traceback that are kept, with all causes."""

MAX_NATIVE = 8000
"""Characters that are kept of one exception's frames, the last ones."""

MAX_CAUSES = 4
"""Causes that are shown, the nearest ones."""


def plain(text):
    """Return a text without addresses and without what UTF-8 can't say."""
    return ADDRESS.sub("0x…", text).encode("utf-8", "replace").decode("utf-8")


def one_line(text, limit=400):
    """Return the first line of a message, addresses blanked, cut to `limit` characters."""
    line = plain(str(text).strip().split("\n", 1)[0])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def frames(longrepr, rootdir):
    """Return the traceback as short lines `path:line in function: source`, oldest first.

    Members of an exception group follow as Python prints them, causes after "caused by".
    """
    traceback = getattr(longrepr, "reprtraceback", None)
    if not getattr(traceback, "reprentries", None):
        return plain(str(longrepr))[-1500:]
    body = one_traceback(traceback, getattr(longrepr, "reprcrash", None))
    for cause in reversed(list(getattr(longrepr, "chain", ()))[:-1][-MAX_CAUSES:]):
        body += "\ncaused by:\n" + one_traceback(cause[0], cause[1], 5)
    return plain(body[:MAX_FRAMES])


def one_traceback(traceback, crash, shown=15):
    """Return the lines of one exception's traceback, and its message."""
    lines, native = [], []
    for entry in traceback.reprentries:
        place = getattr(entry, "reprfileloc", None)
        if place is None:
            # Python's own form; pytest takes it for exception groups.
            native += [x.rstrip("\n") for x in getattr(entry, "lines", ())]
            continue
        source = [x[1:].strip() for x in getattr(entry, "lines", ()) if x.startswith(">")]
        text = source[-1] if source else ""
        lines.append("%s:%s: %s" % (str(place.path), place.lineno, text))
    message = str(crash.message) if crash is not None else ""
    if len(lines) > shown:
        lines = lines[:3] + ["…"] + lines[3 - shown :]
    native = "\n".join(native)[-MAX_NATIVE:]
    return "\n".join(filter(None, ["\n".join(lines)[-MAX_NATIVE:], native, message[:1500]]))


COLLECTING = (50000, 20, 100)
"""Garbage collection's thresholds while tests are collected: rewriting the assertions of a large
test file makes hundreds of thousands of objects, and looking through all of them again and again
took a third of the time of a whole run."""


def cpu_seconds():
    """CPU seconds of this process and of its ended children, which do not grow with the load."""
    return sum(os.times()[:4])


class Recorder:
    """Collects one record a test and passes it to `emit` when the test is over."""

    def __init__(self, emit):
        """`emit` takes a JSON-able dict."""
        self.emit = emit
        self.open = {}
        self.collected = None
        self.told = set()
        self.reason = ""
        self.begun = 0.0
        self.thresholds = gc.get_threshold()

    def pytest_load_initial_conftests(self):
        """Look for garbage less often until the tests begin."""
        self.thresholds = gc.get_threshold()
        gc.set_threshold(*COLLECTING)

    def pytest_collection_finish(self, session):
        """Look for it as usual; from here on it is known which tests there are."""
        gc.set_threshold(*self.thresholds)
        self.collected = {item.nodeid for item in session.items}

    def pytest_keyboard_interrupt(self, excinfo):
        """Remember what ended the session: an interrupt, or `pytest.exit`."""
        text = one_line(excinfo.exconly())
        at = next(iter(self.open), "")
        self.reason = "%s ended the session%s" % (text, " in " + at if at else "")

    def pytest_sessionfinish(self, session):
        """Remember why the session itself was to stop."""
        why = getattr(session, "shouldstop", "") or getattr(session, "shouldfail", "")
        if why and not self.reason:
            self.reason = "the session was stopped (%s)" % one_line(why)

    def close(self, status):
        """Tell of the tests that were collected and have no result.

        Args:
            status: pytest's exit status.
        """
        missing = len((self.collected or set()) - self.told)
        reason = self.reason
        if not self.collected and not reason and status in REFUSED:
            reason = "pytest ended by %s before any test ran" % REFUSED[status]
        if missing or (not self.collected and reason):
            reason = reason or "the session ended early"
            reason += " (exit status %d)" % status
            self.emit({"kind": "unfinished", "missing": missing, "reason": reason})

    def pytest_runtest_logstart(self):
        """Note the time at which a test begins."""
        self.begun = cpu_seconds()

    def pytest_runtest_logreport(self, report):
        """Fold the three phases (and subtests) of a test into its worst status."""
        record = self.open.setdefault(
            report.nodeid,
            {"kind": "test", "id": report.nodeid, "status": "passed", "seconds": 0.0},
        )
        record["seconds"] += report.duration
        status = "passed"
        if report.failed:
            status = "failed" if report.when == "call" else "error"
        elif report.skipped:
            status = "xfailed" if hasattr(report, "wasxfail") else "skipped"
        elif hasattr(report, "wasxfail"):
            status = "xpassed"
        if report.failed and report.when == "teardown" and record["status"] in ("failed", "error"):
            # What the test itself did comes first.
            text = frames(report.longrepr, None)
            record["traceback"] += "\nand then, in its teardown:\n" + text[:MAX_NATIVE]
        elif RANK[status] > RANK[record["status"]]:
            record["status"] = status
            if report.failed:
                crash = getattr(report.longrepr, "reprcrash", None)
                text = crash.message if crash is not None else report.longrepr
                record["message"] = one_line(text)
                record["traceback"] = frames(report.longrepr, None)
            elif report.skipped:
                reason = getattr(report, "wasxfail", "") or report.longrepr
                record["message"] = one_line(reason[2] if isinstance(reason, tuple) else reason)

    def pytest_runtest_logfinish(self, nodeid):
        """Emit the test's record."""
        record = self.open.pop(nodeid, None)
        if record is not None:
            self.told.add(nodeid)
            record["cpu_seconds"] = round(max(0.0, cpu_seconds() - self.begun), 3)
            self.emit(record)

    def pytest_collectreport(self, report):
        """Emit an error that kept a file from being collected."""
        if report.failed:
            text = str(report.longrepr)
            self.emit(
                {
                    "kind": "collect",
                    "id": report.nodeid,
                    "message": plain(text)[-2500:],
                }
            )
