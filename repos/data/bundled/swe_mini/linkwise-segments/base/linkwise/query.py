"""The query of a URL as an ordered multi-mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .encoding import QUERY_PART, decode, encode


class Query(Mapping[str, str]):
    """Names and values in order; indexing gives a name's first value."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    @classmethod
    def parse(cls, raw: str) -> Query:
        """Read the text behind the "?"; "+" is a blank."""
        pairs = []
        for part in raw.split("&"):
            if part:
                name, _, value = part.replace("+", " ").partition("=")
                pairs.append((decode(name), decode(value)))
        return cls(pairs)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Query:
        """Build from a mapping.

        Lists and tuples give one pair an item, None gives none, true and
        false become "true" and "false".
        """
        pairs = []
        for name, value in values.items():
            for item in value if isinstance(value, (list, tuple)) else [value]:
                if item is None:
                    continue
                text = str(item).lower() if isinstance(item, bool) else str(item)
                pairs.append((name, text))
        return cls(pairs)

    def __getitem__(self, name: str) -> str:
        for key, value in self._pairs:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self) -> int:
        return len(set(name for name, _ in self._pairs))

    def all(self, name: str) -> list[str]:
        """Every value of a name."""
        return [value for key, value in self._pairs if key == name]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return self._pairs

    def merged(self, other: Query) -> Query:
        """These pairs, with those of the names in `other` replaced."""
        kept = [pair for pair in self._pairs if pair[0] not in other]
        return Query([*kept, *other.pairs])

    def without(self, *names: str) -> Query:
        return Query(pair for pair in self._pairs if pair[0] not in names)

    def __str__(self) -> str:
        return "&".join(
            f"{encode(name, QUERY_PART)}={encode(value, QUERY_PART)}" for name, value in self._pairs
        )

    def __eq__(self, other: object) -> bool:
        return self._pairs == other._pairs if isinstance(other, Query) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"Query({list(self._pairs)!r})"
