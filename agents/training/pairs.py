"""Preference pairs of sibling branches, step by step, as contrastive preference learning wants.

CPL (J. Hejna et al., 2023) compares segments by their advantages; siblings of a tree rollout begin
in the same state, so their advantages are comparable as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from agents.training.trees import Node, Turn


def sibling_pairs(
    root: Node, problem: str, tools: Sequence[Mapping[str, Any]] = (), *, least: float = 0.0
) -> Iterator[dict[str, Any]]:
    """Yield a pair for any two siblings whose advantages differ, in the form of `preference` rows.

    Args:
        root: A tree with advantages (`trees.tree_rollout`).
        problem: What the episode told first.
        tools: Schemas of its tools.
        least: Siblings that differ by no more than so much make no pair.
    """
    yield from _below(root, [], problem, json.dumps(list(tools), ensure_ascii=False), least)


def _below(
    node: Node, before: list[Turn], problem: str, tools: str, least: float
) -> Iterator[dict[str, Any]]:
    history = [*before, *node.turns]
    prompt = [{"role": "user", "content": problem}, *_messages(history, 0)]
    known = [one for one in node.children if one.advantage is not None and one.turns]
    for one, other in combinations(known, 2):
        good, bad = (one, other) if (one.advantage or 0) > (other.advantage or 0) else (other, one)
        if (good.advantage or 0) - (bad.advantage or 0) > least:
            yield {
                "prompt": prompt,
                "chosen": _messages(good.turns, len(history)),
                "rejected": _messages(bad.turns, len(history)),
                "tools": tools,
                "step": len(history),
                "chosen_advantage": good.advantage,
                "rejected_advantage": bad.advantage,
            }
    for child in node.children:
        yield from _below(child, history, problem, tools, least)


def _messages(turns: Sequence[Turn], start: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, turn in enumerate(turns, start=start):
        try:
            arguments = json.loads(turn.call.arguments)
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            arguments = {"not_a_json_object": turn.call.arguments}
        function = {"name": turn.call.name, "arguments": arguments}
        call = {"id": f"call-{number}", "type": "function", "function": function}
        found.append({"role": "assistant", "content": "", "tool_calls": [call]})
        found.append({"role": "tool", "tool_call_id": call["id"], "content": turn.text})
    return found
