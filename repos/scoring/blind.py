"""Asks a patch blindly: hidden tests without what they expect, judged outside of the sandbox.

This comes before any genuine test of a scoring is in any sandbox. What would have to be forged is
the right answer, unseen; code in the tested process can do with its own records what it likes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from repos.errors import InfrastructureError
from repos.runners.controls import Place
from repos.runners.protocol import Runner, TestRun
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.scoring.coverage import lines_run, touched
from repos.scoring.grading import Stop, grade_sheet
from repos.scoring.keys import (
    AnswerKey,
    Spot,
    answer_key,
    fresh_random,
    places_of,
    sources_of,
    wrong_spots,
)
from repos.scoring.parts import Part, hidden_part, passing_part
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

    def hard(self, test: str, runner: Runner) -> bool:
        """Whether a failing test's answers hold more than 0 bits."""
        return self.bits.get(runner.split_id(test).place, 0.0) > 0


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
    key = _hiding(key, task)
    if not key.keys:
        return None
    return _ask(task, diff, (part,), key, backend, stop)


@dataclass(frozen=True)
class Touched:
    """What a patch answered where it can matter.

    Attributes:
        answered: Its answers.
        untouched: PASS_TO_PASS tests that run nothing of what it changes, and were not asked.
    """

    answered: Answered
    untouched: frozenset[str] = frozenset()


def ask_touched(task: Task, diff: bytes, *, backend: Backend) -> Touched | None:
    """Ask a patch what all failing tests come to, and the passing ones that it can concern.

    Args:
        task: A prepared task.
        diff: The patch.
        backend: Makes the sandboxes.

    Returns:
        What was answered; None where a failing test has no question.

    Raises:
        InfrastructureError: No answer could be reached.
    """
    runner, expected = get_runner(task.public.runner), task.hidden.expected
    part = hidden_part(task)
    key = answer_key(task, part, backend=backend)
    if key is None or not set(expected.fail_to_pass) <= (key := _hiding(key, task)).tests():
        return None
    lines = lines_run(task, backend=backend)
    concerned = touched(task, diff, lines) if lines is not None else None
    passing = places_of(expected.pass_to_pass, runner)
    left = passing - concerned if concerned is not None else set()
    left -= places_of(expected.fail_to_pass, runner)
    parts, beside = (part,), passing_part(task)
    if beside is not None and passing - left:
        more = answer_key(task, beside, backend=backend)
        if more is not None:
            parts, key = (part, beside), key.with_more(_hiding(more, task))
    key = key.without(left)
    untouched = frozenset(t for t in expected.pass_to_pass if runner.split_id(t).place in left)
    return Touched(_ask(task, diff, parts, key, backend), untouched)


def excused(task: Task, part: Part, wrong: frozenset[str], *, backend: Backend) -> frozenset[str]:
    """Return which tests the reference patch answers wrongly too, on this day and machine.

    Asked only where a patch passes a genuine test that it answered wrongly.

    Raises:
        InfrastructureError: The reference's run did not end: then there is no verdict.
    """
    key = answer_key(task, part, backend=backend)
    assert key is not None
    key = _hiding(key, task)
    told = _ask(task, task.hidden.reference, (part,), key, backend)
    if told.run is None or not told.run.complete:
        raise InfrastructureError(f"The reference patch of {task.id} did not end its blind run.")
    return wrong & told.wrong


def _hiding(key: AnswerKey, task: Task) -> AnswerKey:
    """Return the key without functions that the agent was shown."""
    runner = get_runner(task.public.runner)
    return key.without(places_of(task.public.visible_tests, runner))


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
    parts: Sequence[Part],
    key: AnswerKey,
    backend: Backend,
    stop: Stop | None = None,
) -> Answered:
    """Run the questions of a key, which may be one of several parts."""
    runner = get_runner(task.public.runner)
    assert runner.controls is not None
    sources: dict[str, bytes] = {}
    for part in parts:
        sources |= sources_of(task, part, part.asked, runner)
    sheet = runner.controls.take_out(sources, key.functions, key=False, rng=fresh_random())
    run = grade_sheet(task, diff, sheet, backend, stop=stop)
    if run is None:
        return Answered(None)
    wrong = wrong_spots(run, sheet, key, runner)
    return Answered(run, key.tests(), _tests(key, wrong), key.bits)
