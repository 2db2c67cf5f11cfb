"""The one scorer: a diff in, a verdict for every expected check out.

A score is made in fresh workspaces, from the diff alone. Test files come from the harness and
are mounted read-only; results come from the task's runner, out of reach of the tested process;
canaries that must fail run beside them. What claims to pass must have been answered rightly
before, by a run without the expected values. A runner without controls is believed as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from pydantic import Field

from repos.errors import InfrastructureError
from repos.runners.protocol import Runner, TestRun
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.surroundings import SCORING, Surroundings
from repos.scoring.blind import Answered, ask, ask_touched, excused
from repos.scoring.grading import Edit, Stop, deciding_files, files_of, grade_files
from repos.scoring.official import (
    OfficialVerdict,
    holds,
    run_official,
    swebench_grading,
    translated,
)
from repos.scoring.parts import held_out_part, hidden_part
from repos.scoring.patches import flag_diff, incomplete
from repos.tasks.records import Record, Task

OFFICIAL_LOG = "\n--- official command ---\n"
"""Stands in a log before what a benchmark's own command printed."""

NOT_APPLIED = "The diff does not apply to the base."


WEAK_BITS = 10.0
"""Bits of blind answers below which a success is `resolved (weak)`."""


class Score(Record):
    """The verdict on one diff.

    Attributes:
        task: The task's id.
        resolved: Every expected check has its expected verdict and nothing was tampered with.
        plausible: The same, where all failing tests had been shown to the agent.
        false_resolved: Resolved or plausible, but held-out tests fail; None without such tests.
        fraction: fixed/|F2P| − broken/|P2P|, in [−1, 1]. Where not all is as it should be, a
            failing test counts as fixed only if its answers hold more than 0 bits; at most 0 where
            something was tampered with.
        checks: Verdict by expected id ("passed", "failed", "error", "skipped", "xfailed",
            "missing", "timeout"; "unasked" in fast scoring).
        scoring: "full", or "fast": by blind answers alone, for training.
        asked: How many of the checks were also asked blindly.
        bits: How hard their right answers are to guess, measured against generic answerers;
            below `WEAK_BITS` a success says little.
        weighed: Whether the runner has tests of which that can be said.
        contradicted: How many passed and had been answered wrongly; their verdict is "failed".
        metrics: What the runner measured beside the verdicts, by name.
        applied: Whether the diff applied.
        official: The verdict of the benchmark's own command and grading, which believe what
            is printed; None where there is no such thing. `resolved` needs it too.
        hardened: The verdict of our runner alone; None without an official one beside it.
        tampered: What showed that results were interfered with; makes `resolved` false.
        flags: What in the diff deserves a look; decides nothing.
    """

    task: str
    resolved: bool
    plausible: bool = False
    false_resolved: bool | None = None
    fraction: float = 0.0
    checks: dict[str, str]
    scoring: Literal["full", "fast"] = "full"
    asked: int = 0
    bits: float = 0.0
    weighed: bool = True
    contradicted: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    applied: bool = True
    official: bool | None = None
    hardened: bool | None = None
    tampered: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def weak(self) -> bool:
        """Whether the diff is resolved by tests that a guesser might pass as well.

        A benchmark's own verdict stands for itself.
        """
        told = self.weighed and self.official is None
        return self.resolved and told and self.bits < WEAK_BITS


def score(task: Task, diff: bytes, *, backend: Backend, fast: bool = False) -> tuple[Score, str]:
    """Score a diff.

    Args:
        task: A prepared task.
        diff: `git diff --binary` against the base; empty is a diff that changes nothing.
        backend: Makes the sandboxes.
        fast: Judge by blind answers alone, where every failing test has a question: no genuine
            test runs, no held-out one, and passing tests only where they are asked and run a
            function that the diff changes. For training; the score says so. A benchmark's own
            verdict is always reached in full.

    Returns:
        The score, and the log of what the test runs printed.

    Raises:
        InfrastructureError: No verdict could be reached; never a score of 0.
    """
    if task.spec.source.official_check() is None:
        quick = _score_fast(task, diff, backend) if fast else None
        return quick or _own_score(task, diff, backend)
    swebench_grading()  # says what is missing before any work is done
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(run_official, task, diff, backend=backend)
        if get_runner(task.public.runner).controls is not None:
            other.result()  # questions are asked while no genuine test is in any sandbox
        own, log = _own_score(task, diff, backend)
        official = other.result()
    result = beside_official(own, official)
    return result, f"{log}{OFFICIAL_LOG}{official.log}"


def beside_official(own: Score, official: OfficialVerdict) -> Score:
    """Return a score of ours with a benchmark's own verdict beside it; success needs both."""
    hardened = own.resolved or own.plausible
    flags = own.flags
    if hardened != official.resolved:
        words = {True: "resolved", False: "not resolved"}
        flags = (
            *flags,
            f"verdicts differ: official {words[official.resolved]}, hardened {words[hardened]}",
        )
    return own.model_copy(
        update={
            "resolved": own.resolved and official.resolved,
            "plausible": own.plausible and official.resolved,
            "official": official.resolved,
            "hardened": hardened,
            "flags": flags,
        }
    )


