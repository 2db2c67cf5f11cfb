"""Which days of a month a schedule fires on."""

from __future__ import annotations

import calendar
from datetime import date

from .fields import FieldValues


def cron_weekday(day: date) -> int:
    """The weekday as cron counts it: Sunday is 0."""
    return day.isoweekday() % 7


def fits_day(day: date, days: FieldValues, weekdays: FieldValues) -> bool:
    """Whether the two day fields admit `day`.

    If both are restricted either is enough; otherwise both must fit.
    """
    by_month = day.day in days
    by_week = cron_weekday(day) in weekdays
    if days.restricted and weekdays.restricted:
        return by_month or by_week
    return by_month and by_week


def days_of_month(year: int, month: int, days: FieldValues, weekdays: FieldValues) -> list[int]:
    """The days of one month that fit, in order."""
    last = calendar.monthrange(year, month)[1]
    return [
        number for number in range(1, last + 1) if fits_day(date(year, month, number), days, weekdays)
    ]
