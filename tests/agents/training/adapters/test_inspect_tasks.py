"""Suites in the real Inspect, with a scripted model behind a real endpoint.

Inspect wants other packages than our pins, so it has an environment of its own: see
docs/trainers.md.
"""

import asyncio
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

if "REPOGYM_TEST_INSPECT" not in os.environ:
    pytest.skip("needs REPOGYM_TEST_INSPECT=1 and inspect-ai", allow_module_level=True)

from inspect_ai import eval as evaluate
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import get_model
from inspect_ai.util import OutputLimitExceededError

from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.training.adapters import inspect_tasks as adapter
from repos.errors import UnknownNameError

ROOT = Path(__file__).parents[4]
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()
TASK = "swe-mini/warmcache-refresh"
FIX = f"git apply <<'END'\n{PATCH}END\n"


def replies(*calls):
    return [
        {"tool_calls": [{"name": n, "arguments": a}]} if n else {"content": "Done."}
        for n, a in calls
    ]


SOLVE = replies(("bash", {"command": FIX}), ("submit", {}))
SILENT = replies(("bash", {"command": "ls"}), ("", {}))


@pytest.fixture
def play(tmp_path):
    """Evaluate a task with a script and return its log."""

    def run(made, script, **more):
        with ScriptedServer(
            Script.model_validate({"conversations": [{"when": "", "replies": script}]})
        ) as server:
            # Inspect keeps models by name, with the address of their first use.
            model = get_model(
                "openai-api/repogym/t", base_url=server.api_base, api_key="k", memoize=False
            )
            (log,) = evaluate(made, model=model, log_dir=str(tmp_path), display="none", **more)
        return log, server.requests

    return run


def test_a_solved_task(play):
    log, requests = play(adapter.repogym("swe-mini", TASK), SOLVE)
    assert log.status == "success", log.error
    (sample,) = log.samples
    score = sample.scores["verdict"]
    assert score.value == {"resolved": 1.0, "reward": 1.0, "fraction": 1.0, "truncated": 0.0}
    assert score.metadata["end"] == "submitted" and score.metadata["steps"] == 2
    assert "warmcache" in sample.input or "warmcache" in sample.messages[0].text
    offered = {tool["function"]["name"] for tool in requests[0]["tools"]}
    assert {"bash", "view", "submit", "run_tests"} <= offered
    assert len(requests) == 2
    assert adapter._players == {}


def test_a_silent_model_is_scored_as_it_stands_and_a_limit_too(play):
    log, _ = play(adapter.repogym("swe-mini", TASK), SILENT)
    score = log.samples[0].scores["verdict"]
    assert (score.value["resolved"], score.value["truncated"]) == (0.0, 1.0)
    assert score.metadata["end"] == "solver"
    log, _ = play(adapter.repogym("swe-mini", TASK, max_steps=1), SOLVE)
    score = log.samples[0].scores["verdict"]
    assert score.value["resolved"] == 1.0 and score.metadata["end"] == "steps"
    log, _ = play(adapter.repogym("swe-mini", TASK), SOLVE, message_limit=2)
    score = log.samples[0].scores["verdict"]
    assert score.value["truncated"] == 1.0 and adapter._players == {}


def test_without_a_verdict_a_sample_is_left_out(play, monkeypatch):
    begin = adapter.Player.start

    def broken(self, task=None, seed=None):
        problem = begin(self, task, seed)
        self._episode.environment._state.workspace.close()
        return problem

    monkeypatch.setattr(adapter.Player, "start", broken)
    log, _ = play(adapter.repogym("swe-mini", TASK), SOLVE)
    score = log.samples[0].scores["verdict"]
    assert math.isnan(score.value) and score.metadata["failure_kind"] == "infrastructure"
    assert adapter._players == {}


def test_inspects_bash_in_our_sandbox(play):
    log, requests = play(
        adapter.repogym_sandbox("swe-mini", TASK), replies(("bash", {"command": FIX}), ("", {}))
    )
    assert log.status == "success", log.error
    score = log.samples[0].scores["diff_verdict"]
    assert score.value == {"resolved": 1.0, "fraction": 1.0}
    assert [tool["function"]["name"] for tool in requests[0]["tools"]] == ["bash"]


def test_the_sandbox_does_what_inspect_asks_of_one():
    async def use():
        made = await adapter.RepoGymSandbox.sample_init("t", None, {})
        one = made["default"]
        try:
            await one.write_file("a/b.txt", "ä\r\n")
            assert await one.read_file("a/b.txt") == "ä\r\n"
            assert await one.read_file("/testbed/a/b.txt", text=False) == "ä\r\n".encode()
            done = await one.exec(["bash", "-c", "cat; echo $X; pwd"], "in ", "a", {"X": "y"})
            assert (done.success, done.stdout) == (True, "in y\n/testbed/a\n")
            missing = await one.exec(["no-such-program"])
            assert missing.returncode == 127
            with pytest.raises(TimeoutError):
                await one.exec(["sleep", "60"], timeout=1)
            with pytest.raises(OutputLimitExceededError):
                await one.exec(["bash", "-c", "head -c 12000000 /dev/zero"])
            with pytest.raises(FileNotFoundError):
                await one.read_file("none")
            with pytest.raises(IsADirectoryError):
                await one.read_file("a")
            await one.exec(["truncate", "-s", "101M", "big"])
            with pytest.raises(OutputLimitExceededError):
                await one.read_file("big")
        finally:
            await adapter.RepoGymSandbox.sample_cleanup("t", None, made, interrupted=False)
        assert one._empty is not None and not one._empty.exists()

    asyncio.run(use())


def test_what_does_not_fit_is_said_at_once():
    with pytest.raises(UnknownNameError):
        adapter.repogym("swe-mini", "no-such-task")


def test_the_example_on_the_command_line(tmp_path):
    script = Script.model_validate({"conversations": [{"when": "", "replies": SOLVE}]})
    with ScriptedServer(script) as server:
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "REPOGYM_API_KEY": "k",
            "REPOGYM_BASE_URL": server.api_base,
        }
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("inspect")), "eval",
                "examples/inspect_eval.py@swe_mini", "-T", f"tasks={TASK}", "--display", "plain",
                *("--model", "openai-api/repogym/t", "--log-dir", str(tmp_path)),
            ],
            cwd=ROOT, env=environ, capture_output=True, text=True, timeout=280,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = list_eval_logs(str(tmp_path))
    log = read_eval_log(found)
    assert log.results.scores[0].metrics["mean"].value == 1.0
