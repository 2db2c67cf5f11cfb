"""How long a run will take, told before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agents.runs.spec import RunSettings
from repos.environments.choosing import choose_environment
from repos.prepare import stored_files
from repos.tasks.records import TaskSpec

# Seconds, rounded up from runs of the planner on two cores: swe-mini took 12 an episode, the 54
# tasks of swe-lite 19 minutes from an empty cache, where 18 are foretold. A test run is
# validation's time for the task's tests and the start of its framework.
PREPARING = 10.0
STARTING = 1.0
SCORING_RUNS = 3
REPAIRING = 5.0
REPAIRING_RUNS = 5


def estimate(settings: RunSettings, specs: Sequence[TaskSpec], workers: int) -> str:
    """Return one line on how long a run will take.

    Args:
        settings: The run's settings.
        specs: The tasks that are played.
        workers: Number of processes.
    """
    repairs = settings.model == "symbolic"
    runs = SCORING_RUNS + (REPAIRING_RUNS if repairs else 0)
    fixed = REPAIRING if repairs else 0.0
    missing = sum(stored_files(spec) is None for spec in specs)
    episodes = [
        fixed + runs * (STARTING + _test_seconds(spec, settings.environment))
        for spec in specs
        for _ in range(settings.samples)
    ]
    whole = max(sum(episodes) / workers, max(episodes, default=0.0))
    whole += PREPARING * missing / min(workers, max(missing, 1))
    count = len(episodes)
    noun = "episode" if count == 1 else "episodes"
    said = f"{count} {noun}: about {in_words(whole)} on an idle machine"
    if missing:
        said += f", {missing} {'task' if missing == 1 else 'tasks'} to prepare first"
    if settings.model and not repairs:
        said += "; the model's answers take their time on top"
    return said + "."


def in_words(seconds: float) -> str:
    """Return a duration as a round figure."""
    if seconds < 50:
        return f"{max(10, math.ceil(seconds / 10) * 10)} seconds"
    minutes = math.ceil(seconds / 60)
    if minutes < 90:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"{round(seconds / 3600)} hours"


def _test_seconds(spec: TaskSpec, wanted: str) -> float:
    return spec.seconds.get(choose_environment(spec, wanted), 1.0)
