"""Runs inside the sandbox: how `develop.py`, `warm.py` and `grade.py` run unittest.

A test's id is what unittest prints, with the module named by its file's path from the
repository's root: `tests.test_a.TestA.test_b`. Modules are imported by the name that they have
for the project (`pkg.tests.test_a` where `src` is on the import path).
"""

import fnmatch
import importlib
import importlib.util
import os
import sys
import traceback
import types
import unittest

import repogym_results as results

PROGRAM = "python -m unittest"
REWRITES = False
PATTERNS = ("test*.py", "*_test.py")
SKIPPED_FOLDERS = ("node_modules", "build", "dist", "site-packages")


def load():
    """All that is needed is imported with this module."""


def preload(folder):
    """Import what each run needs; there is nothing to keep between runs."""


def develop(config, emit, cover, quick):
    """Run tests as a developer would; return 0 where all passed."""
    root = config["root"]
    places = Places(root)
    chosen = [resolve(ident, root) for ident in config["ids"]]
    if not chosen:
        chosen = [(path, "") for path in test_files(root)]
    suite = collect(
        [
            (path, name)
            for place, name in chosen
            for path in (test_files(place) if os.path.isdir(place) else [place])
        ],
        places,
        emit,
    )
    return results.run(suite, places, emit, cover)


def grade(config, emit, guard, answers):
    """Run whole test files for the scorer; return 0 where all passed.

    `answers` is told which test runs; it is None where the tests are the genuine ones.
    """
    root = config["root"]
    places = Places(root)
    files = [(os.path.join(root, name), "") for name in config["files"]]
    suite = collect(files, places, emit, guard.check)
    guard.check_all()
    return results.run(suite, places, emit, None, answers)


def test_files(folder):
    """Return the files below a folder whose names are those of test modules, sorted."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if not f.startswith((".", "__")) and f not in SKIPPED_FOLDERS
        )
        for name in sorted(files):
            if any(fnmatch.fnmatch(name, pattern) for pattern in PATTERNS):
                found.append(os.path.join(parent, name))
    return found


def resolve(ident, root):
    """Return the file or folder that a test id or path names, and what it names in the file."""
    path = os.path.join(root, ident)
    if os.path.exists(path):
        return os.path.normpath(path), ""
    parts = ident.split(".")
    for size in range(len(parts), 0, -1):
        path = os.path.join(root, *parts[:size])
        rest = ".".join(parts[size:])
        if os.path.isfile(path + ".py"):
            return path + ".py", rest
        if os.path.isdir(path):
            return path, rest
    return os.path.join(root, ident), ""


class Places:
    """Which module a file of the repository is, and which file a test's module is."""

    def __init__(self, root):
        """`root` is the repository, and comes first on the import path as for unittest."""
        self.root = root
        inside = [os.path.realpath(p) for p in sys.path if p]
        self.bases = sorted(
            {root, *(p for p in inside if p.startswith(root + os.sep))}, key=len, reverse=True
        )
        sys.path[:] = [root, *(p for p in sys.path if p != root)]

    def module(self, path):
        """Import and return the module of a file."""
        base = next(b for b in self.bases if path.startswith(b + os.sep))
        name = os.path.relpath(path, base)[: -len(".py")].replace(os.sep, ".")
        folder = os.path.dirname(path)
        if not os.path.exists(os.path.join(folder, "__init__.py")) and folder not in sys.path:
            sys.path.append(folder)  # `discover` has the folder there: test files share helpers
        top = name.partition(".")[0]
        if "." in name:
            self.claim(top, os.path.join(base, top))
        return importlib.import_module(name)

    @staticmethod
    def claim(name, folder):
        """Let a folder without `__init__.py` win over an installed package of its name."""
        if os.path.exists(os.path.join(folder, "__init__.py")):
            return
        known = sys.modules.get(name)
        if known is None:
            try:
                known = importlib.util.find_spec(name)
            except (ImportError, ValueError):
                known = None
            paths = getattr(known, "submodule_search_locations", None)
        else:
            paths = getattr(known, "__path__", None)
        if folder not in list(paths or ()):
            module = types.ModuleType(name)
            module.__path__ = [folder]
            sys.modules[name] = module

    def relative(self, path):
        """Return a file's path as people write it: from the repository's root."""
        inside = path.startswith(self.root + os.sep)
        return path[len(self.root) + 1 :] if inside else path

    def identify(self, test):
        """Return a test's id, with its module named by its file."""
        ident = str(test.id())
        return self.rename(ident, type(test).__module__)

    def rename(self, ident, module):
        """Return a dotted name of a module's thing, with the module named by its file."""
        path = getattr(sys.modules.get(module), "__file__", None) or ""
        if not ident.startswith(module + ".") or not path.startswith(self.root + os.sep):
            return ident
        dotted = self.relative(path)[: -len(".py")].replace(os.sep, ".")
        return dotted + ident[len(module) :]


def collect(chosen, places, emit, check=lambda path: None):
    """Return one suite of all tests, each once; a file that can't be loaded is told."""
    suite, taken = unittest.TestSuite(), set()
    for path, name in chosen:
        check(path)
        shown = places.relative(path)
        try:
            module = places.module(path)
            loader = unittest.TestLoader()
            if name:
                tests = loader.loadTestsFromName(name, module)
            else:
                tests = loader.loadTestsFromModule(module)
        except unittest.SkipTest as skip:
            ident = shown[: -len(".py")].replace(os.sep, ".")
            emit({"kind": "test", "id": ident, "status": "skipped", "seconds": 0.0,
                  "message": results.one_line(skip)})  # fmt: skip
            continue
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            emit({"kind": "collect", "id": shown, "message": results.plain(text)[-2500:]})
            continue
        for error in loader.errors:
            emit({"kind": "collect", "id": shown, "message": results.plain(str(error))[-2500:]})
        for test in flat(tests):
            if isinstance(test, unittest.TestCase):
                ident = places.identify(test)
                if type(test).__module__ == "unittest.loader" or ident in taken:
                    continue  # stands for an error that was told, or was named before
                taken.add(ident)
            suite.addTest(test)
    return suite


def flat(tests):
    """Yield the tests of plain suites; a suite of a class of its own stays whole."""
    if type(tests) is unittest.TestSuite:
        for test in tests:
            yield from flat(test)
    else:
        yield tests
