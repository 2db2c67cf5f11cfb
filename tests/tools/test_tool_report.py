from hypothesis import given
from hypothesis import strategies as st

from repos.runners.protocol import TestOutcome, TestReport
from repos.runners.registry import get_runner
from tools.paths import near_paths
from tools.records import Matches, TestRun, Trials
from tools.report import (
    coverage_text,
    numbers,
    ranges,
    read_coverage,
    read_report,
    run_lines,
)

PYTEST = get_runner("pytest")
PASSED = TestOutcome("passed")
FAILED = TestOutcome("failed", 0.1, "E: at 0x7f0000000000\nmore", "f.py:1: x\nE: at 0x7f0000000000")


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_the_lines(lines):
    assert list(numbers(ranges(lines))) == sorted(lines)


def test_many_failures_are_counted_but_not_all_shown():
    outcomes = {f"t.py::test_{n}": FAILED for n in range(300)} | {"t.py::fine": PASSED}
    report = TestReport(outcomes)
    run = read_report(report)
    lines = run_lines(run)
    assert lines[0] == "SUMMARY 300 failed, 1 passed"
    assert len(run.tests) == 200 and run.omitted == 100
    assert sum(line.startswith("FAILED ") for line in lines) == 200
    assert sum(line == "    f.py:1: x" for line in lines) == 20
    assert lines[-1] == "[... 100 more tests that did not pass]"
    assert "  E: at 0x...\\nmore" in lines
    assert not any("7f00" in line for line in lines)


def test_the_spectrum_counts_tests_by_line():
    report = TestReport(
        {
            "t.py::a": FAILED,
            "t.py::b": PASSED,
            "t.py::c": PASSED,
            "t.py::s": TestOutcome("skipped"),
        },
        coverage={
            "t.py::a": {"m.py": (1, 2, 3, 7), "t.py": (9,), "n.py": (4,)},
            "t.py::b": {"m.py": (1, 2, 5)},
            "t.py::c": {"m.py": (2, 7)},
            "t.py::s": {"m.py": (1,)},
            "": {"m.py": (1,)},
        },
    )
    whole = read_coverage(report, PYTEST, 10_000)
    assert {
        path: [(one.first, one.last, one.failed, one.passed) for one in counts]
        for path, counts in whole.spectrum.items()
    } == {
        "m.py": [(1, 1, 1, 1), (2, 2, 1, 2), (3, 3, 1, 0), (7, 7, 1, 1)],
        "n.py": [(4, 4, 1, 0)],
    }
    assert list(whole.tests) == ["t.py::a", "t.py::b", "t.py::c", "t.py::s", "(collection)"]
    assert coverage_text(whole).split("\n")[:3] == [
        "COVERAGE",
        "SPECTRUM m.py",
        "  1 failed=1 passed=1",
    ]
    short = read_coverage(report, PYTEST, 70)
    assert list(short.tests) == ["t.py::a"] and short.omitted == 3
    said = "[... coverage of 3 more tests left out: run fewer tests to see it]"
    assert coverage_text(short).endswith(said)
    # Test s shares least with the failing one.
    text = coverage_text(whole)
    room = text.index("COVERS t.py::s") - text.index("COVERS t.py::a")
    assert list(read_coverage(report, PYTEST, room).tests) == ["t.py::a", "t.py::b", "t.py::c"]


def test_a_module_with_doctests_is_source():
    report = TestReport(
        {"t.py::a": FAILED, "m.py::m.read": PASSED, "u.py::b": PASSED},
        coverage={
            "t.py::a": {"m.py": (1, 2), "t.py": (9,)},
            "m.py::m.read": {"m.py": (2,)},
            "u.py::b": {"u.py": (1,)},
            "": {"m.py": (1,), "t.py": (1,), "u.py": (1,)},
        },
    )
    (counts,) = read_coverage(report, PYTEST).spectrum.items()
    assert counts[0] == "m.py"
    assert [(one.first, one.failed, one.passed) for one in counts[1]] == [(1, 1, 0), (2, 1, 1)]


@given(st.integers(300, 20_000))
def test_json_that_does_not_fit_stays_valid_and_counts_what_is_left_out(room):
    outcomes = {f"t.py::test_{n}\udce4": FAILED for n in range(90)}
    coverage = {name: {"m.py": tuple(range(1, 90, 2))} for name in outcomes}
    report = TestReport(outcomes, coverage=coverage)
    run = read_report(report).model_copy(update={"coverage": read_coverage(report, PYTEST)})
    text = run.to_json(room)
    read = TestRun.model_validate_json(text)
    assert len(text) <= room
    assert read.counts == {"failed": 90} and len(read.tests) + read.omitted == 90
    assert read.coverage is not None and len(read.coverage.tests) + read.coverage.omitted == 90


@given(st.integers(200, 4_000), st.integers(1, 9))
def test_trials_keep_their_verdicts_however_little_fits(room, count):
    failure = {"id": "t.py::a", "status": "failed", "message": "x" * 200}
    trial = {"verdict": "FAIL", "failed": 1, "failures": [failure] * 3}
    whole = Trials.model_validate({"count": 1, "candidates": [trial] * count})
    text = whole.to_json(room)
    read = Trials.model_validate_json(text)
    assert [one.verdict for one in read.candidates] == ["FAIL"] * count
    assert {len(one.failures) + one.omitted for one in read.candidates} == {3}
    assert len(text) <= max(room, 130 * count)


def test_matches_that_do_not_fit_are_still_counted():
    match = {"path": "a.py", "line": 1, "text": "x" * 100}
    whole = Matches.model_validate({"total": 50, "files": 1, "matches": [match] * 50})
    read = Matches.model_validate_json(whole.to_json(1_000))
    assert read.total == 50 and 0 < len(read.matches) < 9


def test_near_paths():
    files = sorted(
        [
            "src/app/main.py",
            "src/app/models.py",
            "lib/main.py",
            "docs/index.md",
            "tests/test_main.py",
        ]
    )
    assert near_paths("src/app/mian.py", files)[0] == "src/app/main.py"
    assert near_paths("app/models.py", files)[0] == "src/app/models.py"
    assert near_paths("src/ap", files) == ["src/app/"]
    assert near_paths("zzzz", files) == []
