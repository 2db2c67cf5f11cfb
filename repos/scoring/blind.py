"""Asks a patch blindly: hidden tests without what they expect, judged outside of the sandbox.

This comes before any genuine test of a scoring is in any sandbox. What would have to be forged is
the right answer, unseen; code in the tested process can do with its own records what it likes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from repos.errors import InfrastructureError
from repos.runners.controls import Place
from repos.runners.protocol import TestRun
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.scoring.grading import Stop, grade_sheet
from repos.scoring.keys import (
    AnswerKey,
    Part,
    Spot,
    answer_key,
    fresh_random,
    places_of,
    sources_of,
    wrong_spots,
)
from repos.tasks.records import Task


@dataclass(frozen=True)
class Answered:
    """What a patch answered.

    Attributes:
        run: The run, or None where the diff does not apply.
        asked: Tests that have a question.
        wrong: Those of them that were answered wrongly: also by no answer, or one too many.
        bits: How hard the right answers of each function are to guess.
    """

    run: TestRun | None
    asked: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    bits: Mapping[Place, float] = field(default_factory=dict)

    def strength(self, excused: Collection[Place] = ()) -> float:
        """Return the bits of all functions but some."""
        return sum(bits for place, bits in self.bits.items() if place not in excused)


def ask(
    task: Task, diff: bytes, part: Part, *, backend: Backend, stop: Stop | None = None
) -> Answered | None:
    """Ask a patch what the hidden tests come to.

    Args:
        task: A prepared task.
        diff: The patch.
        part: Which hidden tests.
        backend: Makes the sandboxes.
        stop: Ends the run early.

    Returns:
        What was answered; None where nothing can be asked.

    Raises:
        InfrastructureError: No answer could be reached, or it was stopped.
    """
    key = answer_key(task, part, backend=backend)
    if key is None:
        return None
    key = _hiding(key, task, part)
    if not key.keys:
        return None
    run, wrong = _ask(task, diff, part, key, backend, stop)
    if run is None:
        return Answered(None)
    return Answered(run, key.tests(), _tests(key, wrong), key.bits)


def askable(task: Task, part: Part, *, backend: Backend) -> frozenset[str]:
    """Return the tests of a part that have a question.

    Raises:
        InfrastructureError: A reference run did not end, where the key was not made yet.
    """
    key = answer_key(task, part, backend=backend)
    return frozenset() if key is None else _hiding(key, task, part).tests()


def excused(task: Task, part: Part, wrong: frozenset[str], *, backend: Backend) -> frozenset[str]:
    """Return which tests the reference patch answers wrongly too, on this day and machine.

    Asked only where a patch passes a genuine test that it answered wrongly.

    Raises:
        InfrastructureError: The reference's run did not end: then there is no verdict.
    """
    key = answer_key(task, part, backend=backend)
    assert key is not None
    key = _hiding(key, task, part)
    run, found = _ask(task, task.hidden.reference, part, key, backend)
    if run is None or not run.complete:
        raise InfrastructureError(f"The reference patch of {task.id} did not end its blind run.")
    return wrong & _tests(key, found)


def _hiding(key: AnswerKey, task: Task, part: Part) -> AnswerKey:
    """Return the key without functions that the agent was shown."""
    runner = get_runner(task.public.runner)
    shown = places_of(task.public.visible_tests, runner)
    if not shown & set(key.functions):
        return key
    return replace(
        key,
        functions=tuple(p for p in key.functions if p not in shown),
        rows={spot: test for spot, test in key.rows.items() if spot[0] not in shown},
        keys={spot: keys for spot, keys in key.keys.items() if spot[0] not in shown},
        dropped=frozenset(spot for spot in key.dropped if spot[0] not in shown),
        bits={place: bits for place, bits in key.bits.items() if place not in shown},
    )


def _tests(key: AnswerKey, spots: Collection[Spot]) -> frozenset[str]:
    """Return the tests of some rows; a row that the key does not know is all of its function."""
    found = set()
    for place, row, _ in spots:
        if (place, row) in key.rows:
            found.add(key.rows[place, row])
        else:
            found |= {test for (owner, _), test in key.rows.items() if owner == place}
    return frozenset(found)


def _ask(
    task: Task,
    diff: bytes,
    part: Part,
    key: AnswerKey,
    backend: Backend,
    stop: Stop | None = None,
) -> tuple[TestRun | None, set[Spot]]:
    """Run the questions; return the run, and where it was wrong."""
    runner = get_runner(task.public.runner)
    assert runner.controls is not None
    sources = sources_of(task, part, part.asked, runner)
    sheet = runner.controls.take_out(sources, key.functions, key=False, rng=fresh_random())
    run = grade_sheet(task, diff, sheet, backend, stop=stop)
    if run is None:
        return None, set()
    return run, wrong_spots(run, sheet, key, runner)
