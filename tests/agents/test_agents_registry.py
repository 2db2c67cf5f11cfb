"""Agents by name, with their arguments."""

from __future__ import annotations

import pytest

from agents.base import ActAdapter, as_tool_call
from agents.models.registry import make_model
from agents.models.symbolic import SymbolicModel
from agents.noop import Noop
from agents.planner import Planner
from agents.random import Random
from agents.registry import make_agent, needs_model, privileged
from envs.episode import ToolCall
from repos.errors import RepoGymError, UnknownNameError

OWN = """
class Plain:
    def run(self, episode):
        pass

class Full:
    privileged = True
    def __init__(self, model, seed, colour="red"):
        self.got = (model, seed, colour)
    def run(self, episode):
        pass

class Optional(Full):
    def __init__(self, model=None):
        self.model = model

class Policy:
    requires_model = False
    def __init__(self, model=None, **rest):
        self.rest = rest
    def act(self, observation):
        return ("submit", {})

class Needy:
    def __init__(self, key):
        pass

def factory(seed=7):
    return Full(None, seed)

nothing = 3
"""


class AModel:
    name = "a"

    def complete(self, messages, tools=(), *, temperature=None, max_tokens=None):
        raise AssertionError("not asked here")


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "my_agents_here.py").write_text(OWN)
    (tmp_path / "my_broken_agents.py").write_text("import no_such_package_at_all\n")
    (tmp_path / "my_failing_agents.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "my_agents_here", raising=False)
    return "my_agents_here"


def test_built_in_names():
    assert isinstance(make_agent("noop"), Noop)
    agent = make_agent("random", seed=5, args={"steps": 9})
    assert isinstance(agent, Random)
    assert (agent.seed, agent.steps) == (5, 9)
    planner = make_agent("planner", model=AModel(), args={"rounds": 2})
    assert isinstance(planner, Planner)
    assert planner.rounds == 2
    assert [n for n in ("planner", "react", "oracle", "noop", "random") if needs_model(n)] == [
        "planner",
        "react",
    ]
    assert privileged("oracle")
    assert not privileged("planner")


def test_the_table_says_what_the_classes_say():
    from agents.construct import load
    from agents.registry import BUILT_IN

    for name, info in BUILT_IN.items():
        target = load("agents", name, {name: info.path}, "agent")
        assert target.requires_model == info.requires_model
        assert getattr(target, "privileged", False) == info.privileged


def test_ones_own_by_dotted_path(own):
    model = AModel()
    assert make_agent(f"{own}:Full", model, 3, {"colour": "blue"}).got == (model, 3, "blue")
    assert make_agent(f"{own}:factory", seed=8).got == (None, 8, "red")
    assert isinstance(make_agent(f"{own}:Policy", args={"x": 1}), ActAdapter)
    make_agent(f"{own}:Plain")
    assert needs_model(f"{own}:Full")
    assert not needs_model(f"{own}:Plain")
    assert not needs_model(f"{own}:Optional")
    assert not needs_model(f"{own}:Policy")
    assert privileged(f"{own}:Full")
    assert not privileged(f"{own}:Plain")


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("plannner", {}, "Did you mean 'planner'"),
        ("noop", {"steps": 1}, "takes none"),
        ("random", {"step": 1}, "Did you mean 'steps'"),
        ("{own}:Ful", {}, "Did you mean 'Full'"),
        ("{own}:Full", {}, "--model"),
        ("{own}:Optional", {"modle": 1}, "modle"),
        ("{own}:Needy", {}, "key=VALUE"),
        ("{own}:nothing", {}, "not a class"),
        ("{own}:Needy", {"key": 1}, "neither run"),
        ("no_such_module_of_mine:X", {}, "no module 'no_such_module_of_mine'"),
        ("my_broken_agents:X", {}, "no module 'no_such_package_at_all'"),
        ("my_failing_agents:X", {}, "ZeroDivisionError"),
        (":X", {}, "package.module:Class"),
        ("planner", {}, "--model"),
    ],
)
def test_bad_input_is_one_sentence(own, name, args, words):
    with pytest.raises(RepoGymError) as caught:
        make_agent(name.format(own=own), args=args)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_values_of_the_planner_are_refused():
    for args in ({"rounds": 0}, {"phase_calls": "many"}):
        with pytest.raises(RepoGymError, match="whole number of at least 1"):
            make_agent("planner", AModel(), args=args)
    with pytest.raises(UnknownNameError, match="round"):
        make_agent("planner", AModel(), args={"round": 1})


def test_what_a_policy_may_return():
    call = ToolCall("view", '{"path": "a"}')
    assert as_tool_call(call) is call
    assert as_tool_call({"name": "view", "arguments": {"path": "a"}}) == call
    assert as_tool_call({"name": "view", "arguments": "{"}) == ToolCall("view", "{")
    assert as_tool_call({"name": "submit"}) == ToolCall("submit", "{}")
    for wrong in (None, "submit", ("submit", {}), {"tool": "submit"}):
        with pytest.raises(RepoGymError, match="act\\(\\) returned"):
            as_tool_call(wrong)


@pytest.mark.parametrize("tool_format", ["native", "text"])
def test_the_symbolic_model_takes_calls_as_they_are_in_either_format(tool_format):
    assert isinstance(make_model("symbolic", tool_format=tool_format), SymbolicModel)
