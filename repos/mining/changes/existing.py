"""The fairness checks on a task that exists, whatever source it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from repos.errors import InfrastructureError, RepoGymError
from repos.mining.changes.checks import (
    TOLD_FILES,
    FairChange,
    ReleaseChange,
    UnfairError,
    check_narrow,
    check_told,
    judge,
    single,
)
from repos.mining.changes.runs import ReleaseRuns
from repos.mining.changes.units import functions
from repos.mining.pypi.selection import NoTaskError
from repos.prepare import patched_files, prepare
from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import Workspace
from repos.scoring.validation import validate
from repos.tasks.records import Task, TaskSpec
from repos.tasks.sources.git import belongs_to_tests
from repos.tasks.sources.reverted.hunks import find_hunks, live_hunks

SHOWN = "should give: `"
"""Stands in every statement with an executed example."""

MOST_FUNCTIONS = 5
MOST_FAILING = 20


def faults(task: Task, backend: Backend) -> dict[str, str]:
    """Return which fairness checks refuse a task, and why.

    Args:
        task: A prepared task whose tests are run by pytest.
        backend: Makes the sandboxes.

    Raises:
        NoTaskError: Its reference changes no Python source, or its tests do not show it.
        InfrastructureError: The sandbox failed.
    """
    change = _change(task, backend, "", task.spec.source_dirs)
    runs = _opened(task, backend, change)
    try:
        return _faults(runs, task, change)
    finally:
        runs.close()


def judged(task: Task, backend: Backend, said: str, packages: Sequence[str]) -> FairChange:
    """Return what the fairness checks find of a task whose reference is one change.

    Args:
        task: A prepared task whose tests are run by pytest.
        backend: Makes the sandboxes.
        said: What its statement says without an example.
        packages: The package's folders and modules.

    Raises:
        UnfairError: A check refuses it.
        NoTaskError: Its reference changes no Python source, or it touches too much.
        InfrastructureError: The sandbox failed.
    """
    change = _change(task, backend, said, packages)
    tests = frozenset(task.hidden.expected.fail_to_pass)
    if len(functions(change.hunks, change.new)) > MOST_FUNCTIONS:
        raise UnfairError("single", "it touches more than five functions")
    runs = _opened(task, backend, change)
    try:
        whole = frozenset(range(len(change.hunks)))
        _single(runs, change, whole, tests)
        return judge(runs, change, whole, tests)
    finally:
        runs.close()


def _change(task: Task, backend: Backend, said: str, packages: Sequence[str]) -> ReleaseChange:
    base = task.layers.testbed[0]
    old, new = _sides(task, base, backend)
    hunks = live_hunks(old, new, find_hunks(old, new))
    if not hunks:
        raise NoTaskError("the reference changes no Python source that was there before")
    return ReleaseChange(old, new, hunks, _told(base, task), _tests(base, task), [], packages, said)


def _opened(task: Task, backend: Backend, change: ReleaseChange) -> ReleaseRuns:
    """Return runs of the fixed side."""
    runs = ReleaseRuns(task, backend, change.new)
    for path in sorted(p for p in task.hidden.files.rglob("*") if p.is_file()):
        runs.workspace.write(path.relative_to(task.hidden.files).as_posix(), path.read_bytes())
    for path, text in change.new.items():
        runs.workspace.write(path, text)
    return runs


def check_tasks(
    specs: Sequence[TaskSpec], suite: str, *, environment: str, sandbox: str, allow_unsafe: bool,
    report: Callable[[str], None],
) -> dict[str, dict[str, str]]:  # fmt: skip
    """Return which fairness checks refuse tasks, by id and check, and report them one by one.

    Args:
        specs: The tasks.
        suite: Name of their suite.
        environment: Id of the environment to play; "" takes the best one here.
        sandbox: Name of the back end.
        allow_unsafe: Whether a back end without isolation may be used.
        report: Told what the checks find, one line a task.

    Raises:
        InfrastructureError: The index or the sandbox failed.
    """
    found: dict[str, dict[str, str]] = {}
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe)
    try:
        for spec in specs:
            try:
                task = prepare(spec, suite=suite, environment=environment)
                found[spec.id] = faults(task, backend)
            except InfrastructureError:
                raise
            except RepoGymError as error:
                found[spec.id] = {"checks": f"can't be run: {error}"}
            told = "; ".join(f"{check}: {why}" for check, why in found[spec.id].items())
            report(f"{spec.id}: {told or 'fair'}")
    finally:
        backend.close()
    return found


def stability(task: Task, backend: Backend) -> dict[str, str]:
    """Return what validation in other surroundings refuses."""
    verdict = validate(task, backend=backend)
    return {} if verdict.valid else {"stable": "; ".join(verdict.problems)}


def _faults(runs: ReleaseRuns, task: Task, change: ReleaseChange) -> dict[str, str]:
    tests = frozenset(task.hidden.expected.fail_to_pass)
    whole = frozenset(range(len(change.hunks)))
    failures = runs.failures(sorted(tests), change.base(whole))
    statement = task.public.statement
    found: dict[str, str] = {}

    def check(what: str, *arguments: object) -> None:
        try:
            CHECKS[what](*arguments)
        except UnfairError as error:
            found[error.check] = str(error).partition(": ")[2]

    if len(tests) > MOST_FAILING:
        found["single"] = f"{len(tests)} tests fail"
    elif len(functions(change.hunks, change.new)) > MOST_FUNCTIONS and len(tests) > 1:
        found["single"] = "it touches more than five functions"
    check("single", runs, change, whole, tests)
    if SHOWN not in statement:
        found["shown by example"] = "the statement holds no executed example"
    if len(tests) < 2:
        found["hidden"] = "one test fails, and a statement with an example would show it"
    check("told", change, whole, change.hunks, failures, statement)
    check("narrow", runs, change, whole, tests, failures, statement)
    return found


def _single(
    runs: ReleaseRuns, change: ReleaseChange, unit: frozenset[int], tests: frozenset[str]
) -> None:
    parts = single(runs, change, unit, tests)
    if len(parts) > 1:
        counts = " and ".join(str(len(own)) for _, own in parts)
        raise UnfairError("single", f"{len(parts)} changes, which fail {counts} tests")


CHECKS = {"single": _single, "told": check_told, "narrow": check_narrow}


def _sides(task: Task, base: Path, backend: Backend) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the reference's Python files before and after it; files that it makes are left out."""
    paths = [
        path for path in patched_files(task.hidden.reference)
        if path.endswith(".py") and (base / path).is_file()
    ]  # fmt: skip
    old = {path: (base / path).read_bytes() for path in paths}
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.apply(task.hidden.reference)
        new = {}
        for path in paths:
            try:
                new[path] = workspace.read(path)
            except OSError:
                continue
    return {path: old[path] for path in new}, new


def _told(base: Path, task: Task) -> dict[str, bytes]:
    found = {}
    for path in sorted(base.rglob("*")):
        name = path.relative_to(base).as_posix()
        hidden = belongs_to_tests(name, task.spec.test_paths) or "/." in f"/{name}"
        if path.is_file() and path.suffix in TOLD_FILES and not hidden:
            found[name] = path.read_bytes()
    return found


def _tests(base: Path, task: Task) -> Mapping[str, bytes]:
    found = {}
    for root in (base, task.hidden.files):
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if belongs_to_tests(name, task.spec.test_paths):
                found[name] = path.read_bytes()
    return found
