"""Run folders: the same settings go on, others are refused by name."""

import json

import pytest

from agents.runs.episode import read_record
from agents.runs.folder import RunFolder, open_default
from agents.runs.journal import JournalBusyError
from agents.runs.spec import EpisodeRecord, EpisodeSpec, RunSettings, episode_folder
from repos.errors import InputError, RepoGymError


def settings(**changes):
    base = {
        "env": "swe-mini",
        "suite": "swe-mini",
        "version": "1",
        "suite_digest": "d" * 64,
        "python": "3.11",
        "agent": "noop",
        "tasks": ("a", "b"),
    }
    return RunSettings(**{**base, **changes})


def finish(folder, complete=True):
    (folder.path / "summary.json").write_text(json.dumps({"complete": complete}))
    folder.close()


def test_the_same_settings_go_on(tmp_path):
    path = tmp_path / "run"
    with RunFolder(path, settings(), None) as folder:
        assert not folder.resumed
    with RunFolder(path, settings(), 5.0) as folder:
        assert folder.resumed and folder.former_budget is None
    with RunFolder(path, settings(), 9.0) as folder:
        assert folder.former_budget == 5.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"agent": "oracle"}, "agent noop instead of oracle"),
        ({"seed": 3}, "seed 0 instead of 3"),
        ({"tasks": ("a",)}, r"tasks \[a, b\] \(2\) instead of \[a\] \(1\)"),
        ({"model": "m"}, "model none instead of m"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, changes, named):
    path = tmp_path / "run"
    RunFolder(path, settings(), None).close()
    before = (path / "run.json").read_bytes()
    with pytest.raises(RepoGymError, match=named):
        RunFolder(path, settings(**changes), None)
    assert (path / "run.json").read_bytes() == before


def test_a_run_of_version_1_goes_on(tmp_path):
    path = tmp_path / "run"
    RunFolder(path, settings(), None).close()
    data = json.loads((path / "run.json").read_text())
    assert data["schema_version"] == 2
    (path / "run.json").write_text(json.dumps({**data, "schema_version": 1}))
    spec = settings().episode("a", 0, path, None)
    spec.folder.mkdir(parents=True)
    old = EpisodeRecord(task="a", end="submitted", resolved=True).model_dump(mode="json")
    (spec.folder / "record.json").write_text(json.dumps({**old, "schema_version": 1}))
    with RunFolder(path, settings(), None) as folder:
        assert folder.resumed
    record = read_record(spec.folder)
    assert record is not None and record.resolved and record.schema_version == 2


def test_a_run_of_a_later_version_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "run"
    RunFolder(path, settings(), None).close()
    data = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**data, "schema_version": 3}))
    with pytest.raises(InputError, match=r"version 3 .* reads 1 and 2: go on with the RepoGym"):
        RunFolder(path, settings(), None)
    spec = settings().episode("a", 0, path, None)
    spec.folder.mkdir(parents=True)
    (spec.folder / "record.json").write_text(json.dumps({"schema_version": 3, "task": "a"}))
    with pytest.raises(InputError, match="schema_version 3"):
        read_record(spec.folder)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RepoGymError, match=r"holds no run \(thesis.tex"):
        RunFolder(tmp_path, settings(), None)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_processes_never_share_a_folder(tmp_path):
    with (
        RunFolder(tmp_path / "run", settings(), None),
        pytest.raises(JournalBusyError, match="another running process"),
    ):
        RunFolder(tmp_path / "run", settings(), None, patience=0.0)


def test_the_default_folder_goes_on_until_the_run_is_complete(tmp_path):
    first = open_default(settings(model="openai/m x"), None, tmp_path)
    assert first.path.name == "swe-mini-noop-openai__m-x-1"
    finish(first, complete=False)
    again = open_default(settings(model="openai/m x"), None, tmp_path)
    assert again.path == first.path and again.resumed
    finish(again)
    new = open_default(settings(model="openai/m x"), None, tmp_path)
    assert new.path.name.endswith("-2") and not new.resumed
    other = open_default(settings(model="openai/m x", seed=1), None, tmp_path)
    assert other.path.name.endswith("-3")
    busy = open_default(settings(model="openai/m x"), None, tmp_path)
    assert busy.path.name.endswith("-4")
    for folder in (new, other, busy):
        folder.close()


def test_specs_are_plain_data(tmp_path):
    spec = settings(model="m").episode("a/b", 1, tmp_path, 2.0)
    assert EpisodeSpec.model_validate_json(spec.to_json()) == spec
    assert spec.folder == tmp_path / "episodes" / "a__b" / "1"


def test_seeds_depend_on_task_and_sample_alone(tmp_path):
    def seed(run, task, sample):
        return settings(tasks=("a", "b")).episode(task, sample, run, None).agent_seed

    seeds = {seed(tmp_path, task, sample) for task in "ab" for sample in range(3)}
    assert len(seeds) == 6
    assert seed(tmp_path, "a", 1) == seed(tmp_path / "x", "a", 1)


def test_a_task_id_never_leaves_the_run(tmp_path):
    folder = episode_folder(tmp_path, "x/../../../etc", 0)
    assert folder.resolve().is_relative_to(tmp_path / "episodes")
