"""Runs inside the sandbox: a pytest plugin that notes where and with what each test failed.

The file that REPOGYM_FRAMES names receives a JSON object: by test id, the message, the test's
file, line and function, those of its variables that have a literal form, and the places of its
parameters in their lists.
"""

import json
import os

import pytest
from repogym_forms import literal

FAILED = {}


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
        "indices": dict(getattr(getattr(item, "callspec", None), "indices", {})),
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
