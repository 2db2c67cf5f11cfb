"""The files of a workspace as the code graph reads them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repos.sandbox.workspace import Mark, Workspace

BASE = "base"
"""The state in which a workspace starts."""


class WorkspaceSource:
    """The files of a workspace as they are now; see `graphdb.Source`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._marks: dict[str, Mark | None] = {BASE: None}
        self._numbers = itertools.count(1)

    def list(self) -> list[str]:
        """All regular files, but what lies in a `.git`."""
        entries = self._workspace.list("", recursive=True)
        return [e.path for e in entries if e.kind == "file" and ".git" not in e.path.split("/")]

    def read(self, path: str) -> bytes:
        """Content of one file."""
        return self._workspace.read(path)

    def changes(self, since: str) -> tuple[list[str], str]:
        """Paths that differ from the state `since`, and the state now."""
        mark = self._workspace.mark()  # first: what changes meanwhile is named once more
        if since in self._marks:
            changed = self._workspace.changes(self._marks[since])
        else:
            changed = self.list()
        token = str(next(self._numbers))
        self._marks = {BASE: None, token: mark}
        return changed, token
