"""Where source files come from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, runtime_checkable

from graphdb.errors import SourceError

#: Folders that never hold a repository's own source.
SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".venv", "venv",
     ".mypy_cache", ".pytest_cache", ".ruff_cache", ".eggs"}
)  # fmt: skip


@runtime_checkable
class Source(Protocol):
    """Files to index: a folder of the host, a workspace in a sandbox, a git tree."""

    def list(self) -> Iterable[str]:
        """Paths of all regular files, relative, with ``/``, in any order."""
        ...

    def read(self, path: str) -> bytes:
        """Content of one file.

        Raises:
            OSError: The file is gone or can't be read.
        """
        ...

    def changes(self, since: str) -> tuple[Iterable[str], str]:
        """Paths that may differ from a former state (edited, added, removed), and the state now.

        Args:
            since: A state this method returned before, or ``""`` for "unknown": then every path
                may have changed, and listing all of them is a right answer.

        Returns:
            The paths and a token for the next call.
        """
        ...


@runtime_checkable
class PartialSource(Protocol):
    """A source that knows what it did not list.

    Attributes:
        not_listed: Path and reason, as of the last list of files or changes.
    """

    not_listed: dict[str, str]


class FolderSource:
    """Files below a folder of the host; symbolic links are not followed.

    Args:
        root: The folder.
        skip: Names of folders to leave out at any depth.

    Raises:
        SourceError: `root` is not a folder.
    """

    def __init__(self, root: str | os.PathLike[str], skip: Iterable[str] = SKIPPED_FOLDERS) -> None:
        self.root = Path(root).resolve()
        self._skip = frozenset(skip)
        self._states: dict[str, dict[str, tuple[int, int]]] = {}
        self.not_listed: dict[str, str] = {}
        if not self.root.is_dir():
            kind = "is a file" if self.root.exists() else "does not exist"
            raise SourceError(f"can't index {str(root)!r}: it {kind}; give a folder of source code")

    def _walk(self) -> Iterable[os.DirEntry[str]]:
        pending = [str(self.root)]
        cut = len(str(self.root).rstrip("/")) + 1
        self.not_listed = {}
        while pending:
            folder = pending.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except FileNotFoundError:
                continue  # removed meanwhile
            except OSError as error:
                self.not_listed[folder[cut:] + "/"] = f"can't be listed: {error.strerror}"
                continue
            for entry in entries:
                if entry.is_symlink():
                    self.not_listed[entry.path[cut:]] = "symbolic link: not followed"
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in self._skip:
                        pending.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry

    def list(self) -> list[str]:
        """All regular files below the root."""
        cut = len(str(self.root).rstrip("/")) + 1
        return sorted(entry.path[cut:] for entry in self._walk())

    def read(self, path: str) -> bytes:
        """Content of one file below the root."""
        return (self.root / path).read_bytes()

    def changes(self, since: str) -> tuple[list[str], str]:
        """Paths whose size or modification time differ from the state `since`."""
        cut = len(str(self.root).rstrip("/")) + 1
        now: dict[str, tuple[int, int]] = {}
        for entry in self._walk():
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            now[entry.path[cut:]] = (stat.st_size, stat.st_mtime_ns)
        token = str(len(self._states) + 1)
        before = self._states.get(since, {})
        self._states = {token: now}
        changed = [path for path, stamp in now.items() if before.get(path) != stamp]
        changed += [path for path in before if path not in now]
        return sorted(changed), token
