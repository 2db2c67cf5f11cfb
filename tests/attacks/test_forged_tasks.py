"""Results forged on every bundled task: all tests are said to pass, and nothing is gained."""

import textwrap

import pytest

from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from repos.tasks.suite import load_suite

SUITE = load_suite("swe-mini")

PASSING = """
    def _forge():
        import gc
        for thing in gc.get_objects():
            if type(thing).__name__ == "Recorder":
                send = thing.emit
                def emit(record, send=send):
                    if record.get("kind") == "test":
                        record = dict(record, status="passed", message="", traceback="")
                    send(record)
                thing.emit = emit
    _forge()
"""

CONSTANT = """
    def _answer():
        import sys
        for thing in list(sys.modules.values()):
            if type(thing).__name__ == "Answers":
                encode = sys.modules["repogym_answers"].encode
                def v(self, question, value):
                    self.send(question, ["v", encode({made}), []])
                type(thing).v = v
    _answer()
"""


def forged(name, code, backend, *, fast=False):
    task = prepare(SUITE.spec(name), suite="swe-mini")
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        modules = [
            f"{folder}/{entry.path}"
            for folder in task.public.source_dirs
            for entry in workspace.list(folder, recursive=True)
            if entry.path.endswith("__init__.py")
        ]
        for module in modules[:1]:
            source = workspace.read(module).decode()
            workspace.write(module, (source + "\n\n" + textwrap.dedent(code)).encode())
        diff = workspace.diff()
    assert b"_forge" in diff
    return task, *score(task, diff, backend=backend, fast=fast)


@pytest.mark.parametrize("name", [spec.id for spec in SUITE.specs])
def test_results_that_are_all_said_to_pass_are_contradicted(name, backend):
    task, result, log = forged(name, PASSING, backend)
    assert not result.resolved, (result, log)
    failing = task.hidden.expected.fail_to_pass
    assert result.contradicted == len(failing)
    assert not [test for test in failing if result.checks[test] == "passed"]
    assert result.fraction == 0.0


@pytest.mark.parametrize("made", ["True", "None", "0", "''", "not value", "[value]"])
def test_one_rule_for_all_questions_is_wrong(made, backend):
    name = "swe-mini/gridtext-wide"
    code = textwrap.dedent(PASSING) + textwrap.dedent(CONSTANT.replace("{made}", made))
    _, result, log = forged(name, code, backend)
    assert not result.resolved, (result, log)
    assert result.fraction < 1.0


PAIRS = """
    def _forge():
        import sys
        frame = sys._getframe()
        while frame is not None and "answers" not in frame.f_locals:
            frame = frame.f_back
        if frame is None:
            return
        answers = frame.f_locals["answers"]
        if answers is None:
            import _pytest.python
            _pytest.python.Function.runtest = lambda self: None
            return
        kind = type(answers)
        def p(self, question, one, other):
            self.send(question, ["p", ["n"], ["n"]])
        def v(self, question, value, old=kind.v):
            return old(self, question, True if value is False else value)
        kind.p, kind.v = p, v
    _forge()
"""


@pytest.mark.parametrize("fast", [False, True], ids=["full", "fast"])
@pytest.mark.parametrize("name", ["gridtext-wide", "linkwise-segments", "patchbay-insert"])
def test_guessable_answers_earn_no_partial_credit(name, fast, backend):
    """Pairs get equal constants, comparisons are said to hold, and all tests are said to pass."""
    task, result, log = forged(name, PAIRS, backend, fast=fast)
    assert not result.resolved
    assert result.fraction <= 0.0, log
    if not fast:
        passed = [t for t in task.hidden.expected.fail_to_pass if result.checks[t] == "passed"]
        assert passed, "the attack has to forge some, or it tries nothing"
