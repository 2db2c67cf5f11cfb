"""References from one value to another."""

from __future__ import annotations

import re
from collections.abc import Callable

from .errors import InterpolationError

Place = tuple[str, str]
Lookup = Callable[[str, str], "str | None"]

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[^{}]*)\})")


def expand(text: str, place: Place, lookup: Lookup, _above: tuple[Place, ...] = ()) -> str:
    """Replace the references in `text`.

    Args:
        text: a raw value.
        place: section and key of the value.
        lookup: gives the raw value of a section and key, or None.

    Raises:
        InterpolationError: if a reference leads nowhere or back to itself.
    """
    here = (place[0], place[1].lower())
    if here in _above:
        raise InterpolationError(f"{place[1]!r} in [{place[0]}] refers to itself")

    def replace(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        target, raw = _find(match["name"], place[0], lookup)
        if raw is None:
            raise InterpolationError(
                f"{place[1]!r} in [{place[0]}] refers to {match['name']!r}, which isn't there"
            )
        return expand(raw, target, lookup, (*_above, here))

    return _REFERENCE.sub(replace, text)


def _find(name: str, section: str, lookup: Lookup) -> tuple[Place, str | None]:
    other, colon, key = name.partition(":")
    if colon:
        place = (other.strip(), key.strip())
        return place, lookup(*place)
    for candidate in (section, ""):
        raw = lookup(candidate, name.strip())
        if raw is not None:
            return (candidate, name.strip()), raw
    return (section, name.strip()), None
