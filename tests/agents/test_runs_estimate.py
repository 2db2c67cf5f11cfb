"""How long a run is said to take before it starts."""

import pytest

from agents.runs.estimate import estimate, in_words
from agents.runs.spec import RunSettings
from repos.tasks.suite import load_suite

SUITE = load_suite("swe-mini")


def said(specs=SUITE.specs, workers=1, **options):
    fields = {
        "env": "swe-mini",
        "suite": "swe-mini",
        "version": "1",
        "suite_digest": SUITE.digest,
        "python": "3.11",
        "agent": "noop",
        "tasks": tuple(spec.id for spec in specs),
        **options,
    }
    return estimate(RunSettings(**fields), specs, workers)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path))


def test_one_task_that_is_not_prepared(empty_cache):
    assert said(SUITE.specs[:1]) == (
        "1 episode: about 20 seconds on an idle machine, 1 task to prepare first."
    )


def test_samples_workers_and_models_count(empty_cache):
    assert said() == "8 episodes: about 3 minutes on an idle machine, 8 tasks to prepare first."
    assert said(workers=8).startswith("8 episodes: about 20 seconds ")
    assert said(samples=5).startswith("40 episodes: about 6 minutes ")
    assert said(model="symbolic", agent="planner").startswith("8 episodes: about 5 minutes ")
    assert said(model="openai/x", agent="react").endswith("answers take their time on top.")


def test_validations_seconds_count(empty_cache):
    slow = [
        spec.model_copy(update={"seconds": dict.fromkeys(spec.environments, 100.0)})
        for spec in SUITE.specs
    ]
    assert said(slow).startswith("8 episodes: about 42 minutes ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "10 seconds"), (41, "50 seconds"), (59, "1 minute"), (61, "2 minutes"), (7300, "2 hours")],
)
def test_durations_are_round(seconds, words):
    assert in_words(seconds) == words
