"""Agents on a real task, with scripted models behind LiteLLM."""

from __future__ import annotations

import itertools
import json

import pytest

import envs
from agents.base import as_agent
from agents.models.budget import Budget
from agents.models.litellm_model import LiteLLMModel
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.registry import make_agent
from envs.episode import Episode, ToolCall

TASK = "warmcache-refresh"
FILE = "src/warmcache/stats.py"
CHANGE = f"echo '# changed' >> {FILE}"


@pytest.fixture(scope="module")
def env():
    env = envs.make("swe-mini", task=TASK, privileged=True, max_steps=250)
    yield env
    env.close()


@pytest.fixture
def play(env, tmp_path):
    """Play an agent with a script; returns the episode and the requests of its model."""
    servers = []

    def start(name, replies, args=None, budget_usd=None):
        server = ScriptedServer(Script.model_validate(replies))
        servers.append(server)
        budget = None if budget_usd is None else Budget(tmp_path / "ledger", budget_usd)
        model = LiteLLMModel(
            "openai/t",
            api_base=server.api_base,
            args={"api_key": "k", "backoff_s": 0.01, "max_tokens": 1000},
            budget=budget,
            price=(1.0, 1000.0),
        )
        episode = Episode(env, seed=0)
        make_agent(name, model=model, args=args).run(episode)
        return episode, server.requests

    yield start
    for server in servers:
        server.close()


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


def calls(*wanted, content=None):
    return {"content": content, "tool_calls": list(wanted)}


SUBMIT = calls(call("submit"))


def contents(request, role):
    return [m["content"] for m in request["messages"] if m["role"] == role]


def phases(request):
    return [
        text.splitlines()[0].removeprefix("Phase: ")
        for text in contents(request, "user")
        if text.startswith("Phase: ")
    ]


def test_noop_and_oracle_bound_what_is_possible(env):
    for name, resolved in (("noop", False), ("oracle", True)):
        episode = Episode(env, seed=0)
        make_agent(name).run(episode)
        assert episode.done
        assert episode.end == "submitted"
        assert episode.info["score_resolved"] == resolved


def test_random_survives_200_steps(env):
    episode = Episode(env, seed=0)
    make_agent("random", seed=1, args={"steps": 200}).run(episode)
    assert episode.done
    assert episode.end == "submitted"
    assert episode.info["step"] == 201
    assert episode.environment.outcome.score is not None


def test_random_takes_the_same_actions_for_the_same_seed(env):
    def played(seed):
        episode = Episode(env, seed=0)
        seen = []
        step = episode.step
        episode.step = lambda call: seen.append(call) or step(call)
        make_agent("random", seed=seed, args={"steps": 8}).run(episode)
        return seen

    assert played(3) == played(3) != played(4)


def test_a_policy_with_act_and_the_example_play_to_the_end(env):
    class Policy:
        def __init__(self):
            self.seen = []

        def act(self, observation):
            self.seen.append(observation["tool"])
            return ToolCall("list_files") if len(self.seen) < 3 else {"name": "submit"}

    policy = Policy()
    episode = Episode(env, seed=0)
    as_agent(policy, "here").run(episode)
    assert episode.done
    assert policy.seen == ["", "list_files", "list_files"]

    episode = Episode(env, seed=0)
    make_agent("examples.own_agent:Scout").run(episode)
    assert episode.end == "submitted"
    assert episode.info["step"] == 3


def test_react_acts_on_the_repository_and_sees_what_happened(play):
    episode, requests = play(
        "react",
        [
            calls(call("view", path=FILE), call("no_such_tool"), content="I look."),
            calls({"name": "view", "arguments": '{"path": '}),
            calls(call("bash", command=CHANGE)),
            SUBMIT,
        ],
    )
    assert episode.end == "submitted"
    assert b"+# changed" in episode.env.unwrapped.diff()
    assert episode.info["step"] == 5
    first, *_, last = requests
    assert episode.task.statement.strip()[:60] in contents(first, "user")[0]
    assert {tool["function"]["name"] for tool in first["tools"]} >= {"view", "bash", "submit"}
    seen = contents(last, "tool")
    assert len(seen) == 4
    assert "def " in seen[0] or "class " in seen[0]
    assert "no_such_tool" in seen[1]
    assert "JSON" in seen[2]
    # Every call is answered, and the history only grew.
    ids = [c["id"] for m in last["messages"] for c in m.get("tool_calls") or ()]
    assert ids == [m["tool_call_id"] for m in last["messages"] if m["role"] == "tool"]
    for before, after in itertools.pairwise(requests):
        assert after["messages"][: len(before["messages"])] == before["messages"]


