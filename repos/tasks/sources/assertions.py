"""Hidden assertions that no test of a project makes, and the test file in which they stand."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from repos.tasks.base import Record

NAME = "test_repogym_more.py"


def _named_right(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path and (path.startswith("/") or ".." in parts or parts[-1] != NAME):
        raise ValueError(f"must be the path of a file {NAME} in the repository")
    return path


MorePath = Annotated[str, AfterValidator(_named_right)]
"""Where the assertions stand, relative to the repository; "" without any."""


class Assertion(Record):
    """A program and its outcome with the change; a hidden test is made of it.

    Attributes:
        head: Imports and statements before.
        body: An expression, or the statements that are to raise.
        raises: Whether it is the latter.
        outcome: `repr` of the result, or "raises" and the exception's type.
    """

    head: str
    body: str
    raises: bool = False
    outcome: str


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


def place_of_more(test_path: str) -> str:
    """Return the path of the file for further assertions, beside a test file."""
    folder, slash, _ = test_path.rpartition("/")
    return f"{folder}{slash}{NAME}"
