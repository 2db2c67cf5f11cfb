"""Runs inside the sandbox: a pytest plugin that notes where and with what each test failed.

The file that REPOGYM_FRAMES names receives a JSON object: by test id, the message, the test's
file, line and function, and those of its variables that have a literal form.
"""

import ast
import json
import os

import pytest

FAILED = {}
LONGEST = 300


def literal(value):
    """Return a value's literal form, or None."""
    try:
        text = repr(value)
        return text if len(text) < LONGEST and ast.literal_eval(text) == value else None
    except Exception:  # a repr is anyone's code
        return None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Note a failure of the test's own call."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed or call.excinfo is None:
        return
    function = getattr(item, "function", None)
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    found = {
        "message": f"{call.excinfo.typename}: {str(call.excinfo.value)[:600]}",
        "file": str(item.path),
        "function": getattr(function, "__qualname__", ""),
        "arguments": sorted(getattr(item, "funcargs", {})),
    }
    for entry in call.excinfo.traceback:
        if code is not None and entry.frame.code.raw is code:
            found["line"] = entry.lineno + 1
            found["locals"] = {k: literal(v) for k, v in entry.frame.f_locals.items()}
    FAILED[item.nodeid] = found


def pytest_sessionfinish(session, exitstatus):
    """Write what was noted."""
    with open(os.environ["REPOGYM_FRAMES"], "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(FAILED, file)
