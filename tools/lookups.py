"""The tools `definition` and `signature`: where a name comes from, and how it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import Field

from repos.sandbox.protocol import TESTBED
from tools.context import ToolContext
from tools.language.positions import Place, from_server, place_of, word_at
from tools.registry import tool
from tools.result import ToolError
from tools.text import clip_line

if TYPE_CHECKING:
    from tools.language.session import Document

MAX_PLACES = 20
MAX_HOVER = 4_000
"""Characters of a signature with its description."""

Line = Annotated[int, Field(ge=1)]
Column = Annotated[int, Field(ge=1)]


@tool(read_only=True)
def definition(
    ctx: ToolContext, *, path: str, line: Line, name: str = "", column: Column | None = None
) -> str:
    """Find where the name at a place is defined, in the repository or in an installed package.

    Answers with one line a definition: `path:line:text of that line`.

    Args:
        ctx: What the episode offers to tools.
        path: A Python, C or C++ file.
        line: Line on which the name is used, from 1.
        name: The name; of "a.b.c" the last part is looked up.
        column: Column of the name, from 1, where `name` is left out or stands there twice.
    """
    from tools.language.session import servers_of

    document, place = _named(ctx, path, line, column, name)
    found = servers_of(ctx).ask(document.path, lambda server: server.definitions(document, place))
    lines: dict[str, None] = {}
    for location in found[:MAX_PLACES]:
        text = _location(ctx, location)
        if text is not None:
            lines[text] = None
    return "\n".join(lines) or f"No definition of it is known ({_word(document, place)})."


@tool(read_only=True)
def signature(
    ctx: ToolContext, *, path: str, line: Line, name: str = "", column: Column | None = None
) -> str:
    """Show the signature or type of the name at a place, and its description.

    Args:
        ctx: What the episode offers to tools.
        path: A Python, C or C++ file.
        line: Line on which the name stands, from 1.
        name: The name; of "a.b.c" the last part is looked up.
        column: Column of the name, from 1, where `name` is left out or stands there twice.
    """
    from tools.language.session import servers_of

    document, place = _named(ctx, path, line, column, name)
    contents = servers_of(ctx).ask(document.path, lambda server: server.hover(document, place))
    text = _hover(contents).strip()
    return text[:MAX_HOVER] or f"Nothing is known of it ({_word(document, place)})."


def _named(
    ctx: ToolContext, path: str, line: int, column: int | None, name: str
) -> tuple[Document, Place]:
    from tools.language.session import open_document

    if not name and column is None:
        raise ToolError("Give `name` or `column`: which name of the line is meant?")
    document = open_document(ctx, path)
    place = place_of(document.lines, document.path, line, column, "" if column else name)
    return document, place


def _word(document: Document, place: Place) -> str:
    text = document.lines[place.line] if document.lines else ""
    begin, end = word_at(text, place.column)
    return repr(text[begin:end]) if begin < end else "there is no name at that place"


def _location(ctx: ToolContext, location: Any) -> str | None:
    from tools.language.session import open_document

    if not isinstance(location, dict):
        return None
    uri = location.get("uri") or location.get("targetUri")
    span = location.get("range") or location.get("targetSelectionRange")
    start = span.get("start") if isinstance(span, dict) else None
    if not isinstance(uri, str) or not isinstance(start, dict):
        return None
    split = urlsplit(uri)
    number = start.get("line")
    if split.scheme != "file" or not isinstance(number, int):
        # Servers carry the standard library's declarations with them.
        return clip_line(f"(built in) {unquote(split.path)}", 200)
    path = unquote(split.path).removeprefix(f"{TESTBED}/")
    try:
        lines = open_document(ctx, path).lines
    except ToolError:
        return clip_line(f"{path}:{number + 1}", 400)
    if from_server(lines, start, "utf-32") is None:
        return None
    return clip_line(f"{path}:{number + 1}:{lines[number].strip()}", 400)


def _hover(contents: Any) -> str:
    if isinstance(contents, str):
        return contents
    if isinstance(contents, dict):
        return str(contents.get("value", ""))
    if isinstance(contents, list):
        return "\n".join(_hover(item) for item in contents)
    return ""
