"""Suites whose tasks come with RepoGym: from their folders to records."""

from __future__ import annotations

from pathlib import Path

from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.bundled import BUNDLED, BundledSource, read_facts


def bundled_specs(suite_folder: str) -> list[TaskSpec]:
    """Return the tasks of a bundled suite (a folder below `repos/data/bundled`), sorted by id."""
    root = BUNDLED / suite_folder
    return [bundled_spec(p.parent) for p in sorted(root.glob("*/task.json"))]


def bundled_spec(folder: Path) -> TaskSpec:
    """Return the record of one bundled task.

    Raises:
        RecordError: Its `task.json` is not one that is read here.
    """
    facts = read_facts(folder)
    expected = Expected(
        fail_to_pass=tuple(facts["fail_to_pass"]),
        pass_to_pass=tuple(facts["pass_to_pass"]),
        held_out=tuple(facts["heldout"]),
    )
    environments = facts["environments"]
    return TaskSpec(
        id=facts["id"],
        source=BundledSource(folder=folder.relative_to(BUNDLED).as_posix()),
        title=facts["title"],
        source_dirs=_import_folders(folder / "base", facts["source_dirs"]),
        test_paths=tuple(facts["test_dirs"]),
        environments=environments,
        expected=dict.fromkeys(environments, expected),
        seconds=dict.fromkeys(environments, 1.0),
        date=facts["date"],
        licence=facts["licence"],
        labels={"bug_class": facts["bug_class"]},
    )


def _import_folders(base: Path, sources: list[str]) -> tuple[str, ...]:
    """Return what belongs on the import path: a package's parent, any other folder itself."""
    folders = (
        Path(name).parent if (base / name / "__init__.py").exists() else Path(name)
        for name in sources
    )
    return tuple(dict.fromkeys(folder.as_posix() for folder in folders))
