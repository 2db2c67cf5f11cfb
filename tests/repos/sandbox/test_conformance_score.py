"""A real scoring on every back end: the reference patch resolves, no change does not."""

from __future__ import annotations

import pytest

from repos.prepare import prepare
from repos.scoring.score import score
from repos.tasks.suite import load_suite


@pytest.fixture(scope="module")
def task():
    suite = load_suite("swe-mini")
    return prepare(suite.spec("warmcache-refresh"), suite="swe-mini")


@pytest.mark.parametrize("name", ["bubblewrap", "docker", "podman", "process"])
def test_a_real_scoring(name, real_backend, task):
    backend = real_backend(name)
    good, log = score(task, task.hidden.reference, backend=backend)
    assert good.resolved, log[-3000:]
    assert good.false_resolved is False
    assert good.tampered == ()
    idle, _ = score(task, b"", backend=backend)
    assert not idle.resolved
    expected = task.hidden.expected
    assert {idle.checks[test] for test in expected.pass_to_pass} == {"passed"}
    assert {idle.checks[test] for test in expected.fail_to_pass} <= {"failed", "error"}
