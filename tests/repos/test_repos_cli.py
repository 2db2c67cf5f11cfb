"""The verbs of the tasks: what they take, what they refuse, what they print."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from repos.cachetool import KINDS
from repos.cli import app
from repos.errors import RepoGymError
from repos.tasks.suite import load_suite

TASK = "swe-mini/gridtext-wide"


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def refused(*arguments):
    """Return the sentence with which a command is refused."""
    done = run(*arguments)
    assert isinstance(done.exception, RepoGymError), (done.exception, done.output)
    assert done.exception.exit_status == 2
    return str(done.exception)


def test_names_of_tasks_are_never_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    listed = run("tasks", "list", "swe-mini").stdout
    for spec in load_suite("swe-mini").specs:
        assert spec.id in listed


@pytest.mark.parametrize(
    ("name", "says"), [("no/m.jsonl", "must be a folder"), ("m.txt", "must end in .jsonl")]
)
def test_a_manifest_that_cannot_be_written_is_refused_before_any_work(name, says, tmp_path):
    path = str(tmp_path / name)
    assert says in refused("tasks", "mine", "no-such-package-at-all", "-o", path)
    assert says in refused("tasks", "new", str(tmp_path), "--fix", "HEAD", "-o", path)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("plain.diff", "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n", "git diff --binary"),
        ("words.diff", "no diff at all\n", "git diff --binary"),
        ("other.jsonl", '{"instance_id": "x", "model_patch": ""}\n', f"no prediction for {TASK}"),
        ("bad.jsonl", "{}\n", "line 1 is no prediction"),
    ],
)
def test_what_is_no_diff_is_refused_and_not_scored(name, text, says, tmp_path):
    (tmp_path / name).write_text(text)
    assert says in refused("score", "swe-mini", "gridtext-wide", str(tmp_path / name))
    assert "There is no diff" in refused("score", "swe-mini", TASK, str(tmp_path / "nothing"))


def test_a_prediction_is_scored(tmp_path):
    shown = run("tasks", "show", "swe-mini", TASK, "--hidden", "--json")
    reference = json.loads(shown.stdout)["reference"]
    lines = [
        {"instance_id": name, "model_name_or_path": "me", "model_patch": patch}
        for name, patch in (("swe-mini/other", ""), (TASK, reference))
    ]
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run("score", "swe-mini", TASK, str(path), "--json")
    assert json.loads(done.stdout)["resolved"] is True


def test_code_graphs_are_a_kind_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path))
    (tmp_path / "graphs" / "one").mkdir(parents=True)
    (tmp_path / "graphs" / "one" / "data").write_bytes(b"x")
    rows = json.loads(run("cache", "show", "--json").stdout)
    # Engines of the machine may hold images beside it.
    here = [(row["kind"], row["what"]) for row in rows if row["kind"] != "images"]
    assert here == [("graphs", KINDS["graphs"])]
    assert "graphs: one" in run("cache", "free", "graphs").stdout
    assert not (tmp_path / "graphs" / "one").exists()
