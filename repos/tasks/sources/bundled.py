"""Tasks that come with RepoGym: folders below `repos/data/bundled`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from repos.errors import RecordError
from repos.tasks.records import BundledSource, Environment, Expected, TaskSpec
from repos.tasks.sources.base import BuiltFiles

BUNDLED = Path(__file__).parents[2] / "data" / "bundled"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Minor versions on which the bundled tasks are written to give the same verdicts."""


def _facts(folder: Path) -> dict:
    path = folder / "task.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"There is no bundled task at {folder}: {error.strerror}.") from error
    except ValueError as error:
        raise RecordError(f"{path} is not valid JSON: {error}.") from error


def bundled_specs(suite_folder: str) -> list[TaskSpec]:
    """Return the tasks of a bundled suite (a folder below `repos/data/bundled`), sorted by id."""
    root = BUNDLED / suite_folder
    return [bundled_spec(p.parent) for p in sorted(root.glob("*/task.json"))]


def bundled_spec(folder: Path) -> TaskSpec:
    """Return the record of one bundled task."""
    facts = _facts(folder)
    expected = Expected(
        fail_to_pass=tuple(facts["fail_to_pass"]),
        pass_to_pass=tuple(facts["pass_to_pass"]),
        held_out=tuple(facts["heldout"]),
    )
    return TaskSpec(
        id=facts["id"],
        source=BundledSource(folder=folder.relative_to(BUNDLED).as_posix()),
        title=facts["title"],
        source_dirs=_import_folders(folder / "base", facts["source_dirs"]),
        test_paths=tuple(facts["test_dirs"]),
        environments={minor: Environment() for minor in PYTHONS},
        expected=dict.fromkeys(PYTHONS, expected),
        seconds=dict.fromkeys(PYTHONS, 1.0),
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


def build_bundled(source: BundledSource, dest: Path) -> BuiltFiles:
    """Copy a bundled task's files to `dest`."""
    folder = BUNDLED / source.folder
    facts = _facts(folder)
    for name in ("base", "hidden", "heldout"):
        shutil.copytree(
            folder / name, dest / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    return BuiltFiles(
        base=dest / "base",
        hidden=dest / "hidden",
        removed=(),
        reference=(folder / "reference.patch").read_bytes(),
        statement=facts["statement"],
        held_out=dest / "heldout",
        repository=facts["package"],
        base_revision="bundled",
    )
