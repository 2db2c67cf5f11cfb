import json
import re

from tools.records import TestRun, Trials

FIX = {"path": "calc/core.py", "old": "a - b", "new": "a + b"}
TEST = "tests/test_calc.py"


def test_run_tests_reports_each_test(call):
    result = call("run_tests")
    assert result.ok
    lines = result.text.split("\n")
    assert lines[0] == "SUMMARY 1 failed, 5 passed, 1 skipped"
    assert lines[1] == f"FAILED {TEST}::test_add"
    assert lines[2].startswith("  ")
    assert "assert -1 == 3" in lines[2]
    assert any(line.startswith("    ") and "test_calc.py:7" in line for line in lines)
    assert f"PASSED {TEST}::test_names[a b]" in lines
    assert any(line.startswith(f"SKIPPED {TEST}::test_skipped (") for line in lines)
    assert result.text == call("run_tests").text
    one = call("run_tests", tests=[f"/testbed/{TEST}::test_scale"]).text
    assert one == f"SUMMARY 1 passed\nPASSED {TEST}::test_scale"


def test_coverage_is_readable_by_a_program(call):
    text = call("run_tests", coverage=True).text
    _, _, rest = text.partition("\nCOVERAGE\n")
    spectrum = rest[: rest.index("COVERS ")]
    assert spectrum == "SPECTRUM calc/core.py\n  2 failed=1 passed=1\n"
    tests: dict[str, dict[str, str]] = {}
    for line in rest[len(spectrum) :].split("\n"):
        if line.startswith("COVERS "):
            files = tests.setdefault(line.removeprefix("COVERS "), {})
        else:
            path, _, numbers = line.strip().rpartition(": ")
            assert re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", numbers)
            files[path] = numbers
    assert next(iter(tests)) == f"{TEST}::test_add"
    assert tests[f"{TEST}::test_add"]["calc/core.py"] == "2"
    assert tests[f"{TEST}::test_scale"]["calc/core.py"] == "6-8,10-11"
    assert tests[f"{TEST}::test_negative"]["calc/core.py"] == "6-9"
    assert "1" in tests["(collection)"]["calc/core.py"].replace("-", ",").split(",")


def test_run_tests_as_json_tells_what_the_text_tells(call, workspace):
    workspace.write("tests/test_broken.py", b"def test(:\n")
    text = call("run_tests", coverage=True).text
    result = call("run_tests", coverage=True, format="json")
    run = TestRun.model_validate_json(result.text)
    assert run.counts == {"failed": 1, "error": 1, "passed": 5, "skipped": 1}
    assert (run.incomplete, run.omitted, run.output) == ("", 0, "")
    by_id = {test.id: test for test in run.tests}
    assert len(by_id) == 8
    for test in run.tests:
        assert f"\n{test.status.upper()} {test.id}" in text
    bad = by_id[f"{TEST}::test_add"]
    assert bad.status == "failed" and "assert -1 == 3" in bad.message
    assert [(frame.path, frame.line) for frame in bad.frames] == [(TEST, 7)]
    assert "core.add(1, 2)" in bad.traceback
    assert by_id["tests/test_broken.py"].message.startswith("SyntaxError")
    assert run.coverage is not None and run.coverage.omitted == 0
    (counts,) = run.coverage.spectrum["calc/core.py"]
    assert (counts.first, counts.last, counts.failed, counts.passed) == (2, 2, 1, 1)
    assert next(iter(run.coverage.tests)) == f"{TEST}::test_add"
    assert run.coverage.tests[f"{TEST}::test_scale"]["calc/core.py"] == "6-8,10-11"
    for name, files in run.coverage.tests.items():
        block = "".join(f"  {path}: {lines}\n" for path, lines in files.items())
        assert f"COVERS {name}\n{block}" in f"{text}\n"


def test_a_run_that_shows_nothing_says_why_in_json_too(call, workspace):
    missing = call("run_tests", tests=["tests/test_nothing.py"], format="json")
    assert not missing.ok
    said = json.loads(missing.text)
    assert said["tests"] == [] and said["coverage"] is None and "not found" in said["output"]
    workspace.write("tests/test_left.py", b"import os\n\ndef test_exit():\n    os._exit(0)\n")
    left = call("run_tests", tests=["tests/test_left.py"], format="json")
    assert "ended before its last test" in json.loads(left.text)["incomplete"]


def test_run_tests_says_what_went_wrong(call, workspace):
    assert "is no test id" in call("run_tests", tests=["-x"]).text
    missing = call("run_tests", tests=["tests/test_nothing.py"])
    assert not missing.ok
    assert missing.text.startswith("SUMMARY no tests ran")
    assert "not found" in missing.text
    workspace.write("tests/test_broken.py", b"def test(:\n")
    broken = call("run_tests").text
    assert "1 error" in broken.split("\n")[0]
    assert "\nERROR tests/test_broken.py\n" in broken
    assert "SyntaxError" in broken
    workspace.write("tests/test_broken.py", b"import os\n\ndef test_exit():\n    os._exit(0)\n")
    left = call("run_tests", tests=["tests/test_broken.py"])
    assert not left.ok
    assert "INCOMPLETE" in left.text
    workspace.write("tests/test_broken.py", b"import time\n\ndef test_x():\n    time.sleep(60)\n")
    slow = call("run_tests", tests=["tests/test_broken.py"], timeout_s=2)
    assert not slow.ok
    assert "INCOMPLETE the run was stopped: it ran into its time-out" in slow.text


