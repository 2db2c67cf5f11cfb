"""Sources and suites that do not belong to RepoGym: found by a dotted path."""

import pytest

from repos.environments.interpreters import minor_version
from repos.errors import RecordError, RepoGymError, UnknownNameError
from repos.prepare import prepare
from repos.scoring.score import score
from repos.tasks.records import TaskSpec, parse_record
from repos.tasks.sources.bundled import BundledSource
from repos.tasks.sources.git import GitSource
from repos.tasks.sources.registry import BUILT_IN, get_source
from repos.tasks.suite import load_suite

MODULE = """
from pathlib import Path

from repos.tasks.environments import PythonEnvironment
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.base import BuiltFiles, SourceRecord
from repos.tasks.suite import make_suite

TEST = "from answer import answer\\n\\n\\ndef test_answer():\\n    assert answer() == 42\\n"


class AnswerSource(SourceRecord):
    kind: str = "repogym_own_source:Answers"
    wrong: int


class Answers:
    record = AnswerSource

    def build(self, source, test_paths, dest):
        (dest / "base").mkdir()
        (dest / "base" / "answer.py").write_text(f"def answer():\\n    return {source.wrong}\\n")
        (dest / "hidden" / "tests").mkdir(parents=True)
        (dest / "hidden" / "tests" / "test_answer.py").write_text(TEST)
        patch = (
            "diff --git a/answer.py b/answer.py\\n--- a/answer.py\\n+++ b/answer.py\\n"
            "@@ -1,2 +1,2 @@\\n def answer():\\n"
            f"-    return {source.wrong}\\n+    return 42\\n"
        )
        return BuiltFiles(
            base=dest / "base", hidden=dest / "hidden", removed=(), reference=patch.encode(),
            statement="The answer is 42.", held_out=None, repository="answer",
            base_revision="0",
        )

    def cache_key(self, source):
        return "1"


def suite():
    spec = TaskSpec(
        id="own/answer",
        source=AnswerSource(wrong=41),
        test_paths=("tests",),
        environments={"here": PythonEnvironment(python="%s")},
        expected={"here": Expected(fail_to_pass=("tests/test_answer.py::test_answer",))},
    )
    return make_suite("own", "1", "One question.", [spec])


SUITE = suite()
NOTHING = 3


class NoSource:
    record = dict
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "repogym_own_source.py").write_text(MODULE % minor_version())
    monkeypatch.syspath_prepend(str(tmp_path))
    return "repogym_own_source"


@pytest.mark.parametrize("name", ["suite", "SUITE"])
def test_a_source_from_outside_is_prepared_and_scored(own, name, backend):
    (spec,) = load_suite(f"{own}:{name}").specs
    assert parse_record(TaskSpec, spec.to_json(), "here") == spec
    task = prepare(spec)
    assert task.public.statement == "The answer is 42.\n"
    assert score(task, task.hidden.reference, backend=backend)[0].resolved
    assert not score(task, b"", backend=backend)[0].resolved


def test_what_is_no_suite_or_no_source_is_refused(own):
    with pytest.raises(RecordError, match=r"NOTHING is no suite but int"):
        load_suite(f"{own}:NOTHING")
    with pytest.raises(UnknownNameError, match="SUITES"):
        load_suite(f"{own}:SUITES")
    with pytest.raises(RecordError, match="needs `record`"):
        get_source(f"{own}:NoSource")


def test_a_source_whose_fields_do_not_fit_is_refused(own):
    record = {"id": "a", "source": {"kind": f"{own}:Answers", "wrong": "much"}}
    with pytest.raises(RecordError, match=r"here: source: wrong: Input should be"):
        parse_record(TaskSpec, record, "here")


@pytest.mark.parametrize("kind", BUILT_IN)
def test_built_in_sources_name_their_own_records(kind):
    assert get_source(kind).record.model_fields["kind"].default == kind


def test_the_key_of_a_bundled_task_follows_its_files():
    specs = load_suite("swe-mini").specs
    keys = {get_source("bundled").cache_key(spec.source) for spec in specs}
    assert len(keys) == len(specs)
    assert isinstance(specs[0].source, BundledSource)


def test_environment_ids_name_suites_of_their_version_only():
    assert load_suite("repogym/swe-mini-v1") is load_suite("swe-mini")
    for version in (0, 7):
        with pytest.raises(RepoGymError, match=r"has version 1, so write repogym/swe-mini-v1"):
            load_suite(f"repogym/swe-mini-v{version}")
    with pytest.raises(UnknownNameError, match="swe-mini-v1"):
        load_suite("repogym/swe-mani-v1")


@pytest.mark.parametrize("path", ["/etc/test_repogym_more.py", "../test_repogym_more.py", "a.py"])
def test_a_record_can_not_write_its_assertions_elsewhere(path):
    with pytest.raises(ValueError, match=r"must be the path of a file test_repogym_more\.py"):
        GitSource(path=".", base="a", fix="b", more_path=path)
