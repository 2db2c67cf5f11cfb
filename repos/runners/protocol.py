"""What a test runner offers: run some tests in a workspace, return an outcome for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from repos.sandbox.protocol import Limit
from repos.sandbox.workspace import Workspace

Status = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]


@dataclass(frozen=True)
class TestOutcome:
    """What one test did.

    Attributes:
        status: Outcome; "error" is a failure outside the test's own body.
        seconds: Its duration. Never part of an observation.
        message: Exception type and message, one line; "" where it passed.
        traceback: Frames, short; "" where it passed.
    """

    __test__ = False

    status: Status
    seconds: float = 0.0
    message: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class TestReport:
    """What one run of a test program showed.

    Attributes:
        outcomes: By test id, in the order of running.
        collection_errors: By file, the error that kept its tests from being collected.
        coverage: By test id, the executed lines by file (relative to the repository);
            the id "" holds what ran while collecting. None where it was not asked for.
        complete: Whether the program ended by itself after its last test.
        exit_code: The program's exit status.
        limit: The bound that ended it, if any.
        output: Tail of what it printed.
    """

    __test__ = False

    outcomes: Mapping[str, TestOutcome]
    collection_errors: Mapping[str, str] = field(default_factory=dict)
    coverage: Mapping[str, Mapping[str, tuple[int, ...]]] | None = None
    complete: bool = True
    exit_code: int = 0
    limit: Limit | None = None
    output: str = ""


class WarmRunner(Protocol):
    """Runs tests many times in one workspace, quicker than one by one."""

    def run(self, ids: Sequence[str] = (), *, timeout_s: float = 300.0) -> TestReport:
        """Run tests; as `Runner.run`."""
        ...

    def close(self) -> None:
        """End what it keeps running; may be called twice."""
        ...


class Runner(Protocol):
    """Runs the tests of one kind of project."""

    name: str

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
            coverage: Also record which lines each test ran.

        Raises:
            InfrastructureError: The sandbox is gone.
        """
        ...

    def warm(self, workspace: Workspace) -> WarmRunner:
        """Return a runner for many runs in one workspace."""
        ...
