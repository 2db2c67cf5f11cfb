"""The undo stack: what files were before the edits of an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.context import ToolContext

if TYPE_CHECKING:
    from repos.sandbox.workspace import Workspace

MAX_STEPS = 200
MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Change:
    """One change of one file by a tool.

    Attributes:
        path: The file, relative to the repository, links resolved.
        before: Its bytes before; None where it did not exist.
        after: Its bytes after.
    """

    path: str
    before: bytes | None
    after: bytes


class History:
    """Changes of an episode, the latest last; bounded, the oldest are forgotten first."""

    def __init__(self, changes: tuple[Change, ...] = ()) -> None:
        self._changes = changes

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes that can be undone."""
        return self._changes

    def push(self, change: Change) -> None:
        """Remember a change."""
        kept = (*self._changes, change)[-MAX_STEPS:]
        while len(kept) > 1 and sum(_size(change) for change in kept) > MAX_BYTES:
            kept = kept[1:]
        self._changes = kept

    def drop(self, change: Change) -> None:
        """Forget a change, because it was undone."""
        self._changes = tuple(kept for kept in self._changes if kept is not change)

    def fork(self, workspace: Workspace) -> History:
        """Return a twin; changes are immutable, so the twins share them."""
        del workspace
        return History(self._changes)

    def close(self) -> None:
        """Forget everything."""
        self._changes = ()


def history(ctx: ToolContext) -> History:
    """Return the undo stack of the context."""
    return ctx.resource("history", History)


def _size(change: Change) -> int:
    return len(change.before or b"") + len(change.after)
