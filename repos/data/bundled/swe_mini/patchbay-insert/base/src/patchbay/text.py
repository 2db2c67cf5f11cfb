"""Texts as lists of lines."""

from __future__ import annotations

from collections.abc import Iterable


def split(text: str) -> list[str]:
    """The lines with their line breaks; only "\\n" breaks lines.

    `str.splitlines` would also break at form feeds and the like, which no
    other diff tool does.
    """
    lines = text.split("\n")
    last = lines.pop()
    result = [line + "\n" for line in lines]
    if last:
        result.append(last)
    return result


def join(lines: Iterable[str]) -> str:
    """The inverse of `split`."""
    return "".join(lines)


def complete(line: str) -> bool:
    """Whether the line ends with a line break."""
    return line.endswith("\n")
