"""The five fields of an expression and how one field is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import CronError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class FieldSpec:
    """What a field may hold.

    Attributes:
        name: used in messages.
        low: smallest value.
        high: largest value.
        names: words that stand for values.
        aliases: values outside of the bounds that mean a value within.
    """

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    aliases: Mapping[int, int] = field(default_factory=dict)

    def value(self, text: str) -> int:
        """Read one value: a number or a name.

        Raises:
            CronError: if it is neither, or out of bounds.
        """
        word = text.strip().lower()
        if word in self.names:
            return self.names[word]
        if not (word.isascii() and word.isdigit()):
            raise CronError(f"not a number or name: {text!r}", self.name)
        number = int(word)
        number = self.aliases.get(number, number)
        if not self.low <= number <= self.high:
            raise CronError(f"{number} is not within {self.low}-{self.high}", self.name)
        return number


MINUTE = FieldSpec("minute", 0, 59)
HOUR = FieldSpec("hour", 0, 23)
DAY = FieldSpec("day of month", 1, 31)
MONTH = FieldSpec("month", 1, 12, {name: i for i, name in enumerate(MONTHS, 1)})
WEEKDAY = FieldSpec("day of week", 0, 6, {name: i for i, name in enumerate(WEEKDAYS)}, {7: 0})

FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


@dataclass(frozen=True)
class FieldValues:
    """A field that was read.

    Attributes:
        spec: which field.
        values: the values that fit, sorted.
        restricted: False if the field starts with "*".
        text: the field as written.
    """

    spec: FieldSpec
    values: tuple[int, ...]
    restricted: bool
    text: str

    def __contains__(self, value: int) -> bool:
        return value in self.values

    @property
    def covers_all(self) -> bool:
        return len(self.values) == self.spec.high - self.spec.low + 1

    def at_or_after(self, value: int) -> int | None:
        """The first value that is not below `value`, or None."""
        return next((candidate for candidate in self.values if candidate >= value), None)

    def at_or_before(self, value: int) -> int | None:
        """The last value that is not above `value`, or None."""
        return next((candidate for candidate in reversed(self.values) if candidate <= value), None)


def _read_step(text: str, spec: FieldSpec) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise CronError(f"not a step: {text!r}", spec.name)
    return int(text)


def _read_item(item: str, spec: FieldSpec) -> range:
    """One item of the list, without the commas."""
    body, slash, step_text = item.partition("/")
    step = _read_step(step_text, spec) if slash else 1
    if body == "*":
        return range(spec.low, spec.high + 1, step)
    first_text, dash, last_text = body.partition("-")
    first = spec.value(first_text)
    if not dash:
        # "5/10" means from 5 on, as in Vixie cron; "5" alone is just 5.
        return range(first, spec.high + 1, step) if slash else range(first, first + 1)
    last = spec.value(last_text)
    if last < first:
        raise CronError(f"the range {body!r} runs backwards", spec.name)
    return range(first, last + 1, step)


def read_field(text: str, spec: FieldSpec) -> FieldValues:
    """Read one field of an expression.

    Raises:
        CronError: if the text doesn't fit the field.
    """
    values: set[int] = set()
    for item in text.split(","):
        if not item:
            raise CronError(f"empty item in {text!r}", spec.name)
        values.update(_read_item(item, spec))
    return FieldValues(spec, tuple(sorted(values)), not text.startswith("*"), text)
