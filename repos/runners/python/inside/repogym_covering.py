"""Runs inside the sandbox: which lines each test runs.

The coverage package of RepoGym's own installation counts them. An interpreter that is too old
for it gets a plain tracer, which is slower.
"""

import os
import sys
import threading
import time

BEGUN = time.monotonic()


class Cover:
    """Records lines by test, and says when there is only time left to tell of them."""

    def __init__(self, folder, tests_s):
        """`folder` holds the coverage package; after `tests_s` seconds no test should begin."""
        self.root = os.getcwd()
        self.tests_s = tests_s
        self.stopped = False
        sys.path.append(folder)
        try:
            import coverage
        except (ImportError, SyntaxError):
            self.cover = Tracer(self.root)
        else:
            self.cover = coverage.Coverage(
                data_file=None, source=[self.root], config_file=False, messages=False
            )

    def start(self):
        """Record from here on; what runs outside of a test belongs to the test ""."""
        self.cover.start()

    def begin(self, test):
        """Say which test runs."""
        self.cover.switch_context(test)

    def end(self, last):
        """Say that the test is over; return whether the run should stop here."""
        self.cover.switch_context("")
        if not last and time.monotonic() - BEGUN > self.tests_s:
            self.stopped = True
        return self.stopped

    def records(self):
        """Stop; yield one record for each file and test."""
        self.cover.stop()
        data = self.cover.get_data()
        root = self.root + os.sep
        for path in sorted(data.measured_files()):
            tests = {}
            for line, contexts in data.contexts_by_lineno(path).items():
                for context in contexts:
                    tests.setdefault(context, []).append(line)
            name = path[len(root) :] if path.startswith(root) else path
            for test in sorted(tests):
                lines = sorted(tests[test])
                yield {"kind": "coverage", "id": test, "file": name, "lines": lines}


class Tracer:
    """The part of coverage's interface that is used above, by `sys.settrace` alone."""

    def __init__(self, root):
        """Only files below `root` are traced."""
        self.inside = root + os.sep
        self.context = ""
        self.files = {}

    def start(self):
        """Begin to trace."""
        threading.settrace(self.trace)
        sys.settrace(self.trace)

    def stop(self):
        """Trace no longer."""
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def switch_context(self, name):
        """Count lines for another test from here on."""
        self.context = name

    def get_data(self):
        """Return what was recorded."""
        return self

    def trace(self, frame, event, _):
        """Trace the files of the repository, line by line."""
        name = frame.f_code.co_filename
        if not name.startswith(self.inside):
            return None
        lines = self.files.setdefault(name, {})

        def local(frame, event, _):
            if event == "line":
                lines.setdefault(frame.f_lineno, set()).add(self.context)
            return local

        return local

    def measured_files(self):
        """Return the files of which a line ran."""
        return list(self.files)

    def contexts_by_lineno(self, path):
        """Return the tests that ran each line of a file."""
        return self.files[path]
