"""What a task source is, and what it hands to preparing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from repos.cache import remove_tree
from repos.tasks.base import Record


@dataclass(frozen=True)
class OfficialCheck:
    """A benchmark's own check of a patch: a command whose output a parser of `swebench` reads.

    Attributes:
        instance: The instance's id.
        repository: Owner and name on GitHub.
        version: The repository's version, as the benchmark names it.
        command: A shell command, run in the repository.
        log_parser: Name of the parser.
        eval_type: What grading counts: "pass_and_fail" or "fail_only".
        files: Test files that the command runs, relative to the repository.
        limit_s: How long it may take, in seconds, as the benchmark's own harness has it.
    """

    instance: str
    repository: str
    version: str
    command: str
    log_parser: str
    eval_type: str
    files: tuple[str, ...]
    limit_s: float = 1800.0


@dataclass(frozen=True)
class Inside:
    """What a source has run in a task's own environment, without a network, while preparing.

    Attributes:
        name: Of the task, for messages.
        folder: Where the task's own programs see the repository.
        build: Shell commands that make the base of the files: folder, command and variables.
        solution: Folder with `solve.sh`, which makes the reference of the base; None for none.
        path: Folders put in front of PATH.
        limit_s: Bound of each command, in seconds.
    """

    name: str
    folder: str
    build: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = ()
    solution: Path | None = None
    path: tuple[str, ...] = ()
    limit_s: float = 600.0


class SourceRecord(Record):
    """Where a task's files come from; each kind of source has a record type of its own.

    Attributes:
        kind: The source's name: built in, of an entry point, or `package.module:Name`.
    """

    kind: str

    def official_check(self) -> OfficialCheck | None:
        """Return the benchmark's own check, or None where there is no such thing."""
        return None

    def inside(self) -> Inside | None:
        """Return what completes the files by running programs, or None for nothing."""
        return None


S = TypeVar("S", bound=SourceRecord, contravariant=True)


BASE, FIRST = "base", "first"
"""Names of a base in the cache: a link, and what it leads to before a layer was made of it."""

DIGESTS = "digests.json"
"""Beside a task's files: what decides a verdict, as it was made."""


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a task that decides a verdict, by its path."""
    found = [folder / "reference.patch", folder / "facts.json"]
    for name in ("hidden", "heldout"):
        found += [p for p in (folder / name).rglob("*") if p.is_file() and not p.is_symlink()]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(found)
        if "__pycache__" not in path.parts
    }


def damaged(folder: Path) -> list[str]:
    """Return which files of a task that decide a verdict are not as they were made.

    Files that an earlier version made have no digests, and count as whole. A base whose layer was
    removed is damaged too.
    """
    if not (folder / BASE).is_dir():
        return [BASE]
    try:
        kept = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        return [DIGESTS]
    now = digests(folder)
    return sorted(name for name in {*kept, *now} if kept.get(name) != now.get(name))


@dataclass(frozen=True)
class BuiltFiles:
    """The files of one task, on the host, before any layer is made of them.

    Attributes:
        base: The repository as the agent gets it; in the cache the layer that was made of it, if
            there is one, which also holds byte-code and a `.git`.
        hidden: Test files as scoring lays them over the base (same relative paths).
        removed: Test files of the base that the fix deletes.
        reference: The reference patch, `git apply`-able to the base.
        statement: The problem in Markdown, without the symptom section that preparing may add.
        held_out: Further test files for unmasking false successes, or None.
        repository: Package or repository name.
        base_revision: Version or commit of the base.
    """

    base: Path
    hidden: Path
    removed: tuple[str, ...]
    reference: bytes
    statement: str
    held_out: Path | None
    repository: str
    base_revision: str

    def save(self, folder: Path) -> None:
        """Write what is not a folder of its own beside the folders in `folder`, in the cache."""
        (folder / "reference.patch").write_bytes(self.reference)
        facts = {
            "removed": list(self.removed),
            "statement": self.statement,
            "repository": self.repository,
            "base_revision": self.base_revision,
        }
        (folder / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        (folder / DIGESTS).write_text(json.dumps(digests(folder), indent=1), encoding="utf-8")
        (folder / BASE).rename(folder / FIRST)
        (folder / BASE).symlink_to(FIRST)

    def share_base(self, tree: Path) -> None:
        """Let the base in the cache be the tree of a layer that was made of it.

        Folders can't have several names as files have: those of a large repository take 12 MB.
        The link changes in one step, so that whoever reads the base meanwhile finds each file.

        Args:
            tree: The tree, in the same cache.
        """
        first = self.base.with_name(FIRST)
        if not first.is_dir() or not self.base.is_symlink():
            return
        mark = f"{os.getpid()}-{threading.get_ident()}"
        link = self.base.with_name(f"{BASE}-{mark}")
        link.symlink_to(os.path.relpath(tree, self.base.parent))
        link.replace(self.base)
        gone = self.base.with_name(f"{FIRST}-{mark}")
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            first.rename(gone)
            remove_tree(gone)

    @classmethod
    def load(cls, folder: Path) -> BuiltFiles:
        """Read what `save` wrote; the folders are `base`, `hidden` and `heldout`."""
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        held_out = folder / "heldout"
        return cls(
            base=folder / BASE,
            hidden=folder / "hidden",
            removed=tuple(facts["removed"]),
            reference=(folder / "reference.patch").read_bytes(),
            statement=facts["statement"],
            held_out=held_out if held_out.is_dir() else None,
            repository=facts["repository"],
            base_revision=facts["base_revision"],
        )


class TaskSource(Protocol[S]):
    """One kind of source: reads its records and builds the files of their tasks."""

    @property
    def record(self) -> type[SourceRecord]:
        """The type of its records."""
        ...

    def build(self, source: S, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Build a task's files; the same record gives the same bytes.

        Args:
            source: The task's record of this source.
            test_paths: What belongs to the hidden side, as the task says.
            dest: An empty folder; base and hidden files become `base`, `hidden` and, where
                there are any, `heldout` in it.

        Raises:
            RecordError: The record names something that does not exist or makes no task.
            InfrastructureError: Something could not be fetched.
            NotPreparedError: REPOGYM_OFFLINE is set and something must be fetched.
        """
        ...

    def cache_key(self, source: S) -> str:
        """Return what the files depend on beyond the record, as text; "" where nothing."""
        ...
