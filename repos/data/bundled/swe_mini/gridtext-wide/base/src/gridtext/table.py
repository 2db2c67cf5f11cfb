"""The table itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .borders import BORDERS, Border
from .columns import Column, narrow
from .width import pad
from .wrap import wrap


class Table:
    """Columns and rows.

    Args:
        columns: `Column` objects, or just titles.

    Raises:
        ValueError: if there is no column.
    """

    def __init__(self, columns: Iterable[Column | str]) -> None:
        self.columns = [c if isinstance(c, Column) else Column(c) for c in columns]
        if not self.columns:
            raise ValueError("a table needs at least one column")
        self.rows: list[list[Any]] = []

    @classmethod
    def from_records(
        cls, records: Sequence[Mapping[str, Any]], columns: Iterable[Column | str] | None = None
    ) -> Table:
        """A table of mappings; without `columns`, their keys in order of appearance."""
        if columns is None:
            columns = dict.fromkeys(key for record in records for key in record)
        table = cls(columns)
        for record in records:
            table.add(*(record.get(column.title) for column in table.columns))
        return table

    def add(self, *values: Any) -> None:
        """Add a row; missing values at the end count as None.

        Raises:
            ValueError: if there are more values than columns.
        """
        if len(values) > len(self.columns):
            raise ValueError(f"{len(values)} values for {len(self.columns)} columns")
        self.rows.append([*values, *[None] * (len(self.columns) - len(values))])

    def sort(self, title: str, *, reverse: bool = False) -> None:
        """Sort the rows by a column; None comes last, whatever the direction.

        Raises:
            KeyError: if there is no such column.
        """
        for index, column in enumerate(self.columns):
            if column.title == title:
                break
        else:
            raise KeyError(title)
        known = [row for row in self.rows if row[index] is not None]
        unknown = [row for row in self.rows if row[index] is None]
        known.sort(key=lambda row: row[index], reverse=reverse)
        self.rows = known + unknown

    def render(self, border: str | Border = "plain", width: int | None = None) -> str:
        """The table as text, without a line break at the end.

        Args:
            border: the name of a style, or a style.
            width: the most cells a line may take; columns are narrowed.

        Raises:
            ValueError: if there is no such style.
        """
        markdown = border == "markdown"
        style = self._style(border)
        head = [column.title for column in self.columns]
        body = [
            [column.show(value) for column, value in zip(self.columns, row)] for row in self.rows
        ]
        if markdown:
            head, *body = [[_markdown(text) for text in row] for row in (head, *body)]
        widths = self._widths([head, *body], bounded=not markdown)
        if width is not None and not markdown:
            widths = narrow(widths, self.columns, width - style.overhead(len(widths)))
        return "\n".join(self._lines(style, head, body, widths))

    def __str__(self) -> str:
        return self.render()

    @staticmethod
    def _style(border: str | Border) -> Border:
        if isinstance(border, Border):
            return border
        try:
            return BORDERS[border]
        except KeyError:
            raise ValueError(
                f"no border style {border!r}; there are {', '.join(sorted(BORDERS))}"
            ) from None

    def _widths(self, rows: Sequence[Sequence[str]], *, bounded: bool) -> list[int]:
        widths: list[int] = []
        for index, column in enumerate(self.columns):
            texts = [row[index] for row in rows]
            if not bounded:
                column = Column(column.title, min_width=column.min_width)
            widths.append(column.natural_width(texts))
        return widths

    def _lines(
        self, style: Border, head: list[str], body: list[list[str]], widths: list[int]
    ) -> Iterable[str]:
        if style.top:
            yield style.top.draw(widths, style.padding)
        yield from self._row(style, head, widths)
        if style.below_head:
            yield style.below_head.draw(widths, style.padding)
        for number, row in enumerate(body):
            if number and style.between_rows:
                yield style.between_rows.draw(widths, style.padding)
            yield from self._row(style, row, widths)
        if style.bottom:
            yield style.bottom.draw(widths, style.padding)

    def _row(self, style: Border, texts: list[str], widths: list[int]) -> Iterable[str]:
        """The lines of one row: as many as its tallest cell."""
        cells = [wrap(text, width) for text, width in zip(texts, widths)]
        for index in range(max(len(lines) for lines in cells)):
            padded = [
                pad(lines[index] if index < len(lines) else "", width, column.align)
                for lines, width, column in zip(cells, widths, self.columns)
            ]
            yield style.row(padded).rstrip()


def _markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")
