"""Training data of runs that were really played, with a scripted model behind an endpoint."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents.reports.reading import find_runs, read_run
from agents.runs.journal import read_journal
from agents.training.conversations import read_conversations
from agents.training.export import export
from agents.training.selection import Choice
from repos.errors import InputError
from repos.tasks.suite import load_suite
from tests.agents.reports.made import Episode, settings, write_run

ROOT = Path(__file__).parents[3]
TASK = "swe-mini/warmcache-refresh"
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()


def bash(command):
    return {"content": "I run it.", "tool_calls": [{"name": "bash", "arguments": command}]}


SUBMIT = {"tool_calls": [{"name": "submit"}], "reasoning": "It is done."}
SOLVE = [bash({"command": f"git apply <<'END'\n{PATCH}END\n"}), SUBMIT]
FAIL = [bash("no JSON"), SUBMIT]


def repogym(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_agent.py"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Three runs of one task: it is solved, failed, and cut off after the fix."""
    folder = tmp_path_factory.mktemp("played")
    for name, script, more in (
        ("solved", SOLVE, ()),
        ("failed", FAIL, ()),
        ("cut", SOLVE, ("--max-steps", "1")),
    ):
        (folder / f"{name}.json").write_text(json.dumps(script))
        status, text = repogym(
            *("--env", "swe-mini", "--agent", "react", "--task", TASK, "--workers", "1"),
            *("--model", f"scripted:{name}.json", "--seed", "7", "--out", f"runs/{name}", *more),
            cwd=folder,
        )
        assert status == 0, text
    return folder


def rows(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_conversations_that_solved_their_task(played):
    status, text = repogym(
        "export", "runs", "--format", "sft", "--out", "sft", "--json", cwd=played
    )
    assert status == 0, text
    told = json.loads(text)
    assert told["left_out"] == {"not solved": 1, "truncated": 1}
    (row,) = rows(played / told["file"])
    assert [m["role"] for m in row["messages"]] == [
        *("system", "user", "assistant", "tool", "assistant")
    ]
    first, last = row["messages"][2], row["messages"][4]
    assert first["content"] == "I run it."
    call = first["tool_calls"][0]
    assert call["type"] == "function"
    assert call["function"]["arguments"] == {"command": f"git apply <<'END'\n{PATCH}END\n"}
    assert row["messages"][3]["tool_call_id"] == call["id"]
    assert last["reasoning_content"] == "It is done."
    assert "submit" in {tool["function"]["name"] for tool in json.loads(row["tools"])}
    assert (row["task"], row["seed"], row["reward"]) == (TASK, 7, 1.0)
    card = (played / "sft" / "README.md").read_text()
    assert f"| swe-mini 1 | {TASK} | warmcache | Apache-2.0 | 2026-11-22 | none |" in card
    assert "- truncated: 1" in card


def test_truncated_episodes_are_taken_where_asked_for(played, tmp_path):
    runs = [read_run(path) for path in find_runs([played / "runs"])]
    made = export(runs, "sft", tmp_path / "out", choice=Choice(truncated=True))
    found = rows(made.file)
    assert [row["truncated"] for row in found] == [True, False]
    assert found[0]["end"] == "steps"


def test_pairs_open_alike_and_differ_in_success(played, tmp_path):
    runs = [read_run(path) for path in find_runs([played / "runs"])]
    made = export(runs, "preference", tmp_path / "out")
    (row,) = rows(made.file)
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    # What is no JSON object comes as one, so that every chat template can render it.
    wrong = row["rejected"][0]["tool_calls"][0]["function"]["arguments"]
    assert wrong == {"not_a_json_object": "no JSON"}
    assert "git apply" in row["chosen"][0]["tool_calls"][0]["function"]["arguments"]["command"]
    assert made.left_out == {"truncated": 1}


def test_a_table_holds_every_episode_and_says_what_to_mask(tmp_path):
    from pyarrow import parquet

    write_run(tmp_path / "run", {"alpha-1.0": True, "beta-2.0": False})
    kept = settings(tasks=("alpha-1.0", "beta-2.0", "gamma-3.0"))
    stored = json.loads((tmp_path / "run/run.json").read_text())
    stored["settings"] = kept.model_dump(mode="json")
    (tmp_path / "run/run.json").write_text(json.dumps(stored))
    failed = tmp_path / "run/episodes/beta-2.0/0"
    record = json.loads((failed / "record.json").read_text())
    (failed / "record.json").unlink()
    (failed / "failure.json").write_text(
        json.dumps({**record, "status": "infrastructure", "error": "the sandbox is lost"})
    )
    made = export([read_run(tmp_path / "run")], "parquet", tmp_path / "out")
    every = parquet.read_table(made.file).to_pylist()
    found = {row["task"]: row for row in every if row["conversation"] == 0}
    assert [found[t]["mask_sample"] for t in sorted(found)] == [False, True, True]
    assert [found[t]["failure_kind"] for t in sorted(found)] == ["", "infrastructure", "no_verdict"]
    assert found["beta-2.0"]["error"] == "the sandbox is lost"
    assert json.loads(found["alpha-1.0"]["messages"])[1]["content"].startswith("The total")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tampered": ("a result was forged",)}, "tampered"),
        ({"false_resolved": True}, "false resolved"),
        ({"agent_error": "KeyError: 1"}, "agent error"),
    ],
)
def test_successes_that_are_none_are_left_out_and_counted(tmp_path, fields, reason):
    run = write_run(tmp_path / "run", {"alpha-1.0": True, "beta-2.0": True})
    record = json.loads((run / "episodes/beta-2.0/0/record.json").read_text())
    (run / "episodes/beta-2.0/0/record.json").write_text(json.dumps({**record, **fields}))
    made = export([read_run(run)], "sft", tmp_path / "out")
    assert {row["task"] for row in rows(made.file)} == {"alpha-1.0"}
    assert made.left_out == {reason: 1}


