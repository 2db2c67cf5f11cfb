"""Reading what the tools answer; each format is the one of the tool's own docstring."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

_HEAD = re.compile(
    r"\A(?P<path>.+): lines (?P<first>\d+)-(?P<last>\d+) of (?P<count>\d+)(?P<notes>.*)"
)
_LINE = re.compile(r"(?P<number>\d+)\t(?P<text>.*)\Z", re.DOTALL)
_CUT = re.compile(r"\[\.\.\. [\d,]+ more characters\]\Z")
_OUTCOME = re.compile(r"(FAILED|ERROR|XPASSED|PASSED|SKIPPED|XFAILED) (\S.*)")
_REASON = re.compile(r" \(.*\)\Z")
_COUNT = re.compile(r"(\d+) (failed|error|xpassed|passed|skipped|xfailed)")
_FRAME = re.compile(r"\A(?P<path>[^\s:]+\.py):(?P<line>\d+):(?: (?P<text>.*))?\Z")
_SPECTRUM = re.compile(r"\A  (?P<lines>[\d,-]+) failed=(?P<failed>\d+) passed=(?P<passed>\d+)\Z")
_CANDIDATE = re.compile(r"\ACANDIDATE (?P<number>\d+) (?P<verdict>[A-Z]+)(?P<rest>.*)\Z")
_LISTED = re.compile(r"\AT\d+ (.+)\Z")
_STOP = re.compile(r" \(line (\d+)\)\Z")
_COUNTS = re.compile(r"passed=(\d+) failed=(\d+)(?: (\S+))?")


@dataclass(frozen=True)
class Frame:
    """One frame of a traceback."""

    path: str
    line: int
    text: str


@dataclass
class Failure:
    """A test that did not pass.

    Attributes:
        id: Its id, or a file that could not be collected.
        message: Exception type and message.
        details: The lines of its traceback.
    """

    id: str
    message: str = ""
    details: list[str] = field(default_factory=list)

    @property
    def frames(self) -> list[Frame]:
        """The traceback, the outermost frame first."""
        found = (_FRAME.match(line.strip()) for line in self.details)
        return [Frame(_relative(m["path"]), int(m["line"]), m["text"] or "") for m in found if m]


@dataclass
class TestRun:
    """What `run_tests` answered.

    Attributes:
        counts: Tests by status.
        failures: Tests that did not pass, in order.
        passed: Ids of tests that passed, where they were listed.
        complete: Whether the run came to its end.
        spectrum: By file and line, how many failing and passing tests ran it.
        covers: By test id, the executed lines by file.
        covered: Whether coverage was asked for.
    """

    __test__ = False

    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    complete: bool = True
    spectrum: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)
    covers: dict[str, dict[str, frozenset[int]]] = field(default_factory=dict)
    covered: bool = False

    @property
    def bad(self) -> int:
        """How many tests did not pass."""
        return sum(self.counts.get(status, 0) for status in ("failed", "error", "xpassed"))

    @property
    def good(self) -> int:
        """How many tests passed."""
        return self.counts.get("passed", 0)


def read_run(text: str) -> TestRun:
    """Read an answer of `run_tests`."""
    run = TestRun()
    block: str | None = None
    covers: dict[str, frozenset[int]] = {}
    for line in text.split("\n"):
        if line == "COVERAGE":
            run.covered = True
        elif line.startswith("SUMMARY "):
            run.counts = {name: int(number) for number, name in _COUNT.findall(line)}
        elif line.startswith("INCOMPLETE"):
            run.complete = False
        elif run.covered and line.startswith("SPECTRUM "):
            block = line.removeprefix("SPECTRUM ")
            run.spectrum[block] = {}
        elif run.covered and line.startswith("COVERS "):
            block, covers = None, {}
            run.covers[line.removeprefix("COVERS ")] = covers
        elif run.covered and line.startswith("  "):
            match = _SPECTRUM.match(line)
            if match and block is not None:
                pair = (int(match["failed"]), int(match["passed"]))
                run.spectrum[block].update(dict.fromkeys(numbers(match["lines"]), pair))
            elif block is None and ": " in line:
                path, _, lines = line.strip().rpartition(": ")
                if re.fullmatch(r"[\d,-]+", lines):
                    covers[path] = frozenset(numbers(lines))
        elif not run.covered:
            _outcome(run, line)
    for failure in run.failures:
        if not failure.message:
            # A file that can't be collected has its exception at the end of the traceback.
            said = [line[1:].strip() for line in failure.details if line.startswith("E ")]
            failure.message = said[-1] if said else ""
    return run


def _outcome(run: TestRun, line: str) -> None:
    match = _OUTCOME.match(line)
    if match:
        status, name = match[1], match[2]
        if status in ("FAILED", "ERROR", "XPASSED"):
            run.failures.append(Failure(name))
        elif status == "PASSED":
            run.passed.append(name)
        return
    if run.failures and line.startswith("    "):
        run.failures[-1].details.append(line[4:])
    elif run.failures and line.startswith("  ") and not run.failures[-1].message:
        run.failures[-1].message = line.strip()


def numbers(text: str) -> Iterable[int]:
    """Return the numbers of ranges such as "1-4,7"."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            yield from range(int(first), int(last or first) + 1)


