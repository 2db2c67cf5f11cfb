"""What a run of tests showed: the record of it, and that record as text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from repos.runners.protocol import Runner, Status, TestOutcome, TestReport
from tools.records import Coverage, Frame, LineCounts, TestResult, TestRun
from tools.text import clip, clip_line, plural, printable, scrub

BAD: tuple[Status, ...] = ("failed", "error", "xpassed")
_ORDER: tuple[Status, ...] = ("failed", "error", "xpassed", "passed", "skipped", "xfailed")
COLLECTION = "(collection)"
MAX_LISTED = 40
MAX_TRACEBACKS = 20
MAX_BAD = 200
TRACEBACK_CHARS = 3_000
OUTPUT_CHARS = 4_000
SPECTRUM_CHARS = 40_000
COVERAGE_CHARS = 150_000
_FRAME = re.compile(r"^\s*(?:/testbed/)?([^\s:]+\.\w+):(\d+):(?: |$)", re.MULTILINE)


def read_report(report: TestReport, incomplete: str = "") -> TestRun:
    """Return the record of a run, without coverage.

    Args:
        report: What the runner said.
        incomplete: Why it did not come to its end; "" where it did.
    """
    outcomes = report.outcomes
    counts = Counter(outcome.status for outcome in outcomes.values())
    counts["error"] += len(report.collection_errors)
    tests = [_uncollected(*one) for one in sorted(report.collection_errors.items())]
    bad = [(name, outcome) for name, outcome in outcomes.items() if outcome.status in BAD]
    for index, (name, outcome) in enumerate(bad[:MAX_BAD]):
        tests.append(_result(name, outcome, traceback=index < MAX_TRACEBACKS))
    if len(outcomes) <= MAX_LISTED:
        others = [(name, one) for name, one in outcomes.items() if one.status not in BAD]
        tests += [_result(name, outcome) for name, outcome in others]
    silent = not (outcomes or report.collection_errors)
    return TestRun(
        counts={status: counts[status] for status in _ORDER if counts[status]},
        incomplete=incomplete,
        tests=tuple(tests),
        omitted=max(0, len(bad) - MAX_BAD),
        output=_clean(report.output, OUTPUT_CHARS) if silent or not report.complete else "",
    )


def _result(name: str, outcome: TestOutcome, *, traceback: bool = False) -> TestResult:
    text = _clean(outcome.traceback, TRACEBACK_CHARS) if traceback else ""
    return TestResult(
        id=one_line(name),
        status=outcome.status,
        message=first_error(outcome),
        frames=frames(text),
        traceback=text,
    )


def _uncollected(file: str, message: str) -> TestResult:
    text = _clean(message, TRACEBACK_CHARS)
    said = [line.removeprefix("E ").strip() for line in text.split("\n") if line.startswith("E ")]
    last = said[-1] if said else text.rpartition("\n")[2].strip()
    return TestResult(
        id=one_line(file),
        status="error",
        message=clip_line(last, 300),
        frames=frames(text),
        traceback=text,
    )


def frames(traceback: str) -> tuple[Frame, ...]:
    """Return the places that a traceback names, in its order."""
    return tuple(Frame(path=path, line=int(line)) for path, line in _FRAME.findall(traceback))


def first_error(outcome: TestOutcome) -> str:
    """Return the message of an outcome as one clean line."""
    return clip_line(one_line(scrub(printable(outcome.message))), 300)


def one_line(text: str) -> str:
    """Return a name with its line ends escaped, since each test has one line."""
    return text.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in text else text


def _clean(text: str, max_chars: int) -> str:
    return clip(scrub(printable(text)), max_chars).strip("\n")


# -- as text -------------------------------------------------------------------------------


def summary_line(counts: Mapping[Status, int]) -> str:
    """Return for example "SUMMARY 1 failed, 12 passed"."""
    parts = [f"{count} {status}" for status, count in counts.items()]
    return f"SUMMARY {', '.join(parts) or 'no tests ran'}"


def run_lines(run: TestRun) -> list[str]:
    """Return all of a run but its coverage."""
    lines = [summary_line(run.counts)]
    if run.incomplete:
        lines.append(f"INCOMPLETE {run.incomplete}")
    bad = [test for test in run.tests if test.status in BAD]
    for test in bad:
        lines.append(f"{test.status.upper()} {test.id}")
        lines += [f"  {test.message}"] if test.message else []
        lines += _indented(test.traceback)
    if run.omitted:
        lines.append(f"[... {plural(run.omitted, 'more test')} that did not pass]")
    for test in run.tests[len(bad) :]:
        lines.append(f"{test.status.upper()} {test.id}{f' ({test.message})' * bool(test.message)}")
    return [*lines, *(["OUTPUT", *_indented(run.output)] if run.output else [])]


def coverage_text(coverage: Coverage) -> str:
    """Return which lines ran, as text."""
    if not coverage.spectrum and not coverage.tests:
        return "COVERAGE\n[no lines were recorded]"
    spectrum: list[str] = []
    for path, counts in coverage.spectrum.items():
        spectrum.append(f"SPECTRUM {path}")
        for one in counts:
            lines = _range(one.first, one.last)
            spectrum.append(f"  {lines} failed={one.failed} passed={one.passed}")
    named = [line for name, files in coverage.tests.items() for line in _covers(name, files)]
    if coverage.omitted:
        more = plural(coverage.omitted, "more test")
        named.append(f"[... coverage of {more} left out: run fewer tests to see it]")
    parts = ("COVERAGE", clip("\n".join(spectrum), SPECTRUM_CHARS), "\n".join(named))
    return "\n".join(part for part in parts if part)


def _covers(name: str, files: Mapping[str, str]) -> list[str]:
    return [f"COVERS {name}", *(f"  {file}: {lines}" for file, lines in files.items())]


def _indented(text: str) -> list[str]:
    return [f"    {line}".rstrip() for line in text.split("\n")] if text else []


# -- coverage ------------------------------------------------------------------------------


def read_coverage(report: TestReport, runner: Runner, max_chars: int = COVERAGE_CHARS) -> Coverage:
    """Return which lines ran: failing tests first, then as many as fit of those most like them.

    Args:
        report: A report with coverage.
        runner: Tells which files hold tests.
        max_chars: Room for the tests, as text.
    """
    coverage = report.coverage or {}
    bad = {name for name, outcome in report.outcomes.items() if outcome.status in BAD}
    names = [name for name in report.outcomes if name in coverage]
    shared = _shared(coverage, bad)
    order = sorted(names, key=lambda name: (name not in bad, -shared.get(name, 0.0)))
    fitting: dict[str, dict[str, str]] = {}
    for name in order:
        files = _lines_of(coverage[name])
        max_chars -= _size(name, files)
        if max_chars < 0 and fitting:
            break
        fitting[name] = files
    kept = [*(n for n in order if n in bad), *(n for n in names if n not in bad)]
    tests = {one_line(name): fitting[name] for name in kept if name in fitting}
    imported = _lines_of(coverage.get("", {}))
    if len(fitting) == len(names) and imported and _size(COLLECTION, imported) <= max_chars:
        tests[COLLECTION] = imported
    return Coverage(
        spectrum=_spectrum(report, runner), tests=tests, omitted=len(names) - len(fitting)
    )


def _spectrum(report: TestReport, runner: Runner) -> dict[str, tuple[LineCounts, ...]]:
    """Return, by file, how many failing and passing tests ran each line that a failing one ran.

    Files that hold tests are left out where only their own tests run them: a module with
    doctests is source all the same.
    """
    coverage = report.coverage or {}
    test_files = {runner.split_id(name).file for name in report.outcomes}
    for name, files in coverage.items():
        own = runner.split_id(name).file
        if own:  # what ran while collecting belongs to no test
            test_files.difference_update(file for file in files if file != own)
    failed: dict[str, Counter[int]] = {}
    passed: dict[str, Counter[int]] = {}
    for name, files in coverage.items():
        outcome = report.outcomes.get(name)
        if outcome is None or outcome.status in ("skipped", "xfailed"):
            continue
        side = passed if outcome.status == "passed" else failed
        for file, numbers in files.items():
            if file not in test_files:
                side.setdefault(file, Counter()).update(numbers)
    found: dict[str, tuple[LineCounts, ...]] = {}
    for file, bad in sorted(failed.items()):
        good = passed.get(file, Counter())
        runs = _runs([(number, (bad[number], good[number])) for number in sorted(bad)])
        found[file] = tuple(
            LineCounts(first=first, last=last, failed=f, passed=p) for first, last, (f, p) in runs
        )
    return found


def _shared(
    coverage: Mapping[str, Mapping[str, tuple[int, ...]]], bad: Collection[str]
) -> dict[str, float]:
    """Return how much each test shares with failing ones: lines that few tests run count more."""
    wanted = {(f, n) for name in bad for f, lines in coverage.get(name, {}).items() for n in lines}
    mine = {
        name: [(f, n) for f, lines in files.items() for n in lines if (f, n) in wanted]
        for name, files in coverage.items()
    }
    counts = Counter(place for places in mine.values() for place in places)
    return {name: sum(1 / counts[place] for place in places) for name, places in mine.items()}


def _lines_of(files: Mapping[str, Iterable[int]]) -> dict[str, str]:
    return {file: ranges(files[file]) for file in sorted(files)}


def _size(name: str, files: Mapping[str, str]) -> int:
    return sum(len(line) + 1 for line in _covers(name, files))


def ranges(numbers: Iterable[int]) -> str:
    """Return line numbers as ranges, for example "1-4,7"."""
    runs = _runs([(number, (0, 0)) for number in sorted(set(numbers))])
    return ",".join(_range(first, last) for first, last, _ in runs)


def numbers(lines: str) -> Iterator[int]:
    """Yield the line numbers of ranges such as "1-4,7"."""
    for part in filter(None, lines.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _runs(pairs: Sequence[tuple[int, tuple[int, int]]]) -> list[tuple[int, int, tuple[int, int]]]:
    runs: list[tuple[int, int, tuple[int, int]]] = []
    for number, value in pairs:
        if runs and runs[-1][1] == number - 1 and runs[-1][2] == value:
            runs[-1] = (runs[-1][0], number, value)
        else:
            runs.append((number, number, value))
    return runs


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
