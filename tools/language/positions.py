"""Places in a text: as a person counts them, and as the Language Server Protocol does.

A person counts lines and columns from 1, in characters. The protocol counts from 0 and, where
a server does not say otherwise, in UTF-16 units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tools.result import ToolError

NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Place:
    """A cursor between two characters.

    Attributes:
        line: The line, from 0.
        column: Characters of the line before it.
    """

    line: int
    column: int


def units(text: str, encoding: str) -> int:
    """Return how long a text is in a server's position encoding."""
    if encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def to_server(lines: list[str], place: Place, encoding: str) -> dict[str, int]:
    """Return a place as the protocol writes it."""
    return {"line": place.line, "character": units(lines[place.line][: place.column], encoding)}


def from_server(lines: list[str], position: Any, encoding: str) -> Place | None:
    """Return a place that a server wrote; None where it is none or not in the text."""
    if not isinstance(position, dict):
        return None
    line, character = position.get("line"), position.get("character")
    if not isinstance(line, int) or not isinstance(character, int):
        return None
    if not 0 <= line < len(lines) or character < 0:
        return None
    text, column = lines[line], 0
    while column < len(text) and units(text[: column + 1], encoding) <= character:
        column += 1
    return Place(line, column)


def place_of(lines: list[str], path: str, line: int, column: int | None, name: str) -> Place:
    """Return the place that an agent means.

    Args:
        lines: The file.
        path: Its name, for messages.
        line: The line, from 1.
        column: The column, from 1: the cursor stands before that character; one more than the
            line's length is its end. None means the end of the line, or the name.
        name: A name on the line; the cursor stands in it. "" names none.

    Raises:
        ToolError: There is no such place.
    """
    if not 1 <= line <= max(1, len(lines)):
        raise ToolError(f"{path} has {len(lines)} lines; line {line} does not exist.")
    text = lines[line - 1] if lines else ""
    if name:
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        if found is None:
            raise ToolError(f"Line {line} of {path} does not hold the name {name!r}: {text[:200]}")
        # In "a.b.c" the last part is what is meant.
        return Place(line - 1, found.end() - len(name.rpartition(".")[2]))
    if column is None:
        return Place(line - 1, len(text.rstrip() or text))
    if column > len(text) + 1:
        raise ToolError(
            f"Line {line} of {path} has {len(text)} characters; column {column} does not exist."
        )
    return Place(line - 1, column - 1)


def word_at(text: str, column: int) -> tuple[int, int]:
    """Return where the name around a column begins and ends; twice the column for none."""
    for match in NAME.finditer(text):
        if match.start() <= column <= match.end():
            return match.start(), match.end()
    return column, column
