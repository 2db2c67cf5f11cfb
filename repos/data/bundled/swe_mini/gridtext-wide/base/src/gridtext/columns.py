"""What a column shows and how wide it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .width import display_width

ALIGNMENTS = ("left", "right", "center")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: the heading.
        align: left, right or center; headings follow it.
        min_width: never narrower than this, in cells.
        max_width: wrapped beyond this; None for no bound.
        format: a format specification for numbers, like ",.2f".
        missing: shown for None.
    """

    title: str
    align: str = "left"
    min_width: int = 1
    max_width: int | None = None
    format: str = ""
    missing: str = ""

    def __post_init__(self) -> None:
        if self.align not in ALIGNMENTS:
            raise ValueError(f"align must be one of {', '.join(ALIGNMENTS)}, not {self.align!r}")
        if self.min_width < 1:
            raise ValueError("min_width must be at least 1")
        if self.max_width is not None and self.max_width < self.min_width:
            raise ValueError("max_width must not be less than min_width")

    def show(self, value: Any) -> str:
        """The text of a cell."""
        if value is None:
            return self.missing
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, (int, float)) and self.format:
            return format(value, self.format)
        return str(value).expandtabs(4)

    def natural_width(self, texts: Sequence[str]) -> int:
        """The width that shows everything, within the column's own bounds."""
        widest = max((display_width(line) for text in texts for line in text.split("\n")), default=0)
        width = max(widest, self.min_width)
        return width if self.max_width is None else min(width, self.max_width)


def narrow(widths: Sequence[int], columns: Sequence[Column], total: int) -> list[int]:
    """Take cells away from the widest columns until the sum is `total`.

    Columns don't get narrower than their `min_width`; if that isn't enough
    the result is as narrow as it can be.
    """
    result = list(widths)
    while sum(result) > total:
        candidates = [i for i, column in enumerate(columns) if result[i] > column.min_width]
        if not candidates:
            break
        # Of equally wide columns the last one gives way first.
        widest = max(candidates, key=lambda i: (result[i], i))
        result[widest] -= 1
    return result
