"""The line-up of a scoring: run before any hidden test is seen, held against what is claimed.

The sandboxes of one host share more than files: what lies in the page cache, for one, is a
memory that one run can write and the next one read. So the line-up comes first, when no code
of the patch has met a genuine expectation yet, and what later claims to have passed must
have stood out in it.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from repos.cache import platform_key, publish
from repos.prepare import files_key
from repos.runners.protocol import LineUp, Runner, TestRun
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.scoring.grading import files_of, grade_files
from repos.tasks.records import Task

TIMES = "times.json"


@dataclass(frozen=True)
class LinedUp:
    """A line-up and what a patch did in it.

    Attributes:
        members: The line-up.
        run: Its run with the patch, or None where the diff does not apply.
    """

    members: LineUp
    run: TestRun | None


def run_line_up(task: Task, diff: bytes, *, backend: Backend) -> LinedUp | None:
    """Run a fresh line-up of the task's hidden failing tests with a patch.

    Returns:
        The line-up and its run, or None where the tests allow none.

    Raises:
        InfrastructureError: No answer could be reached.
    """
    runner = get_runner(task.public.runner)
    if runner.controls is None:
        return None
    shown = {runner.split_id(test).place for test in task.public.visible_tests}
    hidden = [t for t in task.hidden.expected.fail_to_pass if runner.split_id(t).place not in shown]
    sources: dict[str, bytes] = {}
    for name in files_of(hidden, runner):
        path = task.hidden.files / name
        if not path.is_file():
            path = task.layers.testbed[0] / name
        if path.is_file():
            sources[name] = path.read_bytes()
    if not sources:
        return None
    seconds = reference_times(task, backend=backend)
    rng = random.Random(secrets.randbits(64))
    members = runner.controls.line_up(sources, hidden, seconds=seconds, rng=rng)
    if members is None:
        return None
    return LinedUp(members, _run(task, diff, members, backend))


def reference_times(task: Task, *, backend: Backend) -> dict[str, float]:
    """Return how long each expected test takes with the reference patch, in seconds.

    Measured once a task on a machine, by a run without the patch that is scored, and scaled
    to validation's time where the machine was slower than then.
    """

    def build(folder: Path) -> None:
        expected = task.hidden.expected
        ids = (*expected.fail_to_pass, *expected.pass_to_pass)
        files = files_of(ids, get_runner(task.public.runner))
        run = grade_files(task, task.hidden.reference, task.hidden.files, files, backend)
        times = {t: o.seconds for t, o in run.outcomes.items()} if run is not None else {}
        (folder / TIMES).write_text(json.dumps(times), encoding="utf-8")

    place = f"times-{task.public.environment}-{platform_key()}"
    folder = publish(f"tasks/{files_key(task.spec)}/{place}", build)
    times: dict[str, float] = json.loads((folder / TIMES).read_text(encoding="utf-8"))
    whole = sum(times.values())
    scale = min(1.0, task.seconds / whole) if whole > 0 else 1.0
    return {test: taken_s * scale for test, taken_s in times.items()}


def contradictions(
    task: Task, lined: LinedUp, verdicts: Mapping[str, str], *, backend: Backend
) -> list[str]:
    """Return how a line-up contradicts the verdicts of a run; empty if it does not.

    Where all tests are claimed to have passed, every member must have done what it should. Of
    fewer claims, only members that stand for a claimed test and did run are asked. Where a
    member disagrees, the reference patch decides whether the member is to blame (a test that
    depends on its own name, a decoy that is equal after all).

    Args:
        task: The task that is scored.
        lined: Its line-up, run before.
        verdicts: Claimed verdict by expected id.
        backend: Makes the reference's sandbox, if one is needed.

    Raises:
        InfrastructureError: No answer could be reached.
    """
    run, members = lined.run, lined.members
    assert run is not None
    if run.tampered:
        return list(run.tampered)
    runner = get_runner(task.public.runner)
    everything = all(verdict == "passed" for verdict in verdicts.values())
    wrong = _wrong(run, members, runner)
    if not everything:
        failed = {runner.split_id(t).place for t, v in verdicts.items() if v != "passed"}
        ran = {runner.split_id(test).place for test in run.outcomes}
        wrong = {
            m
            for m in wrong
            if runner.split_id(members.origins[m]).place not in failed
            and runner.split_id(m).place in ran
        }
    if not wrong:
        return []
    reference = _run(task, task.hidden.reference, members, backend)
    if reference is None or not reference.complete:
        return []
    wrong -= _wrong(reference, members, runner)
    notes = []
    if everything and not run.complete:
        notes.append("the line-up did not run to its end")
    for kind, names in (("decoys passed", members.decoys), ("tests failed", members.genuine)):
        odd = sorted(wrong & set(names))
        if odd:
            notes.append(f"{len(odd)} of {len(names)} {kind} in the line-up")
    return notes


def _run(task: Task, diff: bytes, members: LineUp, backend: Backend) -> TestRun | None:
    def edit(merged: Path) -> None:
        for name, text in members.files.items():
            (merged / name).write_bytes(text)

    tests = task.hidden.files
    return grade_files(task, diff, tests, members.files, backend, edit=edit, brief=True)


def _wrong(run: TestRun, members: LineUp, runner: Runner) -> set[str]:
    """Return the genuine tests that did not pass and the decoys that did not fail."""
    found: dict[tuple[str, str], set[str]] = {}
    for test, outcome in run.outcomes.items():
        found.setdefault(runner.split_id(test).place, set()).add(outcome.status)
    places = {test: runner.split_id(test).place for test in (*members.genuine, *members.decoys)}
    wrong = {test for test in members.genuine if found.get(places[test]) != {"passed"}}
    for test in members.decoys:
        statuses = found.get(places[test], set())
        if not statuses or not statuses <= {"failed", "error"}:
            wrong.add(test)
    return wrong
