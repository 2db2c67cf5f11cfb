"""A whole run with a model without tool calls: its form, its seeds, and what is written down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import envs
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.models.text_tools import CALL_FORMAT
from agents.planner_prompts import Phase, message, system
from agents.react import React
from agents.runs.journal import read_journal
from tools.registry import BUILTIN_TOOLS

ROOT = Path(__file__).parents[2]
BARE = '{"name": "submit", "arguments": {}}'
REPLIES = [
    {"content": "The bug must be in", "finish_reason": "length"},
    "I would submit.",
    BARE,
]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """One run of two samples; returns its folder and the requests of its model."""
    place = tmp_path_factory.mktemp("run")
    with ScriptedServer(Script.model_validate(REPLIES)) as server:
        done = subprocess.run(
            [
                *[sys.executable, str(ROOT / "run_agent.py"), "--env", "swe-mini"],
                *["--task", "warmcache-refresh", "--agent", "react", "--model", "small"],
                *["--api-base", server.api_base, "--tool-format", "text"],
                *["--samples", "2", "--seed", "5", "--workers", "1", "--out", "run"],
            ],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield place / "run", server.requests


def test_json_alone_is_a_call_and_the_raw_reply_is_journaled(played):
    folder, _ = played
    for journal in folder.glob("episodes/*/*/episode.jsonl"):
        replies = [e["reply"] for e in read_journal(journal) if e["kind"] == "reply"]
        assert [reply["raw"] for reply in replies] == ["", "", BARE]
        assert replies[-1]["text"] == ""
        assert [call["name"] for call in replies[-1]["tool_calls"]] == ["submit"]
    assert json.loads((folder / "summary.json").read_text())["ends"] == {"submitted": 2}


def test_the_nudge_repeats_the_form_of_a_call(played):
    _, requests = played
    nudge = requests[2]["messages"][-1]
    assert nudge["role"] == "user"
    assert nudge["content"].startswith("Your reply called no tool")
    assert CALL_FORMAT in nudge["content"]


def test_a_cut_reply_is_told_and_stands_in_the_trajectory(played):
    folder, requests = played
    assert requests[1]["messages"][-1]["content"].startswith("Your reply was cut off after")
    for file in folder.glob("episodes/*/*/trajectory.json"):
        steps = [s for s in json.loads(file.read_text())["steps"] if s["source"] == "agent"]
        assert [s.get("extra") for s in steps] == [{"finish_reason": "length"}, None, None]


def test_samples_have_seeds_of_their_own_and_the_first_has_the_runs(played):
    _, requests = played
    seeds = [request["seed"] for request in requests]
    assert seeds[:3] == [5, 5, 5]
    assert len(set(seeds[3:])) == 1
    assert seeds[3] != 5


def test_prompts_name_only_tools_that_are_offered():
    # Words that prompts use as words, too.
    words = {"edit", "search", "view", "create", "definition", "references", "bash"}
    names = set(BUILTIN_TOOLS) - words
    assert {"submit", "try_edits", "git_diff", "graph_query"} <= names
    for offered in (["view", "edit"], ["view", "submit"], ["view", "git_diff", "try_edits"]):
        told = [
            React(model=None).system(offered),  # type: ignore[arg-type]
            system(offered),
            *(message(phase, tools=offered) for phase in Phase),
        ]
        for text in told:
            found = {word.strip(".,:;`()") for word in text.split()} & names
            assert found <= set(offered), text


@pytest.mark.parametrize("offered", [["view"], ["view", "submit"]])
def test_an_episode_begins_without_a_tool_that_is_not_offered(offered):
    env = envs.make("swe-mini", task="warmcache-refresh", tools=offered)
    try:
        observation, _ = env.reset(seed=0)
    finally:
        env.close()
    assert ("the tool `submit`" in observation["text"]) is ("submit" in offered)


CLOCK = """
import sys
from envs.state import EpisodeState
from repogym import EpisodeSpec, run_episode

begin = EpisodeState.begin.__func__

def told(cls, *arguments):
    print("imported before the clock runs:", "litellm" in sys.modules)
    return begin(cls, *arguments)

EpisodeState.begin = classmethod(told)
print("imported at once:", "litellm" in sys.modules)
record = run_episode(EpisodeSpec(suite="swe-mini", task="warmcache-refresh", agent="react",
                                 model="scripted:script.json", out="episode"))
print(record.status, record.end)
"""


def test_litellm_is_imported_before_the_clock_of_the_first_episode_runs(tmp_path):
    (tmp_path / "script.json").write_text('[{"tool_calls": [{"name": "submit"}]}]')
    done = subprocess.run(
        [sys.executable, "-c", CLOCK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.splitlines() == [
        "imported at once: False",
        "imported before the clock runs: True",
        "done submitted",
    ], done.stdout + done.stderr
