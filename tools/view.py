"""The tool `view`: a file with line numbers, or a folder."""

from __future__ import annotations

import errno
from typing import Annotated

from pydantic import Field

from repos.sandbox.protocol import Entry
from tools.context import ToolContext
from tools.files import BinaryFileError, decode
from tools.paths import HIDDEN, MAX_FILE, clean, read_bytes, reason
from tools.registry import tool
from tools.result import ToolError
from tools.text import clip_line, plural

MAX_ENTRIES = 300
_MAX_SCANNED = 128 << 20
"""Bytes of a huge file that are looked through for the lines that are asked for."""
_PART_SECONDS = 10.0


@tool(read_only=True)
def view(
    ctx: ToolContext,
    *,
    path: str = ".",
    start: Annotated[int, Field(ge=1)] = 1,
    end: Annotated[int, Field(ge=1)] | None = None,
) -> str:
    """Show a file with line numbers, or the contents of a folder.

    The first line of the answer names the file, the lines shown and how many it has; then
    comes each line as its number, a tab and its text. Folders end with "/", links with "@".

    Args:
        ctx: What the episode offers to tools.
        path: File or folder, relative to the repository or absolute.
        start: First line to show, from 1.
        end: Last line to show; left out, the view ends where it is full.
    """
    if end is not None and end < start:
        raise ToolError(f"`end` ({end}) lies before `start` ({start}).")
    place = clean(path)
    try:
        data = ctx.workspace.read(place, max_bytes=MAX_FILE)
    except IsADirectoryError:
        return _folder(ctx, place, _entries(ctx, place))
    except OSError as error:
        size = _large(ctx, place) if error.errno in (errno.EFBIG, errno.EINVAL) else 0
        if size:
            return _part(ctx, place, size, start, end)
        data = read_bytes(ctx.workspace, place)  # says in words what is wrong
    try:
        file = decode(data, place)
    except BinaryFileError as error:
        raise ToolError(f"{error} It is not shown; use bash (file, xxd).") from error
    lines = file.lines
    if not lines:
        return f"{place}: empty file"
    if start > len(lines):
        raise ToolError(f"{place} has {plural(len(lines), 'line')}; line {start} does not exist.")
    last = min(len(lines), end or len(lines), start + ctx.limits.view_lines - 1)
    shown, last = _numbered(ctx, lines[start - 1 : last], start)
    notes = "".join(f", {note}" for note in file.notes)
    head = f"{place}: lines {start}-{last} of {len(lines)}{notes}\n"
    rest = min(len(lines), end or len(lines)) - last
    tail = f"\n[... {plural(rest, 'more line')}: view with start={last + 1}]" if rest > 0 else ""
    return head + shown + tail


def _numbered(ctx: ToolContext, lines: list[str], start: int) -> tuple[str, int]:
    """Number as many lines as fit; at least one."""
    room = ctx.limits.max_chars - 500
    shown: list[str] = []
    for number, line in enumerate(lines, start):
        text = f"{number}\t{clip_line(line)}"
        room -= len(text) + 1
        if room < 0 and shown:
            break
        shown.append(text.replace("\0", "\\0"))
    return "\n".join(shown), start + len(shown) - 1


def _entries(ctx: ToolContext, place: str) -> list[Entry]:
    try:
        return ctx.workspace.list(place)
    except OSError as error:
        raise ToolError(f"{place} can't be read: {reason(error)}.") from error


def _folder(ctx: ToolContext, place: str, entries: list[Entry]) -> str:
    shown = [entry for entry in entries if entry.path not in HIDDEN]
    lines = [f"{'.' if place == '.' else place.rstrip('/')}/: {_count(shown)}"]
    lines += [_entry(entry) for entry in shown[:MAX_ENTRIES]]
    if len(shown) > MAX_ENTRIES:
        more = len(shown) - MAX_ENTRIES
        lines.append(f"[... {more:,} more: use list_files with a pattern]")
    return "\n".join(lines)


def _count(entries: list[Entry]) -> str:
    folders = sum(entry.kind == "dir" for entry in entries)
    return f"{plural(folders, 'folder')}, {plural(len(entries) - folders, 'file')}"


def _entry(entry: Entry) -> str:
    if entry.kind == "dir":
        return f"{entry.path}/"
    if entry.kind == "symlink":
        return f"{entry.path}@"
    return f"{entry.path} ({plural(entry.size, 'byte')})"


def _large(ctx: ToolContext, place: str) -> int:
    """Return the size of a regular file that is too large to be read whole, else 0."""
    done = ctx.workspace.exec(["stat", "-L", "-c", "%s %F", "--", place], timeout_s=30)
    size, _, kind = done.stdout.decode("utf-8", "replace").strip().partition(" ")
    if done.exit_code or not kind.startswith("regular"):
        if not done.exit_code:
            raise ToolError(f"{place} is no regular file ({kind}).")
        return 0
    return int(size) if int(size) > MAX_FILE else 0


def _part(ctx: ToolContext, place: str, size: int, start: int, end: int | None) -> str:
    """Show some lines of a huge file without reading it whole."""
    last = min(end or start + ctx.limits.view_lines - 1, start + ctx.limits.view_lines - 1)
    # Hostile files are sparse, endless or one line: neither time nor memory grows with them.
    script = 'head -c "$1" -- "$3" | sed -n -e "$2"'
    done = ctx.workspace.exec(
        ["sh", "-c", script, "sh", str(_MAX_SCANNED), f"{start},{last}p;{last}q", place],
        env={"LC_ALL": "C"},
        timeout_s=_PART_SECONDS,
        max_output=4 * ctx.limits.max_chars,
    )
    if done.limit == "time":
        raise ToolError(f"{place} ({size:,} bytes) takes too long to read: use bash (head, tail).")
    if done.exit_code and not done.stdout:
        raise ToolError(f"{place} can't be read: {done.text.strip()[:300]}")
    whole = done.stdout[: len(done.stdout) // 2] if done.stdout_dropped else done.stdout
    if b"\0" in whole:
        raise ToolError(f"{place} is a binary file of {size:,} bytes. Use bash (file, xxd).")
    lines = decode(whole, place).lines
    if not lines:
        where = f" in its first {_MAX_SCANNED >> 20} MiB" if size > _MAX_SCANNED else ""
        raise ToolError(f"{place} has fewer than {start} lines{where}.")
    shown, last = _numbered(ctx, lines, start)
    return (
        f"{place}: lines {start}-{last} of a file of {size:,} bytes\n{shown}\n"
        f"[... more lines may follow: view with start={last + 1}]"
    )
