"""Exact replacement of text: one match, or an error that shows where to look."""

from __future__ import annotations

import bisect
import dataclasses
import difflib
import re

from tools.files import TextFile
from tools.result import ToolError
from tools.text import clip_line

MAX_SHOWN_MATCHES = 10
_MAX_WINDOW = 12
_MAX_FUZZY_LINES = 4_000
_MAX_VOTES = 100


def replace_exact(
    file: TextFile, old: str, new: str, path: str, *, replace_all: bool = False
) -> tuple[TextFile, list[int]]:
    """Replace `old` by `new`, keeping encoding and line ends.

    Line ends are compared as line feeds whatever the file has; text that is put in gets the
    line ends of the file.

    Args:
        file: The file as decoded.
        old: Text to find, whole lines or a part of one.
        new: Text to put in its place.
        path: For messages.
        replace_all: Replace every match instead of asking for exactly one.

    Returns:
        The new file, and the first line number (from 1, in the old file) of each match.

    Raises:
        ToolError: No match, more than one, or nothing to do.
    """
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not old:
        raise ToolError(f"`old` is empty: give the text of {path} to replace, or use create.")
    if old == new:
        raise ToolError("`old` and `new` are equal: there is nothing to change.")
    plain = file.text.replace("\r\n", "\n")
    starts = _find(plain, old)
    if not starts:
        raise ToolError(_not_found(plain, old, path))
    lines = _line_numbers(plain, starts)
    if len(starts) > 1 and not replace_all:
        raise ToolError(_ambiguous(plain, lines, path))
    # Only the part that differs is put in, so that unchanged lines keep their own line ends.
    before, after = _common_ends(old, new)
    put_in = new[before : len(new) - after].replace("\n", file.newline)
    crlf = _crlf_positions(file.text)
    pieces, done = [], 0
    for start in starts:
        begin = _original(crlf, start + before)
        end = _original(crlf, start + len(old) - after)
        pieces += [file.text[done:begin], put_in]
        done = end
    pieces.append(file.text[done:])
    return dataclasses.replace(file, text="".join(pieces)), lines


def _find(text: str, old: str) -> list[int]:
    starts, at = [], text.find(old)
    while at >= 0:
        starts.append(at)
        at = text.find(old, at + len(old))
    return starts


def _line_numbers(text: str, offsets: list[int]) -> list[int]:
    numbers, line, done = [], 1, 0
    for offset in offsets:
        line += text.count("\n", done, offset)
        done = offset
        numbers.append(line)
    return numbers


def _crlf_positions(text: str) -> list[int]:
    """Positions, in the text with plain line ends, of the newlines of CRLF pairs."""
    return [match.start() - index for index, match in enumerate(re.finditer("\r\n", text))]


def _original(crlf: list[int], position: int) -> int:
    return position + bisect.bisect_left(crlf, position)


def _common_ends(old: str, new: str) -> tuple[int, int]:
    """Length of the common head and tail, in whole lines."""
    room = min(len(old), len(new))
    before = next((i for i in range(room) if old[i] != new[i]), room)
    before = old.rfind("\n", 0, before) + 1
    room -= before
    after = next((i for i in range(room) if old[-1 - i] != new[-1 - i]), room)
    if after:
        newline = old.find("\n", len(old) - after)
        after = 0 if newline < 0 else len(old) - newline
    # A tail that starts with a newline keeps that newline's own form.
    return before, min(after, room)


def _ambiguous(text: str, numbers: list[int], path: str) -> str:
    lines = text.split("\n")
    shown = "\n".join(
        f"{number}\t{clip_line(lines[number - 1], 200)}" for number in numbers[:MAX_SHOWN_MATCHES]
    )
    more = len(numbers) - MAX_SHOWN_MATCHES
    return (
        f"`old` occurs {len(numbers)} times in {path}; it must occur once. Add lines around it "
        f"until it is unique, or set replace_all. It starts at:\n{shown}"
        + (f"\n... and {more} more places" if more > 0 else "")
    )


def _not_found(text: str, old: str, path: str) -> str:
    lines = text.split("\n")
    wanted = old.strip("\n").split("\n")
    if len(wanted) > 1 or "\t" in old:
        bare = [re.sub(r"^\s*\d+\t", "", line) for line in wanted]
        if bare != wanted and "\n".join(bare) in text:
            return (
                f"`old` was not found in {path}: it holds the line numbers that view shows. "
                "Leave the number and the tab in front of each line out."
            )
    start = _nearest(lines, wanted)
    if start is None:
        return (
            f"`old` was not found in {path}, and no line of it looks like it. "
            "View the file and copy the text exactly."
        )
    end = min(len(lines), start + len(wanted))
    same = all(
        have.split() == want.split() for have, want in zip(lines[start:end], wanted, strict=False)
    ) and end - start == len(wanted)
    why = "Only white space differs there. " if same else ""
    shown = "\n".join(
        f"{number + 1}\t{clip_line(lines[number], 400)}"
        for number in range(start, min(end, start + _MAX_WINDOW))
    )
    more = end - start - _MAX_WINDOW
    if more > 0:
        shown += f"\n... and {more} more lines"
    return (
        f"`old` was not found in {path}; it must match character for character. "
        f"{why}The nearest lines are:\n{shown}"
    )


def _nearest(lines: list[str], wanted: list[str]) -> int | None:
    """Return the index of the line at which `wanted` most likely starts, or None.

    Lines that are equal but for white space vote for a start; without any, the most
    telling line of `wanted` is compared with all lines by similarity.
    """
    places: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        key = " ".join(line.split())
        if len(key) > 2:
            places.setdefault(key, []).append(index)
    votes: dict[int, float] = {}
    for offset, line in enumerate(wanted):
        found = places.get(" ".join(line.split()), [])
        # A line that is everywhere says little about where.
        for index in found[:_MAX_VOTES]:
            start = max(0, index - offset)
            votes[start] = votes.get(start, 0.0) + 1 / len(found)
    if votes:
        best = max(votes.values())
        return min(start for start, weight in votes.items() if weight == best)
    offset, telling = max(enumerate(wanted), key=lambda pair: (len(pair[1].strip()), -pair[0]))
    telling = telling.strip()[:400]
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(telling)
    best_ratio, best_start = 0.5, None
    for index, line in enumerate(lines[:_MAX_FUZZY_LINES]):
        matcher.set_seq1(line.strip()[:400])
        if matcher.real_quick_ratio() > best_ratio and matcher.quick_ratio() > best_ratio:
            ratio = matcher.ratio()
            if ratio > best_ratio:
                best_ratio, best_start = ratio, max(0, index - offset)
    if best_start is None and telling:
        # `old` may be a part of a line.
        for index, line in enumerate(lines):
            if telling.split()[0] in line and len(telling.split()[0]) > 3:
                return index
    return best_start