def _own_score(task: Task, diff: bytes, backend: Backend) -> tuple[Score, str]:
    """Return the score by our runner alone, and the log; see `score`."""
    runner = get_runner(task.public.runner)
    expected = task.hidden.expected
    decisive = (*expected.fail_to_pass, *expected.pass_to_pass)
    flags = flag_diff(diff, runner)
    why = incomplete(diff)
    if why:
        return unapplied_score(task, flags), f"The diff can't be applied whole: {why}."
    part, further_part = hidden_part(task), held_out_part(task)
    canaries: list[str] = []
    further: TestRun | None = None
    later: Answered | None = None
    stop = Stop()
    with ThreadPoolExecutor(1) as pool:
        # All questions come before any genuine test is in any sandbox.
        asking = None
        if further_part is not None:
            asking = pool.submit(ask, task, diff, further_part, backend=backend, stop=stop)
        try:
            blind = ask(task, diff, part, backend=backend) or Answered(TestRun({}))
        except BaseException:
            stop.now()
            raise
        failed = blind.run is None or bool(blind.wrong or blind.run.tampered)
        if failed:
            stop.now()  # held-out tests say nothing of what is not resolved
        elif asking is not None:
            later = asking.result()
        if blind.run is None:
            return unapplied_score(task, flags), NOT_APPLIED
        beside = None
        if further_part is not None and not failed:
            files = files_of(expected.held_out, runner)
            beside = pool.submit(grade_files, task, diff, further_part.tests, files, backend)
        run = grade_files(
            task,
            diff,
            task.hidden.files,
            deciding_files(task, runner),
            backend,
            edit=_planting(task, runner, canaries, blind.asked),
            tries=1 if blind.run.limit == "time" else 2,
        )
        further = beside.result() if beside is not None else None
    if run is None:
        return unapplied_score(task, flags), NOT_APPLIED
    check = task.spec.source.official_check()
    if check is not None:
        run = translated(task, check, run)
    verdicts = {test: _verdict(run, test) for test in decisive}
    contradicted = {test for test in blind.wrong if verdicts.get(test) == "passed"}
    pardoned: frozenset[str] = frozenset()
    if contradicted and all(verdict == "passed" for verdict in verdicts.values()):
        pardoned = excused(task, part, frozenset(contradicted), backend=backend)
        contradicted -= pardoned
    claims = {test: c for test, c in run.claims.items() if verdicts.get(test) == "passed"}
    contradicted |= runner.refuted(task, claims, backend=backend)
    verdicts.update(dict.fromkeys(contradicted, "failed"))
    tampered = [*blind.run.tampered, *(n for n in run.tampered if n not in blind.run.tampered)]
    tampered += [f"canary {name} passed" for name in _passing_canaries(run, runner, canaries)]
    complete = not tampered and all(holds(task, t, v) for t, v in verdicts.items())
    if complete and not run.complete:
        tampered.append("the tested process ended before its tests did")
    log = f"{run.log}\n--- blind answers ---\n{blind.run.log}"
    if contradicted:
        log += f"\n{len(contradicted)} tests passed and had been answered wrongly.\n"
    complete = complete and not tampered
    weighed = runner.weighed and check is None
    earning = [t for t in expected.fail_to_pass if complete or not weighed or blind.hard(t, runner)]
    fixed = sum(holds(task, t, verdicts[t]) for t in earning)
    broken = sum(not holds(task, t, verdicts[t]) for t in expected.pass_to_pass)
    fraction = fixed / max(1, len(expected.fail_to_pass))
    fraction -= broken / max(1, len(expected.pass_to_pass))
    false_resolved: bool | None = None
    if complete and further_part is not None:
        if further is None:
            files = files_of(expected.held_out, runner)
            later = ask(task, diff, further_part, backend=backend)  # wrong answers were excused
            further = grade_files(task, diff, further_part.tests, files, backend)
        assert further is not None
        false_resolved = any(_verdict(further, t) != "passed" for t in expected.held_out)
        if later is not None and later.wrong:
            false_resolved |= bool(
                later.wrong - excused(task, further_part, later.wrong, backend=backend)
            )
        log += "\n--- held-out tests ---\n" + further.log
    result = Score(
        task=task.id,
        resolved=complete and not task.public.plausible_only,
        plausible=complete and task.public.plausible_only,
        false_resolved=false_resolved,
        fraction=round(min(fraction, 0.0) if tampered else fraction, 6),
        checks=verdicts,
        asked=len((blind.asked | run.claims.keys()) & verdicts.keys()),
        bits=round(blind.strength({runner.split_id(t).place for t in pardoned}), 1),
        weighed=runner.weighed,
        contradicted=len(contradicted),
        metrics={} if tampered else dict(run.metrics),
        tampered=tuple(tampered),
        flags=flags,
    )
    return result, log