def _relative(path: str) -> str:
    return path.removeprefix("/testbed/")


@dataclass(frozen=True)
class View:
    """A part of a file as `view` showed it.

    Attributes:
        lines: Text by line number; lines that were cut are missing.
        count: How many lines the file has.
        last: The last line shown.
        final_newline: Whether the file ends with a line end.
    """

    path: str
    lines: dict[int, str]
    count: int
    last: int
    final_newline: bool


def read_view(text: str) -> View | None:
    """Read an answer of `view` on a file; None for anything else."""
    head, _, body = text.partition("\n")
    match = _HEAD.match(head)
    if match is None:
        return None
    lines: dict[int, str] = {}
    expected = int(match["first"])
    for line in body.split("\n"):
        found = _LINE.match(line)
        if found is None or int(found["number"]) != expected:
            break
        if not _CUT.search(found["text"]):
            lines[expected] = found["text"]
        expected += 1
    last = min(int(match["last"]), expected - 1)
    final = "no newline at the end" not in match["notes"]
    return View(match["path"], lines, int(match["count"]), last, final)


@dataclass(frozen=True)
class Trial:
    """What became of one candidate of `try_edits`.

    Attributes:
        verdict: PASS, FAIL, REJECTED, TIMEOUT, BROKEN, SKIPPED, ...
        passed: Tests that passed.
        failed: Tests that did not.
        marks: One character a test.
        errors: By test id, the exception, for the first few.
        stops: By test id, the line of its file at which it stopped, for the first few.
        good: Ids of the tests that passed, where the tests were listed.
    """

    verdict: str
    passed: int = 0
    failed: int = 0
    marks: str = ""
    errors: tuple[tuple[str, str], ...] = ()
    stops: tuple[tuple[str, int], ...] = ()
    good: frozenset[str] = frozenset()


def read_trials(text: str) -> dict[int, Trial]:
    """Read an answer of `try_edits`: a trial by candidate number, from 1."""
    trials: dict[int, Trial] = {}
    number, errors = 0, []
    names: list[str] = []
    for line in text.split("\n"):
        listed = _LISTED.match(line) if not trials else None
        if listed:
            names.append(listed[1])
            continue
        match = _CANDIDATE.match(line)
        if match:
            number, errors = int(match["number"]), []
            counts = _COUNTS.search(match["rest"])
            marks = (counts[3] or "") if counts else ""
            trials[number] = Trial(
                match["verdict"],
                int(counts[1]) if counts else 0,
                int(counts[2]) if counts else 0,
                marks,
                good=frozenset(n for n, m in zip(names, marks, strict=False) if m == "."),
            )
            continue
        found = re.match(r"\A  (?:FAILED|ERROR|XPASSED) (.*)\Z", line)
        if found and number:
            stop = _STOP.search(found[1])
            name, message = _named(found[1][: stop.start() if stop else None])
            errors.append((name, message))
            stops = trials[number].stops + (((name, int(stop[1])),) if stop else ())
            trials[number] = replace(trials[number], errors=tuple(errors), stops=stops)
        elif line.startswith("["):
            number = 0
    for one in re.findall(r"\d+", text.rpartition("\nPASSING ")[2]):
        # The middle of a long answer may be missing; its last line names those that passed.
        trials.setdefault(int(one), Trial("PASS"))
    return trials


def _named(text: str) -> tuple[str, str]:
    """Return the test id and the message of a line; parameters may hold a colon too."""
    name, _, message = text.partition(": ")
    if "[" in name and not name.endswith("]") and "]: " in message:
        inside, _, message = message.partition("]: ")
        name = f"{name}: {inside}]"
    return name, message


def strip_reason(name: str) -> str:
    """Return a listed test id without the reason in brackets behind it."""
    return _REASON.sub("", name)
