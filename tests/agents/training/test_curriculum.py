"""How hard tasks are comes from stored runs, and decides what is trained on, and how often."""

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from agents.reports.reading import find_runs, read_run
from agents.training.adapters.trl_rollout import PREFIX, prompts
from agents.training.cli import app
from agents.training.curriculum import Difficulty, measure
from repos.errors import InputError, RepoGymError
from repos.tasks.suite import load_suite
from tests.agents.reports.made import play, write_run

EASY, MIDDLE, HARD = "alpha-1.0", "beta-2.0", "gamma-3.0"


@pytest.fixture
def runs(tmp_path):
    for number, won in enumerate(
        [{EASY: True, MIDDLE: True, HARD: False}, {EASY: True, MIDDLE: False, HARD: False}] * 2
    ):
        write_run(tmp_path / f"run-{number}", won, seed=number)
    return tmp_path


def measured(folder, **options):
    return measure([read_run(path) for path in find_runs([folder])], **options)


def test_a_hand_worked_curriculum(runs):
    found = measured(runs)
    assert found.difficulties == (
        Difficulty(EASY, 4, 4),
        Difficulty(MIDDLE, 4, 2),
        Difficulty(HARD, 4, 0),
    )
    assert [one.difficulty for one in found.difficulties] == pytest.approx([0.1, 0.5, 0.9])
    assert [one.weight for one in found.difficulties] == pytest.approx([0.09, 0.25, 0.09])
    assert found.tasks("easy") == [EASY, MIDDLE, HARD]
    assert found.tasks("hard") == [HARD, MIDDLE, EASY]
    assert found.tasks("learnable")[0] == MIDDLE
    drawn = found.sample(4000, seed=3)
    assert drawn == found.sample(4000, seed=3)
    assert drawn != found.sample(4000, seed=4)
    assert Counter(drawn)[MIDDLE] / 4000 == pytest.approx(0.25 / 0.43, abs=0.04)
    with pytest.raises(RepoGymError, match="order"):
        found.tasks("random")  # type: ignore[arg-type]


def test_a_task_without_a_verdict_is_neither_easy_nor_hard(tmp_path):
    write_run(tmp_path / "one", {EASY: True, MIDDLE: False})
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "run.json").write_text((tmp_path / "one" / "run.json").read_text())
    record = play(tmp_path / "two", EASY, resolved=False, agent_error="ValueError: no")
    assert record.agent_error
    found = measured(tmp_path)
    assert found.difficulties == (Difficulty(EASY, 1, 1), Difficulty(MIDDLE, 1, 0))
    assert found.left_out == 2  # the agent's error, and the episode that was not played
    assert Difficulty(HARD).difficulty == 0.5


def test_what_is_held_back_or_mixed_is_refused(tmp_path):
    suite = load_suite("swe-releases")
    by_split = {suite.split(spec): spec.id for spec in suite.specs}
    names = {"env": "swe-releases", "suite": "swe-releases", "suite_digest": suite.digest}
    names["version"] = suite.version
    won = dict.fromkeys([by_split["train"], by_split["validation"], by_split["test"]], True)
    write_run(tmp_path / "a" / "mixed", won, **names)
    found = measured(tmp_path / "a")
    assert (found.tasks(), found.held_back) == ([by_split["train"]], 2)
    write_run(tmp_path / "b" / "tests", {by_split["test"]: True}, **names)
    with pytest.raises(InputError, match="--split train"):
        measured(tmp_path / "b")
    write_run(tmp_path / "a" / "level", won, **{**names, "assist": "tests"})
    with pytest.raises(InputError, match="several assist levels"):
        measured(tmp_path / "a")


def test_the_command_and_a_trainers_list_of_tasks(tmp_path):
    first, second = (spec.id for spec in load_suite("swe-mini").specs[:2])
    write_run(tmp_path / "run", {first: False, second: True})

    def said(*options):
        done = CliRunner().invoke(app, ["curriculum", str(tmp_path), *options])
        assert done.exit_code == 0, done.output
        return done.output

    assert said("--ids").strip() == f"{second},{first}"
    assert said("--ids", "--order", "hard").strip() == f"{first},{second}"
    table = json.loads(said("--json"))["tasks"]
    assert [(one["task"], one["difficulty"]) for one in table] == [(second, 0.25), (first, 0.75)]
    assert "0 of 1 resolved" in said()
    drawn = said("--ids", "--sample", "5", "--seed", "1").strip().split(",")
    assert len(drawn) == 5
    rows = prompts("swe-mini", drawn)
    told = [json.loads(row["prompt"][1]["content"].removeprefix(PREFIX)) for row in rows]
    assert [row["task"] for row in told] == drawn
