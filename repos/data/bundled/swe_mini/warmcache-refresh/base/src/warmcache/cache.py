"""The cache itself."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from . import reasons
from .deadlines import DeadlineQueue
from .entry import DEFAULT, Entry, _Default
from .stats import Stats

OnRemove = Callable[[Hashable, Any, str], None]
_MISSING = object()

# The queue is rebuilt when it holds this many times more items than the cache.
_SLACK = 4
_SLACK_FLOOR = 64


class Cache:
    """A mapping-like cache, least recently used entries leave first.

    Args:
        maxsize: the most entries kept, or None for no bound.
        ttl: default time to live in seconds, or None for "never expires".
        clock: a function that returns the time in seconds; it must not run
            backwards.
        on_remove: called as `on_remove(key, value, reason)` after an entry
            has left the cache.

    Raises:
        ValueError: if `maxsize` or `ttl` isn't positive.
    """

    def __init__(
        self,
        maxsize: int | None = 128,
        ttl: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_remove: OnRemove | None = None,
    ) -> None:
        if maxsize is not None and maxsize < 1:
            raise ValueError("maxsize must be at least 1, or None")
        self._check_ttl(ttl)
        self.maxsize = maxsize
        self.ttl = ttl
        self.stats = Stats()
        self._clock = clock
        self._on_remove = on_remove
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._deadlines = DeadlineQueue()

    # Reading ---------------------------------------------------------------

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The value of `key`, or `default`; marks the entry as used."""
        entry = self._live(key)
        if entry is None:
            self.stats.misses += 1
            return default
        self.stats.hits += 1
        self._entries.move_to_end(key)
        return entry.value

    def peek(self, key: Hashable, default: Any = None) -> Any:
        """Like `get`, without counting or marking the entry as used."""
        entry = self._live(key)
        return default if entry is None else entry.value

    def __getitem__(self, key: Hashable) -> Any:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __contains__(self, key: Hashable) -> bool:
        return self._live(key) is not None

    def __len__(self) -> int:
        self.purge()
        return len(self._entries)

    def __iter__(self) -> Iterator[Hashable]:
        """The live keys, least recently used first."""
        self.purge()
        return iter(list(self._entries))

    def items(self) -> list[tuple[Hashable, Any]]:
        self.purge()
        return [(key, entry.value) for key, entry in self._entries.items()]

    def remaining(self, key: Hashable) -> float | None:
        """Seconds until `key` expires, None if never.

        Raises:
            KeyError: if the key is not in the cache.
        """
        entry = self._live(key)
        if entry is None:
            raise KeyError(key)
        return entry.remaining(self._clock())

    # Writing ---------------------------------------------------------------

    def set(self, key: Hashable, value: Any, ttl: float | None | _Default = DEFAULT) -> None:
        """Store `value`, replacing what was there.

        Args:
            ttl: seconds to live; None for an entry that never expires; the
                cache's own time to live if left out.
        """
        deadline = self._deadline(ttl)
        self.purge()
        old = self._entries.pop(key, None)
        if old is not None:
            self._removed(key, old, reasons.REPLACED)
        self._entries[key] = Entry(value, deadline, self._clock())
        self._schedule(key, deadline)
        self.stats.stores += 1
        self._shrink()

    def __setitem__(self, key: Hashable, value: Any) -> None:
        self.set(key, value)

    def update(self, items: Iterable[tuple[Hashable, Any]], ttl: Any = DEFAULT) -> None:
        for key, value in items:
            self.set(key, value, ttl)

    def get_or_set(self, key: Hashable, make: Callable[[], Any], ttl: Any = DEFAULT) -> Any:
        """The value of `key`; `make()` provides and stores it if missing."""
        value = self.get(key, _MISSING)
        if value is _MISSING:
            value = make()
            self.set(key, value, ttl)
        return value

    def touch(self, key: Hashable, ttl: float | None | _Default = DEFAULT) -> bool:
        """Give a live entry a new time to live, counted from now.

        Returns:
            False if there is no such entry.
        """
        deadline = self._deadline(ttl)
        entry = self._live(key)
        if entry is None:
            return False
        entry.deadline = deadline
        self._schedule(key, deadline)
        self._entries.move_to_end(key)
        return True

    def delete(self, key: Hashable) -> bool:
        """Remove `key`; False if it wasn't there."""
        if self._live(key) is None:
            return False
        self._drop(key, reasons.DELETED)
        return True

    def __delitem__(self, key: Hashable) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def pop(self, key: Hashable, default: Any = _MISSING) -> Any:
        entry = self._live(key)
        if entry is None:
            if default is _MISSING:
                raise KeyError(key)
            return default
        self._drop(key, reasons.DELETED)
        return entry.value

    def clear(self) -> None:
        """Remove everything, without callbacks."""
        self._entries.clear()
        self._deadlines.clear()

    def purge(self) -> int:
        """Remove the entries whose time is over.

        Returns:
            how many were removed.
        """
        count = 0
        for key in self._deadlines.pop_due(self._clock()):
            if key not in self._entries:
                continue
            self._drop(key, reasons.EXPIRED)
            count += 1
        return count

    # Inside ----------------------------------------------------------------

    @staticmethod
    def _check_ttl(ttl: float | None) -> None:
        if ttl is not None and ttl <= 0:
            raise ValueError("ttl must be positive, or None")

    def _deadline(self, ttl: float | None | _Default) -> float | None:
        if isinstance(ttl, _Default):
            ttl = self.ttl
        self._check_ttl(ttl)
        return None if ttl is None else self._clock() + ttl

    def _live(self, key: Hashable) -> Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expired(self._clock()):
            self._drop(key, reasons.EXPIRED)
            return None
        return entry

    def _schedule(self, key: Hashable, deadline: float | None) -> None:
        if deadline is None:
            return
        self._deadlines.schedule(key, deadline)
        if len(self._deadlines) > max(_SLACK_FLOOR, _SLACK * len(self._entries)):
            self._deadlines.rebuild(
                {
                    name: entry.deadline
                    for name, entry in self._entries.items()
                    if entry.deadline is not None
                }
            )

    def _shrink(self) -> None:
        if self.maxsize is None:
            return
        while len(self._entries) > self.maxsize:
            oldest = next(iter(self._entries))
            self._drop(oldest, reasons.EVICTED)

    def _drop(self, key: Hashable, reason: str) -> None:
        entry = self._entries.pop(key)
        self._removed(key, entry, reason)

    def _removed(self, key: Hashable, entry: Entry, reason: str) -> None:
        self.stats.removed(reason)
        if self._on_remove is not None:
            self._on_remove(key, entry.value, reason)
