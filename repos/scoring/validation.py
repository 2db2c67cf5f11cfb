"""Validation: a task is admitted only if its verdicts hold, three times over."""

from __future__ import annotations

from dataclasses import dataclass, field

from repos.sandbox.protocol import Backend
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
        equality_trips: Whether the reference patch itself trips an equality canary.
    """

    task: str
    valid: bool
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    equality_trips: bool = field(default=False)


def validate(task: Task, *, backend: Backend, repetitions: int = REPETITIONS) -> Verdict:
    """Admit a task only if the untouched base fails it and the reference patch resolves it.

    Every FAIL_TO_PASS test must fail (or be missing by a collection error) on the base with
    the hidden tests in place, every PASS_TO_PASS test pass on both sides, in every
    repetition, each with another hash seed.

    Args:
        task: A prepared task.
        backend: Makes the sandboxes.
        repetitions: Runs a side.

    Raises:
        InfrastructureError: No verdict could be reached.
    """
    expected = task.hidden.expected
    problems: list[str] = []
    longest = 0.0
    for repetition in range(repetitions):
        seed = 1 + 7 * repetition
        before = run_expected(task, b"", backend=backend, hash_seed=seed)
        after = run_expected(task, task.hidden.reference, backend=backend, hash_seed=seed)
        if after is None or before is None:
            problems.append("the reference patch does not apply to the base")
            break
        longest = max(longest, sum(o.seconds for o in after.outcomes.values()))
        for name, run in (("before", before), ("after", after)):
            if run.limit:
                problems.append(f"the run {name} the fix hit the {run.limit} bound")
        passed_before = {t for t, o in before.outcomes.items() if o.status == "passed"}
        passed_after = {t for t, o in after.outcomes.items() if o.status == "passed"}
        early = sorted(set(expected.fail_to_pass) & passed_before)
        broken = sorted(set(expected.fail_to_pass) - passed_after)
        lost = sorted(set(expected.pass_to_pass) - passed_after)
        unstable = sorted(set(expected.pass_to_pass) - passed_before)
        problems += _named("FAIL_TO_PASS tests pass without the fix", early)
        problems += _named("FAIL_TO_PASS tests fail with the fix", broken)
        problems += _named("PASS_TO_PASS tests fail with the fix", lost)
        problems += _named("PASS_TO_PASS tests fail without the fix", unstable)
        if problems:
            break
    trips = False
    if not problems:
        nothing, _ = score(task, b"", backend=backend)
        reference, _ = score(task, task.hidden.reference, backend=backend)
        if nothing.resolved or nothing.plausible:
            problems.append("a diff that changes nothing is scored as resolved")
        if not (reference.resolved or reference.plausible):
            trips = bool(reference.tampered)
            reason = "; ".join(reference.tampered) or "tests fail beside the canaries"
            problems.append(f"the reference patch is not scored as resolved: {reason}")
        if reference.false_resolved:
            problems.append("the reference patch fails held-out tests")
    return Verdict(task.id, not problems, tuple(problems), round(longest, 2), trips)


def _named(problem: str, tests: list[str]) -> list[str]:
    if not tests:
        return []
    return [f"{len(tests)} {problem}: {', '.join(tests[:3])}{' …' if len(tests) > 3 else ''}"]
