"""Concrete examples of a change: a program, what it prints now, what it should print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from repos.mining.changes.heads import NoSliceError
from repos.mining.changes.runs import Failed, ReleaseRuns
from repos.mining.changes.slices import Slice, slice_of
from repos.tasks.sources.reverted.hunks import Texts

LONGEST = 700
"""Characters of an example's program at most."""

LONGEST_OUTCOME = 600
TRIED = 8
"""Failing tests that are tried at most."""

PRIVATE = re.compile(r"0x[0-9a-f]{5}|/testbed|/tmp/|memory:7f|object at ", re.IGNORECASE)
SAME = "the example has the same outcome on both sides"
LONG = "the outcome is long"
ADDRESS = "the outcome holds an address or a path"
CHANGES = "the outcome changes from run to run"
RESULT, ERROR = "result", "error"


@dataclass(frozen=True)
class Example:
    """An executed example.

    Attributes:
        test: The failing test it comes from.
        head: Imports and statements before.
        body: The expression, or the statements that are to raise.
        raises: Whether it is the latter.
        now: Its outcome on the base.
        wanted: Its outcome with the reference.
        how: "slice" of the test, or recorded "call".
    """

    test: str
    head: tuple[str, ...]
    body: str
    raises: bool
    now: str
    wanted: str
    how: str

    @property
    def program(self) -> str:
        """What is run."""
        return "\n".join([*self.head, self.body])

    def text(self) -> str:
        """Return it as Markdown, for a task's statement."""
        return (
            f"This program:\n\n```python\n{self.program}\n```\n\n"
            f"gives now: `{_quoted(self.now)}`\n\nand should give: `{_quoted(self.wanted)}`"
        )


def find_example(
    runs: ReleaseRuns,
    base: Texts,
    failures: Mapping[str, Failed],
    sources: Mapping[str, bytes],
    packages: Sequence[str],
) -> tuple[Example | None, list[str]]:
    """Return an example that differs between base and reference and repeats; else why not.

    Args:
        runs: The release.
        base: Texts of the files that the change touches, without it.
        failures: How the failing tests fail on the base.
        sources: The test files.
        packages: The package's folders and modules.
    """
    reasons = []
    tried = _spread(failures)[:TRIED]
    for test in tried:
        failed = failures[test]
        for whole in (False, True):
            try:
                found = slice_of(sources[failed.file], failed, whole)
                return _compare(runs, base, test, found, "slice"), reasons
            except NoSliceError as error:
                reasons.append(str(error))
                if str(error) not in (SAME, LONG, ADDRESS, CHANGES):
                    break
            except (KeyError, SyntaxError, ValueError, RecursionError) as error:
                reasons.append(f"the test can't be sliced: {error}")
                break
    found = _from_calls(runs, base, tried, packages)
    return found, reasons


def _spread(failures: Mapping[str, Failed]) -> list[str]:
    """Return failing tests, the first of each function before the others."""
    count: dict[tuple[str, str], int] = {}
    ranked = []
    for test in sorted(failures):
        place = (failures[test].file, failures[test].function)
        ranked.append((count.setdefault(place, 0), test))
        count[place] += 1
    return [test for _, test in sorted(ranked)]


def program_of(head: Sequence[str], body: str, raises: bool) -> str:
    """Return a program that prints one outcome."""
    if raises:
        inner = "\n".join("    " + line for line in body.splitlines())
        inner += f'\n    print("{RESULT}", "no exception")'
    else:
        inner = f'    print("{RESULT}", repr({body}))'
    return "\n".join([
        *head, "try:", inner, "except Exception as _error:",
        f'    print("{ERROR}", type(_error).__name__ + ": " + str(_error))', "",
    ])  # fmt: skip


def is_right(runs: ReleaseRuns, example: Example, changed: Texts) -> bool:
    """Whether an example has its wanted outcome with other texts of some files."""
    printed = runs.script(program_of(example.head, example.body, example.raises), changed)
    return printed is not None and _outcome(printed) == example.wanted


def _compare(runs: ReleaseRuns, base: Texts, test: str, found: Slice, how: str) -> Example:
    if len(found.text) > LONGEST:
        raise NoSliceError("the example is long")
    program = program_of(found.head, found.body, found.raises)
    wanted = runs.script(program, {})
    now = runs.script(program, base)
    if not wanted or not now:
        raise NoSliceError("the example does not run")
    if wanted == now:
        raise NoSliceError(SAME)
    if len(wanted) > LONGEST_OUTCOME or len(now) > LONGEST_OUTCOME:
        raise NoSliceError(LONG)
    if PRIVATE.search(wanted + now):
        raise NoSliceError(ADDRESS)
    if runs.script(program, {}) != wanted or runs.script(program, base) != now:
        raise NoSliceError(CHANGES)
    return Example(test, found.head, found.body, found.raises, _outcome(now), _outcome(wanted), how)


def _outcome(printed: str) -> str:
    kind, _, rest = printed.partition(" ")
    return rest if kind == RESULT else f"raises {rest}"


def _from_calls(
    runs: ReleaseRuns, base: Texts, tests: Sequence[str], packages: Sequence[str]
) -> Example | None:
    """Return the first recorded call with equal arguments and another outcome, executed alone."""
    good = runs.calls(tests, {}, packages)
    bad = runs.calls(tests, base, packages)
    for test in tests:
        for right, wrong in zip(good.get(test, ()), bad.get(test, ()), strict=False):
            try:
                key = ("module", "function", "arguments")
                if any(right[k] != wrong[k] for k in key):
                    break
                if right["outcome"] == wrong["outcome"] or None in (
                    right["outcome"], wrong["outcome"],
                ) or right["star"]:  # fmt: skip
                    continue
                module, name = str(right["module"]), str(right["function"])
                if not re.fullmatch(r"[\w.]+", module) or not name.isidentifier():
                    continue
                call = f"{name}({_arguments(right['arguments'])})"
                found = Slice((f"from {module} import {name}",), call, False)
                return _compare(runs, base, test, found, "call")
            except (NoSliceError, KeyError, TypeError, ValueError):
                continue
    return None


def _arguments(given: Iterable[Sequence]) -> str:
    return ", ".join(str(value) if plain else f"{name}={value}" for name, value, plain in given)


def _quoted(text: str) -> str:
    return text.replace("`", "'")
