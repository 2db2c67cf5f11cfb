"""The tool `run_tests`: the project's tests, test by test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from repos.runners.protocol import Runner, TestReport
from tools.context import ToolContext
from tools.paths import clean
from tools.registry import tool
from tools.report import (
    SPECTRUM_CHARS,
    coverage_lines,
    outcome_lines,
    spectrum_lines,
    summary_line,
)
from tools.result import ToolError, ToolResult
from tools.text import clip, printable, scrub

COVERAGE_CHARS = 150_000
_LIMITS = {
    "time": "it ran into its time-out",
    "memory": "it needed more memory than the sandbox has",
    "processes": "it hit the bound on processes",
    "disk": "it filled the disk",
}


@tool(max_chars=2 * COVERAGE_CHARS)
def run_tests(
    ctx: ToolContext,
    *,
    tests: Sequence[str] = (),
    coverage: bool = False,
    timeout_s: Annotated[float, Field(gt=0)] = 300.0,
) -> ToolResult:
    """Run tests and report on each of them.

    The first line is `SUMMARY 1 failed, 2 error, 12 passed` (also: xpassed, skipped,
    xfailed), or `SUMMARY no tests ran`. Then, for each test that did not pass, a line
    `FAILED id`, `ERROR id` or `XPASSED id` (the id goes to the end of the line; for a file
    that could not be collected it is the file), below it, indented by two, the exception,
    and indented by four, a short traceback. Where few tests ran, the others follow, one a
    line: `PASSED id`, `SKIPPED id (reason)`, `XFAILED id (reason)`. A run that did not come
    to its end has a line `INCOMPLETE why`.

    With coverage=true a line `COVERAGE` follows, and after it two kinds of blocks. Line
    numbers are 1-based ranges such as `1-4,7`; paths are relative to the repository.

    - `SPECTRUM path`, for each source file that a failing test ran (test files left out);
      below it, indented by two, `lines failed=F passed=P`: the range of lines was run by F
      failing and by P passing tests of this call.
    - `COVERS id`, for each test, failing ones first; below it, indented by two,
      `path: lines`: what the test ran. The id `(collection)` stands for what ran while the
      tests were imported.

    Where time runs out, it tells of the tests that ran until then.

    Args:
        ctx: What the episode offers to tools.
        tests: Test ids, files or folders, for example "tests/test_a.py::test_x"; empty runs
            all tests of the project.
        coverage: Also report which lines each test ran.
        timeout_s: Seconds for the whole run.
    """
    ids = test_ids(tests, ctx.runner)
    timeout = min(timeout_s, ctx.limits.tests_s)
    report = ctx.runner.run(ctx.workspace, ids, timeout_s=timeout, coverage=coverage)
    lines = [summary_line(report)]
    if not report.complete or report.limit in _LIMITS:
        lines.append(f"INCOMPLETE {_why(report)}")
    lines += outcome_lines(report)
    ran = bool(report.outcomes)
    if not report.complete or not (ran or report.collection_errors):
        said = clip(scrub(printable(report.output)), 4_000).strip("\n")
        lines += ["OUTPUT", *(f"    {line}".rstrip() for line in said.split("\n") if said)]
    text = clip("\n".join(lines), ctx.limits.max_chars)
    if coverage:
        text += "\n" + _coverage(report, ctx.runner)
    return ToolResult(text, ok=report.complete and ran)


def test_ids(tests: Sequence[str], runner: Runner) -> list[str]:
    """Return test ids as the runner takes them: relative, and no options.

    Raises:
        ToolError: One of them is none.
    """
    ids = []
    for test in tests:
        ident = test.strip()
        path = runner.split_id(ident).file
        if not path or ident.startswith("-") or "\0" in test:
            raise ToolError(f"{test!r} is no test id, file or folder.")
        if path.startswith(("/", ".")) and ident.startswith(path):
            ident = clean(path) + ident[len(path) :]
        ids.append(ident)
    return ids


def _coverage(report: TestReport, runner: Runner) -> str:
    if not report.coverage:
        return "COVERAGE\n[no lines were recorded]"
    spectrum = clip("\n".join(spectrum_lines(report, runner)), SPECTRUM_CHARS)
    covers = "\n".join(coverage_lines(report, COVERAGE_CHARS - len(spectrum)))
    return "\n".join(part for part in ("COVERAGE", spectrum, covers) if part)


def _why(report: TestReport) -> str:
    if report.limit in _LIMITS:
        return f"the run was stopped: {_LIMITS[report.limit]}"
    return f"the test program ended before its last test (exit status {report.exit_code})"
