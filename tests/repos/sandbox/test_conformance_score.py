"""A real scoring on every back end: the reference patch resolves, no change does not."""

from __future__ import annotations

import pytest

from repos.prepare import prepare
from repos.scoring.score import score
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.options import MIRRORS
from repos.tasks.suite import load_suite
from tests.repos.scoring.instances import CASES, make_row


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


@pytest.mark.index
@pytest.mark.parametrize("name", ["docker", "process"])
def test_an_instance_of_swe_bench(name, real_backend, tmp_path, monkeypatch):
    """Both verdicts, of the official command and of our runner, are the same everywhere."""
    monkeypatch.setenv(MIRRORS, str(tmp_path))
    (spec,) = read_instances([make_row(*CASES[0], tmp_path)], "rows")
    instance = prepare(spec)
    backend = real_backend(name)
    for diff, resolved in ((instance.hidden.reference, True), (b"", False)):
        result, log = score(instance, diff, backend=backend)
        assert (result.official, result.hardened) == (resolved, resolved), log[-3000:]
