"""Answers kept together with the names they rest on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Value = tuple[Any, ...]
Values = tuple[Value, ...]

_NO_NEEDS: frozenset[str] = frozenset()
_MAX_ACTIVE = 40
_MAX_STEPS = 4000
_FAR = 1 << 30


class Memo:
    """Recursive answers, each worked out once, with bounds on depth and work.

    An answer that was cut short by a cycle or a bound is not kept, which makes the results
    independent of the order of questions.

    Attributes:
        needs: Names that the answers since :meth:`begin` rest on.
    """

    def __init__(self) -> None:
        self._memo: dict[tuple[Any, ...], tuple[Values, frozenset[str]]] = {}
        self._interned: dict[frozenset[str], frozenset[str]] = {}
        self._active: dict[tuple[Any, ...], int] = {}
        self._cut = _FAR
        self._steps = 0
        self.needs: set[str] = set()

    def begin(self) -> None:
        """Start a new question: nothing needed so far."""
        self.needs = set()

    def fresh_budget(self) -> None:
        """Allow the next expression its full number of steps."""
        self._steps = 0
        self._cut = _FAR

    def _kept(self, key: tuple[Any, ...], compute: Callable[[], Values]) -> Values:
        known = self._memo.get(key)
        if known is not None:
            self.needs |= known[1]
            return known[0]
        depth = self._active.get(key)
        if depth is not None:
            self._cut = min(self._cut, depth)
            return ()
        depth = len(self._active)
        if depth >= _MAX_ACTIVE or self._steps >= _MAX_STEPS:
            self._cut = -1
            return ()
        self._steps += 1
        outer_needs, self.needs = self.needs, set()
        outer_cut, self._cut = self._cut, _FAR
        self._active[key] = depth
        found = compute()
        del self._active[key]
        if self._cut >= depth:
            needs = frozenset(self.needs) if self.needs else _NO_NEEDS
            needs = self._interned.setdefault(needs, needs)
            self._memo[key] = (found, needs)
            self._cut = outer_cut
        else:
            self._cut = min(outer_cut, self._cut)
        outer_needs |= self.needs
        self.needs = outer_needs
        return found