def test_react_ends_when_the_model_says_nothing_useful(play):
    episode, requests = play("react", ["Hm.", calls(call("list_files")), "Hm.", "", "Well."])
    assert episode.done
    assert episode.end == "no_tool_calls"
    assert episode.environment.outcome.score is not None
    assert len(requests) == 5


def test_calls_after_the_end_of_the_episode_are_left_out(play):
    episode, requests = play("react", [calls(call("submit"), call("bash", command=CHANGE))])
    assert episode.end == "submitted"
    assert episode.env.unwrapped.diff() == b""
    assert len(requests) == 1


def test_a_spent_budget_ends_the_episode_and_the_diff_is_scored(play):
    usage = {"prompt_tokens": 100, "completion_tokens": 900}
    change = {**calls(call("bash", command=CHANGE)), "usage": usage}
    # A call costs 0.90 and could cost a little over 1.00.
    episode, requests = play("react", {"replies": [change], "after": "repeat"}, budget_usd=2.5)
    assert episode.end == "cost"
    assert len(requests) == 2
    assert b"+# changed" in episode.env.unwrapped.diff()
    assert episode.info["score_resolved"] is False


def test_a_long_history_is_shortened_in_its_old_observations(play):
    show = calls(call("bash", command="seq 1 1500"))
    episode, requests = play("react", [show] * 12 + [SUBMIT], args={"context_chars": 40_000})
    assert episode.end == "submitted"
    last = requests[-1]
    seen = contents(last, "tool")
    assert sum(map(len, seen)) < 40_000
    assert "left out" in seen[0]
    assert "1500" in seen[-1]
    assert last["messages"][:2] == requests[0]["messages"][:2]


def test_a_model_with_a_small_window_is_asked_again_with_less(play):
    too_long = {
        "status": 400,
        "code": "context_length_exceeded",
        "message": "This model's maximum context length is 16384 tokens. However, your messages "
        "resulted in 25000 tokens.",
    }
    show = calls(call("bash", command="seq 1 1500"))
    episode, requests = play("react", [*[show] * 8, {**SUBMIT, "faults": [too_long]}])
    assert episode.end == "submitted"
    assert len(requests) == 10
    before, after = (sum(map(len, contents(r, "tool"))) for r in requests[-2:])
    # A reply keeps room: 16384 less the 1000 of its bound, of 25000.
    assert after < before * 0.6


def test_the_planner_plans_tests_reflects_and_submits(play):
    episode, requests = play(
        "planner",
        [
            calls(call("list_files")),
            "It happens in the cache.",
            "1. Find the place\n2. Change it\n3. Test it",
            calls(call("search", pattern="def ")),
            f"{FILE}:1 is wrong",
            calls(call("bash", command=CHANGE)),
            "Changed it.\nDone: 1, 2",
            calls(call("git_diff")),
            "Verdict: fail, a comment is no repair.",
            "It was elsewhere.\n1. [x] Find the place\n2. Look at the deadline\nNext: edit",
            calls(call("bash", command=CHANGE.replace("changed", "again"))),
            "Done: 2",
            "All is well.\n**Verdict: pass**",
        ],
    )
    assert episode.end == "submitted"
    diff = episode.env.unwrapped.diff()
    assert b"+# changed" in diff
    assert b"+# again" in diff
    assert phases(requests[-1]) == [
        "understand",
        "plan",
        "localise",
        "edit",
        "test",
        "reflect",
        "edit",
        "test",
    ]
    told = [text for text in contents(requests[-1], "user") if text.startswith("Phase: ")]
    assert "<problem>" in told[0]
    assert episode.task.statement.strip()[:60] in told[0]
    assert "1. [ ] Find the place\n2. [ ] Change it\n3. [ ] Test it" in told[2]
    assert "1. [x] Find the place\n2. [x] Change it\n3. [ ] Test it" in told[4]
    assert "1. [x] Find the place\n2. [ ] Look at the deadline" in told[6]
    assert "1. [x] Find the place\n2. [x] Look at the deadline" in told[7]


