"""One hunk of a diff: some lines and where they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .text import complete

KEEP, ADD, REMOVE = " ", "+", "-"
NO_NEWLINE = "\\ No newline at end of file"
_OPPOSITE = {KEEP: KEEP, ADD: REMOVE, REMOVE: ADD}
_HEADER = re.compile(
    r"@@ -(?P<old>\d+)(?:,(?P<old_count>\d+))? \+(?P<new>\d+)(?:,(?P<new_count>\d+))? @@"
    r"(?: (?P<section>.*))?"
)


@dataclass(frozen=True)
class Line:
    """A line of a hunk: what happens to it and its text, line break included."""

    tag: str
    text: str

    def __str__(self) -> str:
        if complete(self.text):
            return self.tag + self.text
        return f"{self.tag}{self.text}\n{NO_NEWLINE}\n"


@dataclass(frozen=True)
class Hunk:
    """A hunk.

    Attributes:
        old_start: number of the first line in the old text, as in the header.
        new_start: the same in the new text.
        lines: kept, removed and added lines in order.
        section: what stands behind the second "@@", a function's name often.
    """

    old_start: int
    new_start: int
    lines: tuple[Line, ...]
    section: str = ""

    @property
    def old_lines(self) -> list[str]:
        """The lines that the old text must have."""
        return [line.text for line in self.lines if line.tag != ADD]

    @property
    def new_lines(self) -> list[str]:
        """The lines that the new text gets."""
        return [line.text for line in self.lines if line.tag != REMOVE]

    @property
    def old_index(self) -> int:
        """Where the hunk starts in the list of the old lines."""
        return self.old_start - 1

    @property
    def added(self) -> int:
        return sum(1 for line in self.lines if line.tag == ADD)

    @property
    def removed(self) -> int:
        return sum(1 for line in self.lines if line.tag == REMOVE)

    @property
    def header(self) -> str:
        """The line that introduces the hunk."""
        old = _range(self.old_start, len(self.old_lines))
        new = _range(self.new_start, len(self.new_lines))
        text = f"@@ -{old} +{new} @@"
        return f"{text} {self.section}" if self.section else text

    def reversed(self) -> Hunk:
        """The hunk that undoes this one."""
        lines = [Line(_OPPOSITE[line.tag], line.text) for line in self.lines]
        return Hunk(self.new_start, self.old_start, tuple(_in_order(lines)), self.section)

    def __str__(self) -> str:
        return f"{self.header}\n" + "".join(str(line) for line in self.lines)


def _range(start: int, count: int) -> str:
    return str(start) if count == 1 else f"{start},{count}"


def _in_order(lines: Sequence[Line]) -> list[Line]:
    """Put removed lines in front of added ones in each run of changes."""
    result: list[Line] = []
    removed: list[Line] = []
    added: list[Line] = []
    for line in lines:
        if line.tag == REMOVE:
            removed.append(line)
        elif line.tag == ADD:
            added.append(line)
        else:
            result += [*removed, *added, line]
            removed, added = [], []
    return [*result, *removed, *added]


@dataclass(frozen=True)
class Header:
    """What a hunk's header says."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    section: str

    @classmethod
    def read(cls, text: str) -> Header | None:
        """The header in `text`, or None if it is none; a missing count is 1."""
        match = _HEADER.fullmatch(text.rstrip("\n"))
        if match is None:
            return None
        old_count, new_count = match["old_count"], match["new_count"]
        return cls(
            int(match["old"]),
            1 if old_count is None else int(old_count),
            int(match["new"]),
            1 if new_count is None else int(new_count),
            match["section"] or "",
        )
