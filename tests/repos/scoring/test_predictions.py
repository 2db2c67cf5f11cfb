"""Whole files of predictions: every form, their verdicts, and the report that others read."""

import json
import os

import pytest
from typer.testing import CliRunner

from repos.cli import app
from repos.errors import InputError
from repos.scoring.evaluation import RUN, Evaluation
from repos.scoring.predictions import Prediction, read_predictions
from repos.tasks.sources.swe_bench.options import MIRRORS
from repos.tasks.suite import load_suite
from tests.repos.scoring.instances import CASES, make_row

ONE = {"instance_id": "a-1", "model_name_or_path": "x/y", "model_patch": "diff"}
TWO = {"instance_id": "a-2", "model_name_or_path": "x/y", "model_patch": None}


@pytest.mark.parametrize(
    "text",
    [
        f"{json.dumps(ONE)}\n\n  \n{json.dumps(TWO)}\n\n",
        json.dumps([ONE, TWO], indent=2),
        json.dumps({"a-1": ONE, "a-2": TWO}),
        json.dumps({"first": ONE, "second": TWO}),
        "\ufeff" + json.dumps(ONE) + "\r\n" + json.dumps(TWO) + "\r\n",
    ],
    ids=["lines", "list", "by id", "by another name", "Windows"],
)
def test_every_form_gives_the_same_predictions(tmp_path, text):
    path = tmp_path / "predictions"
    path.write_text(text, encoding="utf-8", newline="")
    one, two = read_predictions(path)
    assert (one.instance, one.model, one.diff()) == ("a-1", "x/y", b"diff\n")
    assert (two.instance, two.model, two.diff()) == ("a-2", "x/y", b"")


def test_a_mapping_of_bare_patches(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps({"a-1": "diff", "a-2": None}))
    assert [p.patch for p in read_predictions(tmp_path / "p.json")] == ["diff", ""]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no prediction"),
        ('{"instance_id": "a", "model_patch": ""}\nno JSON', "line 2 is no prediction"),
        ('[{"instance_id": "a"}]', "prediction 1 is no prediction"),
        ('[{"instance_id": 1, "model_patch": ""}]', "prediction 1 is no prediction"),
        ('[{"instance_id": "a", "model_patch": 1}]', "prediction 1 is no prediction"),
        (json.dumps([ONE, ONE]), "a-1 stands there twice"),
        ('"text"', "line 1 is no prediction"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, text, problem):
    (tmp_path / "p.jsonl").write_text(text)
    with pytest.raises(InputError, match=problem):
        read_predictions(tmp_path / "p.jsonl")


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.setenv(MIRRORS, str(tmp_path / "mirrors"))
    found = [make_row(*case, tmp_path / "mirrors") for case in CASES]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in found))
    return found


@pytest.mark.index
def test_predictions_are_scored_as_swebench_grades_them(rows, tmp_path, monkeypatch):
    """Patches whose verdicts are known, by a report that swebench's own tools make again."""
    first, second = (row["instance_id"] for row in rows)
    nothing = "diff --git a/note.txt b/note.txt\nnew file mode 100644\n--- /dev/null\n"
    nothing += "+++ b/note.txt\n@@ -0,0 +1 @@\n+x\n"
    misfit = nothing.replace("/dev/null", "a/note.txt").replace("new file mode 100644\n", "")
    misfit = misfit.replace("-0,0", "-1")
    models = {
        "me/reference": (rows[0]["patch"], rows[1]["patch"]),
        "me/mixed": (nothing, ""),
        "me/broken": (misfit, None),
    }
    records = [
        {"instance_id": name, "model_name_or_path": model, "model_patch": patch}
        for model, patches in models.items()
        for name, patch in zip((first, second), patches, strict=True)
    ]
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text("\n\n".join(json.dumps(r) for r in records))
    command = ["score", str(predictions), "--env", str(tmp_path / "rows.jsonl")]
    command += ["--out", str(tmp_path / "scores"), "--workers", "2", "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["resolved"], facts["resolved_by_both"], facts["empty"]) == (2, 2, 2)
    reports = [json.loads((tmp_path / "scores" / p).read_text()) for p in facts["reports"]]
    assert [r["resolved_ids"] for r in reports] == [[first, second], [], []]
    assert [r["empty_patch_ids"] for r in reports] == [[], [second], [second]]

    # SWE-bench's own tool, told of the same predictions, reads what we wrote.
    from swebench.harness.reporting import make_run_report

    monkeypatch.chdir(tmp_path / "scores")
    for model, report in zip(models, reports, strict=True):
        own = {r["instance_id"]: r for r in records if r["model_name_or_path"] == model}
        path = make_run_report(own, rows, RUN, report_dir=str(tmp_path / "theirs"))
        assert json.loads(path.read_text()) == report, model

    # The same command goes on: nothing is scored again, a lost line is.
    scores = tmp_path / "scores" / "scores.jsonl"
    lines = scores.read_text().splitlines()
    assert len(lines) == 4
    scores.write_text("\n".join(lines[:3]) + '\n{"key": "cut o')
    monkeypatch.chdir(tmp_path)
    again = CliRunner().invoke(app, command, catch_exceptions=False)
    assert json.loads(again.stdout) == facts
    assert len(scores.read_text().splitlines()) == 5


@pytest.mark.index
def test_predictions_for_no_task_of_the_suite_are_refused(rows, tmp_path):
    (tmp_path / "p.json").write_text(json.dumps({"other-1": "diff"}))
    command = ["score", str(tmp_path / "p.json"), "--env", str(tmp_path / "rows.jsonl")]
    with pytest.raises(InputError, match="has no task other-1"):
        CliRunner().invoke(app, [*command, "--out", str(tmp_path / "o")], catch_exceptions=False)
    assert not os.path.exists(tmp_path / "o")  # noqa: PTH110


def test_a_folder_that_can_not_be_written_is_told_in_words(tmp_path, backend):
    task = "swe-mini/warmcache-refresh"
    made = Evaluation(load_suite("swe-mini"), [Prediction(task, "m", "no diff")], tmp_path)
    (tmp_path / "logs").write_text("a file in the place of the folder")
    with pytest.raises(InputError, match=r"\(--out\) can't be written .*finished scores are kept"):
        made.run(backend=backend, workers=1, report=print)