def test_coverage_survives_a_time_out(call, workspace):
    one = b"def test_%d():\n    time.sleep(1)\n"
    slow = b"import time\n\n" + b"".join(one % number for number in range(9))
    workspace.write("tests/a/test_slow.py", slow)
    run = call("run_tests", tests=[TEST, "tests"], coverage=True, timeout_s=6)
    assert not run.ok
    assert "INCOMPLETE the run was stopped: it ran into its time-out" in run.text
    # What is named first runs first, and only once.
    assert run.text.count(f"COVERS {TEST}::test_add\n") == 1
    assert "SPECTRUM calc/core.py\n  2 failed=1 passed=1\n" in run.text
    assert "COVERS tests/a/test_slow.py::test_0\n" in run.text
    assert "COVERS tests/a/test_slow.py::test_8\n" not in run.text


def test_a_run_whose_last_test_takes_long_is_complete(call, workspace):
    workspace.write("tests/test_late.py", b"import time\n\ndef test_x():\n    time.sleep(2.7)\n")
    run = call("run_tests", tests=["tests/test_late.py"], coverage=True, timeout_s=3)
    assert run.ok and "INCOMPLETE" not in run.text
    assert "COVERS tests/test_late.py::test_x\n" in run.text


def test_try_edits_compares_candidates_and_changes_nothing(call, workspace):
    wrong = {**FIX, "new": "a * b"}
    result = call(
        "try_edits",
        candidates=[
            [wrong],
            [FIX],
            [{**FIX, "old": "nowhere"}],
            [{**FIX, "new": "a + "}],
            [FIX, {"path": "README.md", "old": "calc", "new": "sum"}],
        ],
        tests=[f"{TEST}::test_add", f"{TEST}::test_add_zero"],
    )
    assert result.ok
    lines = result.text.split("\n")
    assert lines[:3] == ["TESTS 2", f"T1 {TEST}::test_add", f"T2 {TEST}::test_add_zero"]
    heads = [line for line in lines if line.startswith("CANDIDATE")]
    assert heads[0] == "CANDIDATE 1 FAIL passed=0 failed=2 FF"
    assert heads[1] == "CANDIDATE 2 PASS passed=2 failed=0 .."
    assert heads[2].startswith("CANDIDATE 3 REJECTED `old` was not found in calc/core.py")
    assert heads[3].startswith(
        "CANDIDATE 4 FAIL passed=0 failed=1 -- pytest ended by a usage error"
    )
    assert heads[4] == "CANDIDATE 5 PASS passed=2 failed=0 .."
    assert re.search(rf"  FAILED {TEST}::test_add: assert 2 == 3 \(line \d+\)\n", result.text)
    assert "SyntaxError" in result.text
    assert lines[-1] == "PASSING 2,5"
    assert workspace.diff() == b""


def test_try_edits_as_json(call):
    candidates = [[{**FIX, "new": "a * b"}], [FIX], [{**FIX, "old": "nowhere"}]]
    tests = [f"{TEST}::test_add", f"{TEST}::test_add_zero"]
    result = call("try_edits", candidates=candidates, tests=tests, format="json")
    answer = Trials.model_validate_json(result.text)
    assert (answer.count, list(answer.tests), answer.passing) == (2, tests, (2,))
    wrong, right, refused = answer.candidates
    assert (wrong.verdict, wrong.passed, wrong.failed, wrong.marks) == ("FAIL", 0, 2, "FF")
    assert [(f.id, f.status, f.line) for f in wrong.failures] == [
        (tests[0], "failed", 7),
        (tests[1], "failed", 11),
    ]
    assert "assert 2 == 3" in wrong.failures[0].message and wrong.omitted == 0
    assert (right.verdict, right.marks, right.failures) == ("PASS", "..", ())
    assert refused.verdict == "REJECTED" and "was not found in calc/core.py" in refused.detail


def test_try_edits_starts_from_the_edits_so_far_and_stops_early(call):
    call("edit", path="calc/core.py", old="def add(a, b):", new="def add(a, b):  # sum")
    candidates = [
        [{**FIX, "old": "# sum\n    return a - b", "new": f"# sum\n    return {new}"}]
        for new in ("a * b", "a + b", "b + a", "sum([a, b])")
    ]
    arguments = {"candidates": candidates, "tests": [f"{TEST}::test_add"], "stop_after": 1}
    text = call("try_edits", **arguments).text
    heads = [line.split()[2] for line in text.split("\n") if line.startswith("CANDIDATE")]
    assert heads == ["FAIL", "PASS", "SKIPPED", "SKIPPED"]
    assert text == call("try_edits", **arguments).text
    assert text.endswith("PASSING 2")


def test_try_edits_bounds_each_candidate(call):
    endless = {**FIX, "new": "a - b\n    while True:\n        pass", "old": "a - b"}
    endless["new"] = "1 if [0 for _ in iter(int, 1)] else 0"
    text = call(
        "try_edits", candidates=[[endless], [FIX]], tests=[f"{TEST}::test_add"], timeout_s=3
    ).text
    assert "CANDIDATE 1 TIMEOUT" in text or "CANDIDATE 1 MEMORY" in text
    assert "CANDIDATE 2 PASS" in text
    assert not call("try_edits", candidates=[], tests=["a"]).ok
    assert not call("try_edits", candidates=[[FIX]], tests=[]).ok