def test_who_had_the_reference_teaches_nothing(tmp_path):
    run = write_run(tmp_path / "run", {"alpha-1.0": True}, privileged=True)
    with pytest.raises(InputError, match="1 the agent had the reference patch"):
        export([read_run(run)], "sft", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tmp_path):
    run = write_run(tmp_path / "run", {"alpha-1.0": True})
    with pytest.raises(InputError, match="not an empty folder"):
        export([read_run(run)], "sft", run)


def test_a_shortened_history_is_a_conversation_of_its_own(tmp_path):
    episode = Episode(tmp_path, "alpha-1.0")
    texts = {
        "u": {"role": "user", "content": "Mend it."},
        "a": {"role": "assistant", "content": "one"},
        "b": {"role": "assistant", "content": "two"},
        "n": {"role": "user", "content": "Go on."},
        "s": {"role": "user", "content": "(shortened)"},
    }

    def say(text, *keys):
        episode.reply(text, new={key: texts[key] for key in keys})

    say("one", "u")
    say("two", "u", "a", "n")
    say("three", "u", "s", "b", "n")
    episode.end(resolved=True)
    found = read_conversations(read_journal(episode.folder / "episode.jsonl"))
    said = [[message["content"] for message in one.messages] for one in found]
    assert said == [
        ["Mend it.", "one", "Go on.", "two"],
        ["Mend it.", "(shortened)", "two", "Go on.", "three"],
    ]


def test_refinements_mask_the_failed_attempt(played, tmp_path):
    runs = [read_run(path) for path in find_runs([played / "runs"])]
    made = export(runs, "refine", tmp_path / "out")
    (row,) = rows(made.file)
    roles = [message["role"] for message in row["prompt"]]
    assert roles[:3] == ["system", "user", "assistant"] and roles[-1] == "user"
    assert "hidden tests still fail" in row["prompt"][-1]["content"]
    assert "git apply" in json.dumps(row["completion"])
    assert "git apply" not in json.dumps(row["prompt"])
    assert "test_ttl_refresh" not in json.dumps(row)


def test_steps_are_labelled_by_what_begins_with_them(played, tmp_path):
    runs = [read_run(path) for path in find_runs([played / "runs"])]
    made = export(runs, "verifier", tmp_path / "out", choice=Choice(truncated=True))
    found = {(row["label"], row["end"]): row for row in rows(made.file)}
    solved, cut = found[True, "submitted"], found[True, "steps"]
    failed = found[False, "submitted"]
    assert solved["labels"] == [True, True] and cut["labels"] == [True]
    assert solved["episodes"] == [2, 1] and solved["values"] == [1.0, 1.0]
    assert failed["labels"] == [False, False] and failed["episodes"] == [1, 1]
    assert [one["role"] for one in solved["completions"][0]] == ["assistant", "tool"]


def test_steps_as_a_minari_data_set(played, tmp_path, monkeypatch):
    import minari

    runs = [read_run(path) for path in find_runs([played / "runs"])]
    made = export(runs, "minari", tmp_path / "out", choice=Choice(truncated=True))
    assert made.file == tmp_path / "out/repogym/swe-mini/runs-v0" and made.file.is_dir()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "out"))
    loaded = minari.load_dataset("repogym/swe-mini/runs-v0")
    episodes = list(loaded.iterate_episodes())
    assert sorted(len(one.rewards) for one in episodes) == [1, 2, 2]
    solved = [one for one in episodes if one.rewards[-1] == 1.0 and one.terminations[-1]]
    assert [one["name"] for one in solved[0].actions] == ["bash", "submit"]
    assert len(solved[0].observations["text"]) == 3
    assert all(loaded.action_space.contains(one) for one in solved[0].actions)


def test_tasks_that_are_held_back_are_refused(tmp_path):
    suite = load_suite("swe-releases")
    by_split = {suite.split(spec): spec.id for spec in suite.specs}
    assert set(by_split) == {"train", "validation", "test"}
    run = write_run(
        tmp_path / "run",
        dict.fromkeys(sorted(by_split.values()), True),
        env="swe-releases",
        suite="swe-releases",
        version=suite.version,
        suite_digest=suite.digest,
    )
    made = export([read_run(run)], "sft", tmp_path / "out")
    assert {row["task"] for row in rows(made.file)} == {by_split["train"]}
    assert made.left_out == {"of the test split": 1, "of the validation split": 1}
    card = (tmp_path / "out/README.md").read_text()
    assert "- of the test split: 1" in card
    from pyarrow import parquet

    table = export([read_run(run)], "parquet", tmp_path / "table")
    tasks = {row["task"] for row in parquet.read_table(table.file).to_pylist()}
    assert tasks == {by_split["train"]}


def test_token_ids_reach_the_table(tmp_path):
    episode = Episode(tmp_path / "episode", "alpha-1.0")
    new = {"m": {"role": "user", "content": "Mend it.", "tool_calls": [], "tool_call_id": None}}
    reply = {
        "text": "one", "tool_calls": [], "usage": {}, "reasoning": "", "token_ids": [5, 6],
        "logprobs": [-0.5, -1.0], "prompt_token_ids": [1], "tokens": ["o", "ne"],
    }  # fmt: skip
    episode.journal.append(
        "reply", thread=1, model="some/model", settings={}, messages=["m"], new=new, reply=reply
    )
    episode.end(resolved=True)
    (one,) = read_conversations(read_journal(episode.folder / "episode.jsonl"))
    assert one.tokens == (
        {"message": 1, "token_ids": [5, 6], "logprobs": [-0.5, -1.0], "prompt_token_ids": [1]},
    )
