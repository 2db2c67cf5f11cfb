"""Runs inside the sandbox: pytest as a developer would run it, with a record of each test.

Usage: python develop.py CONFIG.json; the config names the file for the records, pytest's
arguments and, where coverage is asked for, the folder that holds the coverage package and the
seconds after which no further test begins: what was recorded until then is worth having.
"""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


BEGUN = time.monotonic()


def main():
    """Read the config that the command line names, and run."""
    with open(sys.argv[1], encoding="utf-8") as handle:
        config = json.load(handle)
    os.remove(sys.argv[1])
    return run(config)


def place(test, ids):
    """Return the number of the first test id, file or folder that holds a test."""
    for number, one in enumerate(ids):
        if test == one or test.startswith((one.rstrip("/") + "/", one + "::", one + "[")):
            return number
    return len(ids)


def run(config, plugins=()):
    """Run pytest with some plugins and append JSON lines to the records file."""
    sys.path[:] = [p for p in sys.path if p and os.path.abspath(p) != HERE]
    sys.path.append(HERE)
    cover = None
    if config["coverage"]:
        sys.path.append(config["coverage"])
        import coverage

        cover = coverage.Coverage(
            data_file=None,
            source=[os.getcwd()],
            config_file=False,
            messages=False,
        )
    import pytest
    import recorder

    out = open(config["records"], "a", encoding="utf-8")  # noqa: SIM115

    def emit(record):
        out.write(json.dumps(record) + "\n")
        out.flush()

    class Contexts:
        """Tells coverage which test runs; ends the run while there is time to tell."""

        def __init__(self, cover):
            """`cover` is a started Coverage."""
            self.cover = cover
            self.stopped = False

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item, nextitem):
            self.cover.switch_context(item.nodeid)
            try:
                return (yield)
            finally:
                self.cover.switch_context("")
                if nextitem is not None and time.monotonic() - BEGUN > config["tests_s"]:
                    self.stopped = True
                    item.session.shouldstop = "no time is left"

    class Order:
        """Runs tests in the order in which they are named, where a folder is named behind."""

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(self, items):
            items.sort(key=lambda item: place(item.nodeid, config["ids"]))

    plugins = [recorder.Recorder(emit), Order(), *plugins]
    clock = None
    if cover is not None:
        clock = Contexts(cover)
        plugins.append(clock)
        cover.start()
    status = int(pytest.main(config["args"], plugins=plugins))
    if cover is not None:
        cover.stop()
        data = cover.get_data()
        root = os.getcwd() + os.sep
        for path in sorted(data.measured_files()):
            by_line = data.contexts_by_lineno(path)
            tests = {}
            for line, contexts in by_line.items():
                for context in contexts:
                    tests.setdefault(context, []).append(line)
            name = path[len(root) :] if path.startswith(root) else path
            for test in sorted(tests):
                lines = sorted(tests[test])
                emit({"kind": "coverage", "id": test, "file": name, "lines": lines})
    stopped = clock is not None and clock.stopped
    emit({"kind": "stopped" if stopped else "end", "status": status})
    out.close()
    return status


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
