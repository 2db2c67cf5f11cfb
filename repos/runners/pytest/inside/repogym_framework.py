"""Runs inside the sandbox: how `develop.py`, `warm.py` and `grade.py` run pytest.

For pytest 3.10 and later: hooks are written so that the pluggy of that time takes them.
"""

import gc
import hashlib
import importlib
import importlib.util
import inspect
import json
import marshal
import os

PROGRAM = "pytest"
REWRITES = True
"""pytest keeps what it makes of test files apart, but for `--assert=plain`."""


def load():
    """Import pytest and its own plugins before anything of the repository can be imported.

    Where pytest itself is under test, the repository's is the only one: it is imported later.
    """
    import repogym_recorder  # noqa: F401

    if importlib.util.find_spec("pytest") is None:
        return
    for module in ("pytest", "_pytest.assertion.rewrite", "_pytest.python", "_pytest.unittest"):
        importlib.import_module(module)
    from _pytest import config

    for name in config.default_plugins:
        importlib.import_module("_pytest." + name)


def preload(folder):
    """Import pytest; third-party plugins load in each run as ever.

    All runs share the rewritten code of test files and of plugins' modules, in `folder`:
    sandboxes write no byte code, so pytest would parse and rewrite each of them in every run.
    With a plugin such as hypothesis that is most of a short run's time.
    """
    load()
    remember_rewrites(folder)


def remember_rewrites(folder):
    """Keep what pytest makes of a file by the file's content."""
    from _pytest.assertion import rewrite

    plain = getattr(rewrite, "_rewrite_test", None)
    # Private to pytest, and another one before pytest 6; without it runs are slower, no more.
    if plain is None or list(inspect.signature(plain).parameters)[:1] != ["fn"]:
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
        part = "%s.%d" % (kept, os.getpid())
        try:
            with open(part, "wb") as handle:
                handle.write(marshal.dumps(code))
            os.replace(part, kept)
        except OSError:  # no room left: the next run does the work again
            pass
        return facts, code

    rewrite._rewrite_test = remembered


def arguments(config):
    """Return what every run gives pytest: the harness's own configuration and no cache."""
    ini = os.path.join(config["settings"], "pytest.ini")
    args = ["-q", "-p", "no:cacheprovider", "--rootdir", config["root"], "-c", ini]
    return [*args, "--continue-on-collection-errors"]


def develop(config, emit, cover, quick):
    """Run pytest as a developer would; return its exit status."""
    import pytest
    import repogym_recorder as recorder

    recording = recorder.Recorder(emit)
    plugins = [recording, Order(config["ids"]), *bracketed(config["ids"])]
    if quick:
        plugins.append(Ending())
    if cover is not None:

        class Contexts:
            """Tells coverage which test runs; ends the run while there is time to tell."""

            @pytest.hookimpl(hookwrapper=True, tryfirst=True)
            def pytest_runtest_protocol(self, item, nextitem):
                cover.begin(item.nodeid)
                yield
                if cover.end(nextitem is None):
                    item.session.shouldstop = "no time is left"

        plugins.append(Contexts())
    status = int(pytest.main([*arguments(config), *targets(config["ids"])], plugins=plugins))
    recording.close(status)
    return status


