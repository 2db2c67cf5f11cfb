"""What an agent is, and how an object with only `act` becomes one."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from envs.episode import Episode, ToolCall
from repos.errors import AgentError, InputError


@runtime_checkable
class Agent(Protocol):
    """Plays an episode to its end.

    An agent class may take `model`, `seed` and keyword arguments of its own (`--agent-arg`).
    Optional class attributes tell the command line what it needs:

    * `requires_model` (bool): whether a model has to be built for it. Where it is missing,
      a constructor with a parameter `model` that has no default means yes.
    * `privileged` (bool): whether it may see the reference patch; the run records it.
    * `requires_tools` (names): tools without which it can't work.
    """

    def run(self, episode: Episode) -> None:
        """Act until `episode.done`, or return earlier and leave the diff as it stands."""
        ...


@runtime_checkable
class Acting(Protocol):
    """The other form of an agent: a policy that answers each observation with one call."""

    def act(self, observation: dict[str, Any]) -> Any:
        """Return a `ToolCall`, or a mapping with `name` and `arguments`."""
        ...


class ActAdapter:
    """Runs an object with `act(observation) -> call` as an agent."""

    def __init__(self, policy: Acting) -> None:
        self.policy = policy
        self.requires_tools: Sequence[str] = getattr(policy, "requires_tools", ())

    def run(self, episode: Episode) -> None:
        """Ask the policy for a call until the episode ends.

        Raises:
            AgentError: The policy returned something that is not a call.
        """
        while not episode.done:
            episode.step(as_tool_call(self.policy.act(episode.observation)))


def as_tool_call(value: Any) -> ToolCall:
    """Turn what a policy returned into a `ToolCall`.

    Args:
        value: A `ToolCall`, or a mapping with `name` and, optionally, `arguments` as raw
            JSON text or as a mapping.

    Raises:
        AgentError: Anything else.
    """
    if isinstance(value, ToolCall):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        arguments = value.get("arguments", {})
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return ToolCall(value["name"], arguments)
    raise AgentError(
        f"act() returned {value!r:.200}: return ToolCall(name, arguments) or "
        '{"name": ..., "arguments": {...}}.'
    )


def as_agent(value: Any, where: str) -> Agent:
    """Return `value` as an agent, adapted where it only has `act`.

    Args:
        value: An object with `run(episode)` or `act(observation)`.
        where: Its dotted path, for the message.

    Raises:
        InputError: It has neither, or one that takes other arguments.
    """
    if isinstance(value, Agent):
        _check_form(value.run, "run", "episode", where)
        return value
    if isinstance(value, Acting):
        _check_form(value.act, "act", "observation", where)
        return ActAdapter(value)
    raise InputError(
        f"{where} made a {type(value).__name__}, which has neither run(episode) nor "
        "act(observation): an agent needs one of them."
    )


def check_tools(agent: Agent, offered: Sequence[Mapping[str, Any]], name: str) -> None:
    """Check that an environment offers the tools that an agent can't do without.

    Args:
        agent: The agent.
        offered: Schemas of the environment's tools.
        name: The agent's name, for the message.

    Raises:
        InputError: A tool is not offered.
    """
    known = {tool["function"]["name"] for tool in offered}
    for tool in getattr(agent, "requires_tools", ()):
        if tool not in known:
            raise InputError(
                f"The agent {name} needs the tool {tool}, which this environment does not "
                "offer: add it to its tools, or use another agent."
            )


def _check_form(method: Any, name: str, argument: str, where: str) -> None:
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        return  # a compiled method tells no signature
    try:
        signature.bind(None)
    except TypeError as error:
        raise InputError(
            f"{where}: its {name} can't be called as {name}({argument}) ({error}): write "
            f"`def {name}(self, {argument})`."
        ) from error
