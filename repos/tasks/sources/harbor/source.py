"""The source "harbor": builds a task's files of its folder; the tests stay on the hidden side."""

from __future__ import annotations

import os
import posixpath
import shlex
import shutil
import tomllib
from pathlib import Path

from repos.errors import InputError, RecordError
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.harbor.dockerfile import Copy
from repos.tasks.sources.harbor.recipe import read_recipe
from repos.tasks.sources.harbor.records import TESTS, VARIABLES, HarborSource, folder_digest

FORM = "2"
"""Changes whenever the files of the same folder come out differently."""


class HarborTasks:
    """Builds tasks of folders that Harbor, or a Harbor export, wrote."""

    record = HarborSource

    def build(self, source: HarborSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Copy the files; see `TaskSource.build`. The reference comes from running the solution."""
        folder = Path(source.path)
        if not folder.is_dir() or folder_digest(folder) != source.content:
            raise RecordError(f"{folder} is not there, or was changed: start again with its tasks.")
        base = dest / "base"
        base.mkdir()
        try:
            for step in read_recipe(folder, source.workdir).steps:
                if isinstance(step, Copy):
                    copy_files(folder / "environment", step, base, source.workdir)
        except InputError as error:
            raise RecordError(f"{folder}: {error}.") from error
        if os.path.lexists(base / TESTS):
            raise RecordError(f"{folder}: its files have a folder {TESTS}, which scoring needs.")
        tests = dest / "hidden" / TESTS
        shutil.copytree(folder / "tests", tests, symlinks=True)
        facts = tomllib.loads((folder / "task.toml").read_text(encoding="utf-8"))
        env = facts.get("verifier", {}).get("env", {})
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(env.items())]
        if os.path.lexists(tests / VARIABLES):
            raise RecordError(f"{folder}: its tests have a file {VARIABLES}, which scoring needs.")
        (tests / VARIABLES).write_text("".join(lines), encoding="utf-8")
        return BuiltFiles(
            base=base,
            hidden=dest / "hidden",
            removed=(),
            reference=b"",
            statement=(folder / "instruction.md").read_text(encoding="utf-8"),
            held_out=None,
            repository=folder.name,
            base_revision=source.content[:12],
        )

    def cache_key(self, source: HarborSource) -> str:
        """Return the form in which files are laid out; the record's digest tells the rest."""
        return FORM


def copy_files(build: Path, step: Copy, base: Path, workdir: str) -> None:
    """Do one COPY; links of the folder stay links, and nothing is read or written through one.

    Raises:
        InputError: A place to write to is a link, or lies behind one.
    """
    target = base / posixpath.relpath(step.folder, workdir)
    for name in step.sources:
        source = build / name
        place = target if source.is_dir() else target / (step.rename or source.name)
        _refuse_links(base, place)
        for inner in source.rglob("*") if source.is_dir() else ():
            _refuse_links(place, place / inner.relative_to(source))
        target.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            leave = shutil.ignore_patterns(".git", "__pycache__")
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=leave)
        else:
            shutil.copy2(source, place, follow_symlinks=False)


def _refuse_links(base: Path, place: Path) -> None:
    """Make sure that no link of an earlier COPY leads a later one to files of this machine."""
    steps = [place, *place.parents]
    for one in steps[: len(steps) - 1 - len(base.parents)]:
        if one.is_symlink():
            raise InputError(f"it copies to {one.relative_to(base)}, which is a link")
