"""A benchmark's own verdict: its command in a fresh workspace, its parser, its grading.

The `official` verdict believes what the tested process prints, as SWE-bench does. Beside it
stands the hardened one, whose results come over the harness's channel; ids are made of them by
the same parser, so that both speak of the same tests.
"""

from __future__ import annotations

import sys
import tempfile
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from repos.cache import cache_root
from repos.errors import MissingExtraError
from repos.runners.protocol import Status, TestOutcome, TestRun
from repos.sandbox.protocol import Backend, Limit
from repos.sandbox.workspace import Workspace
from repos.scoring.grading import time_limit
from repos.tasks.records import Task
from repos.tasks.sources.base import OfficialCheck

VARIABLES = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf8"}
MAX_OUTPUT = 32 << 20
DIFF = "/tmp/.official.diff"
APPLY_COMMANDS = (
    ("git", "apply", "--verbose"),
    ("git", "apply", "--verbose", "--3way"),
    ("git", "apply", "--verbose", "--reject"),
    ("patch", "--batch", "--forward", "--fuzz=5", "-p1", "-i"),
)
"""How SWE-bench's harness (5.0.2) applies a model's patch: the first that succeeds counts."""
OWN_NAMES = ("parse_log_django", "parse_log_sympy")
"""Parsers whose names our runners tell themselves."""

WORDS = {
    "passed": "PASSED",
    "failed": "FAILED",
    "error": "ERROR",
    "skipped": "SKIPPED",
    "xfailed": "XFAIL",
}
STATUSES: dict[str, Status] = {
    "PASSED": "passed",
    "FAILED": "failed",
    "ERROR": "error",
    "SKIPPED": "skipped",
    "XFAIL": "xfailed",
}


@dataclass(frozen=True)
class OfficialVerdict:
    """What a benchmark's own check says of a diff.

    Attributes:
        resolved: Its verdict.
        applied: Whether the diff applied.
        report: Its own report on the instance, as its tools read it.
        log: What the command printed, between the markers that its parser looks for.
        seconds: Time of the command, in seconds.
        limit: The bound that ended it, if any.
    """

    resolved: bool
    applied: bool
    report: Mapping[str, Any]
    log: str
    seconds: float = 0.0
    limit: Limit | None = None


@lru_cache(maxsize=1)
def swebench_grading() -> Any:
    """Return the module `swebench.harness.grading`.

    Its package imports Docker's, Modal's and the hub's clients on the way, which takes seconds
    and is not needed for reading logs: an empty package stands for it unless it is there.

    Raises:
        MissingExtraError: The extra `swebench` is not installed.
    """
    try:
        import swebench
    except ImportError:
        raise MissingExtraError("swebench", "swebench", "SWE-bench's own grading") from None
    name = "swebench.harness"
    if name not in sys.modules:
        package = types.ModuleType(name)
        package.__path__ = [str(Path(path) / "harness") for path in swebench.__path__]
        sys.modules[name] = package
        try:
            import swebench.harness.grading
        finally:
            # Whoever imports the package later gets the real one.
            del sys.modules[name]
    return sys.modules["swebench.harness.grading"]


def specification(check: OfficialCheck, task: Task) -> Any:
    """Return swebench's own record of an instance, with what grading reads."""
    from swebench.types import TestSpec

    return TestSpec(
        instance_id=check.instance,
        image="",
        eval_script_list=[],
        repo=check.repository,
        version=check.version,
        FAIL_TO_PASS=list(task.hidden.expected.fail_to_pass),
        PASS_TO_PASS=list(task.hidden.expected.pass_to_pass),
        log_parser=check.log_parser,
        eval_type=check.eval_type,
    )


def run_official(task: Task, diff: bytes, *, backend: Backend) -> OfficialVerdict:
    """Run a benchmark's own check of a diff in a fresh workspace.

    The diff is applied as it is, then the test files are laid over it.

    Args:
        task: A prepared task whose source has an official check.
        diff: A git diff; empty changes nothing.
        backend: Makes the sandbox.

    Raises:
        MissingExtraError: The extra `swebench` is not installed.
        InfrastructureError: The sandbox failed.
    """
    check = task.spec.source.official_check()
    assert check is not None
    grading = swebench_grading()
    layers = replace(task.layers, testbed=task.layers.testbed[:1])
    limit = time_limit(task)
    with Workspace(backend.create(layers, task.sandbox)) as workspace:
        applied = apply_loosely(workspace, diff)
        if not applied:
            nothing = {"patch_is_None": False, "patch_exists": True, "resolved": False}
            report = {check.instance: {**nothing, "patch_successfully_applied": False}}
            return OfficialVerdict(False, False, report, grading.APPLY_PATCH_FAIL + "\n")
        lay_tests(task, workspace)
        done = workspace.exec(
            ["bash", "-c", f"exec 2>&1\n{check.command}"],
            env=VARIABLES, timeout_s=limit, max_output=MAX_OUTPUT,
        )  # fmt: skip
    text = done.stdout.decode("utf-8", "replace")
    if done.limit == "time":
        text += f"\n{grading.TESTS_TIMEOUT}"
    log = f": '{grading.START_TEST_OUTPUT}'\n{text}\n: '{grading.END_TEST_OUTPUT}'\n"
    log += f"{grading.TEST_EXIT_CODE}: {done.exit_code}\n"
    report = grade_log(task, log)
    resolved = bool(report[check.instance]["resolved"])
    return OfficialVerdict(resolved, True, report, log, done.seconds, done.limit)


