"""Where the whole suite takes too long: what is run, and what survivors have to pass."""

from __future__ import annotations

import json

from agents.models.protocol import Message, ModelToolCall
from agents.models.symbolic import SymbolicModel
from agents.models.symbolic.candidates import Proposal, written
from agents.models.symbolic.formats import read_trials
from agents.models.symbolic.history import read_history
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.scope import beyond, others_failing, outermost
from agents.models.symbolic.source import Edit

SOURCE = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return add(a, a)\n"
STATEMENT = "<problem>\nIt is wrong.\nThese tests fail:\n- tests/z/test_z.py::test_add\n</problem>"
CUT = "INCOMPLETE the run was stopped: it ran into its time-out"
FIRST = f"""SUMMARY 1 error, 2 passed
{CUT}
ERROR tests/test_odd.py
    E   ImportError: no
COVERAGE
[no lines were recorded]"""
SECOND = f"""SUMMARY 2 failed, 1 error, 3 passed
{CUT}
ERROR tests/test_odd.py
    E   ImportError: no
FAILED tests/z/test_z.py::test_add
  assert -1 == 3
    tests/z/test_z.py:5: assert add(1, 2) == 3
FAILED tests/z/test_z.py::test_known
  assert 1 == 2
    tests/z/test_z.py:9: assert 1 == 2
COVERAGE
SPECTRUM calc.py
  2 failed=1 passed=2
COVERS tests/z/test_z.py::test_add
  calc.py: 2
COVERS tests/z/test_z.py::test_near
  calc.py: 2
COVERS tests/test_a.py::test_twice
  calc.py: 2,6
COVERS tests/test_a.py::test_other
  other.py: 1"""
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


def test_a_run_that_was_cut_short_is_followed_by_one_that_begins_with_what_fails():
    names = ("run_tests", "view", "try_edits", "edit", "undo", "submit")
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    first = ("run_tests", {"tests": [], "coverage": True}, FIRST)
    reply = SymbolicModel().complete(conversation(first), tools)
    (call,) = reply.tool_calls
    assert call.name == "run_tests"
    assert json.loads(call.arguments)["tests"] == ["tests/z/test_z.py", "tests"]
    whole = ("run_tests", {"tests": [], "coverage": True}, FIRST.replace(f"{CUT}\n", ""))
    reply = SymbolicModel().complete(conversation(whole), tools)
    assert json.loads(reply.tool_calls[0].arguments)["tests"] == ["tests/z/test_z.py"]


def test_what_a_short_run_saw_counts():
    know = Knowledge(
        read_history(
            conversation(
                ("run_tests", {"tests": [], "coverage": True}, FIRST),
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
    assert beyond(know, made) == ["tests/test_a.py::test_twice"]


def test_outermost_folders():
    files = {"tests/z/test_z.py", "tests/test_a.py", "test_top.py", "pkg/test/deep/test_b.py"}
    assert outermost(files) == ["pkg/test", "test_top.py", "tests"]


def test_a_test_that_fails_before_it_calls_anything_is_a_failing_test():
    text = """SUMMARY 2 failed, 1 passed
FAILED tests/z/test_z.py::test_add
  AttributeError: <module 'calc' from '/testbed/calc.py'> has no attribute 'plus'
    tests/z/test_z.py:5: monkeypatch.setattr(calc, "plus", max)
FAILED tests/test_a.py::test_elsewhere
  assert 1 == 2
    tests/test_a.py:9: assert 1 == 2
COVERAGE
COVERS tests/z/test_z.py::test_add
  tests/z/test_z.py: 5
COVERS tests/test_a.py::test_fine
  calc.py: 2"""
    know = Knowledge(read_history(conversation(("run_tests", {"coverage": True}, text))))
    assert [failure.id for failure in know.failures] == ["tests/z/test_z.py::test_add"]
    assert [missing.name for missing in know.missing] == ["plus"]
    other = text.replace("test_z.py::test_add", "test_z.py::test_other")
    know = Knowledge(read_history(conversation(("run_tests", {"coverage": True}, other))))
    assert know.failures == []


def test_parameters_may_hold_a_colon():
    text = """TESTS 2
T1 t.py::test[a]
T2 t.py::test[f(lambda: 1=1)]
CANDIDATE 1 FAIL passed=0 failed=2 FF
  FAILED t.py::test[a]: KeyError: 'x: [y]: z' (line 3)
  FAILED t.py::test[f(lambda: 1=1)]: ValueError: no (line 3)
PASSING none"""
    assert read_trials(text)[1].errors == (
        ("t.py::test[a]", "KeyError: 'x: [y]: z'"),
        ("t.py::test[f(lambda: 1=1)]", "ValueError: no"),
    )
