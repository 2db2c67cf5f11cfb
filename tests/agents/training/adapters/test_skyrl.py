"""Episodes as SkyRL-gym plays them."""

import json
from pathlib import Path

import pytest
import skyrl_gym

from agents.training.adapters.skyrl import register
from repos.errors import InputError

ROOT = Path(__file__).parents[4]
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()
CONFIG = {"suite": "swe-mini", "max_turns": 3, "options": {"tools": ["bash", "submit"]}}
ROW = {"task": "warmcache-refresh", "seed": 3}


def block(name, **arguments):
    return "```tool\n" + json.dumps({"name": name, "arguments": arguments}) + "\n```"


@pytest.fixture
def env():
    register()
    made = skyrl_gym.make("repogym", env_config=CONFIG, extras=ROW)
    yield made
    made.close()


def test_a_reply_with_several_calls_solves_the_task(env):
    messages, _ = env.init([{"role": "system", "content": "Repair it."}])
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "Repair it." in messages[0]["content"] and '"submit"' in messages[0]["content"]
    assert "warmcache" in messages[1]["content"]
    silent = env.step("I think.")
    assert not silent["done"] and "no call" in silent["observations"][0]["content"]
    fix = block("bash", command=f"git apply <<'END'\n{PATCH}END\n")
    last = env.step(f"{fix}\n{block('submit')}\n{block('bash', command='true')}")
    assert last["done"] and last["reward"] == 1.0 and last["observations"] == []
    assert last["metadata"]["end"] == "submitted" and not last["metadata"]["truncated"]
    assert env.get_metrics()["steps"] == 2.0


def test_replies_that_are_used_up_truncate(env):
    env.init([])
    steps = [env.step("I think.") for _ in range(3)]
    assert [step["done"] for step in steps] == [False, False, True]
    assert steps[-1]["metadata"]["truncated"] and steps[-1]["metadata"]["end"] == "turns"
    metrics = type(env).aggregate_metrics([env.get_metrics()])
    assert (metrics["truncated"], metrics["mask_sample"]) == (1.0, 0.0)


def test_what_does_not_fit_is_said_at_once():
    register()
    with pytest.raises(InputError, match="max_turns is 0"):
        skyrl_gym.make("repogym", env_config={"max_turns": 0}, extras={})
