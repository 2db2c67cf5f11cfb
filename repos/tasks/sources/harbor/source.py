"""The source "harbor": builds a task's files of its folder; the tests stay on the hidden side."""

from __future__ import annotations

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
                    _copy(folder / "environment", step, base, source.workdir)
        except InputError as error:
            raise RecordError(f"{folder}: {error}.") from error
        if (base / TESTS).exists():
            raise RecordError(f"{folder}: its files have a folder {TESTS}, which scoring needs.")
        tests = dest / "hidden" / TESTS
        shutil.copytree(folder / "tests", tests, symlinks=True)
        facts = tomllib.loads((folder / "task.toml").read_text(encoding="utf-8"))
        env = facts.get("verifier", {}).get("env", {})
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(env.items())]
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


def _copy(build: Path, step: Copy, base: Path, workdir: str) -> None:
    """Do one COPY; links of the folder stay links, and are followed nowhere on this machine."""
    target = base / posixpath.relpath(step.folder, workdir)
    target.mkdir(parents=True, exist_ok=True)
    for name in step.sources:
        source = build / name
        if source.is_dir():
            leave = shutil.ignore_patterns(".git", "__pycache__")
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=leave)
        else:
            shutil.copy2(source, target / (step.rename or source.name), follow_symlinks=False)
