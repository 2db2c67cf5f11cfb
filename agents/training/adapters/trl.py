"""Episodes for TRL's `GRPOTrainer(environment_factory=...)`.

TRL makes a tool of every public function of the environment's class, so the class is made at run
time, from the schemas of the tools that were chosen.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Literal, Optional

from agents.training.player import Player, Verdict
from repos.errors import InputError

END = "no_tool_calls"
"""Why an episode ended in which the model stopped calling tools (`end`)."""

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict,
    "null": type(None),
}


class TRLEpisode:
    """One episode after the other, as TRL plays them; its subclasses have the tools."""

    _suite: str = ""
    _options: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self._player = Player(self._suite, **self._options)
        # TRL never closes an environment: the last episode ends with the object.
        self._closing = weakref.finalize(self, self._player.close)

    def reset(self, **row: Any) -> str:
        """Start the episode of a data row and return its problem.

        Args:
            row: The columns; `task` and `seed` are used.

        Raises:
            InputError: No such task.
        """
        problem = self._player.start(row.get("task"), row.get("seed"))
        return f"\n\n{problem}"

    def get_reward(self) -> float | None:
        """Return the reward; None, which TRL leaves out, where there is no valid verdict."""
        verdict = self._player.verdict or self._player.finish(END)
        return None if verdict.mask_sample else verdict.reward

    @property
    def verdict(self) -> Verdict | None:
        """What the episode came to; None before `get_reward` or its end."""
        return self._player.verdict


def environment_factory(suite: str, **options: Any) -> type[TRLEpisode]:
    """Return a class for `GRPOTrainer(environment_factory=...)`.

    Args:
        suite: As on the command line after `--env`.
        options: As for `envs.env.RepoEnv`.

    Raises:
        InputError: A name or value that does not fit, or a tool whose name TRL reserves.
    """
    player = Player(suite, **options)
    try:
        functions = [tool["function"] for tool in player.tools]
    finally:
        player.close()
    taken = [f["name"] for f in functions if hasattr(TRLEpisode, f["name"])]
    if taken:
        raise InputError(f"The tool {taken[0]} has a name that TRL's environments need: rename it.")
    members: dict[str, Any] = {f["name"]: _method(f) for f in functions}
    members |= {"_suite": suite, "_options": options}
    return type("RepoGymEpisode", (TRLEpisode,), members)


def _method(function: Mapping[str, Any]) -> Callable[..., str]:
    """Return a method with the signature and the docstring of a tool, as TRL reads them."""
    name = function["name"]
    properties = function["parameters"].get("properties", {})
    required = set(function["parameters"].get("required", ()))

    def method(self: TRLEpisode, **arguments: Any) -> str:
        return self._player.call(name, arguments).text

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for key, schema in properties.items():
        default = inspect.Parameter.empty if key in required else schema.get("default")
        parameters.append(
            inspect.Parameter(key, keyword, default=default, annotation=_type(schema))
        )
    method.__name__ = method.__qualname__ = name
    method.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    method.__annotations__ = {p.name: p.annotation for p in parameters[1:]} | {"return": str}
    told = "".join(
        f"\n    {key}: {' '.join(str(schema.get('description') or key).split())}"
        for key, schema in properties.items()
    )
    args = f"\n\nArgs:{told}" if told else ""
    method.__doc__ = f"{function['description']}{args}\n\nReturns:\n    What the tool printed."
    return method


def _type(schema: Mapping[str, Any]) -> Any:
    """Return the Python type of a simple JSON schema."""
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if "anyOf" in schema:
        inner = [one for one in schema["anyOf"] if one.get("type") != "null"]
        kind = _type(inner[0]) if len(inner) == 1 else Any
        return Optional[kind] if len(inner) < len(schema["anyOf"]) else kind  # noqa: UP045
    if schema.get("type") == "array":
        return list[_type(schema.get("items", {}))]
    return _TYPES.get(str(schema.get("type")), dict if "$ref" in schema else str)
