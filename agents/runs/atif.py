"""The trajectory format ATIF-1.8 as records; fields that it does not know are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SCHEMA = "ATIF-v1.8"


class _Atif(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class SubagentRef(_Atif):
    """Points at a trajectory embedded in the root's `subagent_trajectories`, or at a file."""

    trajectory_id: str | None = None
    session_id: str | None = None
    trajectory_path: str | None = None
    extra: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _resolvable(self) -> SubagentRef:
        if self.trajectory_id is None and self.trajectory_path is None:
            raise ValueError("a reference needs trajectory_id or trajectory_path")
        return self


class AtifToolCall(_Atif):
    """One call of a tool; `arguments` is an object, so broken JSON goes to `extra`."""

    tool_call_id: str
    function_name: str
    arguments: dict[str, Any]
    extra: dict[str, Any] | None = None


class ObservationResult(_Atif):
    """What one call printed."""

    source_call_id: str | None = None
    content: str | None = None
    subagent_trajectory_ref: list[SubagentRef] | None = None
    extra: dict[str, Any] | None = None


class AtifObservation(_Atif):
    """The results of a step's calls."""

    results: list[ObservationResult]


class Metrics(_Atif):
    """Tokens and cost of one step's model calls."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    prompt_token_ids: list[int] | None = None
    completion_token_ids: list[int] | None = None
    logprobs: list[float] | None = None
    extra: dict[str, Any] | None = None


class AtifStep(_Atif):
    """One turn; `llm_call_count` 0 marks an action that no model chose."""

    step_id: int = Field(ge=1)
    timestamp: str | None = None
    source: Literal["system", "user", "agent"]
    model_name: str | None = None
    reasoning_effort: str | float | None = None
    message: str
    reasoning_content: str | None = None
    tool_calls: list[AtifToolCall] | None = None
    observation: AtifObservation | None = None
    metrics: Metrics | None = None
    is_copied_context: bool | None = None
    llm_call_count: int | None = Field(default=None, ge=0)
    extra: dict[str, Any] | None = None

    @field_validator("timestamp")
    @classmethod
    def _iso(cls, value: str | None) -> str | None:
        if value is not None:
            datetime.fromisoformat(value)
        return value

    @model_validator(mode="after")
    def _fields_fit_source(self) -> AtifStep:
        of_models = ("reasoning_content", "metrics")
        of_agents = ("model_name", "reasoning_effort", "tool_calls", *of_models)
        if self.source != "agent":
            wrong = [name for name in of_agents if getattr(self, name) is not None]
        elif self.llm_call_count == 0:
            wrong = [name for name in of_models if getattr(self, name) is not None]
        else:
            wrong = []
        if wrong:
            raise ValueError(f"step {self.step_id} may not have {', '.join(wrong)}")
        ids = {call.tool_call_id for call in self.tool_calls or ()}
        for result in self.observation.results if self.observation else ():
            if result.source_call_id is not None and result.source_call_id not in ids:
                raise ValueError(
                    f"step {self.step_id} has a result of {result.source_call_id!r}, "
                    "which is none of its calls"
                )
        return self


class AtifAgent(_Atif):
    """Who acted."""

    name: str
    version: str
    model_name: str | None = None
    tool_definitions: list[dict[str, Any]] | None = None
    extra: dict[str, Any] | None = None


class FinalMetrics(_Atif):
    """Sums over the trajectory; the cost includes embedded trajectories."""

    total_prompt_tokens: int | None = None
    total_completion_tokens: int | None = None
    total_cached_tokens: int | None = None
    total_cost_usd: float | None = None
    total_steps: int | None = Field(default=None, ge=0)
    extra: dict[str, Any] | None = None


class Trajectory(_Atif):
    """A whole trajectory; forked branches are embedded trajectories of the root."""

    schema_version: Literal["ATIF-v1.8"] = SCHEMA
    session_id: str | None = None
    trajectory_id: str | None = None
    agent: AtifAgent
    steps: list[AtifStep] = Field(min_length=1)
    notes: str | None = None
    final_metrics: FinalMetrics | None = None
    continued_trajectory_ref: str | None = None
    extra: dict[str, Any] | None = None
    subagent_trajectories: list[Trajectory] | None = None

    @model_validator(mode="after")
    def _ids(self) -> Trajectory:
        for position, step in enumerate(self.steps, start=1):
            if step.step_id != position:
                raise ValueError(f"step {position} has step_id {step.step_id}")
        inner = [one.trajectory_id for one in self.subagent_trajectories or ()]
        if None in inner or len(set(inner)) != len(inner):
            raise ValueError("embedded trajectories need a trajectory_id each, all different")
        return self

    def to_json(self) -> str:
        """Return indented JSON without empty fields."""
        return self.model_dump_json(exclude_none=True, indent=1) + "\n"
