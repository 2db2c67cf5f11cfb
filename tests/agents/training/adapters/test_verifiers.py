"""Episodes in the real verifiers, with a scripted model behind a real endpoint.

verifiers wants other packages than our pins, so it has an environment of its own: see
docs/training.md.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

if "REPOGYM_TEST_VERIFIERS" not in os.environ:
    pytest.skip("needs REPOGYM_TEST_VERIFIERS=1 and verifiers", allow_module_level=True)

from agents.models.script import Script
from agents.models.scripted import ScriptedServer

ROOT = Path(__file__).parents[4]
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()
TASK = "swe-mini/warmcache-refresh"


def call(name, **arguments):
    return f"```tool\n{json.dumps({'name': name, 'arguments': arguments})}\n```"


SOLVE = [call("bash", command=f"git apply <<'END'\n{PATCH}END\n"), call("submit")]


def evaluate(tmp_path, replies, *options):
    """Run `vf-eval` as a user would and return its exit status, its traces and what it printed."""
    script = {"conversations": [{"when": "", "replies": replies}]}
    server = ScriptedServer(Script.model_validate(script))
    command = [
        str(Path(sys.executable).with_name("vf-eval")), "verifiers_episodes",
        *("--env.player.runtime.type", "subprocess", "--env.player.harness.id", "null"),
        *("--client.base-url", server.api_base, "--env.taskset.tasks", TASK),
        *("--no-push", "--no-rich", "-n", "1", "-r", "1", "-m", "t", "-o", str(tmp_path / "out")),
        *options,
    ]  # fmt: skip
    places = os.pathsep.join([str(ROOT), str(ROOT / "examples")])
    environ = {**os.environ, "OPENAI_API_KEY": "k", "PRIME_API_KEY": "k", "PYTHONPATH": places}
    try:
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=600
        )
    finally:
        server.close()
    lines = [p.read_text().splitlines() for p in (tmp_path / "out").rglob("traces.jsonl")]
    rows = [json.loads(line) for file in lines for line in file]
    traces = [t for row in rows for t in row.get("traces", [row])]
    return done.returncode, traces, done.stdout + done.stderr, server.requests


def test_a_solved_task_is_rewarded(tmp_path):
    status, (trace,), printed, requests = evaluate(tmp_path, SOLVE)
    assert status == 0, printed
    assert trace["rewards"]["repogym"]["score"] == 1.0
    assert trace["metrics"]["resolved"] == 1.0 and trace["metrics"]["truncated"] == 0.0
    assert "warmcache" in json.dumps(requests[0]["messages"])
    # What decides stays hidden.
    hidden = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh").rglob("hidden/**/test_*.py")
    names = {line for p in hidden for line in p.read_text().splitlines() if "def test_" in line}
    assert names and not any(name.strip() in json.dumps(requests) for name in names)


def test_replies_that_are_used_up_truncate_the_episode(tmp_path):
    status, (trace,), printed, _ = evaluate(tmp_path, ["Hm."] * 3, "--env.max-turns", "2")
    assert status == 0, printed
    assert trace["rewards"]["repogym"]["score"] == 0.0
    assert trace["metrics"]["truncated"] == 1.0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--env.options", json.dumps({"tools": ["no_such_tool"]})), "no_such_tool"),
        (("--env.max-turns", "0"), "must be 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused_before_an_episode(tmp_path, options, word):
    status, traces, printed, requests = evaluate(tmp_path, SOLVE, *options)
    assert status and word in printed
    assert not traces and not requests


def test_tasks_come_in_the_order_that_was_asked_for():
    from agents.training.adapters.verifiers import Episodes, EpisodesConfig

    def ids(tasks):
        config = EpisodesConfig(suite="swe-mini", tasks=tasks)
        return [task.data.task for task in Episodes(config).load()]

    every = ids("")
    assert len(every) == 8
    assert ids(f"{every[3]}, {every[0]},{every[3]}") == [every[3], every[0]]
