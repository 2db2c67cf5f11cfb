"""The source "swe-bench": an instance's base commit, hidden tests and reference patch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from repos.cache import share_files
from repos.errors import RecordError
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.swe_bench.patches import patch_paths
from repos.tasks.sources.swe_bench.records import SweBenchSource
from repos.tasks.sources.swe_bench.repositories import describe, export, find_repository

VERSION = re.compile(r"""^(?:__)?version(?:__)?\s*=\s*['"]([^'"]+)['"]""", re.MULTILINE)


class SweBenchInstances:
    """Builds tasks of SWE-bench's instances from mirrors of their repositories."""

    record = SweBenchSource

    def build(self, source: SweBenchSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        git_dir = find_repository(source.repository, source.base_commit)
        base = dest / "base"
        export(git_dir, source.base_commit, base, dest)
        hidden = dest / "hidden"
        removed = lay_out(source.test_patch, base, hidden, source.instance)
        for edit in source.edits:
            _edit(base, edit)
        _write_metadata(source, base, describe(git_dir, source.base_commit))
        share_files(base)
        return BuiltFiles(
            base=base,
            hidden=hidden,
            removed=removed,
            reference=source.patch.encode("utf-8", "surrogateescape"),
            statement=source.statement,
            held_out=None,
            repository=source.repository,
            base_revision=source.base_commit[:12],
        )

    def cache_key(self, source: SweBenchSource) -> str:
        """Return the form of what is built."""
        return "1"


def lay_out(patch: str, base: Path, hidden: Path, where: str) -> tuple[str, ...]:
    """Write the files of a test patch as they are after it; return those that it deletes.

    Args:
        patch: The test patch.
        base: The base tree.
        hidden: Folder to make.
        where: The instance, for messages.

    Raises:
        RecordError: The patch does not apply to the base.
    """
    hidden.mkdir()
    if not patch.strip():
        return ()
    paths = patch_paths(patch)
    for path in paths:
        if (base / path).is_file():
            (hidden / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(base / path, hidden / path, follow_symlinks=False)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environ |= {"GIT_CEILING_DIRECTORIES": str(hidden.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    data = patch.encode("utf-8", "surrogateescape")
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    done = subprocess.run(
        command, input=data, cwd=hidden, env=environ, capture_output=True, check=False
    )
    if done.returncode:
        why = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise RecordError(f"The test patch of {where} does not apply to its base commit: {why}")
    return tuple(p for p in paths if (base / p).is_file() and not (hidden / p).exists())


def numbers(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _edit(base: Path, edit: tuple[str, ...]) -> None:
    """Replace the first occurrence in each line of a file, as the official environment does."""
    name, *pairs = edit
    path = base / name
    if not path.is_file() or path.is_symlink():
        return
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    for find, replace in zip(pairs[::2], pairs[1::2], strict=True):
        if find in text:
            lines = text.splitlines(keepends=True)
            changed = "".join(line.replace(find, replace, 1) for line in lines)
            path.write_text(changed, encoding="utf-8", errors="surrogateescape")
            return


def _write_metadata(source: SweBenchSource, base: Path, described: str) -> None:
    """Write what installing the package in place would leave in its tree."""
    if not source.distribution:
        return
    folder = next((f for f in source.import_folders if (base / f).is_dir()), ".")
    version = described or f"{source.version}.0"
    if numbers(described) < numbers(source.version):  # a mirror without the newer tags
        version = f"{source.version}.0"
    for name in source.version_files:
        if (base / name).is_file():
            found = VERSION.search((base / name).read_text(encoding="utf-8", errors="replace"))
            if found:
                version = found[1]
                break
    info = base / folder / f"{source.distribution.replace('-', '_')}.egg-info"
    if not info.exists():
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {source.distribution}\nVersion: {version}\n"
        (info / "PKG-INFO").write_text(text, encoding="utf-8")
    module = base / source.version_module if source.version_module else None
    if module is not None and module.parent.is_dir() and not module.exists():
        parts = tuple(int(p) if p.isdigit() else p for p in re.split(r"[.+]", version))
        text = f"version = __version__ = {version!r}\nversion_tuple = {parts!r}\n"
        module.write_text(text, encoding="utf-8")
