"""Episodes as NeMo-Gym's agents play them, over HTTP.

The tests with NeMo-Gym's own agent and model server need its environment: REPOGYM_TEST_NEMO_GYM
names that environment's Python (docs/trainers.md).
"""

import http.client
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.training.adapters.nemo_gym import ResourcesServer, aggregate, rows
from repos.errors import InputError

ROOT = Path(__file__).parents[4]
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()
TASK = "swe-mini/warmcache-refresh"
OPTIONS = {"tools": ["bash", "submit"]}
FIX = {"command": f"git apply <<'END'\n{PATCH}END\n"}


class Agent:
    """Asks as NeMo-Gym's agents do: keeps the cookies of the last answer, and no other."""

    def __init__(self, server):
        self.http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=240)
        self.cookie = ""

    def post(self, path, body):
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self.http.request("POST", path, json.dumps(body), headers)
        answer = self.http.getresponse()
        text = answer.read().decode()
        self.cookie = (answer.getheader("Set-Cookie") or "").split(";")[0]
        return answer.status, text


def test_two_agents_play_their_own_episodes():
    with ResourcesServer("swe-mini", most=2, **OPTIONS) as server:
        good, bad = Agent(server), Agent(server)
        assert good.post("/seed_session", {"task": TASK, "seed": 1})[0] == 200
        assert bad.post("/seed_session", {"task": TASK, "seed": 1})[0] == 200
        status, text = Agent(server).post("/seed_session", {"task": TASK})
        assert status == 400 and "2 of 2" in text
        assert good.post("/bash", FIX)[0] == 200
        assert "cache.py" not in bad.post("/bash", {"command": "git status --short"})[1]
        status, text = bad.post("/bash", {"wrong": 1})
        assert status == 200 and "command" in text
        assert good.post("/submit", {})[0] == 200
        won = json.loads(good.post("/verify", {"response": {"id": "r"}, "task": TASK})[1])
        lost = json.loads(bad.post("/verify", {})[1])
        assert (won["reward"], won["resolved"], won["response"]) == (1.0, True, {"id": "r"})
        assert (lost["reward"], lost["truncated"], lost["repogym"]["end"]) == (0.0, True, "agent")
        assert len(server.sessions) == 0
        assert good.post("/bash", {"command": "true"})[0] == 400


def test_failures_are_masked_and_idle_episodes_end():
    with ResourcesServer("swe-mini", idle_seconds=0.5, **OPTIONS) as server:
        one = Agent(server)
        one.post("/seed_session", {"task": TASK})
        cookie = one.cookie
        ends = time.monotonic() + 20
        while len(server.sessions) and time.monotonic() < ends:
            time.sleep(0.05)
        one.cookie = cookie
        told = json.loads(one.post("/verify", {})[1])
        assert told["mask_sample"] and told["failure_kind"] == "abandoned"
    with ResourcesServer("swe-mini", **OPTIONS) as server:
        one = Agent(server)
        one.post("/seed_session", {"task": TASK})
        (session,) = server.sessions._open.values()
        session.player._episode.environment._state.workspace.close()
        one.post("/bash", {"command": "true"})
        told = json.loads(one.post("/verify", {})[1])
        assert told["mask_sample"] and told["failure_kind"] == "infrastructure"
        assert one.post("/seed_session", {"task": "no-such-task"})[0] == 400
        one.http.request("POST", "/verify", b"[1]")
        assert one.http.getresponse().status == 400
        with pytest.raises(InputError, match="can't be listened at"):
            ResourcesServer("swe-mini", port=server.port)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/seed_session", b'{"task": "%s", "seed": "a"}' % TASK.encode(), 400),
        ("/aggregate_metrics", b'{"verify_responses": 3}', 200),
        ("/aggregate_metrics", b'{"verify_responses": [1, {"reward": "x"}]}', 200),
        ("/bash", b"[" * 100_000, 400),
    ],
    ids=["seed", "no list", "no number", "nested"],
)
def test_odd_requests_are_answered(path, body, status):
    with ResourcesServer("swe-mini", **OPTIONS) as server:
        one = Agent(server)
        one.http.request("POST", path, body)
        assert one.http.getresponse().status == status
        assert len(server.sessions) == 0


def test_masked_episodes_are_left_out_of_the_means():
    told = aggregate([{"reward": 1.0}, {"reward": 0.0}, {"reward": 0.0, "mask_sample": True}])
    assert told["key_metrics"]["mean/reward"] == 0.5
    assert told["agent_metrics"]["masked"] == 1


@pytest.mark.skipif(
    "REPOGYM_TEST_NEMO_GYM" not in os.environ, reason="needs REPOGYM_TEST_NEMO_GYM and nemo-gym"
)
def test_nemo_gyms_own_agent_plays():
    data = [*rows("swe-mini", [TASK], seed=1, **OPTIONS)] * 2
    calls = [{"name": "bash", "arguments": FIX}, {"name": "submit", "arguments": {}}]
    replies = [*({"tool_calls": [call]} for call in calls), "Done."]
    script = Script.model_validate({"conversations": [{"when": "", "replies": replies}]})
    with ScriptedServer(script) as model, ResourcesServer("swe-mini", **OPTIONS) as server:
        done = subprocess.run(
            [
                os.environ["REPOGYM_TEST_NEMO_GYM"],
                str(Path(__file__).with_name("nemo_gym_driver.py")),
                *(str(server.port), model.api_base),
            ],
            input="".join(json.dumps(row) + "\n" for row in data),
            capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        (line,) = [one for one in done.stdout.splitlines() if one.startswith("ANSWER ")]
        made, metrics = json.loads(line.removeprefix("ANSWER "))
        assert [one["reward"] for one in made] == [1.0, 1.0]
        assert made[0]["resolved"] and made[0]["mask_sample"] is False
        kinds = [item["type"] for item in made[0]["response"]["output"]]
        assert kinds.count("function_call_output") == 2
        assert metrics["key_metrics"]["mean/resolved"] == 1.0
        assert len(server.sessions) == 0
        assert {tool["function"]["name"] for tool in model.requests[0]["tools"]} == {
            "bash", "submit"
        }  # fmt: skip
