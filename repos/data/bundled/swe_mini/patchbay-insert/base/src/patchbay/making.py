"""Comparing two texts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from .hunks import ADD, KEEP, REMOVE, Hunk, Line
from .patches import FilePatch
from .text import split


def make(path: str, old: str, new: str, *, context: int = 3) -> FilePatch:
    """Compare two texts.

    Args:
        path: of the file, for the header; "a/" and "b/" are put in front.
        old: the text before.
        new: the text after.
        context: how many unchanged lines to show around a change.

    Returns:
        the patch; without hunks, and so false, if the texts are equal.

    Raises:
        ValueError: if `context` is negative.
    """
    if context < 0:
        raise ValueError("context must not be negative")
    old_lines, new_lines = split(old), split(new)
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    # difflib drops all but one of the groups for a context of 0.
    groups = matcher.get_grouped_opcodes(context) if context else _bare_groups(matcher)
    hunks = tuple(_hunk(group, old_lines, new_lines) for group in groups)
    return FilePatch(f"a/{path}", f"b/{path}", hunks)


_Opcode = tuple[str, int, int, int, int]


def _bare_groups(matcher: difflib.SequenceMatcher[str]) -> list[list[_Opcode]]:
    return [[opcode] for opcode in matcher.get_opcodes() if opcode[0] != "equal"]


def _hunk(group: Sequence[_Opcode], old: Sequence[str], new: Sequence[str]) -> Hunk:
    lines: list[Line] = []
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            lines += [Line(KEEP, text) for text in old[old_from:old_to]]
            continue
        lines += [Line(REMOVE, text) for text in old[old_from:old_to]]
        lines += [Line(ADD, text) for text in new[new_from:new_to]]
    old_from, old_to = group[0][1], group[-1][2]
    new_from, new_to = group[0][3], group[-1][4]
    return Hunk(_start(old_from, old_to), _start(new_from, new_to), tuple(lines))


def _start(first: int, end: int) -> int:
    """The line number for the header; of no lines, that of the line before."""
    return first + 1 if end > first else first
