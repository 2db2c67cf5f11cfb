"""The options of a run: each stands here once, in the record of the part that it is for.

The command line gives them their words (agents/cli.py); a request, the settings of a run and
the spec of an episode are made of these records.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import Field

from repos.tasks.records import AssistLevel, Record

ToolFormat = Literal["native", "text"]

R = TypeVar("R", bound=Record)


class Price(Record):
    """Price of a model in USD per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class AgentOptions(Record):
    """Who acts.

    Attributes:
        agent: Name of a built-in agent, or `package.module:Class`.
        agent_args: Its keyword arguments.
    """

    agent: str
    agent_args: dict[str, Any] = Field(default_factory=dict)


class ModelOptions(Record):
    """Who answers the agent.

    Attributes:
        model: Name of the model; None where the agent needs none.
        model_args: The model's keyword arguments.
        api_base: Address of the model's endpoint; None is the provider's own.
        price: Price of the model where LiteLLM knows none.
        tool_format: "native" tool calls, or "text" for models without them.
    """

    model: str | None = None
    model_args: dict[str, Any] = Field(default_factory=dict)
    api_base: str | None = None
    price: Price | None = None
    tool_format: ToolFormat = "native"


class EnvironmentOptions(Record):
    """Where the agent works and what counts.

    Attributes:
        environment: Id of the task's environment to play; "" for the best one here.
        assist: What is shown beside the statement.
        sandbox: Name of the sandbox back end; "auto" picks an isolated one.
        allow_unsafe: Whether a sandbox without isolation may be used.
        seed: Seed of the environment; agents get one that is made from it.
        max_steps: Bound of the tool calls; None is the environment's own.
        seconds: Bound of the wall time, in seconds; None is the environment's own.
        reward: Name of a reward, or `package.module:function`.
        env_args: Further keyword arguments of the environment.
    """

    environment: str = ""
    assist: AssistLevel = "none"
    sandbox: str = "auto"
    allow_unsafe: bool = False
    seed: int = Field(default=0, ge=0)
    max_steps: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    reward: str = "resolved"
    env_args: dict[str, Any] = Field(default_factory=dict)


class EpisodeOptions(EnvironmentOptions, ModelOptions, AgentOptions):
    """What all episodes of a run have in common."""


class RunOptions(EpisodeOptions):
    """What a run adds.

    Attributes:
        env: The suite as it was named: its name, or a manifest's path.
        samples: Episodes a task.
    """

    env: str
    samples: int = Field(default=1, ge=1)


def part(record: Record, kind: type[R]) -> dict[str, Any]:
    """Return the fields that a record has from one of its bases, for another record of it."""
    return {name: getattr(record, name) for name in kind.model_fields}
