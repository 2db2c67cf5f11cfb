"""A cron expression that can tell times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from .days import days_of_month, fits_day
from .describe import describe
from .errors import CronError, NoSuchTime
from .fields import FIELDS, FieldValues, read_field

SHORTCUTS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

# 29 February on a given weekday comes back within 40 years, even over 2100.
_SEARCH_YEARS = 40


class Schedule:
    """A parsed expression; immutable, hashable by its meaning.

    Args:
        expression: five fields, or one of the `@` shortcuts.

    Raises:
        CronError: if the expression can't be read.
    """

    def __init__(self, expression: str) -> None:
        self.expression = " ".join(expression.split())
        self.fields = _read(self.expression)
        self.minute, self.hour, self.day, self.month, self.weekday = self.fields

    def _meaning(self) -> tuple[object, ...]:
        return tuple((f.values, f.restricted) for f in self.fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return self._meaning() == other._meaning()

    def __hash__(self) -> int:
        return hash(self._meaning())

    def __repr__(self) -> str:
        return f"Schedule({self.expression!r})"

    def matches(self, moment: datetime) -> bool:
        """Whether the schedule fires in the minute of `moment`."""
        return (
            moment.minute in self.minute
            and moment.hour in self.hour
            and moment.month in self.month
            and fits_day(moment.date(), self.day, self.weekday)
        )

    def next(self, after: datetime) -> datetime:
        """The first time after `after`, seconds cut off.

        Raises:
            NoSuchTime: if there is none ("0 0 30 2 *").
        """
        start = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for year, month in self._months(start, forward=True):
            days = days_of_month(year, month, self.day, self.weekday)
            same_month = (year, month) == (start.year, start.month)
            for day in days:
                if same_month and day < start.day:
                    continue
                today = same_month and day == start.day
                time = self._first_time(start.hour, start.minute) if today else self._first_time(0, 0)
                if time is not None:
                    return start.replace(
                        year=year, month=month, day=day, hour=time[0], minute=time[1]
                    )
        raise NoSuchTime(f"{self.expression!r} never fires")

    def prev(self, before: datetime) -> datetime:
        """The last time before `before`.

        Raises:
            NoSuchTime: if there is none.
        """
        start = before.replace(second=0, microsecond=0)
        if start == before:
            start -= timedelta(minutes=1)
        for year, month in self._months(start, forward=False):
            days = days_of_month(year, month, self.day, self.weekday)
            same_month = (year, month) == (start.year, start.month)
            for day in reversed(days):
                if same_month and day > start.day:
                    continue
                today = same_month and day == start.day
                time = self._last_time(start.hour, start.minute) if today else self._last_time(23, 59)
                if time is not None:
                    return start.replace(
                        year=year, month=month, day=day, hour=time[0], minute=time[1]
                    )
        raise NoSuchTime(f"{self.expression!r} never fired")

    def upcoming(self, after: datetime, count: int) -> list[datetime]:
        """The next `count` times after `after`."""
        times: list[datetime] = []
        for _ in range(count):
            after = self.next(after)
            times.append(after)
        return times

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The times after `start` and before `end`."""
        moment = self.next(start)
        while moment < end:
            yield moment
            moment = self.next(moment)

    def describe(self) -> str:
        """The schedule in plain English."""
        return describe(self.fields)

    def _months(self, start: datetime, *, forward: bool) -> Iterator[tuple[int, int]]:
        step = 1 if forward else -1
        year, month = start.year, start.month
        for _ in range(12 * _SEARCH_YEARS + 1):
            if month in self.month and 1 <= year <= 9999:
                yield year, month
            month += step
            if month in (0, 13):
                month = 12 if month == 0 else 1
                year += step

    def _first_time(self, hour: int, minute: int) -> tuple[int, int] | None:
        """The first hour and minute of a day that isn't before the given one."""
        first = self.hour.at_or_after(hour)
        if first is None:
            return None
        if first > hour:
            return first, self.minute.values[0]
        found = self.minute.at_or_after(minute)
        if found is not None:
            return first, found
        later = self.hour.at_or_after(hour + 1)
        return None if later is None else (later, self.minute.values[0])

    def _last_time(self, hour: int, minute: int) -> tuple[int, int] | None:
        last = self.hour.at_or_before(hour)
        if last is None:
            return None
        if last < hour:
            return last, self.minute.values[-1]
        found = self.minute.at_or_before(minute)
        if found is not None:
            return last, found
        earlier = self.hour.at_or_before(hour - 1)
        return None if earlier is None else (earlier, self.minute.values[-1])


def _read(expression: str) -> tuple[FieldValues, ...]:
    if expression.startswith("@"):
        try:
            expression = SHORTCUTS[expression.lower()]
        except KeyError:
            raise CronError(f"unknown shortcut {expression!r}") from None
    parts = expression.split()
    if len(parts) != len(FIELDS):
        raise CronError(f"expected {len(FIELDS)} fields, found {len(parts)}")
    return tuple(read_field(text, spec) for text, spec in zip(parts, FIELDS))
