"""The fairness checks of one change: each has a name, and a note for the task's record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repos.mining.changes.examples import Example, find_example, is_right
from repos.mining.changes.narrow import (
    binding_constants,
    new_constants,
    private_names,
    renamed,
    untold_constants,
)
from repos.mining.changes.runs import Failed, ReleaseRuns
from repos.mining.changes.telling import (
    asked_names,
    asked_texts,
    code_added,
    declared,
    given_away,
    match_bullet,
    untold_names,
    untold_texts,
)
from repos.mining.changes.units import Unit, components, functions, minimal_sets
from repos.mining.changes.variants import find_variants, further_assertions
from repos.mining.pypi.selection import NoTaskError
from repos.syntax import parse
from repos.tasks.sources.assertions import Assertion
from repos.tasks.sources.reverted.hunks import Texts, added, removed, take_back
from repos.tasks.sources.reverted.records import Hunk

TOLD_FILES = (".py", ".pyi", ".md", ".rst", ".txt")
MOST_ATOMS = 25
"""Hunks of one unit beyond which it is not taken apart."""


class UnfairError(NoTaskError):
    """A change that a check refuses; the message begins with the check's name."""

    def __init__(self, check: str, why: str) -> None:
        """Keep the check's name."""
        super().__init__(f"{check}: {why}")
        self.check = check


@dataclass(frozen=True)
class ReleaseChange:
    """What is known of a release before its changes are looked at.

    Attributes:
        old: Source files that differ, in the old release.
        new: The same in the new one.
        hunks: Those that change code.
        told: Text of the base that an agent reads, beside the changed files: source and
            documentation without tests and changelog, by path.
        tests: The new release's test files.
        items: Items of its changelog entry.
        packages: The package's folders and modules.
        said: What the statement says of the change in any case, such as a commit's message.
    """

    old: Texts
    new: Texts
    hunks: Sequence[Hunk]
    told: Mapping[str, bytes]
    tests: Mapping[str, bytes]
    items: list[str]
    packages: Sequence[str]
    said: str = ""

    def base(self, unit: Unit) -> dict[str, bytes]:
        """Return the texts of the files that a unit touches, with it taken back."""
        return take_back(self.old, self.new, [self.hunks[k] for k in sorted(unit)])

    def base_text(self, unit: Unit) -> str:
        """Return all that a base tells."""
        texts = {**self.told, **self.base(unit)}
        return "\n".join(text.decode("utf-8", "replace") for text in texts.values())


@dataclass(frozen=True)
class FairChange:
    """A change that the checks pass.

    Attributes:
        unit: Its hunks.
        tests: The failing tests.
        example: What the statement shows.
        bullet: Number of the changelog's item that tells of it, or None.
        notes: What each check found, by name.
        more: Assertions made for it.
        further: Assertions of its only failing test that no example shows.
        reserve: Assertions that can be added where the tests are easy to guess.
    """

    unit: Unit
    tests: frozenset[str]
    example: Example
    bullet: int | None
    notes: Mapping[str, str]
    more: tuple[Assertion, ...] = ()
    further: int = 0
    reserve: tuple[Assertion, ...] = ()


def single(
    runs: ReleaseRuns, change: ReleaseChange, unit: Unit, tests: frozenset[str]
) -> list[tuple[Unit, frozenset[str]]]:
    """Return the single changes in a unit, unneeded hunks cut off, with the tests of each.

    For each failing test the minimal set of hunks is found; sets that touch are one change.
    """
    if len(unit) == 1:
        return [(unit, tests)]
    if len(unit) > MOST_ATOMS:
        raise UnfairError("single", f"{len(unit)} hunks")

    def passing(kept: Unit) -> set[str]:
        return set(tests) - runs.failing(sorted(tests), change.base(unit - kept), tests)

    sets = minimal_sets(unit, tests, passing)
    if not all(sets.values()):
        raise UnfairError("single", "a failing test needs no hunk")
    return [
        (part, frozenset(t for t, own in sets.items() if own <= part))
        for part in components(sets.values())
    ]


