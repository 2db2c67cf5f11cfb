"""The hidden test file of assertions that no test of the release makes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from repos.tasks.sources.reverted.records import Assertion

NAME = "test_repogym_more.py"


def outcome_lines(head: str, body: str, raises: bool) -> list[str]:
    """Return statements that leave a program's outcome in `outcome`.

    Of an exception only the type counts.

    Args:
        head: Imports and statements before.
        body: An expression, or the statements that are to raise.
        raises: Whether it is the latter.
    """
    inner = [*body.splitlines(), 'outcome = "no exception"'] if raises else _assigned(body)
    return [
        *head.splitlines(),
        "try:",
        *(f"    {line}" for line in inner),
        "except Exception as error:",
        '    outcome = "raises " + type(error).__name__',
    ]


def _assigned(body: str) -> list[str]:
    return f"outcome = repr({body})".splitlines()


def more_tests(assertions: Iterable[Assertion]) -> str:
    """Return a test file with one function for each assertion."""
    parts = ['"""Further programs like the one that the task shows."""\n']
    for number, each in enumerate(assertions):
        lines = outcome_lines(each.head, each.body, each.raises)
        lines.append(f"assert outcome == {each.outcome!r}")
        text = textwrap.indent("\n".join(lines), "    ")
        parts.append(f"def test_more_{number}():\n{text}\n")
    return "\n\n".join(parts)
