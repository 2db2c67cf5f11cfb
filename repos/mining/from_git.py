"""Tasks of a git repository: two revisions and the tests that changed, validated."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from git import Blob, Commit
from packaging.requirements import InvalidRequirement, Requirement

from repos.environments.harness import misfit
from repos.environments.interpreters import find_python, minor_version
from repos.errors import InfrastructureError, InputError, TaskError
from repos.mining.project import checkout_requirements, project_name
from repos.mining.pypi.verdicts import why_nothing
from repos.prepare import prepare
from repos.runners.protocol import Runner, TestRun
from repos.runners.registry import choose_runner, get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend
from repos.sandbox.surroundings import varied
from repos.scoring.score import run_expected
from repos.scoring.validation import REPETITIONS, validate
from repos.tasks.environments import PythonEnvironment, python_id
from repos.tasks.records import Expected, Task, TaskSpec
from repos.tasks.sources.git import (
    GitSource,
    belongs_to_tests,
    changed_files,
    is_url,
    name_of,
    open_repository,
    resolve,
)
from repos.tasks.sources.isolated import IsolatedRepository
from repos.tasks.sources.pypi.archives import Member

METADATA = re.compile(
    r"pyproject\.toml|setup\.(cfg|py)|PKG-INFO|[^/]*require[^/]*\.(txt|in)"
    r"|(tests?|requirements)/[^/]*\.(txt|in)"
)
Report = Callable[[str], None]
TEST_FOLDER = re.compile(r"(^|/)(tests?|testing)(/|$)")


def task_from_repository(
    path: str,
    *,
    base: str,
    fix: str,
    tests: tuple[str, ...] = (),
    source_dirs: tuple[str, ...] = (),
    requirements: tuple[str, ...] = (),
    python: str = "",
    runner: str = "",
    sandbox: str = "auto",
    statement: str = "",
    all_tests: bool = False,
    report: Report = lambda line: None,
) -> TaskSpec:
    """Make a task of two revisions of a git repository and validate it.

    FAIL_TO_PASS and PASS_TO_PASS are found by running test files three times a side.

    Args:
        path: The repository, or its URL.
        base: Revision before the fix.
        fix: Revision with the fix and its tests.
        tests: Test files or folders; found by their names where none are given.
        source_dirs: Folders of the import path; `src` or the root where none are given.
        requirements: Requirements of the tests, resolved to exact pins; those that the project's
            own metadata declares where none are given.
        python: Minor version to run the tests on; the running one by default.
        runner: Name of the test runner; chosen by what the project says where none is given.
        sandbox: Name of the back end.
        statement: What an agent reads, instead of the message of `fix`.
        all_tests: Whether all test files decide, not only those that changed.
        report: Told what was found, line by line.

    Raises:
        RepoGymError: No repository, no such revision, no such Python, no changed tests, or
            validation refuses the task.
    """
    python = python or minor_version()
    find_python(python)
    repository = open_repository(path, fix)
    root = path if is_url(path) else str(repository.root)
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", name_of(root)).strip("-._+") or "repository"
    first, second = resolve(repository, base), resolve(repository, fix)
    changed = changed_files(repository, first, second)
    contents = CommitFiles(repository.commit(second))
    runner = runner or choose_runner(contents)
    known = get_runner(runner)
    holding = set(known.test_files(contents))
    steering = {p for _, p in changed if known.protects(p)}
    test_paths = tests or _test_paths([p for _, p in changed], holding | steering)
    files = sorted(
        path
        for status, path in changed
        if status != "D" and path in holding and belongs_to_tests(path, tuple(test_paths))
    )
    if not files and tests:
        raise InputError(
            f"No test file in {', '.join(tests)} changed between {base} and {fix}: leave --tests "
            "out to have them found by their names."
        )
    if not files:
        raise InputError(
            f"No test file changed between {base} and {fix}: name the tests with --tests."
        )
    if all_tests:
        files = sorted(holding)
        test_paths = tests or _test_paths([*files, *(p for _, p in changed)], holding | steering)
    if not source_dirs:
        source_dirs = (
            ("src",) if "src" in [t.name for t in repository.commit(first).tree] else (".",)
        )
    for folder in source_dirs:
        _check_folder(repository, first, folder, base)
    environment = python_id(python)
    if not requirements:
        tree = {p: Member(contents[p]) for p in contents if METADATA.fullmatch(p)}
        requirements = tuple(checkout_requirements(tree, project_name(tree, name), python))
    found = f"tests: {', '.join(files[:5])}{' ...' if len(files) > 5 else ''} ({runner})"
    report(f"{found}; import path: {', '.join(source_dirs)}; Python {python}")
    report(f"requirements: {', '.join(requirements) or 'none'}")
    pins = pinned(requirements, python, known)
    draft = TaskSpec(
        id=f"git/{name}-{second[:10]}",
        source=GitSource(path=root, base=first, fix=second, statement=statement),
        runner=runner,
        title=str(repository.commit(second).summary)[:100],
        source_dirs=source_dirs,
        test_paths=tuple(test_paths),
        environments={
            environment: PythonEnvironment(python=python, requirements=pins, install=True)
        },
        expected={environment: Expected(fail_to_pass=())},
        seconds={environment: 60.0},
        date=repository.commit(second).committed_datetime.date().isoformat(),
    )
    backend = get_backend(sandbox)
    try:
        task = prepare(draft)
        before, after = [], []
        for repetition in range(REPETITIONS):
            before.append(_run(task, files, b"", backend, repetition))
            after.append(_run(task, files, task.hidden.reference, backend, repetition))
        expected = expected_from(before, after, files, known)
        seconds = max(sum(o.seconds for o in run.outcomes.values()) for run in after)
        spec = draft.model_copy(
            update={
                "expected": {environment: expected},
                "seconds": {environment: round(seconds, 2)},
            }
        )
        if not expected.fail_to_pass:
            why = why_nothing(after[0], before[0])
            if not any(o.status == "passed" for o in after[0].outcomes.values()):
                why = _error_of(after[0]) or why
            raise TaskError(f"Validation refuses the task: {why}.")
        counts = len(expected.fail_to_pass), len(expected.pass_to_pass)
        report(f"{counts[0]} tests fail before the fix and pass after, {counts[1]} pass on both")
        verdict = validate(prepare(spec), backend=backend)
    finally:
        backend.close()
    if not verdict.valid:
        raise TaskError(f"Validation refuses the task: {'; '.join(verdict.problems)}.")
    return spec


def _error_of(run: TestRun) -> str:
    """Return how the fixed side fails where no test passes on it."""
    texts = [*run.collection_errors.values(), *(o.message for o in run.outcomes.values())]
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(E\s+)?[\w.]*(Error|Exception): ", line)]
    told = next(iter(errors or lines), "")
    if not told:
        return ""
    return f"no test passes after the fix ({told.removeprefix('E ').strip()[:300]})"


class CommitFiles(Mapping[str, bytes]):
    """The files of a commit, content by path, each read when it is asked for."""

    def __init__(self, commit: Commit) -> None:
        """List them."""
        self._blobs = {
            str(item.path): item
            for item in commit.tree.traverse()
            if isinstance(item, Blob) and item.mode != Blob.link_mode
        }

    def __getitem__(self, path: str) -> bytes:
        """Return the content of one."""
        return self._blobs[path].data_stream.read()

    def __iter__(self) -> Iterator[str]:
        """Yield the paths."""
        return iter(self._blobs)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._blobs)


def _run(
    task: Task, files: Sequence[str], diff: bytes, backend: Backend, repetition: int
) -> TestRun:
    surroundings = varied(repetition)
    run = run_expected(task, diff, backend=backend, surroundings=surroundings, files=files)
    if run is None:
        raise TaskError("The fix's own diff does not apply to the base.")
    return run


def expected_from(
    before: list[TestRun], after: list[TestRun], files: Sequence[str], runner: Runner
) -> Expected:
    """Return the ids whose outcomes agree in every repetition.

    A test that is missing before counts as failing only with a collection error in its file
    or where its file's run was complete (the test is new). Tests of other files than those
    that were run (a class that is imported) are left out.
    """
    always = [
        {
            t
            for t, o in run.outcomes.items()
            if o.status == "passed" and runner.split_id(t).file in files
        }
        for run in after
    ]
    passing = set.intersection(*always) if always else set()
    early = [{t for t, o in run.outcomes.items() if o.status == "passed"} for run in before]
    never_early = passing - set.union(*early)
    both = passing & set.intersection(*early)
    complete = all(run.complete for run in before)
    failing = {
        t
        for t in never_early
        if all(
            t in run.outcomes or runner.split_id(t).file in run.collection_errors or complete
            for run in before
        )
    }
    return Expected(fail_to_pass=tuple(sorted(failing)), pass_to_pass=tuple(sorted(both)))


def _check_folder(repository: IsolatedRepository, commit: str, folder: str, base: str) -> None:
    if folder in (".", ""):
        return
    try:
        kind = repository.commit(commit).tree.join(folder).type
    except KeyError:
        kind = "nothing"
    if kind != "tree":
        raise InputError(f"--source {folder}: there is no such folder in {base}.")


def _test_paths(paths: list[str], tests: set[str]) -> tuple[str, ...]:
    """Return the top test folders of the changed test files; files outside one stand alone."""
    found: Counter[str] = Counter()
    for path in paths:
        folder = TEST_FOLDER.search(path.rpartition("/")[0] + "/")
        if folder:
            found[path[: folder.end()].rstrip("/")] += 1
        elif path in tests:
            found[path] += 1
    return tuple(sorted(found))


def pinned(requirements: tuple[str, ...], python: str, runner: Runner) -> tuple[str, ...]:
    """Resolve requirements (and what the runner needs) to exact pins for a Python minor version.

    Returns:
        Pins sorted by name; empty for no requirements where RepoGym's own packages serve.

    Raises:
        RepoGymError: No requirement by the packaging standards.
        InfrastructureError: The resolver or the index failed.
    """
    here, packages = find_python(python), runner.packages
    if not requirements and not any(misfit(name, here, packages) for name in packages):
        return ()
    for requirement in requirements:
        try:
            Requirement(requirement)
        except InvalidRequirement as error:
            said = str(error).partition("\n")[0]
            raise InputError(f"--requires {requirement!r} is no requirement: {said}.") from error
    from uv import find_uv_bin

    done = subprocess.run(
        [find_uv_bin(), "pip", "compile", "-q", "--no-header", "--no-annotate",
         "--python-version", python, "-"],
        input="\n".join((*requirements, *runner.requirements)), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = " ".join(done.stderr.split())[-400:]
        raise InfrastructureError(f"Resolving the requirements failed: {said}")
    return tuple(line.strip() for line in done.stdout.splitlines() if "==" in line)
