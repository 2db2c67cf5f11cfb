"""Which split a run plays, and that it says so."""

import pytest

from agents.runs.report import title
from agents.runs.request import Request, settings_of
from repos.errors import InputError
from repos.tasks.suite import load_suite

SUITE = load_suite("swe-lite")
BY_SPLIT = {SUITE.split(spec): spec.id for spec in SUITE.specs}


def settings(notes=None, **fields):
    request = Request(agent="noop", **{"env": "swe-lite", **fields})
    return settings_of(request, [] if notes is None else notes)


def test_training_repositories_are_left_out_unless_they_are_asked_for():
    notes = []
    chosen = settings(notes)
    left = {SUITE.split(SUITE.spec(task)) for task in chosen.tasks}
    assert left == {"validation", "test"} and chosen.training == 0
    assert any("training repositories are left out" in note for note in notes)
    everything = settings(split="all")
    assert len(everything.tasks) + len(everything.not_available) == len(SUITE.specs)
    assert everything.training > 0 and "TRAINING" in title(everything)
    only = settings(split="test")
    assert {SUITE.split(SUITE.spec(task)) for task in only.tasks} == {"test"}
    assert "split: test" in title(only)


def test_a_training_task_needs_a_flag():
    task = BY_SPLIT["train"]
    with pytest.raises(InputError, match="is of the split train"):
        settings(tasks=(task,))
    with pytest.raises(InputError, match="is of the split train"):
        settings(tasks=(task,), split="test")
    assert settings(tasks=(task,), split="train").training == 1
    assert settings(tasks=(BY_SPLIT["test"],)).split == "validation+test"


def test_a_suite_without_splits():
    assert settings(env="swe-mini").split == ""
    with pytest.raises(InputError, match="has no splits"):
        settings(env="swe-mini", split="test")
