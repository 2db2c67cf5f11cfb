"""An episode that was killed goes on from its last finished turn, and the record says so."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.runs.atif import Trajectory
from agents.runs.episode import read_record, run_episode
from agents.runs.journal import read_journal
from agents.runs.spec import EpisodeSpec

ROOT = Path(__file__).parents[2]

STAMP = "od -An -N6 -tx1 /dev/urandom | tr -d ' ' > stamp.txt; cat stamp.txt"
"""What it prints is never the same twice: who runs it again asks other questions."""


def bash(text):
    return {"tool_calls": [{"name": "bash", "arguments": {"command": text}}]}


def script(first, second):
    return Script.model_validate(
        [bash(first), bash(second), bash("sleep 2; cat stamp.txt"), {"tool_calls": [SUBMIT]}]
    )


SUBMIT = {"name": "submit"}
JOURNAL = "episode.jsonl"


PLAY = """
import sys
from repogym import EpisodeSpec, run_episode
run_episode(EpisodeSpec.model_validate_json(sys.argv[1]))
"""


def spec_of(tmp_path, server):
    return EpisodeSpec(
        suite="swe-mini",
        task="swe-mini/warmcache-refresh",
        agent="react",
        model="openai/scripted",
        api_base=server.api_base,
        model_args={"api_key": "x"},
        out=str(tmp_path),
    )


def played(tmp_path, server):
    """Play, kill the process with SIGKILL in the third call, and play again."""
    spec = spec_of(tmp_path, server)
    process = subprocess.Popen(
        [sys.executable, "-c", PLAY, spec.model_dump_json()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    deadline = time.monotonic() + 120
    while kinds(tmp_path).count("reply") < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert kinds(tmp_path).count("step") == 2
    assert len(server.requests) == 3
    record = run_episode(spec)
    steps = [event for event in read_journal(tmp_path / JOURNAL) if event["kind"] == "step"]
    return record, steps[2:]


def kinds(tmp_path):
    return [event["kind"] for event in read_journal(tmp_path / JOURNAL)]


@pytest.mark.parametrize(
    ("first", "second", "resumed", "reused"),
    [
        (STAMP, "git add -A; git commit -qm mine; git rev-parse HEAD", "turn", 2),
        # What lies outside of the repository is in no journal.
        ("echo 1 > stamp.txt; cp stamp.txt /tmp/kept", "git status --short", "start", 0),
    ],
    ids=["turn", "start"],
)
def test_a_killed_episode_goes_on_and_pays_no_turn_twice(tmp_path, first, second, resumed, reused):
    with ScriptedServer(script(first, second)) as server:
        record, steps = played(tmp_path, server)
        assert len(server.requests) == 4
    assert (record.resumed, record.reused_steps) == (resumed, reused)
    assert (record.use.calls, record.use.reused) == (4, 3)
    assert (record.steps, record.end) == (4, "submitted")
    assert [step["reused"] for step in steps[:3]] == [True] * reused + [False] * (3 - reused)
    stamp = steps[2]["observation"]["text"].split()[0]
    if first == STAMP:
        assert stamp == steps[0]["observation"]["text"].split()[0]
    assert f"+{stamp}\n" in (tmp_path / "patch.diff").read_text()
    trajectory = Trajectory.model_validate_json((tmp_path / "trajectory.json").read_text())
    assert len(trajectory.steps) == 6  # system, problem, four replies
    assert read_record(tmp_path) == record
