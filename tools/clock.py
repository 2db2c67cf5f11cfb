"""Wall times in what programs print: the present is replaced, any other time is left alone."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta

TIME = "<time>"
"""What stands for a time of the present."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_ZONE = r"(?: ?(?:[+-]\d\d:?\d\d|Z|UTC|GMT)\b)?"

# The date of a long listing: of the preparation or of the episode, and equal in no two runs.
_LISTED = re.compile(
    r"^([-dlcbps][-rwxsStT]{9}[.+@]? +\d+ +\S+ +\S+ +\d+(?:, +\d+)?) +"
    rf"(?:(?:{_MONTH}) +\d+ +(?:\d\d:\d\d|\d{{4}})"
    rf"|\d{{4}}-\d\d-\d\d \d\d:\d\d(?::\d\d(?:\.\d+)?)?{_ZONE}) ",
    re.MULTILINE,
)
_ISO = re.compile(rf"\b(\d{{4}})-(\d\d)-(\d\d)[T ]{_CLOCK}{_ZONE}")
_WORDS = re.compile(  # date's, ctime's and git's
    rf"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )({_MONTH}) +(\d+) {_CLOCK}(?: UTC)? (\d{{4}}){_ZONE}"
)
_MAIL = re.compile(rf"\b(?:[A-Z][a-z][a-z], )?(\d+) ({_MONTH}) (\d{{4}}) {_CLOCK}{_ZONE}")
_EPOCH = re.compile(r"(?<![\w.])(\d{10})(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?(?!\w|\.\d)")

_NEAR = timedelta(days=1)


def without_times(text: str, now: float | None = None) -> str:
    """Replace points in time within a day of `now`, and the dates of `ls -l`.

    Such a time tells when the program ran; any other one belongs to the program.

    Args:
        text: What a program printed.
        now: Seconds since the epoch; the present where it is None.
    """
    present = time.time() if now is None else now
    today = datetime.fromtimestamp(present, UTC).date()

    def iso(found: re.Match[str]) -> str:
        return _replaced(found, today, *found.groups())

    def words(found: re.Match[str]) -> str:
        month, day, year = found.groups()
        return _replaced(found, today, year, _MONTHS.index(month) + 1, day)

    def mail(found: re.Match[str]) -> str:
        day, month, year = found.groups()
        return _replaced(found, today, year, _MONTHS.index(month) + 1, day)

    def epoch(found: re.Match[str]) -> str:
        near = abs(int(found[1]) - present) <= _NEAR.total_seconds()
        return TIME if near else found[0]

    text = _LISTED.sub(rf"\1 {TIME} ", text)
    text = _ISO.sub(iso, text)
    text = _WORDS.sub(words, text)
    text = _MAIL.sub(mail, text)
    return _EPOCH.sub(epoch, text)


def _replaced(
    found: re.Match[str], today: date, year: int | str, month: int | str, day: int | str
) -> str:
    try:
        that = date(int(year), int(month), int(day))
    except ValueError:
        return found[0]
    return TIME if abs(that - today) <= _NEAR else found[0]
