"""The sets of hidden tests of a task that are asked apart, each with a key of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repos.tasks.records import Task


@dataclass(frozen=True)
class Part:
    """One set of hidden tests of a task.

    Attributes:
        name: "hidden", "held-out", or "passing" for tests that pass on the base.
        tests: Folder with the test files.
        asked: Tests whose functions are asked.
        passing: Tests whose functions are asked beside them, up to a bound.
    """

    name: str
    tests: Path
    asked: tuple[str, ...]
    passing: tuple[str, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether these are the tests by which a task is resolved."""
        return self.name == "hidden"

    def unbroken(self) -> frozenset[str]:
        """Return the tests that the base passes, as far as that is known."""
        return frozenset((*self.passing, *(self.asked if self.name == "passing" else ())))


def hidden_part(task: Task) -> Part:
    """Return the tests that decide."""
    expected = task.hidden.expected
    return Part("hidden", task.hidden.files, expected.fail_to_pass, expected.pass_to_pass)


def held_out_part(task: Task) -> Part | None:
    """Return the held-out tests, if the task has some."""
    held_out = task.hidden.expected.held_out
    if not held_out or task.hidden.held_out is None:
        return None
    return Part("held-out", task.hidden.held_out, held_out)


def passing_part(task: Task) -> Part | None:
    """Return the PASS_TO_PASS tests, all of them, for who asks some; None without such tests."""
    passing = task.hidden.expected.pass_to_pass
    return Part("passing", task.hidden.files, passing) if passing else None
