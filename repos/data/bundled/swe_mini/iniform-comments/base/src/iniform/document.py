"""The document: sections of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

from . import convert
from .interpolate import expand


class KeyFolding(MutableMapping[str, str]):
    """A mapping with case-insensitive keys that keeps how they were written."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[str, str]] = {}

    def __getitem__(self, key: str) -> str:
        return self._items[key.lower()][1]

    def __setitem__(self, key: str, value: str) -> None:
        written = self._items.get(key.lower(), (key, ""))[0]
        self._items[key.lower()] = (written, value)

    def __delitem__(self, key: str) -> None:
        del self._items[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return (written for written, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._items


class Section(Mapping[str, str]):
    """One section; reading interpolates, `raw` has the values as written."""

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self.raw = KeyFolding()
        self._config = config

    def __getitem__(self, key: str) -> str:
        return expand(self.raw[key], (self.name, key), self._config.lookup)

    def __setitem__(self, key: str, value: object) -> None:
        self.raw[key] = str(value)

    def __delitem__(self, key: str) -> None:
        del self.raw[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def __contains__(self, key: object) -> bool:
        return key in self.raw

    def integer(self, key: str, default: int | None = None) -> int | None:
        return convert.integer(self[key]) if key in self else default

    def number(self, key: str, default: float | None = None) -> float | None:
        return convert.number(self[key]) if key in self else default

    def boolean(self, key: str, default: bool | None = None) -> bool | None:
        return convert.boolean(self[key]) if key in self else default

    def seconds(self, key: str, default: float | None = None) -> float | None:
        return convert.seconds(self[key]) if key in self else default

    def listing(self, key: str, default: list[str] | None = None) -> list[str] | None:
        return convert.listing(self[key]) if key in self else default


class Config(Mapping[str, Section]):
    """A document. Sections are in the order in which they came."""

    def __init__(self) -> None:
        self._sections: dict[str, Section] = {}

    def __getitem__(self, name: str) -> Section:
        return self._sections[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, section in self._sections.items() if name or section)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def section(self, name: str) -> Section:
        """The section of that name, made if it isn't there."""
        if name not in self._sections:
            self._sections[name] = Section(name, self)
        return self._sections[name]

    def lookup(self, section: str, key: str) -> str | None:
        """The raw value, or None."""
        found = self._sections.get(section)
        return found.raw.get(key) if found is not None else None
