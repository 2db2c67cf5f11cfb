"""Validation: a task is admitted only if its verdicts hold, three times over.

The repetitions differ in the clock, the time zone, the locale, names, the order of folders, the
hash seed, the number of processors, rights and the screen's size: what depends on one of them does
not decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.surroundings import SCORING, Surroundings, single_changes, varied
from repos.scoring.grading import files_of
from repos.scoring.official_validation import validate_official
from repos.scoring.score import run_expected, score
from repos.tasks.records import Task

REPETITIONS = 3


@dataclass(frozen=True)
class Verdict:
    """What validation found.

    Attributes:
        task: The task's id.
        valid: Whether the task is admitted.
        problems: Why not, one line each.
        seconds: Longest run of the expected tests, in seconds.
        unstable: PASS_TO_PASS tests whose outcome changes with the surroundings: without them
            the task may be valid.
        equality_trips: Whether the reference patch itself trips an equality canary.
        details: Further findings, by name; "bits" says how hard the right answers of the
            failing tests are to guess.
    """

    task: str
    valid: bool
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    unstable: tuple[str, ...] = ()
    equality_trips: bool = field(default=False)
    details: Mapping[str, Any] = field(default_factory=dict)


def validate(
    task: Task, *, backend: Backend, repetitions: int = REPETITIONS, empty: bool = True
) -> Verdict:
    """Admit a task only if the untouched base fails it and the reference patch resolves it.

    Every FAIL_TO_PASS test must fail (or be missing by a collection error) on the base with
    the hidden tests in place, every PASS_TO_PASS test pass on both sides, in every
    repetition, each in other surroundings.

    Args:
        task: A prepared task.
        backend: Makes the sandboxes.
        repetitions: Runs a side.
        empty: Also score a diff that changes nothing. Where runs without the fix have shown
            already that all FAIL_TO_PASS tests fail, it can't be resolved.

    Raises:
        InfrastructureError: No verdict could be reached.
    """
    if task.spec.source.official_check() is not None:
        found = validate_official(task, backend=backend)
        return Verdict(
            task.id, not found.problems, found.problems, found.seconds, details=found.details
        )
    expected = task.hidden.expected
    f2p, p2p = set(expected.fail_to_pass), set(expected.pass_to_pass)
    unstable: set[str] = set()
    problems: list[str] = []
    longest = 0.0
    for repetition in range(repetitions):
        around = varied(repetition)
        reference = task.hidden.reference
        before = run_expected(task, b"", backend=backend, surroundings=around)
        after = run_expected(task, reference, backend=backend, surroundings=around)
        if after is None or before is None:
            problems.append("the reference patch does not apply to the base")
            break
        longest = max(longest, sum(o.seconds for o in after.outcomes.values()))
        for name, run in (("before", before), ("after", after)):
            if run.limit:
                problems.append(f"the run {name} the fix hit the {run.limit} bound")
        passed_before = {t for t, o in before.outcomes.items() if o.status == "passed"}
        passed_after = {t for t, o in after.outcomes.items() if o.status == "passed"}
        wrong = {
            "FAIL_TO_PASS tests pass without the fix": f2p & passed_before,
            "FAIL_TO_PASS tests fail with the fix": f2p - passed_after,
            "PASS_TO_PASS tests fail with the fix": p2p - passed_after - unstable,
            "PASS_TO_PASS tests fail without the fix": p2p - passed_before - unstable,
        }
        changed = {what: tests for what, tests in wrong.items() if tests}
        if not changed:
            continue
        why = ""
        if repetition % 3:  # right in the first ones, which are scoring's
            odd = frozenset().union(*changed.values())
            causes = _causes(task, odd, around, backend)
            why = f" under other surroundings ({', '.join(causes) or 'several together'})"
        for what, tests in changed.items():
            problems += _named(what + why, sorted(tests))
            if repetition % 3 and tests <= p2p:
                unstable |= tests
        if not repetition % 3 or any(tests & f2p for tests in changed.values()):
            break
    trips = False
    details: dict[str, Any] = {}
    if not problems:
        nothing = score(task, b"", backend=backend)[0] if empty else None
        reference, _ = score(task, task.hidden.reference, backend=backend)
        details["bits"] = reference.bits
        if nothing is not None and (nothing.resolved or nothing.plausible):
            problems.append("a diff that changes nothing is scored as resolved")
        if not (reference.resolved or reference.plausible):
            trips = bool(reference.tampered)
            reason = "; ".join(reference.tampered) or "tests fail beside the canaries"
            problems.append(f"the reference patch is not scored as resolved: {reason}")
        if reference.false_resolved:
            problems.append("the reference patch fails held-out tests")
    took, odd = round(longest, 2), tuple(sorted(unstable))
    return Verdict(task.id, not problems, tuple(problems), took, odd, trips, details)


def _causes(task: Task, tests: Set[str], around: Surroundings, backend: Backend) -> list[str]:
    """Return which single things of some surroundings turn one of the tests, by name."""

    def passing(surroundings: Surroundings) -> list[set[str]]:
        sides = (b"", task.hidden.reference)
        runs = (
            run_expected(task, s, backend=backend, surroundings=surroundings, files=files)
            for s in sides
        )
        return [
            {t for t in tests if run and t in run.outcomes and run.outcomes[t].status == "passed"}
            for run in runs
        ]

    files = files_of(tests, get_runner(task.public.runner))
    usual = passing(SCORING)
    changes = single_changes(around)
    return [name for name, one in changes.items() if passing(one) != usual]


def _named(problem: str, tests: list[str]) -> list[str]:
    if not tests:
        return []
    return [f"{len(tests)} {problem}: {', '.join(tests[:3])}{' …' if len(tests) > 3 else ''}"]
