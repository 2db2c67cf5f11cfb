"""Looks at a broken repository: runs its tests with coverage and reads what they ran."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from repos.runners.protocol import Runner, TestReport
from repos.sandbox.workspace import Workspace
from tools.files import decode
from tools.records import Record, TestRun
from tools.repair.evidence import MAX_FILES, MAX_LINES, Evidence
from tools.repair.observations import SuiteRun, View
from tools.repair.paths import file_of
from tools.report import read_coverage, read_report
from tools.result import ToolError

SECONDS = 60.0
"""Time for the whole suite, and for the files of the failing tests where that is not enough."""


class Observation(Record):
    """What was seen, as plain data.

    Attributes:
        statement: The problem in prose.
        named: Ids of the failing tests that are to be repaired.
        run: The tests that ran, with coverage.
        files: Text of the files that were read, tests included, by path.
    """

    statement: str
    named: tuple[str, ...]
    run: TestRun
    files: dict[str, str] = Field(default_factory=dict)

    def evidence(self) -> Evidence:
        """Return what follows from it."""
        views = {path: whole_view(path, text) for path, text in self.files.items()}
        return Evidence(self.statement, self.named, SuiteRun(self.run), views)


def observe(
    workspace: Workspace,
    runner: Runner,
    statement: str,
    named: Sequence[str],
    *,
    whole: bool = True,
) -> Observation:
    """Run the tests of a workspace with coverage and read the suspicious files.

    Args:
        workspace: Where; nothing of it changes but what the tests leave.
        runner: Runs the tests.
        statement: The problem in prose.
        named: Ids of the failing tests that are to be repaired.
        whole: Whether the whole suite is run, and not only the files of the failing tests.

    Raises:
        InfrastructureError: The sandbox failed.
    """
    run = _run(workspace, runner, ()) if whole else TestRun()
    if not set(named) <= {test.id for test in run.tests}:
        run = _run(workspace, runner, sorted({file_of(test) for test in named}))
    seen = Observation(statement=statement, named=tuple(named), run=run)
    files: dict[str, str] = {}
    room = MAX_LINES
    for path in seen.evidence().covered_files[:MAX_FILES]:
        text = _read(workspace, path)
        if text is None or text.count("\n") > room:
            continue
        files[path] = text
        room -= text.count("\n")
    for path in sorted({file_of(test) for test in named}):
        text = _read(workspace, path)
        if text is not None:
            files[path] = text
    return seen.model_copy(update={"files": files})


def _run(workspace: Workspace, runner: Runner, ids: Sequence[str]) -> TestRun:
    report = runner.run(workspace, ids, timeout_s=SECONDS, coverage=True)
    run = read_report(report, _incomplete(report))
    return run.model_copy(update={"coverage": read_coverage(report, runner)})


def _incomplete(report: TestReport) -> str:
    if report.limit not in (None, "output"):
        return f"the run hit its bound on {report.limit}"
    return "" if report.complete else report.unfinished or "the test program ended early"


def _read(workspace: Workspace, path: str) -> str | None:
    try:
        text = decode(workspace.read(path), path).text
    except (OSError, ToolError):
        return None
    return text.replace("\r\n", "\n")


def whole_view(path: str, text: str) -> View:
    """Return a file's text as a view of all of it."""
    lines = text.split("\n")
    final = bool(lines) and lines[-1] == ""
    lines = lines[:-1] if final else lines
    numbered = dict(enumerate(lines, 1))
    return View(path, numbered, len(lines), len(lines), final)