def grade(config, emit, guard, answers):
    """Run whole test files for the scorer; return pytest's exit status.

    `answers` is told which test runs; it is None where the tests are the genuine ones.
    """
    import pytest
    import repogym_recorder as recorder
    from _pytest import hookspec

    args = [*arguments(config), "--tb=line" if config["brief"] else "--tb=short"]
    if config["brief"]:
        args.append("--assert=plain")
    with open(os.path.join(config["settings"], "plugins.json"), encoding="utf-8") as handle:
        for plugin in json.load(handle):
            args += ["-p", plugin]

    class Guarding:
        """Checks the protected test files before each is imported, and when all are."""

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_collection_finish(self):
            guard.check_all()
            yield

    class GuardingPath(Guarding):
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_pycollect_makemodule(self, path):
            guard.check(str(path))
            yield

    class GuardingModulePath(Guarding):
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_pycollect_makemodule(self, module_path):
            guard.check(str(module_path))
            yield

    known = inspect.signature(hookspec.pytest_pycollect_makemodule).parameters
    guarding = GuardingModulePath if "module_path" in known else GuardingPath
    plugins = [recorder.Recorder(emit), guarding(), Ending(), *bracketed(config["files"])]
    if answers is not None:

        class Asking:
            """Numbers the rows of each test function in the order in which they stand."""

            @pytest.hookimpl(tryfirst=True)
            def pytest_collection_modifyitems(self, items):
                self.rows, seen = {}, {}
                for item in items:
                    name = item.nodeid.partition("[")[0]
                    self.rows[item.nodeid] = seen.get(name, 0)
                    seen[name] = self.rows[item.nodeid] + 1

            @pytest.hookimpl(tryfirst=True)
            def pytest_runtest_setup(self, item):
                answers.begin(item.nodeid, self.rows.get(item.nodeid, 0))

        plugins.append(Asking())
    return int(pytest.main([*args, *targets(config["files"])], plugins=plugins))


def file_of(ident):
    """Return the file or folder of a test id."""
    return ident.partition("::")[0]


def targets(ids):
    """Return test ids as pytest's command line takes them.

    It reads a "[" as the beginning of parameters, also in the name of a file. Such a file is
    reached through its folder, and `Bracketed` leaves out what else is there.
    """
    found = [(os.path.dirname(file_of(i)) or ".") if "[" in file_of(i) else i for i in ids]
    return list(dict.fromkeys(found))


def bracketed(ids):
    """Return the plugin for ids of files with a "[" in their names, if there are any."""
    if not any("[" in file_of(ident) for ident in ids):
        return []
    import pytest
    from _pytest import hookspec

    class Bracketed:
        """Collects only what was named, where a folder stands in for a file."""

        def unwanted(self, path, config):
            """Return True for a path that no id lies in or under; None decides nothing."""
            root = os.path.realpath(str(config.invocation_dir)) if old else str(config.rootpath)
            place = os.path.relpath(str(path), root)
            if os.path.basename(place) in ("__init__.py", "conftest.py") or place == ".":
                return None
            for ident in ids:
                file = os.path.normpath(file_of(ident))
                if file == "." or (place + "/").startswith(file + "/"):
                    return None
                if file.startswith(place + "/"):
                    return None
            return True

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(self, config, items):
            """Leave out what the folder held beside the tests that were named."""
            names = [(i, i.rstrip("/")) for i in ids]
            kept, left = [], []
            for item in items:
                test = item.nodeid
                wanted = any(
                    one in (".", test) or test.startswith((plain + "/", plain + "::", plain + "["))
                    for one, plain in names
                )
                (kept if wanted else left).append(item)
            items[:] = kept
            if left:
                config.hook.pytest_deselected(items=left)

    old = "collection_path" not in inspect.signature(hookspec.pytest_ignore_collect).parameters

    class ByPath(Bracketed):
        def pytest_ignore_collect(self, path, config):
            return self.unwanted(path, config)

    class ByCollectionPath(Bracketed):
        def pytest_ignore_collect(self, collection_path, config):
            return self.unwanted(collection_path, config)

    return [ByPath() if old else ByCollectionPath()]


class Order:
    """Runs tests in the order in which they are named, where a folder is named behind."""

    def __init__(self, ids):
        """`ids` are test ids, files and folders."""
        self.ids = ids

    def pytest_collection_modifyitems(self, items):
        """Sort, and leave the order within one name as it is."""
        items.sort(key=lambda item: self.place(item.nodeid))

    def place(self, test):
        """Return the number of the first test id, file or folder that holds a test."""
        for number, one in enumerate(self.ids):
            if test == one or test.startswith((one.rstrip("/") + "/", one + "::", one + "[")):
                return number
        return len(self.ids)


class Ending:
    """Spares a run pytest's five searches for garbage at its end, when all verdicts are in."""

    def pytest_sessionfinish(self):
        """Leave what there is alone: the process ends."""
        if hasattr(gc, "freeze"):  # CPython 3.7
            gc.freeze()
