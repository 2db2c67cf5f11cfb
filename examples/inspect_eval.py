"""A suite in Inspect (docs/trainers.md).

inspect eval examples/inspect_eval.py@swe_mini --model MODEL
inspect eval examples/inspect_eval.py@swe_mini_bash --model MODEL
"""

from inspect_ai import Task, task  # pyright: ignore[reportMissingImports]

from agents.training.adapters.inspect_tasks import repogym, repogym_sandbox


@task
def swe_mini(tasks: str = "") -> Task:
    """Episodes with RepoGym's tools, at most 30 steps each."""
    return repogym("swe-mini", tasks, max_steps=30)


@task
def swe_mini_bash(tasks: str = "") -> Task:
    """The same tasks with Inspect's `bash`, in RepoGym's sandbox."""
    return repogym_sandbox("swe-mini", tasks)
