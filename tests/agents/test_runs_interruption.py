"""Ctrl-C, workers that die, and models that keep a run waiting: what the console says."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.models.waiting import told_when_slow
from agents.runs.episode import run_episode
from agents.runs.journal import read_journal
from agents.runs.spec import EpisodeSpec

ROOT = Path(__file__).parents[2]
TASK = "warmcache-refresh"

AGENTS = """
import ctypes
import os
import threading
from pathlib import Path

from envs.episode import ToolCall


class Sleeps:
    def __init__(self, seconds):
        self.seconds = seconds

    def run(self, episode):
        # The mark is set while the tool call runs: the step is far longer than that.
        threading.Timer(0.5, Path("running").touch).start()
        episode.step(ToolCall("bash", '{"command": "sleep %g", "timeout_s": 400}' % self.seconds))
        episode.step(ToolCall("submit"))


class Exits:
    def run(self, episode):
        os._exit(3)


class Crashes:
    def run(self, episode):
        ctypes.string_at(0)


class Breaks:
    def run(self, episode):
        import agents.runs.episode

        agents.runs.episode.build_trajectory = None
"""


@pytest.fixture
def start(tmp_path):
    (tmp_path / "mine.py").write_text(AGENTS)
    begun = []

    def run(*arguments):
        process = subprocess.Popen(
            [
                *[sys.executable, str(ROOT / "run_agent.py"), "--env", "swe-mini"],
                *["--task", TASK, "--workers", "1", "--out", "run", *arguments],
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background has Ctrl-C ignored, also by children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(true, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def ended(process):
    """Return what a run printed; one that waited for its tool call would not end in time."""
    text, _ = process.communicate(timeout=120)
    assert "Traceback" not in text
    return text


def kinds(tmp_path):
    (journal,) = tmp_path.glob("run/episodes/*/0/episode.jsonl")
    return [event["kind"] for event in read_journal(journal)]


def test_ctrl_c_lets_a_running_tool_call_end(start, tmp_path):
    process = start("--agent", "mine:Sleeps", "--agent-arg", "seconds=1.5")
    wait_for((tmp_path / "running").exists)
    os.killpg(process.pid, signal.SIGINT)
    text = ended(process)
    assert process.returncode == 130, text
    assert "Stopping 1 episode: a tool call that runs may end, for at most 2 seconds" in text
    assert text.index("Stopping") < text.index("the same command goes on")
    assert kinds(tmp_path) == ["start", "reset", "step"]


def test_ctrl_c_ends_a_tool_call_that_takes_longer_and_the_run_resumes(start, tmp_path):
    arguments = ["--agent", "mine:Sleeps", "--agent-arg", "seconds=300", "--seconds", "350"]
    process = start(*arguments)
    wait_for((tmp_path / "running").exists)
    os.killpg(process.pid, signal.SIGINT)
    text = ended(process)
    assert process.returncode == 130, text
    assert kinds(tmp_path) == ["start", "reset"]
    assert not json.loads((tmp_path / "run/summary.json").read_text())["complete"]
    (tmp_path / "mine.py").write_text(AGENTS.replace("sleep %g", "true %g"))
    again = start(*arguments)
    text = ended(again)
    assert again.returncode == 0, text
    assert "Going on in run" in text


def test_ctrl_c_twice_stops_now(start, tmp_path):
    process = start("--agent", "mine:Sleeps", "--agent-arg", "seconds=300")
    wait_for((tmp_path / "running").exists)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any("Stopping 1 episode" in line for line in lines)
    os.killpg(process.pid, signal.SIGINT)
    text = ended(process)
    assert process.returncode == 130, text
    assert "the same command goes on" in text
    assert kinds(tmp_path) == ["start", "reset"]


def test_ctrl_c_does_not_wait_for_a_model(start, tmp_path):
    slow = {"tool_calls": [{"name": "submit"}], "faults": [{"delay_s": 300.0}]}
    with ScriptedServer(Script.model_validate([slow])) as server:
        arguments = [
            *["--agent", "react", "--model", "openai/slow", "--api-base", server.api_base],
            *["--model-arg", "api_key=x", "--model-arg", "timeout=350"],
        ]
        process = start(*arguments)
        wait_for(lambda: server.requests)
        os.killpg(process.pid, signal.SIGINT)
        text = ended(process)
        assert process.returncode == 130, text
        assert kinds(tmp_path) == ["start", "reset"]
        # The fault is over: the same command plays the episode.
        again = start(*arguments)
        text = ended(again)
        assert again.returncode == 0, text
        assert kinds(tmp_path)[-1] == "end"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Exits", "the worker process died (exit status 3): it left no word why"),
        ("Crashes", "(killed by SIGSEGV): Fatal Python error: Segmentation fault"),
        ("Breaks", "(exit status 1): TypeError: 'NoneType' object is not callable"),
    ],
)
def test_a_worker_that_dies_says_why_in_the_console(start, agent, words):
    process = start("--agent", f"mine:{agent}")
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 3, text
    assert words in text


def test_a_full_folder_is_told_in_the_record_where_it_cannot_be_written(tmp_path):
    # Whatever is written to /dev/full meets a full disk.
    (tmp_path / "episode.jsonl").symlink_to("/dev/full")
    record = run_episode(EpisodeSpec(suite="swe-mini", task=TASK, agent="noop", out=str(tmp_path)))
    assert record.status == "infrastructure"
    assert "No space left on device" in record.error


def test_retries_are_shown_and_journaled(start, tmp_path):
    faults = [{"status": 503, "message": "overloaded"}, {"status": 429, "message": "too many"}]
    reply = {"tool_calls": [{"name": "submit"}], "faults": faults}
    with ScriptedServer(Script.model_validate([reply])) as server:
        process = start(
            *["--agent", "react", "--model", "openai/busy", "--api-base", server.api_base],
            *["--model-arg", "api_key=x", "--model-arg", "backoff_s=0.01"],
        )
        text = ended(process)
    assert process.returncode == 0, text
    assert f"{TASK}: openai/busy: attempt 1 of 6 failed, next in 0.0 s: " in text
    assert "overloaded" in text
    assert "attempt 2 of 6 failed" in text
    (journal,) = tmp_path.glob("run/episodes/*/0/episode.jsonl")
    waits = [event for event in read_journal(journal) if event["kind"] == "wait"]
    assert [wait["attempt"] for wait in waits] == [1, 2]
    assert "too many" in waits[1]["reason"]


def test_a_slow_call_is_told_of_while_it_lasts():
    told, twice = [], threading.Event()

    def report(waiting):
        told.append(waiting)
        if len(told) == 2:
            twice.set()

    with told_when_slow(report, "m", 1, 6, slow_s=0.05):
        assert twice.wait(60)
    assert [wait.seconds for wait in told[:2]] == [0.05, 0.1]
    assert str(told[0]) == "m: waiting for a reply for 0 s (attempt 1 of 6)"
