"""Applying a patch to a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .errors import ApplyError
from .hunks import Hunk
from .patches import FilePatch
from .text import join, split

MAX_OFFSET = 20


@dataclass(frozen=True)
class Result:
    """What `apply_leniently` made.

    Attributes:
        text: the text with all hunks that fit.
        rejected: the others.
        offsets: for each hunk that fits, how many lines away from its place.
    """

    text: str
    rejected: tuple[Hunk, ...]
    offsets: tuple[int, ...]


def apply(text: str, patch: FilePatch, *, max_offset: int = MAX_OFFSET) -> str:
    """Apply all hunks of a patch.

    Args:
        text: the old text.
        patch: what to change.
        max_offset: how far away from its line a hunk may be found.

    Raises:
        ApplyError: at the first hunk that doesn't fit.
    """
    result = apply_leniently(text, patch, max_offset=max_offset)
    if result.rejected:
        first = result.rejected[0]
        raise ApplyError(first, patch.hunks.index(first) + 1)
    return result.text


def apply_leniently(text: str, patch: FilePatch, *, max_offset: int = MAX_OFFSET) -> Result:
    """Apply the hunks that fit, and report the others."""
    lines = split(text)
    output: list[str] = []
    rejected: list[Hunk] = []
    offsets: list[int] = []
    done = 0  # the old lines up to here are in the output
    drift = 0  # how far the last hunk was from its place
    for hunk in patch.hunks:
        index = _find(lines, hunk.old_lines, hunk.old_index + drift, done, max_offset)
        if index is None:
            rejected.append(hunk)
            continue
        drift = index - hunk.old_index
        offsets.append(drift)
        output += lines[done:index]
        output += hunk.new_lines
        done = index + len(hunk.old_lines)
    output += lines[done:]
    return Result(join(output), tuple(rejected), tuple(offsets))


def _find(
    lines: Sequence[str], wanted: Sequence[str], expected: int, lowest: int, max_offset: int
) -> int | None:
    """The index nearest to `expected` at which the wanted lines are."""
    for index in _around(expected, max_offset):
        if lowest <= index <= len(lines) - len(wanted):
            if list(lines[index : index + len(wanted)]) == list(wanted):
                return index
    return None


def _around(center: int, distance: int) -> Iterator[int]:
    yield center
    for step in range(1, distance + 1):
        yield center - step
        yield center + step