def grade_log(task: Task, log: str) -> dict[str, Any]:
    """Return swebench's report on the log of an instance."""
    check = task.spec.source.official_check()
    assert check is not None
    scratch = cache_root() / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    prediction = {"instance_id": check.instance, "model_patch": "a patch"}
    with tempfile.NamedTemporaryFile("w", dir=scratch, encoding="utf-8", errors="replace") as file:
        file.write(log)
        file.flush()
        return swebench_grading().get_eval_report(
            specification(check, task), prediction, file.name, include_tests_status=True
        )


def apply_loosely(workspace: Workspace, diff: bytes) -> bool:
    """Apply a diff by the commands of SWE-bench's harness, in its order; say whether one did.

    Its last question is the harness's too: a diff whose reverse applies counts as applied.
    """
    if not diff.strip():
        return True
    workspace.write(DIFF, diff)
    try:
        for number, command in enumerate(APPLY_COMMANDS):
            if number:
                workspace.exec(["bash", "-c", "git checkout -- . ; git clean -fd"], timeout_s=60.0)
            if workspace.exec([*command, DIFF], timeout_s=60.0).exit_code == 0:
                return True
        reverse = ["git", "apply", "--check", "--reverse", DIFF]
        return workspace.exec(reverse, timeout_s=60.0).exit_code == 0
    finally:
        workspace.remove(DIFF)


def lay_tests(task: Task, workspace: Workspace) -> None:
    """Write the hidden test files over a workspace, and remove those that the fix deletes."""
    for path in sorted(task.hidden.files.rglob("*")):
        if path.is_file():
            name = path.relative_to(task.hidden.files).as_posix()
            workspace.write(name, path.read_bytes())
    for name in task.hidden.removed:
        try:
            workspace.remove(name)
        except FileNotFoundError:
            continue


def translated(task: Task, check: OfficialCheck, run: TestRun) -> TestRun:
    """Return a run of ours with its outcomes under the ids that the benchmark's parser makes.

    Args:
        task: The task.
        check: Its official check.
        run: A run, by the ids of our runner.
    """
    grading = swebench_grading()
    outcomes = dict(run.outcomes)
    if check.log_parser not in OWN_NAMES:
        parse = grading.PARSER_REGISTRY[check.log_parser]
        outcomes = {}
        for test, outcome in run.outcomes.items():
            line = f"{WORDS.get(outcome.status, 'XPASS')} {test}"
            for name, word in parse(line, specification(check, task)).items():
                outcomes[name] = replace(outcome, status=STATUSES.get(word, "error"))
    known = {name: WORDS.get(outcome.status, "XPASS") for name, outcome in outcomes.items()}
    expected = task.hidden.expected
    found: dict[str, TestOutcome] = {}
    for test in (*expected.fail_to_pass, *expected.pass_to_pass):
        name = grading._resolve_case(test, known)
        if name is not None:
            found[test] = outcomes[name]
        elif is_no_test(test, check.log_parser):
            found[test] = TestOutcome("skipped", message="a word that the parser took for a test")
    return replace(run, outcomes=found)


def is_no_test(test: str, log_parser: str) -> bool:
    """Whether an id is a word of pytest's output that the parser once took for a test."""
    return log_parser not in OWN_NAMES and ".py" not in test and "::" not in test


def holds(task: Task, test: str, verdict: str) -> bool:
    """Whether a verdict is the one that is expected of a test.

    SWE-bench takes an expected failure for a pass, and a skipped PASS_TO_PASS test for kept.
    """
    if verdict == "passed" or task.spec.source.official_check() is None:
        return verdict == "passed"
    return verdict == "xfailed" or (
        verdict == "skipped" and test not in task.hidden.expected.fail_to_pass
    )
