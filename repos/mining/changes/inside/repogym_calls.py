"""Runs inside the sandbox: a pytest plugin that notes calls from outside of a package into it.

REPOGYM_CALLS names the file for the records, REPOGYM_PACKAGES the package's folders and modules.
A record is function, arguments by name (all with a literal form), type of `self`, and outcome.
"""

import json
import os
import sys

import pytest
from repogym_forms import literal

PACKAGES = tuple(os.environ["REPOGYM_PACKAGES"].split(":"))
CALLS = {}
MOST = 200
COROUTINE_OR_GENERATOR = 0x20 | 0x80 | 0x200


def inside(frame):
    """Whether a frame is of the package and no test."""
    name = frame.f_code.co_filename
    return name.startswith(PACKAGES) and "/test" not in name


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """Trace one test."""
    calls = CALLS.setdefault(item.nodeid, [])

    def trace(frame, event, argument):
        code = frame.f_code
        if event != "call" or len(calls) >= MOST or not inside(frame):
            return None
        if frame.f_back is None or inside(frame.f_back):
            return None
        if code.co_flags & COROUTINE_OR_GENERATOR or code.co_name.startswith("<"):
            return None
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & 4) + bool(code.co_flags & 8)
        names = [n for n in code.co_varnames[:count] if n not in ("self", "cls")]
        if "self" in code.co_varnames[:1] or "cls" in code.co_varnames[:1]:
            return None
        given = {name: literal(frame.f_locals.get(name)) for name in names}
        if None in given.values():
            return None
        plain = code.co_argcount
        record = {
            "module": frame.f_globals.get("__name__", ""),
            "function": code.co_name,
            "arguments": [[n, given[n], k < plain] for k, n in enumerate(names)],
            "star": code.co_flags & 12,
            "outcome": None,
        }
        raised = []

        def local(frame, event, argument):
            if event == "exception":
                raised[:] = [argument[0].__name__ + ": " + str(argument[1])[:200]]
            elif event == "line":
                raised.clear()
            elif event == "return":
                told = literal(argument)
                record["outcome"] = "raises " + raised[0] if raised and argument is None else told
                calls.append(record)
            return local

        return local

    sys.settrace(trace)
    yield
    sys.settrace(None)


def pytest_sessionfinish(session, exitstatus):
    """Write what was noted."""
    with open(os.environ["REPOGYM_CALLS"], "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(CALLS, file)
