from repos.mining.pypi.verdicts import MAX_ID, verdicts, why_nothing, work
from repos.runners.protocol import TestOutcome, TestRun
from repos.runners.registry import get_runner

VERSIONS = ("1.0", "1.1")
PYTEST = get_runner("pytest")


def run(errors=None, complete=True, **statuses):
    outcomes = {
        f"t.py::{name}": TestOutcome(status, message="" if status == "passed" else "KeyError: 1")
        for name, status in statuses.items()
    }
    return TestRun(outcomes, errors or {}, complete, (), None, "")


def test_only_what_all_runs_agree_on_decides():
    fixed = [run(a="passed", b="passed", c="passed", d="failed", e="passed")] * 2
    fixed.append(run(a="passed", b="passed", c="passed", d="failed", e="failed"))
    base = [run(a="failed", b="passed", c="failed", d="passed", e="failed")] * 2
    base.append(run(a="error", b="passed", c="passed", d="passed", e="failed"))
    expected, how = verdicts(fixed, base, VERSIONS, PYTEST)
    assert expected.fail_to_pass == ("t.py::a",)
    assert expected.pass_to_pass == ("t.py::b",)
    assert list(how) == ["t.py::a"]


def test_missing_counts_only_with_a_collection_error():
    fixed = [run(a="passed")]
    assert verdicts(fixed, [run()], VERSIONS, PYTEST)[0].fail_to_pass == ()
    broken = run({"t.py": "E   ImportError: cannot import name 'x' from 'demo'"})
    expected, how = verdicts(fixed, [broken], VERSIONS, PYTEST)
    assert expected.fail_to_pass == ("t.py::a",)
    assert [o.message for o in how.values()] == ["ImportError: cannot import name 'x' from 'demo'"]


def test_runs_that_end_midway_decide_nothing():
    expected, _ = verdicts([run(a="passed", complete=False)], [run(a="failed")], VERSIONS, PYTEST)
    assert expected.fail_to_pass == ()
    assert "do not end regularly" in why_nothing(run(a="passed"), run(complete=False))


def test_version_tests_and_unstable_ids_are_left_out():
    asks = TestOutcome("failed", message="assert '1.0' == '1.1'")
    fails = TestOutcome("failed", message="KeyError: 1")
    long = "t.py::".ljust(MAX_ID, "x")
    before = {
        "t.py::version": asks,
        "t.py::v[<object at 0x7f0011aabbcc>]": fails,
        "t.py::v[two\nlines]": fails,
        long: fails,
        long + "x": fails,
    }
    fixed = TestRun({i: TestOutcome("passed") for i in before}, {}, True, (), None, "")
    base = TestRun(before, {}, True, (), None, "")
    assert verdicts([fixed], [base], VERSIONS, PYTEST)[0].fail_to_pass == (long,)


def test_skipped_and_xfailed_tests_decide_nothing():
    expected, _ = verdicts(
        [run(a="skipped", b="xfailed", c="passed")],
        [run(a="skipped", b="failed", c="skipped")],
        VERSIONS,
        PYTEST,
    )
    assert (expected.fail_to_pass, expected.pass_to_pass) == ((), ())


def test_work_is_processor_time_and_a_tenth_of_waiting():
    outcomes = {
        "busy": TestOutcome("passed", seconds=9.0, cpu_seconds=3.0),
        "waits": TestOutcome("passed", seconds=20.0, cpu_seconds=0.1),
        "untold": TestOutcome("passed", seconds=1.5),
    }
    assert work(TestRun(outcomes, {}, True, (), None, "")) == 3.0 + 2.0 + 1.5
