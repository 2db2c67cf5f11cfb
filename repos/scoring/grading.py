"""One run of test files on a diff, in a fresh workspace.

Test files come from the harness and are mounted read-only over the patched tree; the runner takes
the results in a way of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from repos.cache import SCRATCH, cache_root, owned_prefix, remove_abandoned
from repos.errors import InfrastructureError
from repos.runners.controls import Sheet
from repos.runners.protocol import GradeRequest, Runner, TestRun
from repos.runners.registry import get_runner
from repos.sandbox import shuffle
from repos.sandbox.protocol import TESTBED, Backend, ExecOptions, ExecResult, Mount, Sandbox
from repos.sandbox.surroundings import SCORING, Surroundings, with_surroundings
from repos.sandbox.workspace import PatchError, Workspace
from repos.scoring.patches import steering, without_protected
from repos.tasks.records import Task
from repos.tasks.sources.base import damaged

LEAST_SECONDS = 60.0
LIMIT_FACTOR = 10.0
LEAST_MEMORY = 256 << 20
"""Bytes that must be free in a memory file system of the host for test files to be laid there."""

Edit = Callable[[Path], None]
"""Changes the laid-out test files of one scoring, in place, before they are mounted."""


class Stop:
    """Ends a run from another thread, once nobody wants to know any more what it comes to."""

    def __init__(self) -> None:
        """Let runs go on until `now`."""
        self._lock = threading.Lock()
        self._running: list[Workspace] = []
        self._stopped = False

    def now(self) -> None:
        """End the run under way and begin no other; what asked for it gets an exception."""
        with self._lock:
            self._stopped = True
            running, self._running = self._running, []
        for workspace in running:
            workspace.close()

    @contextmanager
    def watching(self, workspace: Workspace) -> Iterator[None]:
        """Have a workspace closed by `now`.

        Raises:
            InfrastructureError: `now` was called before.
        """
        with self._lock:
            if self._stopped:
                raise InfrastructureError("The run is not wanted any more.")
            self._running.append(workspace)
        try:
            yield
        finally:
            with self._lock:
                if workspace in self._running:
                    self._running.remove(workspace)


def time_limit(task: Task) -> float:
    """Return how long a run of a task's tests may take, in seconds."""
    check = task.spec.source.official_check()
    own = 0.0 if check is None else check.limit_s
    return max(LEAST_SECONDS, LIMIT_FACTOR * task.seconds, own)


def grade_files(
    task: Task,
    diff: bytes,
    tests: Path,
    files: Iterable[str],
    backend: Backend,
    *,
    edit: Edit | None = None,
    surroundings: Surroundings = SCORING,
    answers: str = "",
    tries: int = 2,
    stop: Stop | None = None,
) -> TestRun | None:
    """Run test files in a fresh workspace; a time-out is repeated, alone.

    Args:
        task: A prepared task.
        diff: Applied before; empty changes nothing.
        tests: The test files that are laid over the base's.
        files: Test files relative to the repository; they are run whole.
        backend: Makes the sandbox.
        edit: Changes the laid-out test files.
        surroundings: What the run sees of the machine.
        answers: The module that rewritten files import; "" where the files are genuine.
        tries: Runs at most, where the time limit ends them.
        stop: Ends the run early.

    Returns:
        The run, or None where the diff does not apply.

    Raises:
        InfrastructureError: The run did not begin or was stopped, or hidden files in the cache
            are damaged.
    """
    limit = time_limit(task)
    if tests in (task.hidden.files, task.hidden.held_out) and (wrong := damaged(tests.parent)):
        raise InfrastructureError(
            f"Files of {task.id} in the cache are damaged ({', '.join(wrong)}): preparing the "
            "task makes them again."
        )
    runner = get_runner(task.public.runner)
    deciding = tuple(sorted(set(files)))
    run: TestRun | None = None
    for _ in range(tries):
        folder = _new_folder(surroundings)
        try:
            folder.chmod(0o755)
            layered = backend.name == "bubblewrap" and not surroundings.directory_order
            protected, hashes = _protected_mounts(task, tests, folder, deciding, edit, layered)
            if surroundings.directory_order:
                shuffle.main(str(surroundings.directory_order), str(folder))
            layers = replace(
                task.layers,
                testbed=task.layers.testbed[:1],
                mounts=(*task.layers.mounts, *surroundings.mounts(backend.name), *protected),
            )
            spec = replace(task.sandbox, hostname=surroundings.hostname)
            if spec.seccomp == "default":  # hidden tests could be told to other sandboxes by locks
                spec = replace(spec, seccomp="scoring")
            program = runner.graded_program(surroundings.hash_seed)
            if program is not None and surroundings == SCORING:
                variables = {**surroundings.variables(), **dict(program.env)}
                program = replace(program, env=tuple(sorted(variables.items())))
                spec = replace(spec, ahead=program)
            with (
                SurroundedWorkspace(backend.create(layers, spec), surroundings) as workspace,
                (stop or Stop()).watching(workspace),
            ):
                targets = tuple(mount.target[len(TESTBED) + 1 :] for mount in protected)
                try:
                    _apply(workspace, diff, targets, runner)
                except PatchError:
                    return None
                surroundings.enter(workspace.sandbox, [m.target for m in protected])
                seed, brief = surroundings.hash_seed, bool(answers)
                request = GradeRequest(deciding, hashes, limit, seed, brief, answers)
                run = runner.grade(workspace, request)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if run.limit != "time":
            break
    return run