def _score_fast(task: Task, diff: bytes, backend: Backend) -> tuple[Score, str] | None:
    """Score by blind answers alone; None where a failing test has no question."""
    expected = task.hidden.expected
    flags = flag_diff(diff, get_runner(task.public.runner))
    told = None if incomplete(diff) else ask_touched(task, diff, backend=backend)
    if told is None:
        return None
    blind = told.answered
    if blind.run is None:
        return unapplied_score(task, flags).model_copy(update={"scoring": "fast"}), NOT_APPLIED
    verdicts = {
        test: ("failed" if test in blind.wrong else "passed") if test in blind.asked else "unasked"
        for test in (*expected.fail_to_pass, *expected.pass_to_pass)
    }
    tampered = list(blind.run.tampered)
    complete = not tampered and not blind.wrong and blind.run.complete
    known = [t for t in expected.pass_to_pass if t in blind.asked or t in told.untouched]
    runner = get_runner(task.public.runner)
    earning = [t for t in expected.fail_to_pass if complete or blind.hard(t, runner)]
    fixed = sum(verdicts[t] == "passed" for t in earning)
    broken = sum(verdicts[t] == "failed" for t in known)
    fraction = fixed / max(1, len(expected.fail_to_pass)) - broken / max(1, len(known))
    result = Score(
        task=task.id,
        resolved=complete and not task.public.plausible_only,
        plausible=complete and task.public.plausible_only,
        fraction=round(min(fraction, 0.0) if tampered else fraction, 6),
        checks=verdicts,
        scoring="fast",
        asked=len(blind.asked & verdicts.keys()),
        bits=round(blind.strength(), 1),
        tampered=tuple(tampered),
        flags=flags,
    )
    return result, blind.run.log


def unapplied_score(task: Task, flags: tuple[str, ...] = ()) -> Score:
    """Return the score of a change that is no usable diff: nothing is fixed, nothing applied."""
    expected = task.hidden.expected
    verdicts = dict.fromkeys((*expected.fail_to_pass, *expected.pass_to_pass), "failed")
    return Score(task=task.id, resolved=False, checks=verdicts, applied=False, flags=flags)


def run_expected(
    task: Task,
    diff: bytes,
    *,
    backend: Backend,
    surroundings: Surroundings = SCORING,
    files: Iterable[str] | None = None,
) -> TestRun | None:
    """Run the task's expected test files once, without canaries (validation uses this).

    Args:
        task: A prepared task.
        diff: Applied before; empty changes nothing.
        backend: Makes the sandbox.
        surroundings: What the run sees of the machine.
        files: Test files to run; by default those of the expected tests.

    Returns:
        The run, or None where the diff does not apply.
    """
    if files is None:
        files = deciding_files(task, get_runner(task.public.runner))
    tests = task.hidden.files
    return grade_files(task, diff, tests, files, backend, surroundings=surroundings)


def _planting(task: Task, runner: Runner, planted: list[str], asked: frozenset[str]) -> Edit | None:
    """Return what puts fresh canaries into the files of failing tests and names them.

    Only tests that can't be asked get some: the others would show by their answers whatever
    canaries show.
    """
    controls = runner.controls
    failing = [test for test in task.hidden.expected.fail_to_pass if test not in asked]
    if controls is None or not failing:
        return None

    def edit(merged: Path) -> None:
        planted.clear()
        for name in files_of(failing, runner):
            path = merged / name
            if path.is_file():
                equality = task.spec.canaries == "full"
                made = controls.plant(name, path.read_bytes(), failing, equality=equality)
                path.write_bytes(made.source)
                planted.extend(made.functions)

    return edit


def _verdict(run: TestRun, test: str) -> str:
    outcome = run.outcomes.get(test)
    if outcome is not None:
        return outcome.status
    if run.limit == "time":
        return "timeout"
    return "missing"


def _passing_canaries(run: TestRun, runner: Runner, canaries: list[str]) -> list[str]:
    """Return the canaries that did not fail; one that did not run at all counts too.

    Only asked where the run ended regularly and their file was collected.
    """
    if not run.complete:
        return []
    statuses: dict[tuple[str, str], list[str]] = {}
    for test, outcome in run.outcomes.items():
        statuses.setdefault(runner.split_id(test).place, []).append(outcome.status)
    found = []
    for canary in canaries:
        place = runner.split_id(canary).place
        if place[0] in run.collection_errors:
            continue
        told = statuses.get(place, [])
        if not told or any(status not in ("failed", "error") for status in told):
            found.append(canary)
    return found


def score_with_retries(
    task: Task, diff: bytes, *, backend: Backend, times: int = 2, fast: bool = False
) -> tuple[Score, str]:
    """Score, repeating infrastructure failures up to `times` times.

    Raises:
        InfrastructureError: The last try failed too.
    """
    for left in range(times, -1, -1):
        try:
            return score(task, diff, backend=backend, fast=fast)
        except InfrastructureError:
            if not left:
                raise
    raise AssertionError("unreachable")
