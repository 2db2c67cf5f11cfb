"""What a test runner is: the only part that knows a test framework or a kind of check.

A runner of one's own is a class that extends `Runner`: three methods are its own business,
the others have an answer that fits where there is nothing special to say.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from repos.runners.controls import Answer, Controls, Place
from repos.sandbox.protocol import Ahead, Limit, Mount

if TYPE_CHECKING:
    from repos.environments.layers import EnvironmentLayers
    from repos.sandbox.protocol import Backend
    from repos.sandbox.workspace import Workspace
    from repos.tasks.records import Task

Status = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]


@dataclass(frozen=True)
class TestOutcome:
    """What one test did.

    Attributes:
        status: Outcome; "error" is a failure outside the test's own body.
        seconds: Its duration. Never part of an observation.
        message: Exception type and message, one line; "" where it passed.
        traceback: Frames, short; "" where it passed.
        cpu_seconds: Processor time of it and its ended children; None where nothing told it.
    """

    __test__ = False

    status: Status
    seconds: float = 0.0
    message: str = ""
    traceback: str = ""
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class TestReport:
    """What one run of a test program showed to a developer.

    Attributes:
        outcomes: By test id, in the order of running.
        collection_errors: By file, the error that kept its tests from being collected.
        coverage: By test id, the executed lines by file (relative to the repository);
            the id "" holds what ran while collecting. None where it was not asked for.
        complete: Whether the program ended by itself, and every test that it collected has a
            result.
        unfinished: Why tests that were collected have no result, or why none was collected,
            where the program says so.
        exit_code: The program's exit status.
        limit: The bound that ended it, if any.
        output: Tail of what it printed.
    """

    __test__ = False

    outcomes: Mapping[str, TestOutcome]
    collection_errors: Mapping[str, str] = field(default_factory=dict)
    coverage: Mapping[str, Mapping[str, tuple[int, ...]]] | None = None
    complete: bool = True
    unfinished: str = ""
    exit_code: int = 0
    limit: Limit | None = None
    output: str = ""


@dataclass(frozen=True)
class TestId:
    """A test id in its parts.

    Attributes:
        file: The file that holds the test, relative to the repository.
        function: The function in it, as `Class.function`; what can be shown, hidden or
            copied is a function. "" where the id names a whole file.
        parameters: Which of the function's cases it is; "" where it has only one.
    """

    __test__ = False

    file: str
    function: str = ""
    parameters: str = ""

    @property
    def place(self) -> Place:
        """File and function: the same for all cases of one function."""
        return self.file, self.function


@dataclass(frozen=True)
class GradeRequest:
    """What a graded run is asked for.

    Attributes:
        files: Test files, relative to the repository; they are run whole.
        hashes: SHA-256 of those that the scorer laid there, by relative path.
        timeout_s: Wall time of the whole run.
        hash_seed: PYTHONHASHSEED of the run, or what a framework has like it.
        brief: Whether failures need no explanation.
        answers: The module that rewritten test files import to send their answers; "" where
            the files are the genuine ones.
    """

    files: tuple[str, ...]
    hashes: Mapping[str, str]
    timeout_s: float
    hash_seed: int = 0
    brief: bool = False
    answers: str = ""


@dataclass(frozen=True)
class Claim:
    """What a test came to under inputs that were drawn for this run: hostile data.

    Attributes:
        inputs: What was drawn.
        answer: What the test said; only the reference, run under the same inputs, knows the
            right one.
    """

    inputs: str
    answer: str


@dataclass(frozen=True)
class TestRun:
    """What a graded run showed, before any verdict.

    Attributes:
        outcomes: By test id.
        collection_errors: By file, the error that kept its tests from being collected.
        complete: Whether the tested process reported its own regular end.
        tampered: What showed that results were interfered with.
        limit: The bound that ended the run, if any.
        log: What the tested process printed, tail.
        metrics: What was measured beside the verdicts, by name (a rate, a size).
        answers: What rewritten tests came to, in the order in which it was sent.
        claims: By test id, what it came to where the runner holds it against the reference.
    """

    __test__ = False

    outcomes: Mapping[str, TestOutcome]
    collection_errors: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True
    tampered: tuple[str, ...] = ()
    limit: Limit | None = None
    log: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    claims: Mapping[str, Claim] = field(default_factory=dict)


class WarmRunner(Protocol):
    """Runs tests many times in one workspace, quicker than one by one."""

    def run(self, ids: Sequence[str] = (), *, timeout_s: float = 300.0) -> TestReport:
        """Run tests; as `Runner.run`."""
        ...

    def close(self) -> None:
        """End what it keeps running; may be called twice."""
        ...


class Runner(Protocol):
    """Runs the tests of one kind of project.

    Attributes:
        packages: Distributions of RepoGym's own installation that the environment of a task
            without requirements gets.
        requirements: What an environment with requirements of its own needs beside them.
        controls: The controls that it can make, or None.
        internals: Words that only its framework's internals use; a patch with one is flagged.
        weighed: Whether bits of blind answers say how strong its tests are; where they can't,
            no success is called weak.
    """

    packages: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    controls: Controls | None = None
    internals: tuple[str, ...] = ()
    weighed: bool = True

    @abstractmethod
    def run(
        self,
        workspace: Workspace,
        ids: Sequence[str] = (),
        *,
        timeout_s: float = 300.0,
        coverage: bool = False,
    ) -> TestReport:
        """Run tests as a developer would (the agent's `run_tests`).

        Args:
            workspace: Where.
            ids: Test ids, files or folders; empty runs what the project's own
                configuration runs.
            timeout_s: Wall time for the whole run.
            coverage: Also record which lines each test ran, where that can be told.

        Raises:
            InfrastructureError: The sandbox is gone.
        """

    @abstractmethod
    def grade(self, workspace: Workspace, request: GradeRequest) -> TestRun:
        """Run whole test files for the scorer.

        Args:
            workspace: A fresh one, with the patch applied and the hidden tests in place.
            request: What to run.

        Raises:
            InfrastructureError: No answer, for a reason other than a bound or the patch.
        """

    def graded_program(self, hash_seed: int) -> Ahead | None:
        """Return the program that `grade` runs, if that may be started before there are files.

        Args:
            hash_seed: As in `GradeRequest`.
        """
        return None

    @abstractmethod
    def split_id(self, test: str) -> TestId:
        """Return the parts of a test id; a path is a test id without a function."""

    def refuted(
        self, task: Task, claims: Mapping[str, Claim], *, backend: Backend
    ) -> frozenset[str]:
        """Return the tests whose claims the reference does not bear out under the same inputs.

        Args:
            task: A prepared task.
            claims: By test id, from a graded run.
            backend: Makes the sandboxes.

        Raises:
            InfrastructureError: The reference did not come to an answer.
        """
        return frozenset()

    def layers(self, base: Path, environment: EnvironmentLayers) -> tuple[Mount, ...]:
        """Return what the runner needs in a sandbox, cached by content.

        Args:
            base: The task's base tree, for what of its configuration counts.
            environment: The task's environment as prepared.
        """
        return ()

    def warm(self, workspace: Workspace) -> WarmRunner:
        """Return a runner for many runs in one workspace; nothing is kept by default."""
        return ColdRunner(self, workspace)

    def protects(self, path: str) -> bool:
        """Whether a patch could steer the run by this file; the base's version is kept then.

        Args:
            path: Relative to the repository.
        """
        return False

    def test_files(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Return which files of a repository hold tests, sorted.

        Args:
            files: Content by path; read lazily, so look at names first.
        """
        return ()

    def cut(self, path: str, source: bytes, functions: Collection[str]) -> bytes | None:
        """Return a test file without some test functions, or None where that can't be done.

        Args:
            path: Relative to the repository.
            source: Its text.
            functions: As `TestId.function` names them.
        """
        return None

    def shown(
        self, files: Collection[str], fail_to_pass: Sequence[str], seed: int
    ) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Return what assist level "tests" shows, where half of the failing tests does not fit.

        Args:
            files: Names of the hidden test files.
            fail_to_pass: All failing tests.
            seed: Chooses.

        Returns:
            The failing tests and the files that are shown, or None for the usual half.
        """
        return None


class ColdRunner:
    """Answers as a warm runner, and starts anew each time."""

    def __init__(self, runner: Runner, workspace: Workspace) -> None:
        """Keep both."""
        self._runner, self._workspace = runner, workspace

    def run(self, ids: Sequence[str] = (), *, timeout_s: float = 300.0) -> TestReport:
        """Run tests; see `Runner.run`."""
        return self._runner.run(self._workspace, ids, timeout_s=timeout_s)

    def close(self) -> None:
        """Nothing runs."""
