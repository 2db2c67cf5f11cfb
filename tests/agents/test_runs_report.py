"""Summaries: what is counted, what is not, and the statistics."""

import json
import math

import pytest

from agents.runs.report import honest_lines, pass_at, summarise, title, wilson, write_reports
from agents.runs.spec import EpisodeRecord, ModelUse, RunSettings, episode_folder

SETTINGS = RunSettings(
    env="swe-mini",
    suite="swe-mini",
    version="1",
    suite_digest="d" * 64,
    python="3.11",
    agent="react",
    model="openai/gpt",
    tasks=("a", "b", "c"),
    not_available=("z",),
)


def record(task, **fields):
    return EpisodeRecord(task=task, end="submitted", **fields)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, table I, method 3 (score without continuity correction).
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_the_published_table(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_without_data_knows_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_pass_at_k_is_the_expectation_over_subsets():
    assert pass_at(1, [(4, 1)]) == pytest.approx(0.25)
    assert pass_at(2, [(4, 1)]) == pytest.approx(1 - math.comb(3, 2) / math.comb(4, 2))
    assert pass_at(4, [(4, 1), (4, 0)]) == pytest.approx(0.5)


def test_infrastructure_is_in_no_figure():
    use = ModelUse(calls=2, prompt_tokens=10, completion_tokens=5, cost_usd=0.25)
    records = [
        record("b", resolved=True, false_resolved=True, reward=1.0, use=use),
        EpisodeRecord(task="c", status="infrastructure", error="no memory", use=use),
        record("a", plausible=True, use=use),
    ]
    summary = summarise(SETTINGS, records, 12.0, 3.0)
    assert (summary["n"], summary["resolved"], summary["plausible"]) == (2, 1, 1)
    assert summary["false_resolved"] == 1
    assert summary["rate"] == 0.5
    assert summary["infrastructure_errors"] == 1
    assert summary["complete"] is False
    assert summary["not_available"] == ["z"]
    # What it cost was paid all the same.
    assert summary["model_calls"] == 6
    assert summary["tokens"] == {"prompt": 30, "completion": 15}
    assert summary["cost_usd"] == 0.75
    assert summary["episodes"][2]["cost_usd"] == 0.25
    assert [e["task"] for e in summary["episodes"]] == ["a", "b", "c"]
    json.dumps(summary)


def test_without_an_episode_there_is_no_rate():
    summary = summarise(SETTINGS, [], 0.5, 3.0)
    assert (summary["n"], summary["rate"], summary["mean_reward"]) == (0, None, None)
    assert summary["interval"] == [0.0, 1.0]


def test_the_order_of_the_records_does_not_matter():
    records = [record("a", resolved=True), record("b"), record("c", plausible=True)]
    forward = summarise(SETTINGS, records, 1.0, None)
    assert forward == summarise(SETTINGS, records[::-1], 1.0, None)
    assert forward["complete"] is True


def test_the_title_says_suite_model_and_level():
    symbolic = SETTINGS.model_copy(update={"model": "symbolic", "assist": "tests"})
    assert title(symbolic) == (
        "swe-mini v1 (RepoGym's own suite) · react with symbolic "
        "(no LLM: built-in program repair) · assist: tests"
    )


def test_what_must_be_said_is_said():
    summary = summarise(SETTINGS, [record("a", plausible=True)], 1.0, None)
    text = "\n".join(honest_lines(SETTINGS, summary))
    assert "resolved 0 of 1 (0.0%, 95% interval 0.0 to 79.3%), assist level none" in text
    assert "plausible 1" in text
    assert "not available here (no environment of theirs is installed): 1: z" in text
    assert "not played yet 2" in text


def test_kernels_have_figures_of_their_own():
    use = ModelUse(calls=1, prompt_tokens=10, completion_tokens=5, cost_usd=0.3)
    built = {"kernel_compiles": 1.0, "crashes": 0.0}
    records = [
        record("a", resolved=True, seconds=20.0, use=use, metrics=built),
        record("b", seconds=10.0, metrics=built | {"crashes": 2.0}),
        record("c", seconds=6.0),  # a patch that did not apply
        EpisodeRecord(task="c", sample=1, status="infrastructure", error="no room", seconds=50.0),
    ]
    assisted = SETTINGS.model_copy(update={"assist": "files"})
    for settings, told in ((SETTINGS, "unassisted"), (assisted, "assisted")):
        summary = summarise(settings, records, 40.0, None)
        assert summary["kernel"] == {
            "assisted": told == "assisted", "crash_resolution_rate": 0.333333,
            "compile_rate": 0.666667, "seconds_a_bug": 12.0, "cost_usd_a_bug": 0.1,
        }  # fmt: skip
        assert f"33.3% ({told}), patches that compile 66.7%" in "\n".join(
            honest_lines(settings, summary)
        )
    assert "kernel" not in summarise(SETTINGS, [record("a")], 1.0, None)


def test_predictions_keep_order_and_bytes(tmp_path):
    settings = SETTINGS.model_copy(update={"samples": 2})
    records = []
    for task in "cab":
        for sample in range(2):
            folder = episode_folder(tmp_path, task, sample)
            folder.mkdir(parents=True)
            (folder / "patch.diff").write_text(f"{task}{sample} é", encoding="utf-8")
            records.append(record(task, sample=sample))
    write_reports(tmp_path, settings, records, summarise(settings, records, 1.0, None))
    lines = (tmp_path / "predictions.jsonl").read_text(encoding="ascii").splitlines()
    predictions = [json.loads(line) for line in lines]
    assert [p["instance_id"] for p in predictions] == ["a", "b", "c"]
    assert set(predictions[0]) == {"instance_id", "model_name_or_path", "model_patch"}
    assert predictions[0]["model_name_or_path"] == "react+openai/gpt"
    assert predictions[0]["model_patch"] == "a0 é"
    assert len((tmp_path / "predictions.1.jsonl").read_text().splitlines()) == 3


def test_a_run_on_training_repositories_says_so():
    trained = SETTINGS.model_copy(update={"split": "all", "training": 1})
    assert "TRAINING repositories" in title(trained) and "split: all" in title(trained)
    held = SETTINGS.model_copy(update={"split": "test"})
    assert title(held).endswith("split: test") and "TRAINING" not in title(held)
    assert "split" not in title(SETTINGS)
    assert summarise(trained, [], 0.0, None)["training"] == 1
