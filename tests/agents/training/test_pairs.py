"""Preference pairs of sibling branches."""

import json

from agents.training.pairs import sibling_pairs
from agents.training.trees import Node, Turn, advantages
from envs.episode import ToolCall


def turn(name, reward=0.0, arguments="{}"):
    return Turn(ToolCall(name, arguments), f"{name} printed", reward)


def leaf(name, reward, **more):
    return Node(turns=[turn(name, reward, **more)])


def test_siblings_with_different_advantages_make_a_pair():
    inner = Node(turns=[turn("look")], children=[leaf("good", 1.0), leaf("bad", 0.0)])
    root = advantages(
        Node(turns=[turn("begin")], children=[inner, leaf("worse", 0.0, arguments="no JSON")])
    )
    tools = [{"type": "function", "function": {"name": "look"}}]
    first, second = sibling_pairs(root, "Mend it.", tools)
    assert [m["role"] for m in first["prompt"]] == ["user", "assistant", "tool"]
    assert first["step"] == 1 and first["chosen_advantage"] > first["rejected_advantage"]
    name = [p["chosen"][0]["tool_calls"][0]["function"]["name"] for p in (first, second)]
    assert name == ["look", "good"]
    wrong = first["rejected"][0]["tool_calls"][0]["function"]
    assert wrong == {"name": "worse", "arguments": {"not_a_json_object": "no JSON"}}
    assert second["rejected"][1]["content"] == "bad printed" and second["step"] == 2
    ids = [m["tool_calls"][0]["id"] for m in second["prompt"] if m["role"] == "assistant"]
    assert ids == ["call-0", "call-1"] and second["chosen"][0]["tool_calls"][0]["id"] == "call-2"
    assert json.loads(first["tools"]) == tools
    assert not list(sibling_pairs(root, "Mend it.", tools, least=2.0))
