"""`view`, `report` and `show` as a person types them."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents.reports.hidden import TaskFiles
from agents.reports.payload import hidden_of
from agents.reports.reading import read_run
from tests.agents.reports.made import Episode, write_run

ROOT = Path(__file__).parents[3]


def command(*arguments, cwd, status=0):
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_agent.py"), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == status, done.stderr
    return (done.stderr if status else done.stdout).decode()


@pytest.fixture
def runs(tmp_path):
    won = {"alpha-1.0": True, "beta-2.0": False}
    write_run(tmp_path / "runs" / "one", won)
    write_run(tmp_path / "runs" / "two", {**won, "beta-2.0": True}, agent="planner")
    return tmp_path / "runs"


def test_a_page_that_is_shared_holds_nothing_hidden(runs, tmp_path):
    out = command("view", runs / "one", "--out", "page.html", cwd=tmp_path)
    assert "without hidden things" in out
    text = (tmp_path / "page.html").read_text()
    assert 'id="e0-0"' in text and 'id="h0-0"' not in text
    command("view", runs / "one", "--out", "all.html", "--hidden", cwd=tmp_path)
    assert 'id="h0-0"' in (tmp_path / "all.html").read_text()


def test_a_table_for_a_paper(runs, tmp_path):
    table = command("report", runs, cwd=tmp_path)
    assert "| two | planner | some/model | 2 of 2 (100.0%) |" in table
    lines = list(csv.DictReader(io.StringIO(command("report", runs, "--format", "csv", cwd=runs))))
    assert [(line["run"], line["resolved"]) for line in lines] == [("two", "2"), ("one", "1")]
    value = json.loads(command("report", runs, "--format", "json", cwd=runs))
    assert value["assist"] == "none" and value["runs"][0]["rate"] == 1.0


@pytest.mark.parametrize(
    ("ending", "begin"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")]
)
def test_plots_for_a_paper(runs, tmp_path, ending, begin):
    for name in ("first", "again"):
        command("report", runs, "--plot", f"{name}.{ending}", cwd=tmp_path)
    written = (tmp_path / f"first.{ending}").read_bytes()
    assert written.startswith(begin)
    if ending == "png":
        assert written == (tmp_path / "again.png").read_bytes()


def test_an_episode_on_the_terminal(runs, tmp_path):
    run = command("show", runs / "one", cwd=tmp_path)
    assert "alpha-1.0" in run and "resolved 1 of 2" in run
    episode = command("show", runs / "one", "beta-2.0", cwd=tmp_path)
    assert "> view" in episode and "+    return sum(values)  # every value once" in episode
    assert "branch 1, forked from 0" in episode and "end: submitted" in episode


def test_what_a_run_holds_can_not_steer_the_terminal(runs, tmp_path):
    episode = Episode(runs / "one", "alpha-1.0")
    episode.reply("\x1b]0;owned\x07\x1b[2J\u202e\x9b31m", ("view", "{}"))
    episode.step("view", "{}", "\x1b[31m\r\x08").end(resolved=False, patch="\x1b[2J")
    shown = command("show", runs / "one", "alpha-1.0", cwd=tmp_path)
    assert not {"\x1b", "\x07", "\u202e", "\x9b", "\x08", "\r"} & set(shown)
    assert "\u241b]0;owned" in shown


BAD = [
    (("show", "nowhere"), "nowhere holds no run: it has no run.json."),
    (("show", "one", "delta"), "has no episode delta #0"),
    (("view", "nowhere"), "nowhere is not a folder: name the folder of a run."),
    (("view", "."), None),
    (("view", "one", "--out", "no/such/page.html"), "can't be written"),
    (("view", "one", "--serve", "70000"), "--serve 70000 is no port"),
    (("view", "one", "--serve", "0", "--out", "x.html"), "exclude each other"),
    (("report", "one", "--format", "xml"), "--format xml is unknown: md, csv, json."),
    (("report", "one", "--plot", "x.gif"), "A plot is written as .svg, .pdf, .png"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_bad_input_is_one_sentence(runs, arguments, words):
    if words is None:
        (runs / "sub").mkdir()
        arguments, words = ("view", "sub"), "sub holds no run"
    said = command(*arguments, cwd=runs, status=2)
    assert words in said and "Traceback" not in said and said.count("error:") == 1


def test_runs_that_differ_are_no_table(runs):
    write_run(runs / "three", {"alpha-1.0": True}, assist="tests")
    said = command("report", ".", cwd=runs, status=2)
    assert "different assist levels" in said and "don't belong in one table" in said


def test_a_real_run_tells_why_each_hidden_test_failed(tmp_path):
    task = "cronline-weekdays"
    command("--env", "swe-mini", "--agent", "noop", "--task", task, "--out", "run", cwd=tmp_path)
    run = read_run(tmp_path / "run")
    checks = hidden_of(run.episode(task, 0), TaskFiles(run))["checks"]
    failed = [(test, message) for test, word, message in checks if word == "failed"]
    assert failed and all(message for _, message in failed)
    test = "tests/test_weekday_ranges.py::test_range_to_sunday[1-7-values3]"
    assert "the range '1-7' runs backwards" in dict(failed)[test]
    shown = hidden_of(run.episode(task, 0), TaskFiles(run))["reference"]
    assert [file["path"] for file in shown] == ["src/cronline/fields.py"]
