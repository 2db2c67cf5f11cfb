"""The record of the source "harbor": a task folder, by its place and its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from repos.tasks.sources.base import Inside, SourceRecord
from repos.tasks.sources.harbor.dockerfile import Run
from repos.tasks.sources.harbor.recipe import read_recipe

TESTS = ".harbor-tests"
"""Folder of the repository where a task's own tests are laid for scoring."""

SHIMS = "/opt/harbor/bin"
"""Where programs stand that scripts install with: what they ask for is there already."""

VARIABLES = ".repogym-variables"
"""Beside the tests: the variables that only they get, as a shell reads them."""

CHECK = f"{TESTS}/test.sh"
"""The one test id of a task."""


class HarborSource(SourceRecord):
    """A task folder as Harbor has it.

    Attributes:
        path: The folder.
        content: SHA-256 of its files.
        workdir: Its working folder, which is the repository.
    """

    kind: str = "harbor"
    path: str
    content: str
    workdir: str

    def inside(self) -> Inside:
        """Return the commands of its Dockerfile that install nothing, and its solution."""
        folder = Path(self.path)
        recipe = read_recipe(folder, self.workdir)
        runs = [step for step in recipe.steps if isinstance(step, Run)]
        solution = folder / "solution"
        return Inside(
            name=folder.name,
            folder=self.workdir,
            build=tuple((run.cwd, run.command, run.env) for run in runs),
            solution=solution if (solution / "solve.sh").is_file() else None,
            path=(SHIMS,),
        )


def folder_digest(folder: Path) -> str:
    """Return a hash of all files of a folder, by path, with who may run them."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            mode = path.stat().st_mode & 0o111
            head = f"{path.relative_to(folder).as_posix()}\0{bool(mode)}\0".encode()
            digest.update(head + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
