"""Test reports as text that a person and a program can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from repos.runners.protocol import Runner, Status, TestOutcome, TestReport
from tools.text import clip, clip_line, plural, printable, scrub

BAD: tuple[Status, ...] = ("failed", "error", "xpassed")
_ORDER: tuple[Status, ...] = ("failed", "error", "xpassed", "passed", "skipped", "xfailed")
MAX_LISTED = 40
MAX_TRACEBACKS = 20
MAX_BAD = 200
TRACEBACK_CHARS = 3_000
SPECTRUM_CHARS = 40_000


def summary_line(report: TestReport) -> str:
    """Return for example "SUMMARY 1 failed, 12 passed"."""
    counts = Counter(outcome.status for outcome in report.outcomes.values())
    counts["error"] += len(report.collection_errors)
    parts = [f"{counts[status]} {status}" for status in _ORDER if counts[status]]
    return f"SUMMARY {', '.join(parts) or 'no tests ran'}"


def outcome_lines(report: TestReport) -> list[str]:
    """Return the tests that did not pass with short tracebacks, and few others by name."""
    lines: list[str] = []
    for file, message in sorted(report.collection_errors.items()):
        lines.append(f"ERROR {one_line(file)}")
        lines += _indented(clip(scrub(printable(message)), TRACEBACK_CHARS))
    bad = [(name, outcome) for name, outcome in report.outcomes.items() if outcome.status in BAD]
    for index, (name, outcome) in enumerate(bad[:MAX_BAD]):
        lines.append(f"{outcome.status.upper()} {one_line(name)}")
        if outcome.message:
            lines.append(f"  {first_error(outcome)}")
        if index < MAX_TRACEBACKS and outcome.traceback:
            lines += _indented(clip(scrub(printable(outcome.traceback)), TRACEBACK_CHARS))
    if len(bad) > MAX_BAD:
        lines.append(f"[... {plural(len(bad) - MAX_BAD, 'more test')} that did not pass]")
    if len(report.outcomes) <= MAX_LISTED:
        for name, outcome in report.outcomes.items():
            if outcome.status not in BAD:
                said = f" ({first_error(outcome)})" if outcome.message else ""
                lines.append(f"{outcome.status.upper()} {one_line(name)}{said}")
    return lines


def first_error(outcome: TestOutcome) -> str:
    """Return the message of an outcome as one clean line."""
    return clip_line(one_line(scrub(printable(outcome.message))), 300)


def one_line(text: str) -> str:
    """Return a name with its line ends escaped, since each test has one line."""
    return text.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in text else text


def spectrum_lines(report: TestReport, runner: Runner) -> list[str]:
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
    lines: list[str] = []
    for file in sorted(failed):
        lines.append(f"SPECTRUM {file}")
        seen = passed.get(file, Counter())
        pairs = [(number, (failed[file][number], seen[number])) for number in sorted(failed[file])]
        for first, last, (bad, good) in _runs(pairs):
            lines.append(f"  {_range(first, last)} failed={bad} passed={good}")
    return lines


def coverage_lines(report: TestReport, max_chars: int) -> list[str]:
    """Return what each test ran, as many as fit: failing tests first, then those most like them.

    Args:
        report: A report with coverage.
        max_chars: Room for all lines.
    """
    coverage = report.coverage or {}
    bad = {name for name, outcome in report.outcomes.items() if outcome.status in BAD}
    names = [name for name in report.outcomes if name in coverage]
    shared = _shared(coverage, bad)
    order = sorted(names, key=lambda name: (name not in bad, -shared.get(name, 0.0)))
    blocks: dict[str, list[str]] = {}
    for name in order:
        block = _covers(one_line(name), coverage[name])
        max_chars -= _size(block)
        if max_chars < 0 and blocks:
            break
        blocks[name] = block
    lines = [line for name in order if name in bad and name in blocks for line in blocks[name]]
    for name in names:
        lines += blocks[name] if name in blocks and name not in bad else []
    if len(blocks) < len(names):
        more = plural(len(names) - len(blocks), "more test")
        return [*lines, f"[... coverage of {more} left out: run fewer tests to see it]"]
    imported = coverage.get("", {})
    block = _covers("(collection)", imported)
    return lines + block if imported and _size(block) <= max_chars else lines


def _size(block: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in block)


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


def ranges(numbers: Iterable[int]) -> str:
    """Return line numbers as ranges, for example "1-4,7"."""
    runs = _runs([(number, (0, 0)) for number in sorted(set(numbers))])
    return ",".join(_range(first, last) for first, last, _ in runs)


def _covers(name: str, files: Mapping[str, Iterable[int]]) -> list[str]:
    return [f"COVERS {name}", *(f"  {file}: {ranges(files[file])}" for file in sorted(files))]


def _runs(pairs: list[tuple[int, tuple[int, int]]]) -> list[tuple[int, int, tuple[int, int]]]:
    runs: list[tuple[int, int, tuple[int, int]]] = []
    for number, value in pairs:
        if runs and runs[-1][1] == number - 1 and runs[-1][2] == value:
            runs[-1] = (runs[-1][0], number, value)
        else:
            runs.append((number, number, value))
    return runs


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _indented(text: str) -> list[str]:
    return [f"    {line}".rstrip() for line in text.strip("\n").split("\n")]
