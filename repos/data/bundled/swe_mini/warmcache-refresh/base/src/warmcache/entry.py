"""What the cache stores for each key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class _Default:
    """The type of `DEFAULT`, "use the cache's own time to live"."""

    _instance: _Default | None = None

    def __new__(cls) -> _Default:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT = _Default()


@dataclass
class Entry:
    """A stored value.

    Attributes:
        value: the cached object.
        deadline: the clock reading at which the entry expires, or None.
        created: the clock reading at which the value was stored.
    """

    value: Any
    deadline: float | None
    created: float

    def expired(self, now: float) -> bool:
        """Whether the entry's life is over at `now`."""
        return self.deadline is not None and self.deadline <= now

    def remaining(self, now: float) -> float | None:
        """Seconds of life left, never negative; None if it never expires."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - now)
