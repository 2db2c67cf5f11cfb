"""What runs may be learned from: the tasks of training repositories, where a suite has splits."""

from __future__ import annotations

from agents.reports.reading import StoredRun
from repos.errors import RepoGymError
from repos.tasks.suite import Suite, load_suite, suite_names


def suite_of_run(run: StoredRun) -> Suite | None:
    """Return the suite that a run played; None where it is not on this machine as it was."""
    settings = run.settings
    # Only names and manifests: `package.module:NAME` would run code.
    if settings.env not in suite_names() and not settings.env.endswith(".jsonl"):
        return None
    try:
        suite = load_suite(settings.env)
    except RepoGymError:
        return None
    return suite if suite.digest == settings.suite_digest else None


def held_back(run: StoredRun) -> dict[str, str]:
    """Return the split of each task of a run that nothing may be learned from."""
    suite = suite_of_run(run)
    if suite is None:
        return {}
    found = {spec.id: suite.split(spec) for spec in suite.specs}
    return {task: split for task, split in found.items() if split in ("test", "validation")}
