"""The tool `run_tests`: the project's tests, test by test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from repos.runners.protocol import Runner, TestReport
from tools.context import ToolContext
from tools.paths import clean
from tools.records import Format
from tools.registry import tool
from tools.report import (
    COVERAGE_CHARS,
    coverage_text,
    one_line,
    read_coverage,
    read_report,
    run_lines,
)
from tools.result import ToolError, ToolResult
from tools.text import clip, clip_line, printable, scrub

MAX_CHARS = 2 * COVERAGE_CHARS
_LIMITS = {
    "time": "it ran into its time-out",
    "memory": "it needed more memory than the sandbox has",
    "processes": "it hit the bound on processes",
    "disk": "it filled the disk",
}


@tool(max_chars=MAX_CHARS)
def run_tests(
    ctx: ToolContext,
    *,
    tests: Sequence[str] = (),
    coverage: bool = False,
    timeout_s: Annotated[float, Field(gt=0)] = 300.0,
    format: Format = "text",
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

    With format="json" the answer is one JSON object instead:
    `{"counts": {"failed": 1, ...}, "incomplete": why or "", "tests": [{"id", "status",
    "message", "frames": [{"path", "line"}, ...], "traceback"}, ...], "omitted": tests left
    out, "output": what was printed where no test ran, "coverage": null or {"spectrum":
    {path: [{"first", "last", "failed", "passed"}, ...]}, "tests": {id: {path: "1-4,7"}},
    "omitted": tests left out}}`. It is valid JSON however long: what does not fit is left out.

    Args:
        ctx: What the episode offers to tools.
        tests: Test ids, files or folders, for example "tests/test_a.py::test_x"; empty runs
            all tests of the project.
        coverage: Also report which lines each test ran.
        timeout_s: Seconds for the whole run.
        format: "json" for programs.
    """
    ids = test_ids(tests, ctx.runner)
    timeout = min(timeout_s, ctx.limits.tests_s)
    report = ctx.runner.run(ctx.workspace, ids, timeout_s=timeout, coverage=coverage)
    run = read_report(report, _why(report))
    if coverage:
        run = run.model_copy(update={"coverage": read_coverage(report, ctx.runner)})
    if format == "json":
        text = run.to_json(MAX_CHARS)
    else:
        text = clip("\n".join(run_lines(run)), ctx.limits.max_chars)
        text += f"\n{coverage_text(run.coverage)}" if run.coverage else ""
    return ToolResult(text, ok=report.complete and bool(report.outcomes))


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


def _why(report: TestReport) -> str:
    if report.limit in _LIMITS:
        return f"the run was stopped: {_LIMITS[report.limit]}"
    if report.complete:
        return ""
    if report.unfinished:
        return clip_line(one_line(scrub(printable(report.unfinished))), 400)
    return f"the test program ended before its last test (exit status {report.exit_code})"
