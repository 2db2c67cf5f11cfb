"""How wide text is in a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"
_ZERO_WIDTH = {"Mn", "Me", "Cf", "Cc"}


def char_width(char: str) -> int:
    """The cells of one character: 0, 1 or 2."""
    if unicodedata.category(char) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pieces(text: str) -> Iterator[tuple[str, int]]:
    """Split text into colour escapes (width 0) and characters, with widths."""
    position = 0
    while position < len(text):
        escape = _ESCAPE.match(text, position)
        if escape is not None:
            yield escape[0], 0
            position = escape.end()
        else:
            yield text[position], char_width(text[position])
            position += 1


def display_width(text: str) -> int:
    """The cells that a single line takes in a terminal."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(width for _, width in pieces(text))


def split_at(text: str, width: int) -> tuple[str, str]:
    """Split text behind as many characters as fit into `width` cells.

    Marks and escapes of zero width stay with what is in front of them. At
    least one character that has a width goes to the front, even if it is
    too wide, so that repeated splitting comes to an end.
    """
    used = 0
    position = 0
    for piece, piece_width in pieces(text):
        if used and piece_width and used + piece_width > width:
            break
        used += piece_width
        position += len(piece)
    return text[:position], text[position:]


def truncate(text: str, width: int, mark: str = "\u2026") -> str:
    """Cut text to `width` cells, with a mark at the end if it was cut.

    Raises:
        ValueError: if the mark itself is too wide.
    """
    if display_width(mark) > width:
        raise ValueError(f"the mark {mark!r} does not fit into {width} cells")
    if display_width(text) <= width:
        return text
    room = width - display_width(mark)
    kept = ""
    used = 0
    for piece, piece_width in pieces(text):
        if used + piece_width > room:
            break
        kept += piece
        used += piece_width
    return kept + mark + (_RESET if _ESCAPE.search(kept) else "")


def pad(text: str, width: int, align: str = "left") -> str:
    """Fill text up to `width` cells; longer text is left alone.

    Raises:
        ValueError: if `align` is not left, right or center.
    """
    room = max(0, width - display_width(text))
    if align == "left":
        return text + " " * room
    if align == "right":
        return " " * room + text
    if align == "center":
        return " " * (room // 2) + text + " " * (room - room // 2)
    raise ValueError(f"align must be left, right or center, not {align!r}")
