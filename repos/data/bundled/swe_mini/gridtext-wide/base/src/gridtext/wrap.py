"""Breaking text into lines."""

from __future__ import annotations

from .width import display_width, split_at


def wrap(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` terminal cells.

    Line breaks in the text are kept, runs of blanks become one. Lines are
    broken between words; a word that is wider than a line is cut.

    Raises:
        ValueError: if `width` is less than 1.
    """
    if width < 1:
        raise ValueError("width must be at least 1")
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_wrap_paragraph(paragraph, width))
    return lines


def _wrap_paragraph(paragraph: str, width: int) -> list[str]:
    lines: list[str] = []
    words: list[str] = []
    used = 0
    for word in paragraph.split():
        for part in _cut(word, width):
            needed = len(part) if not words else used + 1 + len(part)
            if words and needed > width:
                lines.append(" ".join(words))
                words, needed = [], len(part)
            words.append(part)
            used = needed
    lines.append(" ".join(words))
    return lines


def _cut(word: str, width: int) -> list[str]:
    """Cut one word into parts that fit into a line."""
    parts: list[str] = []
    while display_width(word) > width:
        front, rest = split_at(word, width)
        if not rest:
            break
        parts.append(front)
        word = rest
    parts.append(word)
    return parts
