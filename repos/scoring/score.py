"""The one scorer: a diff in, a verdict for every expected test out.

A score is made in fresh workspaces, from the diff alone. Test files and pytest's
configuration come from the harness and are mounted read-only; results come from a
supervisor that the tested process can't write to; canaries that must fail run beside them.
What claims to pass must have stood out before, among the decoys of a line-up.
"""

from __future__ import annotations

from pathlib import Path

from repos.errors import InfrastructureError
from repos.runners.pytest.canaries import plant
from repos.runners.pytest.runner import GradedRun
from repos.sandbox.protocol import Backend
from repos.scoring.controls import contradictions, run_line_up
from repos.scoring.grading import Edit, graded
from repos.scoring.patches import flagged
from repos.tasks.records import Record, Task

NOT_APPLIED = "The diff does not apply to the base."


class Score(Record):
    """The verdict on one diff.

    Attributes:
        task: The task's id.
        resolved: Every expected test has its expected verdict and nothing was tampered with.
        plausible: The same, where all failing tests had been shown to the agent.
        false_resolved: Resolved or plausible, but held-out tests fail; None without such tests.
        fraction: fixed/|F2P| − broken/|P2P|, in [−1, 1].
        tests: Verdict by expected id ("passed", "failed", "error", "skipped", "xfailed",
            "missing", "timeout").
        applied: Whether the diff applied.
        tampered: What showed that results were interfered with; makes `resolved` false.
        flags: What in the diff deserves a look; decides nothing.
        official: Verdict of a benchmark's own harness, where the task has one.
    """

    task: str
    resolved: bool
    plausible: bool = False
    false_resolved: bool | None = None
    fraction: float = 0.0
    tests: dict[str, str]
    applied: bool = True
    tampered: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    official: bool | None = None


def score(task: Task, diff: bytes, *, backend: Backend) -> tuple[Score, str]:
    """Score a diff.

    Args:
        task: A prepared task.
        diff: `git diff --binary` against the base; empty is a diff that changes nothing.
        backend: Makes the sandboxes.

    Returns:
        The score, and the log of what the test runs printed.

    Raises:
        InfrastructureError: No verdict could be reached; never a score of 0.
    """
    expected = task.hidden.expected
    decisive = (*expected.fail_to_pass, *expected.pass_to_pass)
    flags = flagged(diff)
    lined = run_line_up(task, diff, backend=backend)
    if lined is not None and lined.run is None:
        return unusable(task, flags), NOT_APPLIED
    endless = lined is not None and lined.run is not None and lined.run.limit == "time"
    canaries: list[str] = []
    run = graded(
        task,
        diff,
        task.hidden.files,
        decisive,
        backend,
        edit=_planting(task, canaries),
        tries=1 if endless else 2,
    )
    if run is None:
        return unusable(task, flags), NOT_APPLIED
    verdicts = {test: _verdict(run, test) for test in decisive}
    tampered = list(run.tampered)
    tampered += [f"canary {name} passed" for name in _passing_canaries(run, canaries)]
    complete = not tampered and all(v == "passed" for v in verdicts.values())
    if complete and not run.complete:
        tampered.append("the tested process ended before its tests did")
    log = run.log
    if lined is not None and lined.run is not None:
        log += "\n--- line-up ---\n" + lined.run.log
        if not tampered:
            tampered += contradictions(task, lined, verdicts, backend=backend)
    complete = complete and not tampered
    fixed = sum(verdicts[t] == "passed" for t in expected.fail_to_pass)
    broken = sum(verdicts[t] != "passed" for t in expected.pass_to_pass)
    fraction = fixed / max(1, len(expected.fail_to_pass))
    fraction -= broken / max(1, len(expected.pass_to_pass))
    false_resolved: bool | None = None
    if complete and expected.held_out and task.hidden.held_out is not None:
        further = graded(task, diff, task.hidden.held_out, expected.held_out, backend)
        assert further is not None
        false_resolved = any(_verdict(further, t) != "passed" for t in expected.held_out)
        log += "\n--- held-out tests ---\n" + further.log
    result = Score(
        task=task.id,
        resolved=complete and not task.public.plausible_only,
        plausible=complete and task.public.plausible_only,
        false_resolved=false_resolved,
        fraction=0.0 if tampered else round(fraction, 6),
        tests=verdicts,
        tampered=tuple(tampered),
        flags=flags,
    )
    return result, log


def unusable(task: Task, flags: tuple[str, ...] = ()) -> Score:
    """Return the score of a change that is no usable diff: nothing is fixed, nothing applied."""
    expected = task.hidden.expected
    verdicts = dict.fromkeys((*expected.fail_to_pass, *expected.pass_to_pass), "failed")
    return Score(task=task.id, resolved=False, tests=verdicts, applied=False, flags=flags)


def run_expected(
    task: Task, diff: bytes, *, backend: Backend, hash_seed: int = 0
) -> GradedRun | None:
    """Run the task's expected test files once, without canaries (validation uses this).

    Returns:
        The run, or None where the diff does not apply.
    """
    expected = task.hidden.expected
    decisive = (*expected.fail_to_pass, *expected.pass_to_pass)
    return graded(task, diff, task.hidden.files, decisive, backend, hash_seed=hash_seed)


def _planting(task: Task, planted: list[str]) -> Edit:
    """Return what puts fresh canaries into the files of failing tests and names them."""
    failing = task.hidden.expected.fail_to_pass

    def edit(merged: Path) -> None:
        planted.clear()
        for name in sorted({test.partition("::")[0] for test in failing}):
            path = merged / name
            if path.is_file() and path.suffix == ".py":
                equality = task.spec.canaries == "full"
                made = plant(name, path.read_bytes(), failing, equality=equality)
                path.write_bytes(made.source)
                planted.extend(made.functions)

    return edit


def _verdict(run: GradedRun, test: str) -> str:
    outcome = run.outcomes.get(test)
    if outcome is not None:
        return outcome.status
    if run.limit == "time":
        return "timeout"
    return "missing"


def _passing_canaries(run: GradedRun, canaries: list[str]) -> list[str]:
    """Return the canaries that did not fail; one that did not run at all counts too.

    Only asked where the run ended regularly and their file was collected.
    """
    if not run.complete:
        return []
    found = []
    for canary in canaries:
        path = canary.partition("::")[0]
        if path in run.collection_errors:
            continue
        outcomes = [
            o.status
            for test, o in run.outcomes.items()
            if test == canary or test.startswith(canary + "[")
        ]
        if not outcomes or any(status not in ("failed", "error") for status in outcomes):
            found.append(canary)
    return found


def retried(task: Task, diff: bytes, *, backend: Backend, times: int = 2) -> tuple[Score, str]:
    """Score, repeating infrastructure failures.

    Raises:
        InfrastructureError: The last try failed too.
    """
    for left in range(times, -1, -1):
        try:
            return score(task, diff, backend=backend)
        except InfrastructureError:
            if not left:
                raise
    raise AssertionError("unreachable")
