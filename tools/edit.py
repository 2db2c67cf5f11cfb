"""The tool `edit`: exact replacement in one file."""

from __future__ import annotations

from tools.context import ToolContext
from tools.files import TextFile, decode
from tools.history import Change, history
from tools.paths import read_bytes, writable, write_bytes
from tools.registry import tool
from tools.replace import replace_exact
from tools.text import clip_line, plural

CONTEXT = 3
MAX_SHOWN = 60


@tool
def edit(ctx: ToolContext, *, path: str, old: str, new: str, replace_all: bool = False) -> str:
    """Replace text in a file; `old` must occur exactly once, character for character.

    Indentation counts; line numbers are no part of the text. Add lines around the place
    until `old` is unique. Encoding and line ends of the file are kept. Where `old` is not
    found, the answer shows the nearest lines.

    Args:
        ctx: What the episode offers to tools.
        path: File of the repository.
        old: Text to replace; may be several lines, or a part of one.
        new: Text to put in its place; "" deletes.
        replace_all: Replace every occurrence.
    """
    place = writable(ctx.workspace, path)
    before = read_bytes(ctx.workspace, place)
    changed, lines = replace_exact(decode(before, place), old, new, place, replace_all=replace_all)
    after = changed.encode()
    write_bytes(ctx.workspace, place, after)
    history(ctx).push(Change(place, before, after))
    if len(lines) > 1:
        return f"{place}: {plural(len(lines), 'place')} changed, at lines {_few(lines)}."
    return f"{place}: changed at line {lines[0]}.\n{around(changed, lines[0], new)}"


def around(file: TextFile, line: int, new: str) -> str:
    """Show new text with its number and the lines around it.

    Args:
        file: The file after the change.
        line: Where the new text starts.
        new: The new text.
    """
    lines = file.lines
    first = max(1, line - CONTEXT)
    last = min(len(lines), line + new.count("\n") + CONTEXT)
    shown = [
        f"{number}\t{clip_line(lines[number - 1], 400)}"
        for number in range(first, min(last, first + MAX_SHOWN - 1) + 1)
    ]
    if last - first >= MAX_SHOWN:
        shown.append(f"[... {plural(last - first - MAX_SHOWN + 1, 'more line')}]")
    return "\n".join(shown)


def _few(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20]))
    return shown if len(numbers) <= 20 else f"{shown} and {len(numbers) - 20} more"