def judge(
    runs: ReleaseRuns, change: ReleaseChange, unit: Unit, tests: frozenset[str]
) -> FairChange:
    """Return a change with its statement's parts.

    Args:
        runs: The release.
        change: What is known of it.
        unit: One single change.
        tests: What fails without it.

    Raises:
        UnfairError: A check refuses it.
    """
    hunks = [change.hunks[k] for k in sorted(unit)]
    base = change.base(unit)
    failures = runs.failures(sorted(tests), base)
    brought = "\n".join(added(h, change.new) for h in hunks)
    gone = "\n".join(removed(h, change.old) for h in hunks)
    example, reasons = find_example(runs, base, failures, change.tests, change.packages)
    if example is None:
        raise UnfairError("shown by example", "; ".join(dict.fromkeys(reasons)) or "no failure")
    touched = " ".join(name for _, name in functions(hunks, change.new))
    number, value = match_bullet(
        change.items,
        f"{brought} {gone} {touched}",
        " ".join(
            [*(t.rpartition("::")[2] for t in tests), *(f.message for f in failures.values())]
        ),
    )
    bullet = change.items[number] if number is not None else ""
    if not bullet and not change.said:
        unshown = [
            k
            for k in sorted(unit)
            if len(unit) > 1 and is_right(runs, example, change.base(frozenset({k})))
        ]
        if unshown:
            raise UnfairError(
                "shown by example", f"{len(unshown)} of {len(unit)} hunks are not needed for it"
            )
    away = given_away(code_added(change.new, hunks), gone, f"{bullet}\n{change.said}")
    if away:
        raise UnfairError("not given away", f"what is said of it holds `{away[0]}`")
    statement = f"{bullet}\n{change.said}\n{example.program}\n{example.now}\n{example.wanted}"
    notes = {"example": example.how, "changelog": f"{value} {'used' if bullet else 'not used'}"}
    notes["told"] = check_told(change, unit, hunks, failures, statement)
    shown = failures[example.test]
    source = change.tests.get(shown.file, b"")
    further = 0
    if len(tests) < 2:
        further = further_assertions(runs, base, shown, source, example)
    reserve = find_variants(runs, base, example, source)
    more = reserve if len(tests) < 2 and not further else ()
    notes["hidden"] = _check_hidden(tests, more, further)
    notes["narrow"] = check_narrow(runs, change, unit, tests, failures, statement)
    return FairChange(unit, tests, example, number, notes, more, further, reserve)


def check_told(
    change: ReleaseChange, unit: Unit, hunks: Sequence[Hunk], failures: Mapping[str, Failed],
    statement: str,
) -> str:  # fmt: skip
    """Return what was looked at: names and texts that failing tests ask for are told.

    Raises:
        UnfairError: One stands neither in the base nor in the statement.
    """
    base = change.base_text(unit)
    names = asked_names(failures.values(), change.tests)
    missing = untold_names(names, declared(change.new, hunks), base, statement)
    if missing:
        raise UnfairError("told", f"no one tells the name {', '.join(sorted(missing))}")
    constants = {
        c.value for c in new_constants(change.old, change.new, hunks) if isinstance(c.value, str)
    }
    texts = untold_texts(asked_texts(failures.values(), change.tests), constants, base, statement)
    if texts:
        raise UnfairError("told", f"no one tells the text {sorted(texts)[0]!r}")
    return f"{len(names)} names, {len(constants)} texts"


def _check_hidden(tests: frozenset[str], more: Sequence[Assertion], further: int) -> str:
    if len(tests) < 2 and not more and not further:
        raise UnfairError("hidden", "one test fails, and the example shows it")
    made = f", {len(more)} assertions made" if more else ""
    return f"{len(tests)} tests{made}" + (f", {further} more assertions in it" if further else "")


def check_narrow(
    runs: ReleaseRuns, change: ReleaseChange, unit: Unit, tests: frozenset[str],
    failures: Mapping[str, Failed], statement: str,
) -> str:  # fmt: skip
    """Return what was altered: messages, new constants and private names of the reference.

    Raises:
        UnfairError: The failing tests want one that stands neither in the base nor in the
            statement.
    """
    hunks = [change.hunks[k] for k in sorted(unit)]

    def failing(changed: Texts) -> set[str]:
        return runs.failing(sorted(tests), changed, tests)

    constants = list(new_constants(change.old, change.new, hunks))
    binding = binding_constants(constants, change.new, failing)
    asked = [f"{f.message}\n{f.variables}" for f in failures.values()]
    asked += asked_texts(failures.values(), change.tests)
    untold = untold_constants(binding, asked, change.base_text(unit), statement)
    if untold:
        raise UnfairError("not narrow", f"the tests want {untold[0]!r}, which no one tells")
    names = private_names(change.old, change.new, hunks)
    others = {p: t for p, t in renamed(change.new, names).items() if _parses(t)}
    if others and failing(others):
        raise UnfairError("not narrow", f"the tests want the private names {sorted(names)}")
    return f"{len(binding)} of {len(constants)} constants bind"


def _parses(text: bytes) -> bool:
    try:
        parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def place_of(hunks: Sequence[Hunk], new: Texts) -> str:
    """Return a short name of where a change is, for ids and reports."""
    path, name = min(functions(hunks, new), key=lambda f: (not f[1], f))
    stem = re.sub(r"^(src|lib)/|\.py$|/__init__\.py$", "", path).replace("/", ".")
    return f"{stem}.{name}" if name else stem
