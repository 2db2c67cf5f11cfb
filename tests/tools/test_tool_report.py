from hypothesis import given
from hypothesis import strategies as st

from repos.runners.protocol import TestOutcome, TestReport
from repos.runners.registry import get_runner
from tools.paths import near_paths
from tools.report import coverage_lines, outcome_lines, ranges, spectrum_lines, summary_line

PYTEST = get_runner("pytest")
PASSED = TestOutcome("passed")
FAILED = TestOutcome("failed", 0.1, "E: at 0x7f0000000000\nmore", "f.py:1: x\nE: at 0x7f0000000000")


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_the_lines(numbers):
    found = set()
    for part in filter(None, ranges(numbers).split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    assert found == numbers


def test_many_failures_are_counted_but_not_all_shown():
    outcomes = {f"t.py::test_{n}": FAILED for n in range(300)} | {"t.py::fine": PASSED}
    report = TestReport(outcomes)
    assert summary_line(report) == "SUMMARY 300 failed, 1 passed"
    lines = outcome_lines(report)
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
    assert spectrum_lines(report, PYTEST) == [
        "SPECTRUM m.py",
        "  1 failed=1 passed=1",
        "  2 failed=1 passed=2",
        "  3 failed=1 passed=0",
        "  7 failed=1 passed=1",
        "SPECTRUM n.py",
        "  4 failed=1 passed=0",
    ]
    lines = coverage_lines(report, 10_000)
    assert [line for line in lines if line.startswith("COVERS")] == [
        "COVERS t.py::a",
        "COVERS t.py::b",
        "COVERS t.py::c",
        "COVERS t.py::s",
        "COVERS (collection)",
    ]
    short = coverage_lines(report, 70)
    assert short[0] == "COVERS t.py::a"
    assert short[-1] == "[... coverage of 3 more tests left out: run fewer tests to see it]"
    # Test s shares least with the failing one.
    room = sum(len(line) + 1 for line in lines[: lines.index("COVERS t.py::s")])
    some = [line for line in coverage_lines(report, room) if line.startswith("COVERS")]
    assert some == ["COVERS t.py::a", "COVERS t.py::b", "COVERS t.py::c"]


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
    assert spectrum_lines(report, PYTEST) == [
        "SPECTRUM m.py",
        "  1 failed=1 passed=0",
        "  2 failed=1 passed=1",
    ]


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
