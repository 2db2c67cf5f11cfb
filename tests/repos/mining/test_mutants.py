import pytest

from repos.environments.interpreters import minor_version
from repos.errors import InputError
from repos.mining.mutants import MutantRule, difficulty, mutate, split_of
from repos.prepare import prepare
from repos.runners.protocol import TestOutcome
from repos.sandbox.select import get_backend
from repos.scoring.score import score
from repos.tasks.environments import python_id
from repos.tasks.suite import load_suite, read_manifest

HERE = python_id(minor_version())


def call(output, lines, names=("parse",), **rule):
    return mutate(
        names, output, suite="swe-releases", rule=MutantRule(**rule), python="", sandbox="auto",
        allow_unsafe=False, report=lines.append,
    )  # fmt: skip


@pytest.mark.index
def test_a_synthetic_bug_becomes_a_task_and_is_not_made_twice(tmp_path):
    if HERE not in load_suite("swe-releases").spec("parse-1.22.2").expected:
        pytest.skip("swe-releases is not measured on this Python")
    output, lines = tmp_path / "synth.jsonl", []
    assert call(output, lines, wanted=1, tries=20) == 1
    (spec,) = read_manifest(output).specs
    assert spec.labels["operator"] == spec.source.operator
    assert spec.labels["difficulty"] in ("easy", "medium", "hard")
    assert 1 <= len(spec.expected[HERE].fail_to_pass) <= 20
    lines.clear()
    assert call(output, lines, wanted=1) == 1
    assert lines == []
    backend = get_backend("auto", allow_unsafe=False)
    try:
        task = prepare(spec)
        result, _ = score(task, task.hidden.reference, backend=backend)
        assert result.resolved
        assert not result.weak
        assert not score(task, b"", backend=backend)[0].resolved
    finally:
        backend.close()


def test_unknown_packages_are_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match="no package 'nothing'"):
        call(tmp_path / "m.jsonl", [], names=["parse", "nothing"])


def test_difficulty_follows_frames_and_exceptions():
    crash = TestOutcome("failed", 0, "KeyError: 'a'", "demo/core.py:3: in f")
    wrong = TestOutcome("failed", 0, "assert 1 == 2", "tests/test_a.py:3: in test_a")
    assert difficulty([crash], "demo/core.py") == "easy"
    assert difficulty([crash, wrong], "demo/core.py") == "medium"
    assert difficulty([wrong], "demo/core.py") == "hard"
    assert difficulty([wrong] * 4, "demo/core.py") == "medium"


def test_splits_are_by_package():
    splits = {name: split_of(name) for name in map("package-{}".format, range(200))}
    assert 20 <= sum(split == "test" for split in splits.values()) <= 60
    assert splits == {name: split_of(name) for name in splits}
