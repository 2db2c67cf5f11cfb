"""The source "bundled": tasks that come with RepoGym, folders below `repos/data/bundled`."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from repos.errors import RecordError
from repos.tasks.base import check_version
from repos.tasks.sources.base import BuiltFiles, SourceRecord

BUNDLED = Path(__file__).parents[2] / "data" / "bundled"


class BundledSource(SourceRecord):
    """A task whose files come with RepoGym: `repos/data/bundled/<folder>`."""

    kind: str = "bundled"
    folder: str


class BundledTasks:
    """Copies the files of bundled tasks."""

    record = BundledSource

    def build(self, source: BundledSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Copy the files; see `TaskSource.build`."""
        folder = BUNDLED / source.folder
        facts = read_facts(folder)
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

    def cache_key(self, source: BundledSource) -> str:
        """Return a hash of the task's files, which may change with RepoGym."""
        return files_digest(BUNDLED / source.folder)


def files_digest(folder: Path) -> str:
    """Return a hash of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what the `task.json` of a bundled task says.

    Raises:
        RecordError: There is none, or it is not one that is read here.
    """
    path = folder / "task.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        check_version(facts.get("schema_version"), (2,), str(path))
    except OSError as error:
        raise RecordError(f"There is no bundled task at {folder}: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        raise RecordError(f"{path} is not valid JSON: {error}.") from error
    except ValueError as error:
        raise RecordError(str(error)) from error
    return facts
