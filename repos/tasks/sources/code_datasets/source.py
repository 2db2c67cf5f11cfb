"""The source "dataset-part": a repository of a data set without one part of its code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from repos.errors import InputError, RecordError
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.code_datasets.records import DatasetPartSource
from repos.tasks.sources.git import diff_files
from repos.tasks.sources.swe_bench.options import MIRRORS
from repos.tasks.sources.swe_bench.repositories import check_mirrors, export, git, git_folders


class DatasetParts:
    """Builds tasks of RepoClassBench and EvoCodeBench from local repositories."""

    record = DatasetPartSource

    def build(
        self, source: DatasetPartSource, test_paths: tuple[str, ...], dest: Path
    ) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        folder = _folder(source)
        base, hidden, whole = dest / "base", dest / "hidden", dest / "whole"
        repositories = git_folders(folder)
        if repositories:
            export(repositories[0], source.commit or "HEAD", base, dest)
        else:
            left_out = shutil.ignore_patterns(".git", "__pycache__", "myenv", ".venv")
            shutil.copytree(folder, base, symlinks=True, ignore=left_out)
        hidden.mkdir()
        for test in source.tests:
            _move(base, hidden, test, source)
        (whole / source.path).parent.mkdir(parents=True)
        file = _inside(base, source.path, source)
        shutil.copy2(file, whole / source.path)
        file.write_bytes(_without_part(file.read_bytes(), source))
        reference = diff_files(base, whole, {source.path})
        shutil.rmtree(whole)
        return BuiltFiles(
            base=base,
            hidden=hidden,
            removed=(),
            reference=reference,
            statement=source.statement,
            held_out=None,
            repository=source.folder,
            base_revision=source.commit[:12],
        )

    def cache_key(self, source: DatasetPartSource) -> str:
        """Return the commit that is checked out, where the record names none."""
        repositories = [] if source.commit else git_folders(_folder(source))
        if not repositories:
            return ""
        return git(repositories[0], "rev-parse", "HEAD").decode().strip()


def _folder(source: DatasetPartSource) -> Path:
    named = os.environ.get(MIRRORS)
    if not named:
        raise InputError(
            f"The repository {source.folder} is needed: name the folder that holds it by "
            "--repos-from."
        )
    root = check_mirrors(named)
    folder = root / source.folder
    if not folder.is_dir():
        raise InputError(f"{root} has no folder {source.folder} (--repos-from): put it there.")
    return folder


def _inside(base: Path, path: str, source: DatasetPartSource) -> Path:
    file = base / path
    if not file.is_file() or not file.resolve().is_relative_to(base.resolve()):
        raise RecordError(f"{source.folder} has no file {path}.")
    return file


def _move(base: Path, hidden: Path, path: str, source: DatasetPartSource) -> None:
    file = _inside(base, path, source)
    (hidden / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file, hidden / path)


def _without_part(data: bytes, source: DatasetPartSource) -> bytes:
    """Return a file without the part.

    Raises:
        RecordError: The file does not hold it.
    """
    if source.text:
        text = source.text.encode("utf-8").rstrip(b"\n")
        if data.count(text) != 1:
            raise RecordError(
                f"{source.folder}/{source.path} does not hold the code of the record once."
            )
        return data.replace(text, source.filling.encode("utf-8"))
    lines = data.splitlines(keepends=True)
    if not 1 <= source.first <= source.last <= len(lines):
        raise RecordError(
            f"{source.folder}/{source.path} has {len(lines)} lines; the record names "
            f"{source.first} to {source.last}."
        )
    filling = source.filling.encode("utf-8") + b"\n"
    return b"".join([*lines[: source.first - 1], filling, *lines[source.last :]])
