"""Groups hunks of a release into units: what may be one change."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from repos.syntax import parse
from repos.tasks.sources.reverted.hunks import Texts, added, bare, removed, take_back
from repos.tasks.sources.reverted.records import Hunk

WORD = re.compile(r"[A-Za-z_]\w{2,}")
IMPORT = re.compile(r"^\s*(from|import)\b.*$", re.MULTILINE)
NEAR = 2
"""Unchanged lines between hunks of one unit at most, where nothing else joins them."""

Unit = frozenset[int]
"""Numbers of hunks."""


def words(text: str) -> set[str]:
    """Return the identifiers of a text, those of comments and plain strings left out."""
    return set(WORD.findall(re.sub(r"#.*$|\"[^\"\n]*\"|'[^'\n]*'", "", text, flags=re.MULTILINE)))


def group(old: Texts, new: Texts, hunks: Sequence[Hunk]) -> list[Unit]:
    """Return units: hunks that share new or deleted identifiers, or stand side by side.

    Args:
        old: All source files of the old release.
        new: The same of the new release.
        hunks: Of their common files.
    """
    before, after = (
        set().union(*(WORD.findall(t.decode("utf-8", "replace")) for t in side.values()))
        for side in (old, new)
    )
    keys, imported, brought = [], [], []
    for hunk in hunks:
        plus, minus = added(hunk, new), removed(hunk, old)
        keys.append((words(plus) - before) | (words(minus) - after))
        imported.append(words("\n".join(m.group() for m in IMPORT.finditer(plus))))
        brought.append(words(plus))
    sets = Sets(len(hunks))
    for i, one in enumerate(hunks):
        for j in range(i):
            other = hunks[j]
            same = one.path == other.path
            near = same and 0 <= one.new[0] - sum(other.new) <= NEAR
            needs = same and (imported[i] & brought[j] or imported[j] & brought[i])
            if keys[i] & keys[j] or near or needs:
                sets.join(i, j)
    for i, hunk in enumerate(hunks):
        # What does not parse when it alone is taken back goes with its neighbour.
        if bare(take_back(old, new, [hunk])[hunk.path]) is None:
            others = [j for j, h in enumerate(hunks) if j != i and h.path == hunk.path]
            if others:
                sets.join(i, min(others, key=lambda j: abs(hunks[j].new[0] - hunk.new[0])))
    return sets.groups()


def merge(units: Sequence[Unit], failing: Mapping[Unit, Collection[str]]) -> list[Unit]:
    """Return the units, those that share a failing test as one."""
    sets = Sets(len(units))
    for i, one in enumerate(units):
        for j in range(i):
            if set(failing[one]) & set(failing[units[j]]):
                sets.join(i, j)
    return [frozenset().union(*(units[i] for i in members)) for members in sets.groups()]


def minimal_sets(
    unit: Collection[int], tests: Collection[str], passing: Callable[[Unit], Collection[str]]
) -> dict[str, Unit]:
    """Return for each test the hunks that it needs: none can be left out (delta debugging).

    One hunk after the other is tried, so that the sets are 1-minimal (Zeller and Hildebrandt,
    Simplifying and Isolating Failure-Inducing Input, 2002).

    Args:
        unit: All hunks.
        tests: What fails without them and passes with them.
        passing: Returns the tests that pass with some of the hunks alone.
    """
    known: dict[Unit, Collection[str]] = {frozenset(unit): tests}

    def passes(test: str, kept: Unit) -> bool:
        if kept not in known:
            known[kept] = passing(kept)
        return test in known[kept]

    sets = {}
    for test in sorted(tests):
        kept = frozenset(unit)
        for hunk in sorted(unit):
            if passes(test, kept - {hunk}):
                kept -= {hunk}
        sets[test] = kept
    return sets


def components(sets: Iterable[Unit]) -> list[Unit]:
    """Return the connected parts of sets of hunks."""
    found: list[Unit] = []
    for each in sets:
        touching = [part for part in found if part & each]
        found = [part for part in found if not part & each]
        found.append(frozenset(each).union(*touching))
    return found


def functions(hunks: Iterable[Hunk], new: Texts) -> set[tuple[str, str]]:
    """Return file and name of the innermost functions that hunks touch in the new release."""
    found = set()
    for hunk in hunks:
        first, last = hunk.new[0], sum(hunk.new)
        best: ast.FunctionDef | ast.AsyncFunctionDef | None = None
        for node in ast.walk(parse(new[hunk.path])):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.lineno - 1 < max(last, first + 1)
                and (node.end_lineno or 0) > first
                and (best is None or node.lineno > best.lineno)
            ):
                best = node
        found.add((hunk.path, best.name if best else ""))
    return found


def half_used(base: Texts, old: Texts, fixed: Texts) -> set[str]:
    """Return names that the base uses, that only the reference defines and that are new.

    A base with one is broken, not buggy: half of a change stands in it.

    Args:
        base: All source files without the change.
        old: Those of the old release.
        fixed: Those with the change.
    """
    defined = _defined(fixed) - _defined(base)
    return defined & (_used(base) - _used(old)) if defined else set()


def _trees(texts: Texts) -> Iterable[ast.Module]:
    for text in texts.values():
        try:
            yield parse(text)
        except (SyntaxError, ValueError):
            continue


def _defined(texts: Texts) -> set[str]:
    found = set()
    for tree in _trees(texts):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.alias):
                found.add((node.asname or node.name).split(".")[0])
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value.isidentifier()
            ):
                found.add(node.value)  # attributes are set by such names, too
    return found


def _used(texts: Texts) -> set[str]:
    found = set()
    for tree in _trees(texts):
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add(node.attr)
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.name for alias in node.names}
    return found


class Sets:
    """Disjoint sets of the numbers below `count`."""

    def __init__(self, count: int) -> None:
        """Begin with each number alone."""
        self._parent = list(range(count))

    def find(self, number: int) -> int:
        """Return the number that stands for a number's set."""
        while self._parent[number] != number:
            number = self._parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Make one set of two."""
        a, b = sorted((self.find(one), self.find(other)))
        self._parent[b] = a

    def groups(self) -> list[Unit]:
        """Return the sets, by their smallest numbers."""
        found: dict[int, set[int]] = {}
        for number in range(len(self._parent)):
            found.setdefault(self.find(number), set()).add(number)
        return [frozenset(found[key]) for key in sorted(found)]
