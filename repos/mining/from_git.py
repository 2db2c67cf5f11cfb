"""Tasks of a git repository: two revisions and the tests that changed, validated."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import PurePosixPath

from git import Repo
from packaging.requirements import InvalidRequirement, Requirement

from repos.environments.harness import HARNESS_PACKAGES, misfit
from repos.environments.interpreters import find_python, minor_version
from repos.errors import InfrastructureError, RepoGymError
from repos.prepare import prepare
from repos.runners.pytest.runner import GradedRun
from repos.sandbox.select import get_backend
from repos.scoring.score import run_expected
from repos.scoring.validation import REPETITIONS, validate
from repos.tasks.environments import PythonEnvironment, python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.git import GitSource, changed_files, open_repository, resolve

TEST_FOLDER = re.compile(r"(^|/)(tests?|testing)(/|$)")
TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")


def task_from_repository(
    path: str,
    *,
    base: str,
    fix: str,
    tests: tuple[str, ...] = (),
    source_dirs: tuple[str, ...] = (),
    requirements: tuple[str, ...] = (),
    python: str = "",
    sandbox: str = "auto",
) -> TaskSpec:
    """Make a task of two revisions of a git repository and validate it.

    FAIL_TO_PASS and PASS_TO_PASS are found by running the test files that changed, three
    times a side.

    Args:
        path: The repository.
        base: Revision before the fix.
        fix: Revision with the fix and its tests.
        tests: Test files or folders; found by their names where none are given.
        source_dirs: Folders of the import path; `src` or the root where none are given.
        requirements: Requirements of the tests, resolved to exact pins.
        python: Minor version to run the tests on; the running one by default.
        sandbox: Name of the back end.

    Raises:
        RepoGymError: No repository, no such revision, no such Python, no changed tests, or
            validation refuses the task.
    """
    python = python or minor_version()
    find_python(python)
    repository = open_repository(path)
    root = str(repository.working_dir or path)
    first, second = resolve(repository, base), resolve(repository, fix)
    changed = changed_files(repository, first, second)
    test_paths = tests or _test_paths([p for _, p in changed])
    files = sorted(
        p for status, p in changed
        if status != "D" and p.endswith(".py") and TEST_FILE.search(p)
        and not p.endswith("conftest.py")
        and any(p == t or p.startswith(t.rstrip("/") + "/") for t in test_paths)
    )  # fmt: skip
    if not files and tests:
        raise RepoGymError(
            f"No test file in {', '.join(tests)} changed between {base} and {fix}: leave --tests "
            "out to have them found by their names."
        )
    if not files:
        raise RepoGymError(
            f"No test file changed between {base} and {fix}: name the tests with --tests."
        )
    if not source_dirs:
        source_dirs = (
            ("src",) if "src" in [t.name for t in repository.commit(first).tree] else (".",)
        )
    for folder in source_dirs:
        _check_folder(repository, first, folder, base)
    environment = python_id(python)
    pins = pinned(requirements, python)
    draft = TaskSpec(
        id=f"git/{PurePosixPath(root).name}-{second[:10]}",
        source=GitSource(path=root, base=first, fix=second),
        title=str(repository.commit(second).summary)[:100],
        source_dirs=source_dirs,
        test_paths=tuple(test_paths),
        environments={environment: PythonEnvironment(python=python, requirements=pins)},
        expected={environment: Expected(fail_to_pass=tuple(f"{f}::*" for f in files))},
        seconds={environment: 60.0},
        date=repository.commit(second).committed_datetime.date().isoformat(),
    )
    backend = get_backend(sandbox)
    try:
        task = prepare(draft)
        before, after = [], []
        for repetition in range(REPETITIONS):
            seed = 11 * repetition
            before.append(_run(task, b"", backend, seed))
            after.append(_run(task, task.hidden.reference, backend, seed))
        expected = expected_from(before, after)
        seconds = max(sum(o.seconds for o in run.outcomes.values()) for run in after)
        spec = draft.model_copy(
            update={
                "expected": {environment: expected},
                "seconds": {environment: round(seconds, 2)},
            }
        )
        if not expected.fail_to_pass:
            raise RepoGymError(
                "Validation refuses the task: no test fails before the fix and passes after."
            )
        verdict = validate(prepare(spec), backend=backend)
    finally:
        backend.close()
    if not verdict.valid:
        raise RepoGymError(f"Validation refuses the task: {'; '.join(verdict.problems)}.")
    return spec


def _run(task, diff: bytes, backend, seed: int) -> GradedRun:
    run = run_expected(task, diff, backend=backend, hash_seed=seed)
    if run is None:
        raise RepoGymError("The fix's own diff does not apply to the base.")
    return run


def expected_from(before: list[GradedRun], after: list[GradedRun]) -> Expected:
    """Return the ids whose outcomes agree in every repetition.

    A test that is missing before counts as failing only with a collection error in its file
    or where its file's run was complete (the test is new).
    """
    always = [{t for t, o in run.outcomes.items() if o.status == "passed"} for run in after]
    passing = set.intersection(*always) if always else set()
    early = [{t for t, o in run.outcomes.items() if o.status == "passed"} for run in before]
    never_early = passing - set.union(*early)
    both = passing & set.intersection(*early)
    complete = all(run.complete for run in before)
    failing = {
        t
        for t in never_early
        if all(
            t in run.outcomes or t.partition("::")[0] in run.collection_errors or complete
            for run in before
        )
    }
    return Expected(fail_to_pass=tuple(sorted(failing)), pass_to_pass=tuple(sorted(both)))


def _check_folder(repository: Repo, commit: str, folder: str, base: str) -> None:
    if folder in (".", ""):
        return
    try:
        kind = repository.commit(commit).tree.join(folder).type
    except KeyError:
        kind = "nothing"
    if kind != "tree":
        raise RepoGymError(f"--source {folder}: there is no such folder in {base}.")


def _test_paths(paths: list[str]) -> tuple[str, ...]:
    """Return the top test folders of the changed test files; files outside one stand alone."""
    found: Counter[str] = Counter()
    for path in paths:
        folder = TEST_FOLDER.search(path.rpartition("/")[0] + "/")
        if folder:
            found[path[: folder.end()].rstrip("/")] += 1
        elif TEST_FILE.search(path):
            found[path] += 1
    return tuple(sorted(found))


def pinned(requirements: tuple[str, ...], python: str) -> tuple[str, ...]:
    """Resolve requirements (and pytest) to exact pins for a Python minor version.

    Returns:
        Pins sorted by name; empty for no requirements where RepoGym's own pytest serves.

    Raises:
        RepoGymError: No requirement by the packaging standards.
        InfrastructureError: The resolver or the index failed.
    """
    if not requirements and not any(misfit(n, find_python(python)) for n in HARNESS_PACKAGES):
        return ()
    for requirement in requirements:
        try:
            Requirement(requirement)
        except InvalidRequirement as error:
            said = str(error).partition("\n")[0]
            raise RepoGymError(f"--requires {requirement!r} is no requirement: {said}.") from error
    from uv import find_uv_bin

    done = subprocess.run(
        [find_uv_bin(), "pip", "compile", "-q", "--no-header", "--no-annotate",
         "--python-version", python, "-"],
        input="\n".join((*requirements, "pytest")), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = " ".join(done.stderr.split())[-400:]
        raise InfrastructureError(f"Resolving the requirements failed: {said}")
    return tuple(line.strip() for line in done.stdout.splitlines() if "==" in line)