def grade_sheet(
    task: Task,
    diff: bytes,
    sheet: Sheet,
    backend: Backend,
    *,
    surroundings: Surroundings = SCORING,
    stop: Stop | None = None,
) -> TestRun | None:
    """Run rewritten test files alone: over the base's own tests, without any other hidden file.

    Args:
        task: A prepared task.
        diff: Applied before.
        sheet: The rewritten files.
        backend: Makes the sandbox.
        surroundings: What the run sees of the machine.
        stop: Ends the run early.

    Returns:
        The run, or None where the diff does not apply.

    Raises:
        InfrastructureError: The run did not begin or was stopped, or hidden files in the cache
            are damaged.
    """
    folder = _new_folder(surroundings)
    try:
        for name, text in sheet.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        return grade_files(
            task,
            diff,
            folder,
            sheet.files,
            backend,
            surroundings=surroundings,
            answers=sheet.module,
            stop=stop,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class SurroundedWorkspace(Workspace):
    """A workspace whose programs see chosen surroundings."""

    def __init__(self, sandbox: Sandbox, surroundings: Surroundings) -> None:
        """Take over a running sandbox."""
        super().__init__(sandbox)
        self.surroundings = surroundings

    def exec(self, argv: Sequence[str], **options: Unpack[ExecOptions]) -> ExecResult:
        """Run a program to its end; see `Workspace.exec`."""
        command = self.surroundings.command(argv)
        return super().exec(command, **with_surroundings(self.surroundings, options))


def _scratch(surroundings: Surroundings) -> Path:
    """Return where test files are laid out: in memory where their order is to be another."""
    memory = Path("/dev/shm")
    wanted = surroundings.directory_order and os.access(memory, os.W_OK)
    if wanted and shutil.disk_usage(memory).free > LEAST_MEMORY:
        return memory
    folder = cache_root() / SCRATCH
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _new_folder(surroundings: Surroundings) -> Path:
    """Make a folder for the test files of one run, that goes with this process at the latest."""
    place = _scratch(surroundings)
    remove_abandoned(place)
    return Path(tempfile.mkdtemp(prefix=owned_prefix("score"), dir=place))


def files_of(ids: Iterable[str], runner: Runner) -> tuple[str, ...]:
    """Return the files that hold some tests, sorted."""
    return tuple(sorted({runner.split_id(test).file for test in ids}))


def deciding_files(task: Task, runner: Runner) -> tuple[str, ...]:
    """Return the files that hold a task's expected tests, sorted; a benchmark may name them."""
    check = task.spec.source.official_check()
    if check is not None:
        return tuple(sorted(check.files))
    expected = task.hidden.expected
    return files_of((*expected.fail_to_pass, *expected.pass_to_pass), runner)


def _apply(workspace: Workspace, diff: bytes, targets: tuple[str, ...], runner: Runner) -> None:
    cleaned = without_protected(diff, targets, runner)
    if cleaned:
        workspace.apply(cleaned)
        # What was really written decides, not what the diff's text seemed to say.
        for path in workspace.changes():
            mounted = any(path == t or path.startswith(t + "/") for t in targets)
            if steering(path, runner) and not mounted:
                raise PatchError(f"The patch was not applied: it writes {path}.")


def _protected_mounts(
    task: Task,
    tests: Path,
    folder: Path,
    deciding: tuple[str, ...],
    edit: Edit | None,
    layered: bool,
) -> tuple[tuple[Mount, ...], dict[str, str]]:
    """Lay out the test files of one scoring and say where they are mounted.

    Folders that hold only tests are mounted whole, other files one by one; the base's own
    test files that the fix deletes are gone. Where a mount may lie over another folder, only
    what differs from the base is laid out: a folder of thousands of tests costs no copy.
    """
    base = task.layers.testbed[0]
    hidden = {p.relative_to(tests).as_posix() for p in tests.rglob("*") if p.is_file()}
    roots = [p for p in task.spec.test_paths if (base / p).is_dir() or (tests / p).is_dir()]
    merged = folder / "tests"
    lowest: dict[str, Path] = {}
    for root in roots:
        (merged / root).mkdir(parents=True, exist_ok=True)
        removed = any(name.startswith(f"{root}/") for name in task.hidden.removed)
        if layered and not removed and (base / root).is_dir():
            lowest[root] = base / root
            # These may be changed, and are looked at below.
            _copy_files(base, merged, [n for n in deciding if n.startswith(f"{root}/")])
        elif (base / root).is_dir():
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
    hashes = {
        name: hashlib.sha256((merged / name).read_bytes()).hexdigest()
        for name in deciding
        if (merged / name).is_file()
    }
    if lowest:  # whatever our umask is
        for path in merged.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
    targets = [*roots, *singles]
    mounts = tuple(
        Mount(merged / t, f"{TESTBED}/{t}", over=lowest.get(t))
        for t in targets
        if (merged / t).exists()
    )
    return mounts, hashes


def _copy_files(origin: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        if (origin / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin / name, target / name)


def _copy(origin: Path, target: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(origin, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)
