"""Agents by name: the built-in ones, and anyone's by its dotted path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.base import Agent, as_agent
from agents.construct import build, load, requires
from agents.models.protocol import Model
from repos.errors import InputError


@dataclass(frozen=True)
class AgentInfo:
    """What is known of a built-in agent without importing it."""

    path: str
    summary: str
    requires_model: bool = False
    privileged: bool = False


BUILT_IN: Mapping[str, AgentInfo] = {
    "planner": AgentInfo(
        "agents.planner:Planner",
        "understand, plan, localise, edit, test, reflect and refine",
        requires_model=True,
    ),
    "react": AgentInfo("agents.react:React", "a plain tool loop", requires_model=True),
    "codexgraph": AgentInfo(
        "agents.codexgraph:CodexGraph",
        "asks the code graph in prose, a translator writes the Cypher; then a tool loop",
        requires_model=True,
    ),
    "rrr": AgentInfo(
        "agents.rrr:RRR",
        "retrieves, looks with static tools, reflects and improves",
        requires_model=True,
    ),
    "toolgen": AgentInfo(
        "agents.toolgen:ToolGen",
        "continues a removed body as text and takes names from the completion tool",
        requires_model=True,
    ),
    "oracle": AgentInfo(
        "agents.oracle:Oracle", "applies the reference patch (sanity check: 100%)", privileged=True
    ),
    "noop": AgentInfo("agents.noop:Noop", "submits at once (sanity check: 0%)"),
    "random": AgentInfo("agents.random:Random", "seeded random actions"),
}


def make_agent(
    name: str,
    model: Model | None = None,
    seed: int = 0,
    args: Mapping[str, Any] | None = None,
) -> Agent:
    """Make an agent.

    Args:
        name: A built-in name, the name of an entry point of the group `repogym.agents`, or
            `package.module:Class` (also a factory function); the current folder is importable.
        model: Given to agents whose constructor takes `model`.
        seed: Given to agents whose constructor takes `seed`.
        args: Further keyword arguments of the constructor (`--agent-arg`).

    Raises:
        UnknownNameError: No such agent, or an argument that it does not take.
        InputError: It needs a model and got none, or it cannot be imported or made.
    """
    target = _target(name)
    if model is None and needs_model(name):
        raise InputError(f"The agent {name} needs a model: name one with --model.")
    offered: dict[str, Any] = {"seed": seed}
    if model is not None:
        offered["model"] = model
    return as_agent(build(target, f"agent {name}", "--agent-arg", args or {}, offered), name)


def needs_model(name: str) -> bool:
    """Return whether the agent `name` has to be given a model.

    Raises:
        UnknownNameError: No such agent.
        InputError: It cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name].requires_model
    target = _target(name)
    declared = getattr(target, "requires_model", None)
    return requires(target, "model") if declared is None else bool(declared)


def privileged(name: str) -> bool:
    """Return whether the agent `name` sees the reference patch.

    Raises:
        UnknownNameError: No such agent.
        InputError: It cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name].privileged
    return bool(getattr(_target(name), "privileged", False))


def required_tools(name: str) -> tuple[str, ...]:
    """Return the tools without which the agent `name` can't work.

    Raises:
        UnknownNameError: No such agent.
        InputError: It cannot be imported.
    """
    return tuple(getattr(_target(name), "requires_tools", ()))


def _target(name: str) -> Any:
    paths = {known: info.path for known, info in BUILT_IN.items()}
    return load("agents", name, paths, "agent")
