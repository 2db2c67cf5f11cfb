"""The lines around and between cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A horizontal line: left end, filling, crossing, right end."""

    left: str
    fill: str
    cross: str
    right: str

    def draw(self, widths: Sequence[int], padding: int) -> str:
        return self.left + self.cross.join(self.fill * (w + 2 * padding) for w in widths) + self.right


@dataclass(frozen=True)
class Border:
    """A style of borders; lines that are None are not drawn.

    Attributes:
        left, between, right: what stands around and between the cells.
        padding: blanks on both sides of a cell.
    """

    left: str
    between: str
    right: str
    padding: int
    top: Line | None = None
    below_head: Line | None = None
    between_rows: Line | None = None
    bottom: Line | None = None

    def overhead(self, count: int) -> int:
        """The cells that aren't content in a table of `count` columns."""
        return (
            len(self.left)
            + len(self.right)
            + len(self.between) * (count - 1)
            + 2 * self.padding * count
        )

    def row(self, cells: Sequence[str]) -> str:
        blank = " " * self.padding
        return self.left + self.between.join(f"{blank}{cell}{blank}" for cell in cells) + self.right


_ASCII_LINE = Line("+", "-", "+", "+")
_MARKDOWN_LINE = Line("|", "-", "|", "|")

BORDERS = {
    "plain": Border("", "  ", "", 0, below_head=Line("", "-", "  ", "")),
    "grid": Border(
        "|",
        "|",
        "|",
        1,
        top=_ASCII_LINE,
        below_head=Line("+", "=", "+", "+"),
        between_rows=_ASCII_LINE,
        bottom=_ASCII_LINE,
    ),
    "rounded": Border(
        "\u2502",
        "\u2502",
        "\u2502",
        1,
        top=Line("\u256d", "\u2500", "\u252c", "\u256e"),
        below_head=Line("\u251c", "\u2500", "\u253c", "\u2524"),
        bottom=Line("\u2570", "\u2500", "\u2534", "\u256f"),
    ),
    "markdown": Border("|", "|", "|", 1, below_head=_MARKDOWN_LINE),
}
