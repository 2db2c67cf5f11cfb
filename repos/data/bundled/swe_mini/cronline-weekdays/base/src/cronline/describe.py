"""Expressions in plain English."""

from __future__ import annotations

from collections.abc import Sequence

from .fields import FieldValues

_MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def _runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """Group sorted numbers into runs of consecutive ones."""
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and runs[-1][1] == value - 1:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    return runs


def _join(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def _listing(field: FieldValues, names: Sequence[str] | None = None, base: int = 0) -> str:
    def word(value: int) -> str:
        return names[value - base] if names else str(value)

    parts: list[str] = []
    for first, last in _runs(field.values):
        if last - first >= 2:
            parts.append(f"{word(first)} to {word(last)}")
        else:
            parts.extend(word(value) for value in range(first, last + 1))
    return _join(parts)


def describe(fields: Sequence[FieldValues]) -> str:
    """Describe the five fields of an expression."""
    minute, hour, day, month, weekday = fields
    parts: list[str] = []
    parts.append("every minute" if minute.covers_all else f"at minute {_listing(minute)}")
    if not hour.covers_all:
        parts.append(f"hour {_listing(hour)}")
    days = []
    if not day.covers_all:
        days.append(f"on day {_listing(day)}")
    if not weekday.covers_all:
        days.append(f"on {_listing(weekday, _DAY_NAMES)}")
    if days:
        both = day.restricted and weekday.restricted
        parts.append((" or " if both else " if also ").join(days))
    if not month.covers_all:
        parts.append(f"in {_listing(month, _MONTH_NAMES, 1)}")
    return ", ".join(parts)
