"""Whose fault it is: what ends an episode, what ends a run, and what is tried again."""

import sys

import gymnasium
import pytest

from agents.runs.episode import run_episode
from agents.runs.journal import read_journal
from agents.runs.spec import EpisodeSpec
from envs.episode import Episode
from repos.errors import (
    AgentError,
    InfrastructureError,
    InputError,
    RepoGymError,
    SandboxUnavailableError,
    TaskError,
    UnknownNameError,
)

OWN = '''
import builtins

from envs.episode import ToolCall
from repos.errors import InputError, InfrastructureError
from tools.context import ToolContext
from tools.registry import tool

CHANGE = ToolCall("bash", '{"command": "echo x > NEW.txt"}')


@tool
def broken(ctx: ToolContext, *, kind: str) -> str:
    """Fail in some way.

    Args:
        kind: How.
    """
    raise {"input": InputError, "os": OSError, "memory": MemoryError,
           "sandbox": InfrastructureError}[kind]("of the tool")


def never(score):
    if score.task != "a task":
        raise KeyError("no reward")
    return 0.0


class Raises:
    def __init__(self, error="ValueError"):
        self.error = error

    def run(self, episode):
        episode.step(CHANGE)
        known = {"InputError": InputError, "InfrastructureError": InfrastructureError}
        raise (known.get(self.error) or getattr(builtins, self.error))("of the agent")


class Calls:
    def __init__(self, kind="input"):
        self.kind = kind

    def run(self, episode):
        episode.step(CHANGE)
        episode.step(ToolCall("broken", '{"kind": "%s"}' % self.kind))


class Acts:
    def act(self, observation):
        return 5


class Submits:
    def run(self, episode):
        episode.step(ToolCall("submit"))


class Returns:
    def run(self, episode):
        episode.step(CHANGE)


class Floods:
    def run(self, episode):
        episode.step(ToolCall("bash", '{"command": "seq 100000 > big"}'))
        episode.step(ToolCall("git_diff"))
        episode.step(ToolCall("submit"))
'''


@pytest.fixture
def play(tmp_path, monkeypatch):
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_parts", raising=False)

    def run(agent, **options):
        spec = EpisodeSpec(
            suite="swe-mini",
            task="warmcache-refresh",
            agent=f"own_parts:{agent}",
            out=str(tmp_path / "episode"),
            **options,
        )
        return spec, run_episode(spec)

    yield run
    from tools import registry

    registry._registered.pop("broken", None)


TOOLS = {"tools": ["bash", "submit", "own_parts:broken"]}


@pytest.mark.parametrize(
    "error",
    ["ValueError", "OSError", "MemoryError", "InputError", "InfrastructureError"],
)
def test_what_an_agent_raises_ends_its_episode_and_is_scored(play, error):
    spec, record = play("Raises", agent_args={"error": error})
    assert (record.status, record.end) == ("done", "agent_error")
    assert record.agent_error == f"{error}: of the agent"
    assert b"NEW.txt" in (spec.folder / "patch.diff").read_bytes()
    kinds = [event["kind"] for event in read_journal(spec.folder / "episode.jsonl")]
    assert "agent_error" in kinds and kinds[-1] == "end"


@pytest.mark.parametrize("kind", ["input", "os", "memory", "sandbox"])
def test_what_a_tool_of_ones_own_raises_ends_the_episode_and_no_more(play, kind):
    _, record = play("Calls", agent_args={"kind": kind}, env_args=TOOLS)
    assert (record.status, record.end) == ("done", "agent_error")
    assert record.agent_error.startswith("OwnToolError: The tool broken failed: ")
    assert record.patch_bytes


@pytest.mark.parametrize(("agent", "end"), [("Submits", "submitted"), ("Returns", "returned")])
def test_a_reward_that_fails_keeps_the_verdict(play, agent, end):
    spec, record = play(agent, reward="own_parts:never")
    assert (record.status, record.end, record.reward) == ("done", end, 0.0)
    assert "never failed: KeyError" in record.agent_error
    assert (spec.folder / "score.json").exists()


def test_a_change_too_large_to_be_told_is_a_verdict(play, monkeypatch):
    monkeypatch.setattr("repos.sandbox.workspace.MAX_DIFF", 100_000)
    spec, record = play("Floods")
    assert (record.status, record.end, record.resolved) == ("done", "submitted", False)
    assert (spec.folder / "patch.diff").read_bytes() == b""
    steps = [e for e in read_journal(spec.folder / "episode.jsonl") if e["kind"] == "step"]
    assert "The diff is larger than" in steps[1]["observation"]["text"]


def test_a_policy_that_returns_no_call_is_the_agents_error(play):
    _, record = play("Acts")
    assert record.end == "agent_error"
    assert record.agent_error.startswith("AgentError: act() returned 5")


def test_what_a_tool_of_repogyms_finds_misconfigured_ends_the_run(play, monkeypatch, tmp_path):
    monkeypatch.setenv("REPOGYM_GRAPH_STORE", "papyrus")
    (tmp_path / "own_asks.py").write_text(
        "from envs.episode import ToolCall\n"
        "class Asks:\n"
        "    def act(self, observation):\n"
        "        return ToolCall('repo_map')\n"
    )
    spec = EpisodeSpec(
        suite="swe-mini",
        task="warmcache-refresh",
        agent="own_asks:Asks",
        out=str(tmp_path / "asks"),
    )
    with pytest.raises(RepoGymError, match="papyrus") as caught:
        run_episode(spec)
    assert not isinstance(caught.value, AgentError | InfrastructureError)


def test_each_class_is_one_side_of_a_boundary():
    sides = [InputError, TaskError, AgentError, InfrastructureError]
    assert [side.exit_status for side in sides] == [2, 2, 2, 3]
    for side in sides:
        assert side.__bases__ == (RepoGymError,)
    assert issubclass(UnknownNameError, InputError)
    assert issubclass(SandboxUnavailableError, InputError)


def test_an_environment_of_another_kind_is_refused_by_name():
    class Other(gymnasium.Env):
        def reset(self, *, seed=None, options=None):
            raise AssertionError("never asked")

    with pytest.raises(InputError, match=r"Other can't be played .*it lacks task, tools"):
        Episode(Other())
