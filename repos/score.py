"""The one scorer: a diff in, a verdict for every expected test out.

A score is made in fresh workspaces, from the diff alone. Test files and pytest's
configuration come from the harness and are mounted read-only; results come from a
supervisor that the tested process can't write to; canaries that must fail run beside them.
What passes is run once more in another sandbox, as a line-up of tests and decoys.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from repos.assist import function_of
from repos.cache import cache_root
from repos.canaries import plant
from repos.environments import environment_plugins
from repos.errors import InfrastructureError
from repos.lineup import LineUp, line_up
from repos.patches import flagged, steering, without_protected
from repos.records import Record, Task
from repos.runners.pytest import GradedRun, PytestRunner
from repos.runners.registry import get_runner
from repos.sandbox.protocol import ENVIRONMENT, TESTBED, Backend, Mount
from repos.workspace import PatchError, Workspace

LEAST_SECONDS = 60.0
LIMIT_FACTOR = 10.0


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
    canaries: list[str] = []
    run = _graded(task, diff, task.hidden.files, decisive, backend, edit=_planting(task, canaries))
    if run is None:
        return unusable(task, flags), "The diff does not apply to the base."
    verdicts = {test: _verdict(run, test) for test in decisive}
    tampered = list(run.tampered)
    tampered += [f"canary {name} passed" for name in _passing_canaries(run, canaries)]
    log = run.log
    complete = not tampered and all(v == "passed" for v in verdicts.values())
    if complete and not run.complete:
        tampered.append("the tested process ended before its tests did")
    if complete and not tampered:
        notes, more = _confirmed(task, diff, run, backend)
        tampered += notes
        log += more
    complete = complete and not tampered
    fixed = sum(verdicts[t] == "passed" for t in expected.fail_to_pass)
    broken = sum(verdicts[t] != "passed" for t in expected.pass_to_pass)
    fraction = fixed / max(1, len(expected.fail_to_pass))
    fraction -= broken / max(1, len(expected.pass_to_pass))
    false_resolved: bool | None = None
    if complete and expected.held_out and task.hidden.held_out is not None:
        further = _graded(task, diff, task.hidden.held_out, expected.held_out, backend)
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
    """Run the task's expected test files once, without canaries (the gate uses this).

    Returns:
        The run, or None where the diff does not apply.
    """
    expected = task.hidden.expected
    decisive = (*expected.fail_to_pass, *expected.pass_to_pass)
    return _graded(task, diff, task.hidden.files, decisive, backend, hash_seed=hash_seed)


Edit = Callable[[Path], None]
"""Changes the laid-out test files of one scoring, in place, before they are mounted."""


def _graded(
    task: Task,
    diff: bytes,
    tests: Path,
    ids: tuple[str, ...],
    backend: Backend,
    *,
    edit: Edit | None = None,
    hash_seed: int = 0,
    brief: bool = False,
) -> GradedRun | None:
    """Run the files of `ids` in a fresh workspace; a time-out is repeated once, alone.

    Returns:
        The run, or None where the diff does not apply.
    """
    limit = max(LEAST_SECONDS, LIMIT_FACTOR * task.seconds)
    run: GradedRun | None = None
    for _ in range(2):
        folder = Path(tempfile.mkdtemp(prefix="score-", dir=_scratch()))
        try:
            folder.chmod(0o755)
            protected, hashes = _protected_mounts(task, tests, folder, ids, edit)
            layers = replace(
                task.layers,
                testbed=task.layers.testbed[:1],
                mounts=(*task.layers.mounts, *protected),
            )
            with Workspace(backend.create(layers, task.sandbox)) as workspace:
                targets = tuple(mount.target[len(TESTBED) + 1 :] for mount in protected)
                try:
                    _apply(workspace, diff, targets)
                except PatchError:
                    return None
                runner = get_runner(task.public.runner)
                run = _run(runner, workspace, task, ids, hashes, limit, hash_seed, brief)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if run.limit != "time":
            break
    return run


def _scratch() -> Path:
    folder = cache_root() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _apply(workspace: Workspace, diff: bytes, targets: tuple[str, ...]) -> None:
    cleaned = without_protected(diff, targets)
    if cleaned:
        workspace.apply(cleaned)
        # What was really written decides, not what the diff's text seemed to say.
        for path in workspace.changes():
            mounted = any(path == t or path.startswith(t + "/") for t in targets)
            if steering(path) and not mounted:
                raise PatchError(f"The patch was not applied: it writes {path}.")


def _run(
    runner: PytestRunner,
    workspace: Workspace,
    task: Task,
    ids: tuple[str, ...],
    hashes: Mapping[str, str],
    limit: float,
    hash_seed: int,
    brief: bool,
) -> GradedRun:
    environment = next(m.source for m in task.layers.mounts if m.target == ENVIRONMENT)
    files = sorted({test.partition("::")[0] for test in ids})
    run = runner.grade(
        workspace,
        files,
        hashes=hashes,
        timeout_s=limit,
        plugins=environment_plugins(environment),
        hash_seed=hash_seed,
        brief=brief,
    )
    if run.limit in ("memory", "disk", "processes") and not run.outcomes:
        return replace(run, complete=False)
    return run


def _protected_mounts(
    task: Task, tests: Path, folder: Path, ids: tuple[str, ...], edit: Edit | None
) -> tuple[tuple[Mount, ...], dict[str, str]]:
    """Lay out the test files of one scoring and say where they are mounted.

    Folders that hold only tests are mounted whole, other files one by one; the base's own
    test files that the fix deletes are gone.
    """
    base = task.layers.testbed[0]
    hidden = {p.relative_to(tests).as_posix() for p in tests.rglob("*") if p.is_file()}
    roots = [p for p in task.spec.test_paths if (base / p).is_dir() or (tests / p).is_dir()]
    merged = folder / "tests"
    for root in roots:
        if (base / root).is_dir():
            _copy(base / root, merged / root)
        if (tests / root).is_dir():
            _copy(tests / root, merged / root)
    for name in task.hidden.removed:
        (merged / name).unlink(missing_ok=True)
    singles = [n for n in sorted(hidden) if not any(n.startswith(r + "/") for r in roots)]
    singles += [
        p
        for p in task.spec.test_paths
        if p not in hidden and p not in roots and (base / p).is_file()
    ]
    for name in singles:
        origin = tests / name if name in hidden else base / name
        target = merged / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, target)
    if edit is not None:
        edit(merged)
    deciding = {test.partition("::")[0] for test in ids}
    hashes = {
        name: hashlib.sha256((merged / name).read_bytes()).hexdigest()
        for name in sorted(deciding)
        if (merged / name).is_file()
    }
    targets = [*roots, *singles]
    mounts = tuple(Mount(merged / t, f"{TESTBED}/{t}") for t in targets if (merged / t).exists())
    return mounts, hashes


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


def _confirmed(task: Task, diff: bytes, run: GradedRun, backend: Backend) -> tuple[list[str], str]:
    """Run the task's line-ups in a fresh workspace; return what contradicts them, and the log.

    Where a member does not do what it should, the reference patch decides whether the member
    is to blame (a test that depends on its own name, a decoy that is equal after all).
    """
    shown = {function_of(test) for test in task.public.visible_tests}
    hidden = [t for t in task.hidden.expected.fail_to_pass if function_of(t) not in shown]
    sources: dict[str, bytes] = {}
    for name in {test.partition("::")[0] for test in hidden}:
        path = task.hidden.files / name
        if not path.is_file():
            path = task.layers.testbed[0] / name
        if path.is_file() and path.suffix == ".py":
            sources[name] = path.read_bytes()
    seconds = {test: outcome.seconds for test, outcome in run.outcomes.items()}
    rng = random.Random(secrets.randbits(64))
    made = line_up(sources, hidden, seconds=seconds, rng=rng)
    if made is None:
        return [], ""
    again = _lined_up(task, diff, made, backend)
    if again is None:
        raise InfrastructureError("A diff that applied before does not apply any more.")
    notes = list(again.tampered)
    wrong = _wrong_members(again, made)
    if wrong and not notes:
        reference = _lined_up(task, task.hidden.reference, made, backend)
        if reference is None or not reference.complete:
            return notes, "\n--- line-up ---\nThe reference patch can't run it either.\n"
        wrong -= _wrong_members(reference, made)
        if not again.complete:
            notes.append("the line-up did not run to its end")
    passed = sorted(wrong & set(made.decoys))
    failed = sorted(wrong & set(made.genuine))
    if passed:
        notes.append(f"{len(passed)} of {len(made.decoys)} decoys passed in the line-up")
    if failed:
        notes.append(f"{len(failed)} of {len(made.genuine)} tests failed in the line-up")
    return notes, "\n--- line-up ---\n" + again.log


def _lined_up(task: Task, diff: bytes, made: LineUp, backend: Backend) -> GradedRun | None:
    def edit(merged: Path) -> None:
        for name, text in made.files.items():
            (merged / name).write_bytes(text)

    ids = (*made.genuine, *made.decoys)
    return _graded(task, diff, task.hidden.files, ids, backend, edit=edit, brief=True)


def _wrong_members(run: GradedRun, made: LineUp) -> set[str]:
    """Return the genuine tests that did not pass and the decoys that did not fail."""
    found: dict[str, set[str]] = {}
    for test, outcome in run.outcomes.items():
        found.setdefault(function_of(test), set()).add(outcome.status)
    wrong = {test for test in made.genuine if found.get(test) != {"passed"}}
    for test in made.decoys:
        statuses = found.get(test, set())
        if not statuses or not statuses <= {"failed", "error"}:
            wrong.add(test)
    return wrong


def _copy(origin: Path, target: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(origin, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)


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
