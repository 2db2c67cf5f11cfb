"""Files and runs that are out of the ordinary: other encodings, early ends, no end at all."""

import json

import pytest

from tools.encodings import may_match_other
from tools.records import TestRun, Trials

EXITS = {
    "pytest.exit": ("import pytest\n\ndef test_a():\n    pass\n\ndef test_b():\n"
                    "    pytest.exit('stop now')\n\ndef test_c():\n    assert 0\n", 2, "stop now"),
    "interrupt": ("def test_a():\n    pass\n\ndef test_b():\n    raise KeyboardInterrupt\n\n"
                  "def test_c():\n    assert 0\n", 2, "KeyboardInterrupt"),
    "shouldstop": ("def test_a(request):\n    request.session.shouldstop = 'because'\n\n"
                   "def test_b():\n    assert 0\n", 1, "because"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXITS)
def test_a_session_that_ends_early_is_no_whole_run(call, workspace, name):
    source, missing, why = EXITS[name]
    workspace.write("tests/test_ends.py", source.encode())
    result = call("run_tests", tests=["tests/test_ends.py"], format="json")
    run = TestRun.model_validate_json(result.text)
    assert not result.ok
    assert f"{missing} collected test" in run.incomplete and why in run.incomplete
    assert run.counts == {"passed": 1}


@pytest.mark.parametrize("end", ["import pytest; pytest.exit('x')", "raise KeyboardInterrupt"])
def test_a_candidate_that_ends_the_session_does_not_pass(call, end):
    edit = {"path": "calc/core.py", "old": "return a - b", "new": end}
    good = {"path": "calc/core.py", "old": "a - b", "new": "a + b"}
    answer = call(
        "try_edits", candidates=[[edit], [good]], tests=["tests/test_calc.py"], format="json"
    )
    trials = Trials.model_validate_json(answer.text)
    assert trials.candidates[0].verdict != "PASS"
    assert "no result" in trials.candidates[0].detail
    assert trials.passing == (2,)


def test_a_usage_error_is_not_told_as_no_tests(call):
    answer = call("run_tests", tests=["tests/test_calc.py", "tests/test_none.py"])
    assert not answer.ok
    assert "INCOMPLETE pytest ended by a usage error" in answer.text


def test_a_teardown_does_not_hide_the_failure(call, workspace):
    source = """\
import pytest

@pytest.fixture
def bad():
    yield 1
    raise ValueError("torn")

def test_it(bad):
    assert 1 == 2

def test_chain():
    try:
        {}["lost"]
    except KeyError as error:
        raise RuntimeError("second") from error

def test_group():
    raise ExceptionGroup("many", [ValueError("one"), TypeError("other")])
"""
    workspace.write("tests/test_td.py", source.encode())
    run = TestRun.model_validate_json(
        call("run_tests", tests=["tests/test_td.py"], format="json").text
    )
    by_id = {test.id.rpartition("::")[2]: test for test in run.tests}
    it = by_id["test_it"]
    assert it.status == "failed" and "assert 1 == 2" in it.message
    assert "ValueError: torn" in it.traceback
    assert "RuntimeError: second" in by_id["test_chain"].message
    assert "caused by:" in by_id["test_chain"].traceback
    assert "KeyError: 'lost'" in by_id["test_chain"].traceback
    for member in ("ValueError: one", "TypeError: other"):
        assert member in by_id["test_group"].traceback


def test_files_with_brackets_in_their_names_run(call, workspace):
    workspace.write("tests/test_[x].py", b"def test_a():\n    pass\n\ndef test_b():\n    pass\n")
    workspace.write("tests/test_y.py", b"raise SystemExit('not asked for')\n")
    whole = call("run_tests", tests=["tests/test_[x].py"]).text
    assert whole.startswith("SUMMARY 2 passed") and "test_y" not in whole
    one = call("run_tests", tests=["tests/test_[x].py::test_b"]).text
    assert one == "SUMMARY 1 passed\nPASSED tests/test_[x].py::test_b"


def test_search_reads_what_view_shows(call, workspace):
    found = call("search", pattern="= 1$", path="calc/crlf.py").text
    assert "calc/crlf.py:1:FIRST = 1" in found.split("\n")
    for pattern in ("café", "caf.'$", r"NAME = '\w+'"):
        assert "calc/latin.py:2:NAME = 'café'" in call("search", pattern=pattern).text.split("\n")
    workspace.write("calc/koi.py", "# coding: koi8-r\nX = 'да'\n".encode("koi8-r"))
    workspace.write("calc/wide.txt", "да\n".encode("utf-16"))
    lines = call("search", pattern="да", glob="calc/**").text.split("\n")
    assert lines[1:] == ["calc/koi.py:2:X = 'да'", "calc/wide.txt:1:да"]


def test_which_patterns_can_match_beyond_ascii():
    assert may_match_other("é", True) and may_match_other("a.b", False)
    assert may_match_other(r"\w", False) and may_match_other("[^a]", False)
    assert not may_match_other("a.b", True) and not may_match_other(r"a\.b(c|d)[0-9]+$", False)


def test_what_never_ends_is_answered(call, workspace):
    workspace.exec(["mkfifo", "pipe"])
    assert "no regular file" in call("search", pattern="x", path="pipe").text
    workspace.exec(["truncate", "-s", "100G", "sparse"])
    assert "binary file" in call("view", path="sparse").text
    workspace.exec(["sh", "-c", "echo text > lines; truncate -s 100G lines"])
    assert "lines" in call("view", path="lines", start=1_000_000).text
    workspace.remove("sparse")
    workspace.remove("lines")
    assert json.loads(call("search", pattern="def add", format="json").text)["files"] == 1
