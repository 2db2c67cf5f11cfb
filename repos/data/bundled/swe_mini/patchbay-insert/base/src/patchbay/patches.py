"""All hunks of one file."""

from __future__ import annotations

from dataclasses import dataclass

from .hunks import Hunk

NOTHING = "/dev/null"


@dataclass(frozen=True)
class FilePatch:
    """The changes of one file; `old_path` or `new_path` may be /dev/null."""

    old_path: str
    new_path: str
    hunks: tuple[Hunk, ...]

    @property
    def path(self) -> str:
        """The file's path, without the "a/" or "b/" of git."""
        path = self.old_path if self.new_path == NOTHING else self.new_path
        return path[2:] if path.startswith(("a/", "b/")) else path

    @property
    def is_new(self) -> bool:
        return self.old_path == NOTHING

    @property
    def is_deleted(self) -> bool:
        return self.new_path == NOTHING

    @property
    def added(self) -> int:
        """How many lines are added."""
        return sum(hunk.added for hunk in self.hunks)

    @property
    def removed(self) -> int:
        """How many lines are removed."""
        return sum(hunk.removed for hunk in self.hunks)

    def reversed(self) -> FilePatch:
        """The patch that undoes this one."""
        hunks = tuple(hunk.reversed() for hunk in self.hunks)
        return FilePatch(self.new_path, self.old_path, hunks)

    def __bool__(self) -> bool:
        return bool(self.hunks)

    def __str__(self) -> str:
        if not self.hunks:
            return ""
        return f"--- {self.old_path}\n+++ {self.new_path}\n" + "".join(map(str, self.hunks))
