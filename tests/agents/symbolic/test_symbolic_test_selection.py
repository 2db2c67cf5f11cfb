"""Where the whole suite takes too long: what is run, and what plausible changes have to pass."""

from __future__ import annotations

import json

import pytest

from agents.models.protocol import Message, ModelToolCall
from agents.models.symbolic import SymbolicModel
from agents.models.symbolic.history import read_history
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.test_selection import beyond_scope, others_failing
from tools.records import TestRun
from tools.repair.candidates import Proposal, written
from tools.repair.paths import outermost
from tools.repair.source import Edit

SOURCE = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return add(a, a)\n"
STATEMENT = "<problem>\nIt is wrong.\nThese tests fail:\n- tests/z/test_z.py::test_add\n</problem>"
CUT = "the run was stopped: it ran into its time-out"
ODD = {"id": "tests/test_odd.py", "status": "error", "message": "ImportError: no"}
NAMES = ("run_tests", "view", "try_edits", "edit", "undo", "submit")
TOOLS = [{"type": "function", "function": {"name": name}} for name in NAMES]


def run(counts, tests, coverage, incomplete=CUT):
    """Return an answer of `run_tests`, checked against its record."""
    said = {"counts": counts, "tests": tests, "coverage": coverage, "incomplete": incomplete}
    return TestRun.model_validate(said).to_json(100_000)


FIRST = ({"error": 1, "passed": 2}, [ODD], {})
SECOND = run(
    {"failed": 2, "error": 1, "passed": 3},
    [
        ODD,
        {"id": "tests/z/test_z.py::test_add", "status": "failed", "message": "assert -1 == 3"},
        {"id": "tests/z/test_z.py::test_known", "status": "failed", "message": "assert 1 == 2"},
    ],
    {
        "spectrum": {"calc.py": [{"first": 2, "last": 2, "failed": 1, "passed": 2}]},
        "tests": {
            "tests/z/test_z.py::test_add": {"calc.py": "2"},
            "tests/z/test_z.py::test_near": {"calc.py": "2"},
            "tests/test_a.py::test_twice": {"calc.py": "2,6"},
            "tests/test_a.py::test_other": {"other.py": "1"},
        },
    },
)
VIEW = "calc.py: lines 1-6 of 6\n" + "\n".join(
    f"{number}\t{line}" for number, line in enumerate(SOURCE.rstrip("\n").split("\n"), 1)
)


def conversation(*exchanges):
    """Return messages in which these calls were answered."""
    messages = [Message("system", "s"), Message("user", STATEMENT)]
    for number, (name, arguments, text) in enumerate(exchanges):
        call = ModelToolCall(str(number), name, json.dumps(arguments))
        messages.append(Message("assistant", "", (call,)))
        messages.append(Message("tool", text, tool_call_id=str(number)))
    return messages


@pytest.mark.parametrize(
    ("incomplete", "wanted"), [(CUT, ["tests/z/test_z.py", "tests"]), ("", ["tests/z/test_z.py"])]
)
def test_a_run_that_was_cut_short_is_followed_by_one_that_begins_with_what_fails(
    incomplete, wanted
):
    first = ("run_tests", {"tests": [], "coverage": True}, run(*FIRST, incomplete))
    (call,) = SymbolicModel().complete(conversation(first), TOOLS).tool_calls
    assert call.name == "run_tests" and json.loads(call.arguments)["tests"] == wanted


def test_what_a_short_run_saw_counts():
    know = Knowledge(
        read_history(
            conversation(
                ("run_tests", {"tests": [], "coverage": True}, run(*FIRST)),
                ("run_tests", {"tests": ["tests/z/test_z.py", "tests"]}, SECOND),
                ("view", {"path": "calc.py"}, VIEW),
            )
        )
    )
    assert [failure.id for failure in know.failures] == ["tests/z/test_z.py::test_add"]
    assert know.suspicion["calc.py", 2] > 0
    assert know.scope == know.all_tests == ["tests/z/test_z.py"]
    assert others_failing(know) == 1  # not the file outside of the scope
    module = know.modules["calc.py"]
    at = module.text.index("a - b")
    made = written(module, Proposal((Edit("calc.py", at, at + 5, "a + b"),), "t", 1.0, 2, "n"), 1.0)
    assert made is not None
    assert beyond_scope(know, made) == ["tests/test_a.py::test_twice"]


def test_outermost_folders():
    files = {"tests/z/test_z.py", "tests/test_a.py", "test_top.py", "pkg/test/deep/test_b.py"}
    assert outermost(files) == ["pkg/test", "test_top.py", "tests"]


def test_an_answer_that_is_no_json_is_a_run_that_never_began():
    know = Knowledge(read_history(conversation(("run_tests", {"tests": ["-x"]}, "run_tests: no"))))
    ((_, refused),) = know.runs
    assert not refused.complete and not refused.failures and know.failures == []
