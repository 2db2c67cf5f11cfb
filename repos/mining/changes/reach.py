"""Which tests a change can turn: those that run a function it touches."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping

from repos.syntax import parse
from repos.tasks.sources.reverted.hunks import Texts
from repos.tasks.sources.reverted.records import Hunk

Coverage = Mapping[str, Mapping[str, Iterable[int]]]
"""Lines that each test runs, by test and file."""


class Reach:
    """Knows which tests run which functions of a release."""

    def __init__(self, coverage: Coverage, good: Collection[str]) -> None:
        """Sort what tests run by line.

        Args:
            coverage: Lines that each test runs.
            good: The tests that count.
        """
        self.good = frozenset(good)
        self._tests: dict[tuple[str, int], set[str]] = {}
        for test, files in coverage.items():
            for path, lines in files.items():
                for line in lines if test in self.good else ():
                    self._tests.setdefault((path, line), set()).add(test)

    def tests(self, hunks: Iterable[Hunk], new: Texts) -> frozenset[str] | None:
        """Return the tests that run a function with one of the hunks in it.

        None stands for all tests: a hunk lies outside of functions, where importing runs it, or no
        test runs the function, which may then run at import.
        """
        found: set[str] = set()
        for hunk in hunks:
            body = _body(hunk, new[hunk.path])
            mine = set().union(*(self._tests.get((hunk.path, line), set()) for line in body))
            if not mine:
                return None
            found |= mine
        return frozenset(found) if len(found) * 2 < len(self.good) else None


def _body(hunk: Hunk, text: bytes) -> range:
    """Return the lines of the innermost function that holds a hunk whole, in the new release."""
    first, last = hunk.new[0] + 1, max(sum(hunk.new), hunk.new[0] + 1)
    best = range(0)
    for node in ast.walk(parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        end = node.end_lineno or node.lineno
        start = node.body[0].lineno
        # Lines that are taken out at the end of a function stand before the line after it.
        if node.lineno < first and last <= end and (not best or start > best.start):
            best = range(start, end + 1)
    return best