def test_the_planner_does_not_test_what_was_not_changed_and_gives_up_when_told(play):
    look = calls(call("list_files", path="src"))
    episode, requests = play(
        "planner",
        [
            look,
            "?",
            "1. Look\n2. Change",
            "?",
            *["Changed it.\nDone: 1, 2"] * 3,
            "Verdict: give up",
        ],
    )
    assert episode.end == "submitted"
    assert phases(requests[-1]) == ["understand", "plan", "localise", "edit", "reflect"]
    *_, first, second, last = contents(requests[-1], "user")
    for nudge in (first, second):
        assert nudge.startswith("Nothing was changed in the repository yet")
    assert "Nothing was changed in the phase edit" in last
    # What was not done is not marked as done, whatever the reply says.
    assert "1. [ ] Look\n2. [ ] Change" in last
    assert episode.env.unwrapped.diff() == b""


def test_the_planner_bounds_its_phases_and_rounds(play):
    look = calls(call("list_files", path="src"))
    episode, requests = play(
        "planner", {"replies": [look], "after": "repeat"}, args={"rounds": 2, "phase_calls": 2}
    )
    assert episode.end == "submitted"
    assert phases(requests[-1]) == [
        "understand",
        "plan",
        "localise",
        "edit",
        "reflect",
        "localise",
        "edit",
    ]
    assert len(requests) == 14
    assert "The phase understand was ended" in json.dumps(requests[-1])


def test_the_model_may_submit_in_any_phase(play):
    episode, requests = play("planner", [calls(call("list_files")), "Understood.", SUBMIT])
    assert episode.end == "submitted"
    assert len(requests) == 3


def test_the_planner_nudges_a_model_that_only_talks_and_says_so_at_the_end(play):
    episode, requests = play(
        "planner", {"replies": ["I would look."], "after": "repeat"}, args={"rounds": 1}
    )
    assert episode.end == "no_tool_calls"
    assert phases(requests[-1]) == ["understand", "plan", "localise", "edit"]
    said = contents(requests[-1], "user")
    assert sum(text.startswith("Your reply called no tool") for text in said) == 4
    assert sum(text.startswith("Nothing was changed in the repository yet") for text in said) == 2


def test_the_planner_asks_for_a_verdict_or_a_check(play):
    episode, requests = play(
        "planner",
        [
            calls(call("list_files")),
            *["It is there.", "1. Change it", "There."],
            *[calls(call("bash", command=CHANGE)), "Done: 1", "Looks fine.", "Verdict: pass"],
        ],
    )
    assert episode.end == "submitted"
    assert "held no verdict" in contents(requests[-1], "user")[-1]


def test_a_reply_that_was_cut_off_is_told_so_and_ends_no_phase(play):
    cut = {
        "content": "It is most likely that",
        "finish_reason": "length",
        "usage": {"prompt_tokens": 9, "completion_tokens": 1000},
    }
    broken = {"tool_calls": [{"name": "view", "arguments": '{"path": "src'}], **cut}
    episode, requests = play("planner", [cut, cut, cut, cut, broken, SUBMIT])
    assert episode.end == "submitted"
    assert phases(requests[-1]) == ["understand"]
    told = contents(requests[-1], "user")[1:]
    assert len(told) == 5
    assert all(text.startswith("Your reply was cut off after 1000 tokens") for text in told)
    assert "Calls in it that were not whole did nothing" in told[-1]
    episode, requests = play("react", [cut, cut, cut])
    assert episode.end == "no_tool_calls"
    assert len(requests) == 3
