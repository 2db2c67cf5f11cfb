"""Agents on a kernel: whole trajectories with scripted models, and what bounds them.

The kernel is built once, for all tests of kernels; see tests/repos/kernel/test_end_to_end.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import envs
import repogym  # noqa: F401  (registers the environments)
from agents.models.litellm_model import LiteLLMModel
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.registry import make_agent
from envs.episode import Episode
from repos.kernel.trees import missing_programs

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.index,
    pytest.mark.skipif(
        bool(missing_programs()) and not os.environ.get("CI"),
        reason="`repogym kernel doctor` says what is missing",
    ),
]
ROOT = Path(__file__).parents[2]
TASK = "key-read-bounds"
FILE = "security/keys/user_defined.c"
OLD = "\tret = upayload->datalen;"
WRONG = "\tret = upayload->datalength;"
FIX = OLD + "\n\tif (buffer && buflen > upayload->datalen)\n\t\tbuflen = upayload->datalen;"


@pytest.fixture(scope="module")
def env():
    env = envs.make("kernel-lite", task=TASK, privileged=True, max_steps=60)
    yield env
    env.close()


@pytest.fixture
def play(env):
    """Play an agent with a script; returns the episode and the requests of its model."""
    servers = []

    def start(name, replies):
        server = ScriptedServer(Script.model_validate(replies))
        servers.append(server)
        args = {"api_key": "k", "backoff_s": 0.01, "max_tokens": 1000}
        model = LiteLLMModel("openai/t", api_base=server.api_base, args=args, price=(1.0, 1.0))
        episode = Episode(env, seed=0)
        make_agent(name, model=model).run(episode)
        return episode, server.requests

    yield start
    for server in servers:
        server.close()


def calls(tool, /, **arguments):
    return {"tool_calls": [{"name": tool, "arguments": arguments}]}


def edit(old, new):
    return calls("edit", path=FILE, old=old, new=new)


def answers(requests):
    """Return what the tools answered, in order."""
    return [m["content"] for m in requests[-1]["messages"] if m["role"] == "tool"]


RUN, BUILD, SUBMIT = calls("kernel_run"), calls("kernel_build", target=FILE), calls("submit")
LOOK = calls("search", pattern="buflen", path=FILE)


def test_oracle_resolves_and_noop_does_not(env):
    for name, resolved in (("oracle", True), ("noop", False)):
        episode = Episode(env, seed=0)
        make_agent(name).run(episode)
        assert episode.info["score_resolved"] == resolved


def test_react_crashes_builds_mends_and_submits(play):
    script = [RUN, LOOK, edit(OLD, WRONG), BUILD, edit(WRONG, FIX), BUILD, RUN, SUBMIT]
    episode, requests = play("react", script)
    assert episode.end == "submitted" and episode.info["score_resolved"]
    said = answers(requests)
    assert said[0].startswith("reproduced: KASAN: slab-out-of-bounds in user_read\n")
    assert f"{FILE}:" in said[0] and "BUG: KASAN" in said[0]
    assert said[3].startswith(f"FAILED\n{FILE}:") and "datalength" in said[3]
    assert said[5].startswith("BUILT") and said[6].startswith("notReproduced: no crash")
    offered = {tool["function"]["name"] for tool in requests[0]["tools"]}
    assert {"kernel_build", "kernel_run", "crash_report", "kernel_config"} <= offered


def test_the_planner_plays_its_phases(play):
    script = [
        LOOK, "It reads beyond a key's payload.",
        "1. Find the copy\n2. Bound it\n3. Run it",
        calls("find_symbol", name="user_read"), f"{FILE}: user_read",
        edit(OLD, FIX), "Done: 1, 2",
        RUN, SUBMIT,
    ]  # fmt: skip
    script = [s if isinstance(s, dict) else {"content": s} for s in script]
    episode, requests = play("planner", script)
    assert episode.end == "submitted" and episode.info["score_resolved"]
    found = [text for text in answers(requests) if FILE in text]
    assert any("user_read" in text for text in found)


def test_codexgraph_asks_the_graph_of_the_kernel(play):
    query = "MATCH (f:FUNCTION) WHERE f.name = 'user_read' RETURN f.file_path"
    script = {
        "conversations": [
            {
                "when": "<problem>",
                "replies": [
                    "Question: Where is user_read?", "There.", edit(OLD, FIX), RUN, SUBMIT
                ],
            },
            {"when": "Where is user_read", "replies": [query]},
        ]
    }  # fmt: skip
    episode, requests = play("codexgraph", script)
    assert episode.end == "submitted" and episode.info["score_resolved"]
    assert any(FILE in str(m["content"]) for m in requests[-1]["messages"] if m["role"] == "user")


@pytest.mark.parametrize("assist", ["none", "files", "tests"])
def test_assist_levels_show_what_they_say(assist):
    env = envs.make("kernel-lite", task=TASK, assist=assist)
    try:
        observation, _ = env.reset(seed=0)
        shown = env.step({"name": "bash", "arguments": '{"command": "ls checks"}'})[0]["text"]
    finally:
        env.close()
    text = observation["text"]
    assert "KASAN: slab-out-of-bounds in user_read" in text and "checks/reproducer.c" in text
    assert (FILE in text) is (assist == "files")
    hidden = {"variant-near.c", "variant-page.c", "positive-exact.c"}
    seen = {name for name in hidden if name in shown}
    if assist == "tests":
        assert "positive-exact.c" in seen and len(seen) == 2
    else:
        assert not seen


def test_the_environment_passes_the_checker():
    made = gymnasium.make("repogym/kernel-lite-v2", task=TASK, max_steps=50)
    raw = made.unwrapped
    for seed in range(3):
        raw.action_space.seed(seed)
        check_env(raw, skip_close_check=True, skip_render_check=True)
    made.close()


def test_without_a_model_one_sentence_says_so(tmp_path):
    command = [sys.executable, str(ROOT / "run_agent.py"), "--env", "kernel-lite"]
    done = subprocess.run(
        [*command, "--agent", "planner"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    (line,) = done.stderr.strip().splitlines()
    assert "repairs Python only" in line and "--model" in line
