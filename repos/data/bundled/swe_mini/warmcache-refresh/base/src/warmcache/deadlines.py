"""A heap of deadlines, so that a sweep only looks at what is due."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable, Iterator


class DeadlineQueue:
    """Keys ordered by the time at which they are due.

    Removing from the middle of a heap is slow, so nothing is removed before
    it is due: a key that was scheduled several times comes out several times.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Hashable]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def schedule(self, key: Hashable, deadline: float) -> None:
        """Make `key` due at `deadline`."""
        heapq.heappush(self._heap, (deadline, next(self._order), key))

    def next_deadline(self) -> float | None:
        """The earliest deadline in the queue, or None if it is empty."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Iterator[Hashable]:
        """Remove and yield the keys that are due at `now`, earliest first."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]

    def clear(self) -> None:
        self._heap.clear()

    def rebuild(self, deadlines: dict[Hashable, float]) -> None:
        """Replace the content, dropping what piled up from rescheduling."""
        self._heap = [
            (deadline, next(self._order), key) for key, deadline in deadlines.items()
        ]
        heapq.heapify(self._heap)
