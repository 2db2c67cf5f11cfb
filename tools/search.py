"""The tool `search`: a regular expression over the repository's files, by ripgrep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from tools.context import ToolContext
from tools.encodings import may_match_other, other_encodings
from tools.paths import check_pattern, clean, missing, ripgrep, shown
from tools.records import Format, Match, Matches
from tools.registry import tool
from tools.result import ToolError
from tools.text import clip_line, plural

MAX_LINE = 400
_SECONDS = 60.0
_MAX_OUTPUT = 32 << 20
_FEW_BYTES = 1 << 20
"""Matches that print at most so much are found and counted by one run of ripgrep."""


@tool(read_only=True)
def search(
    ctx: ToolContext,
    *,
    pattern: str,
    path: str = ".",
    glob: str = "",
    literal: bool = False,
    ignore_case: bool = False,
    context: Annotated[int, Field(ge=0, le=20)] = 0,
    max_results: Annotated[int, Field(ge=1, le=2_000)] = 100,
    format: Format = "text",
) -> str:
    """Search files for a regular expression, line by line.

    Answers with one line a match, `path:line:text`, sorted by path, and with
    `path-line-text` for lines of context. Binary files and files that git ignores are left
    out. Look-around and back references are allowed; `$` matches before any line end, CRLF
    too. Files in other encodings than UTF-8 are searched as `view` shows them.

    With format="json" the answer is one JSON object instead: `{"total": matching lines in all,
    "files": files that hold them, "matches": [{"path", "line", "text", "context": whether the
    line is one of context}, ...]}`.

    Args:
        ctx: What the episode offers to tools.
        pattern: Regular expression (Rust or PCRE2 syntax).
        path: File or folder to search.
        glob: Only files whose path matches, for example "*.py" or "!tests/**".
        literal: Take the pattern as plain text.
        ignore_case: Match upper and lower case alike.
        context: Lines to show before and after each match.
        max_results: How many matching lines to show.
        format: "json" for programs.
    """
    if not pattern:
        raise ToolError("`pattern` is empty.")
    check_pattern(pattern, "pattern")
    check_pattern(glob, "glob")
    if "\n" in pattern:
        raise ToolError("`pattern` must be one line: a search goes line by line.")
    place = clean(path)
    _check_kind(ctx, place)
    options = ["--engine", "auto", "--crlf"]
    options += ["--fixed-strings"] if literal else []
    options += ["--ignore-case"] if ignore_case else []
    options += ["--regexp", pattern]
    encodings: dict[str, str] = {}
    if may_match_other(pattern, literal):
        encodings = other_encodings(ctx.workspace, place, glob)
    found = None if encodings else _few(ctx, options, place, glob, context, max_results)
    if found is None:
        counts = _counts(ctx, options, [place], glob)
        counts = {name: count for name, count in counts.items() if name not in encodings}
        for label, names in _groups(encodings, list(encodings)):
            counts |= _counts(ctx, [*options, "--encoding", label], names, "")
        counts = dict(sorted(counts.items()))
        matches = _matches(ctx, options, counts, context, max_results, encodings) if counts else ()
        found = Matches(total=sum(counts.values()), files=len(counts), matches=matches)
    if format == "json":
        return found.to_json(ctx.limits.max_chars)
    if not found.files:
        return f"No matches for {pattern!r} in {shown(place)}{f' ({glob})' if glob else ''}."
    return _text(found, ctx.limits.max_chars - 500)


def _text(found: Matches, room: int) -> str:
    head = f"{plural(found.total, 'matching line')} in {plural(found.files, 'file')}"
    lines: list[str] = []
    count, before = 0, None
    for one in found.matches:
        mark = "-" if one.context else ":"
        line = f"{one.path}{mark}{one.line}{mark}{one.text}"
        gap = before is not None and (before.path, before.line + 1) != (one.path, one.line)
        parts = ["--", line] if gap and _has_context(found) else [line]
        room -= sum(len(part) + 1 for part in parts)
        if room < 0:
            break
        lines += parts
        count += not one.context
        before = one
    if not lines:
        return f"{head}; none is shown: a binary file, or it has just changed."
    if count < found.total:
        head += f", the first {count:,} shown: narrow the pattern, path or glob to see others"
    return "\n".join([head, *lines])


def _has_context(found: Matches) -> bool:
    return any(one.context for one in found.matches)


def _check_kind(ctx: ToolContext, place: str) -> None:
    """Refuse to read what is neither a file nor a folder: a FIFO would never end."""
    if place == ".":
        return
    done = ctx.workspace.exec(["stat", "-L", "-c", "%F", "--", place], timeout_s=30)
    kind = done.stdout.decode("utf-8", "replace").strip()
    if not done.exit_code and not kind.startswith(("regular", "directory")):
        raise ToolError(f"{place} is no regular file and no folder ({kind}).")


def _groups(encodings: dict[str, str], files: list[str]) -> list[tuple[str, list[str]]]:
    """Return the files by the label of their encoding; "" is what ripgrep finds out itself."""
    labels = sorted({encodings.get(name, "") for name in files})
    return [(label, [n for n in files if encodings.get(n, "") == label]) for label in labels]


def _counts(ctx: ToolContext, options: list[str], places: list[str], glob: str) -> dict[str, int]:
    """Return the number of matching lines by file, sorted by path."""
    arguments = ["--count", "--null", "--with-filename", *options]
    done = ripgrep(
        ctx.workspace, arguments, places, glob=glob, max_output=_MAX_OUTPUT, timeout_s=_SECONDS
    )
    if done.limit == "time":
        raise ToolError(f"The search took more than {_SECONDS:.0f} s: use a simpler pattern.")
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.exit_code not in (0, 1) and not done.stdout:
        if "No such file" in said:
            raise ToolError(missing(ctx.workspace, places[0]))
        raise ToolError(f"ripgrep refused it; literal=true takes the pattern as text. {said[:800]}")
    counts: dict[str, int] = {}
    for record in done.stdout.decode("utf-8", "surrogateescape").split("\n"):
        name, _, count = record.rstrip("\r").rpartition("\0")
        if count.isdigit():
            counts[name.removeprefix("./")] = int(count)
    return dict(sorted(counts.items()))


def _matches(
    ctx: ToolContext,
    options: list[str],
    counts: dict[str, int],
    context: int,
    max_results: int,
    encodings: dict[str, str],
) -> tuple[Match, ...]:
    """Return the lines of the first matches."""
    files, expected = [], 0
    for name, count in counts.items():
        files.append(name)
        expected += count
        if expected >= max_results:
            break
    # The files are named one by one: the glob is settled already.
    arguments = ["--sort", "path", "--max-count", str(max_results), *_lines(context), *options]
    lines: list[str] = []
    for label, names in _groups(encodings, files):
        done = ripgrep(
            ctx.workspace,
            [*arguments, *(["--encoding", label] if label else [])],
            names,
            max_output=_MAX_OUTPUT,
            timeout_s=_SECONDS,
        )
        lines += done.stdout.decode("utf-8", "replace").split("\n")
    if encodings:
        lines.sort(key=lambda line: line.partition("\0")[0])  # keeps the order within a file
    return _first(_parsed(lines), max_results)


def _few(
    ctx: ToolContext, options: list[str], place: str, glob: str, context: int, max_results: int
) -> Matches | None:
    """Find and count in one run; None where that says too little: too much, or an error."""
    done = ripgrep(
        ctx.workspace,
        [*_lines(context), *options],
        [place],
        glob=glob,
        max_output=_FEW_BYTES,
        timeout_s=_SECONDS,
    )
    whole = done.limit is None and not done.stdout_dropped and done.exit_code in (0, 1)
    if not whole or b"binary file matches" in done.stdout:
        return None
    # Several threads search: a file's lines stand together, the files in any order.
    files: dict[str, list[Match]] = {}
    for match in _parsed(done.stdout.decode("utf-8", "replace").split("\n")):
        files.setdefault(match.path, []).append(match)
    everything = [match for _, matches in sorted(files.items()) for match in matches]
    return Matches(
        total=sum(not match.context for match in everything),
        files=len(files),
        matches=_first(everything, max_results),
    )


def _lines(context: int) -> list[str]:
    """Return ripgrep's options for printing lines as `_parsed` reads them."""
    arguments = ["--line-number", "--with-filename", "--null", "--no-heading"]
    arguments += ["--max-columns", str(8 * MAX_LINE), "--max-columns-preview"]
    return [*arguments, "--context", str(context)]


def _first(matches: Iterable[Match], most: int) -> tuple[Match, ...]:
    """Return the first matching lines, with their lines of context."""
    found: list[Match] = []
    count = 0
    for match in matches:
        if not match.context and count == most:
            break
        count += not match.context
        found.append(match)
    return tuple(found)


def _parsed(lines: Iterable[str]) -> Iterator[Match]:
    """Yield what the lines that ripgrep printed say."""
    for record in lines:
        name, null, rest = record.partition("\0")
        digits = len(rest) - len(rest.lstrip("0123456789"))
        if null and digits:
            yield Match(
                path=name.removeprefix("./"),
                line=int(rest[:digits]),
                text=clip_line(rest[digits + 1 :].rstrip("\r"), MAX_LINE),
                context=rest[digits : digits + 1] != ":",
            )
