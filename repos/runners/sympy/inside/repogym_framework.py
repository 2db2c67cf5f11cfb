"""Runs inside the sandbox: how `develop.py`, `warm.py` and `grade.py` run SymPy's tests.

SymPy's test program is part of the repository under test, so the tests are run here, by its
rules: each file is executed, and its functions called `test_...` are called in their order.
"""

import inspect
import os
import random
import re
import sys
import time
import traceback

PROGRAM = "bin/test"
REWRITES = False
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
SEED = 20
ENDS = {"Skipped": "skipped", "XFail": "xfailed", "XPass": "xpassed", "AssertionError": "failed"}
"""What a test means by the name of the exception that it ends with; any other is an error."""


def load():
    """All that is needed is imported with this module."""


def preload(folder):
    """Keep nothing between runs."""


def develop(config, emit, cover, quick):
    """Run tests as a developer would; return 0 where all passed."""
    root = config["root"]
    chosen = [tuple(ident.partition("::")[::2]) for ident in config["ids"]] or [("sympy", "")]
    status = 0
    for name, function in chosen:
        # SWE-bench names a test by its bare function; it is told by the name that was asked.
        bare = re.match(r"\w+$", name) and not os.path.exists(os.path.join(root, name))
        if bare:
            name, function = "sympy", name
        for path in test_files(os.path.join(root, name)):
            if function and os.path.exists(path) and not defines(path, function):
                continue
            shown = os.path.relpath(path, root)
            mark = "" if bare else shown + "::"
            status |= run_file(path, shown, function, emit, cover, lambda f, m=mark: m + f)
    return status


def grade(config, emit, guard, answers):
    """Run whole test files for the scorer; return 0 where all passed. Nothing is asked."""
    guard.check_all()
    status = 0
    for name in config["files"]:
        path = os.path.join(config["root"], name)
        if name.endswith(".py") and os.path.isfile(path):
            status |= run_file(path, name, "", emit, None, lambda function: function)
    return status


def defines(path, function):
    """Whether a file defines a function, told without running it."""
    with open(path, "rb") as handle:
        return re.search(rb"^def %s\(" % function.encode(), handle.read(), re.MULTILINE) is not None


def test_files(place):
    """Return a file, or the test files below a folder, sorted."""
    if not os.path.isdir(place):
        return [place]
    found = []
    for folder, _, names in os.walk(place):
        if os.path.basename(folder) == "tests":
            found += [os.path.join(folder, n) for n in names if re.match(r"test_\w+\.py$", n)]
    return sorted(found)


def run_file(path, shown, only, emit, cover, identify):
    """Run the test functions of one file; return 0 where all passed.

    `only` is the name of the one that is wanted, or "".
    """
    os.environ["SYMPY_USE_CACHE"] = "no"  # as `bin/test -C`
    space = {"__file__": path}
    try:
        with open(path, encoding="utf-8") as handle:
            code = compile(handle.read(), path, "exec")
        exec(code, space)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        emit({"kind": "collect", "id": shown, "message": ADDRESS.sub("0x…", text)[-2500:]})
        return 1
    if space.get("disabled"):
        return 0
    status = 0
    for name, function in list(space.items()):
        if not name.startswith("test_") or not inspect.isfunction(function):
            continue
        if (only and name != only) or getattr(function, "_slow", False):
            continue
        ident = identify(getattr(function, "__name__", name))
        if cover is not None:
            cover.begin(ident)
        record = run_test(function, ident)
        emit(record)
        status |= record["status"] in ("failed", "error")
        if cover is not None and cover.end(False):
            break
    return int(status)


def run_test(function, ident):
    """Call a test function; return its record."""
    record = {"kind": "test", "id": ident, "status": "passed"}
    random.seed(SEED)
    begun = time.perf_counter()
    try:
        function()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        record["status"] = ENDS.get(type(error).__name__, "error")
        text = "%s: %s" % (type(error).__name__, error)
        record["message"] = ADDRESS.sub("0x…", text.strip().split("\n", 1)[0])[:400]
        if record["status"] in ("failed", "error"):
            frames = traceback.extract_tb(sys.exc_info()[2])[1:][-12:]
            lines = ["%s:%s: %s" % (f.filename, f.lineno, f.line or "") for f in frames]
            record["traceback"] = ADDRESS.sub("0x…", "\n".join(lines))
    record["seconds"] = time.perf_counter() - begun
    return record
