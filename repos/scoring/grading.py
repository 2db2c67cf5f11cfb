"""One run of test files on a diff, in a fresh workspace.

Test files and pytest's configuration come from the harness and are mounted read-only over the
patched tree; results come from a supervisor that the tested process can't write to.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from repos.cache import cache_root
from repos.environments.harness import environment_plugins
from repos.runners.pytest.runner import GradedRun, PytestRunner
from repos.runners.registry import get_runner
from repos.sandbox.protocol import ENVIRONMENT, TESTBED, Backend, Mount
from repos.sandbox.workspace import PatchError, Workspace
from repos.scoring.patches import steering, without_protected
from repos.tasks.records import Task

LEAST_SECONDS = 60.0
LIMIT_FACTOR = 10.0

Edit = Callable[[Path], None]
"""Changes the laid-out test files of one scoring, in place, before they are mounted."""


def graded(
    task: Task,
    diff: bytes,
    tests: Path,
    ids: tuple[str, ...],
    backend: Backend,
    *,
    edit: Edit | None = None,
    hash_seed: int = 0,
    brief: bool = False,
    tries: int = 2,
) -> GradedRun | None:
    """Run the files of `ids` in a fresh workspace; a time-out is repeated, alone.

    Args:
        task: A prepared task.
        diff: Applied before; empty changes nothing.
        tests: The test files that are laid over the base's.
        ids: Expected tests; their files are run whole.
        backend: Makes the sandbox.
        edit: Changes the laid-out test files.
        hash_seed: PYTHONHASHSEED of the run.
        brief: Whether failures need no traceback.
        tries: Runs at most, where the time limit ends them.

    Returns:
        The run, or None where the diff does not apply.
    """
    limit = max(LEAST_SECONDS, LIMIT_FACTOR * task.seconds)
    run: GradedRun | None = None
    for _ in range(tries):
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


def _copy(origin: Path, target: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(origin, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)
