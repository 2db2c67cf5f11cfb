"""The tool `complete`: what may stand at a place, by a language server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tools.context import ToolContext
from tools.language.positions import Place, place_of, word_at
from tools.registry import tool
from tools.text import clip_line, plural

if TYPE_CHECKING:
    from tools.language.session import Document

MAX_ITEMS = 20_000
"""Items of an answer that are looked at."""


@tool(read_only=True)
def complete(
    ctx: ToolContext,
    *,
    path: str,
    line: Annotated[int, Field(ge=1)],
    column: Annotated[int, Field(ge=1)] | None = None,
    text: str = "",
    max_results: Annotated[int, Field(ge=1, le=500)] = 60,
) -> str:
    """List the names that exist at a place of a file: members, variables, parameters, modules.

    Put the cursor after a dot, or inside or after the begin of a name: only what begins with
    the letters before the cursor is listed. Answers with one line a name: the name, its kind
    and, where it is known, its type or signature. A file that does not parse still completes.

    Args:
        ctx: What the episode offers to tools.
        path: A Python, C or C++ file.
        line: Line of the cursor, from 1.
        column: Column of the cursor, from 1; left out, the end of the line.
        text: Code to imagine at the cursor before completing, for example "self."; the file
            stays as it is.
        max_results: How many names to show.
    """
    from tools.language.session import open_document, servers_of

    document = open_document(ctx, path)
    place = place_of(document.lines, document.path, line, column, "")
    imagined, cursor, prefix = _imagined(document, place, text)
    items = servers_of(ctx).ask(document.path, lambda server: server.completions(imagined, cursor))
    found = _matching(items[:MAX_ITEMS], prefix)
    if not found:
        begin = f" that begins with {prefix!r}" if prefix else ""
        return f"No name{begin} is known at line {line} of {document.path}."
    shown = [clip_line(" ".join(part for part in row if part), 200) for row in found[:max_results]]
    rest = len(found) - len(shown)
    more = [f"[... {plural(rest, 'more name')}: type more letters]"] if rest > 0 else []
    return "\n".join([*shown, *more])


def _imagined(document: Document, place: Place, text: str) -> tuple[Document, Place, str]:
    """Return the document to complete in, the cursor there, and the letters before it.

    The rest of a name after the cursor is cut: servers answer little in front of one.
    """
    from tools.language.session import Document

    lines = list(document.lines)
    whole = lines[place.line]
    _, end = word_at(whole, place.column)
    before, after = whole[: place.column] + text, whole[max(end, place.column) :]
    added = before.split("\n")
    lines[place.line : place.line + 1] = [*added[:-1], added[-1] + after]
    cursor = Place(place.line + len(added) - 1, len(added[-1]))
    begin, _ = word_at(added[-1], cursor.column)
    return Document(document.path, "\n".join(lines)), cursor, added[-1][begin : cursor.column]


def _matching(items: list[Any], prefix: str) -> list[tuple[str, str, str]]:
    """Return name, kind and detail of the items that begin with the letters, in order."""
    from tools.language.session import kind_name

    found: dict[str, tuple[str, tuple[str, str, str]]] = {}
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("label"), str):
            continue
        name = item["filterText"] if isinstance(item.get("filterText"), str) else item["label"]
        name = name.strip().partition("(")[0]
        if not name.lower().startswith(prefix.lower()) or name in found:
            continue
        order = item["sortText"] if isinstance(item.get("sortText"), str) else name
        detail = item.get("detail")
        shown = " ".join(detail.split()) if isinstance(detail, str) else ""
        found[name] = (order, (name, kind_name(item.get("kind")), shown))
    exact = sorted(found.values(), key=lambda one: (not one[1][0].startswith(prefix), one[0]))
    return [row for _, row in exact]
