"""From what was typed to a run that can start: every name and value is checked first."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from agents.runs.spec import Price, RunSettings, ToolFormat
from repos.errors import RepoGymError, UnknownNameError
from repos.tasks.records import AssistLevel

if TYPE_CHECKING:
    from repos.tasks.suite import Suite

DEFAULT_MODEL = "symbolic"

# Arguments of the environment that have options of their own.
_OWN_OPTIONS = {
    "task": "--task",
    "environment": "--environment",
    "assist": "--assist",
    "sandbox": "--sandbox",
    "allow_unsafe": "--allow-unsafe",
    "reward": "--reward",
    "max_steps": "--max-steps",
    "max_seconds": "--seconds",
    "assist_seed": "--seed",
    "privileged": "--agent",
}


@dataclass
class Request:
    """The options of a run as they were typed; None is "not given"."""

    env: str
    agent: str
    environment: str = ""
    model: str | None = None
    api_base: str | None = None
    assist: str | None = None
    tasks: Sequence[str] = ()
    limit: int | None = None
    samples: int = 1
    workers: int | None = None
    sandbox: str = "auto"
    allow_unsafe: bool = False
    seed: int = 0
    max_steps: int | None = None
    seconds: float | None = None
    budget: float | None = None
    price: str | None = None
    reward: str = "resolved"
    agent_args: Sequence[str] = ()
    env_args: Sequence[str] = ()
    model_args: Sequence[str] = ()
    tool_format: str = "native"
    out: Path | None = None
    notes: list[str] = field(default_factory=list)


def key_values(option: str, items: Sequence[str]) -> dict[str, Any]:
    """Read repeated K=V; a V that is JSON is taken as such, anything else as text.

    Raises:
        RepoGymError: No "=", an empty key, or a key twice.
    """
    found: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key.isidentifier():
            raise RepoGymError(f"{option} {item!r}: write it as NAME=VALUE.")
        if key in found:
            raise RepoGymError(f"{option} {key} stands there twice.")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def settings_of(request: Request) -> RunSettings:
    """Check a request and return the run's settings; nothing is prepared, written or started.

    Notes for the screen are appended to `request.notes`.

    Raises:
        RepoGymError: The first thing that does not fit, in one sentence.
    """
    from agents.registry import needs_model, privileged
    from repos.environments.interpreters import minor_version
    from repos.tasks.catalogue import suite_of
    from repos.tasks.suite import load_suite

    for option, value, least in (
        ("--seed", request.seed, 0),
        ("--limit", request.limit, 1),
        ("--samples", request.samples, 1),
        ("--workers", request.workers, 1),
        ("--max-steps", request.max_steps, 1),
    ):
        if value is not None and value < least:
            raise RepoGymError(f"{option} is {value}: it must be {least} or more.")
    if request.seconds is not None and not request.seconds > 0:
        raise RepoGymError(f"--seconds is {request.seconds:g}: it must be more than 0.")
    if request.budget is not None and not request.budget >= 0:
        raise RepoGymError(f"--budget is {request.budget:g}: give USD, 0 or more.")
    if request.tool_format not in get_args(ToolFormat):
        raise UnknownNameError("tool format", request.tool_format, get_args(ToolFormat))
    if request.assist is not None and request.assist not in get_args(AssistLevel):
        raise UnknownNameError("assist level", request.assist, get_args(AssistLevel))
    agent_args = key_values("--agent-arg", request.agent_args)
    env_args = key_values("--env-arg", request.env_args)
    model_args = key_values("--model-arg", request.model_args)
    price = _price(request.price)
    env = suite_of(request.env)
    suite = load_suite(env)
    wanted, missing = _tasks(suite, request)
    with_model = needs_model(request.agent)
    model = (request.model or DEFAULT_MODEL) if with_model else None
    if not with_model and request.model:
        request.notes.append(f"The agent {request.agent} uses no model: --model is left out.")
    assist = _assist(request, model)
    if model == DEFAULT_MODEL:
        chosen = "" if request.model else " (no --model was named)"
        request.notes.append(f"Model symbolic{chosen}: no LLM: built-in program repair.")
    _check_env_args(env_args)
    settings = RunSettings(
        env=env,
        suite=suite.name,
        version=suite.version,
        suite_digest=suite.digest,
        python=minor_version(),
        environment=request.environment,
        agent=request.agent,
        agent_args=agent_args,
        model=model,
        model_args=model_args if model else {},
        api_base=request.api_base if model else None,
        assist=assist,
        tool_format=request.tool_format,  # type: ignore[arg-type]
        sandbox=request.sandbox,
        allow_unsafe=request.allow_unsafe,
        seed=request.seed,
        samples=request.samples,
        max_steps=request.max_steps,
        seconds=request.seconds,
        price=price if model else None,
        reward=request.reward,
        privileged=privileged(request.agent),
        env_args=env_args,
        tasks=tuple(wanted),
        not_available=tuple(missing),
    )
    _try_parts(settings, request.budget, request.notes)
    return settings


def _tasks(suite: Suite, request: Request) -> tuple[list[str], list[str]]:
    from repos.environments.choosing import choose_environment, is_available

    named = [part.strip() for item in request.tasks for part in item.split(",")]
    if "" in named:
        raise RepoGymError("--task is empty: give a task's id, or leave --task out for all tasks.")
    chosen = {suite.spec(name).id for name in named}
    specs = [spec for spec in suite.specs if not named or spec.id in chosen]
    here = [spec.id for spec in specs if is_available(spec, request.environment)]
    missing = [spec.id for spec in specs if spec.id not in here]
    if not specs:
        raise RepoGymError(f"The suite {suite.name} holds no task.")
    if not here:
        choose_environment(specs[0], request.environment)  # says why not, and what to do
    return here[: request.limit], missing


def _assist(request: Request, model: str | None) -> Any:
    if model != DEFAULT_MODEL:
        return request.assist or "none"
    if request.assist not in (None, "tests"):
        raise RepoGymError(
            f"--assist {request.assist} does not go with the model symbolic, which repairs "
            "programs by failing tests that it can run: leave --assist out, or name another "
            "model with --model."
        )
    return "tests"


def _price(text: str | None) -> Price | None:
    if text is None:
        return None
    try:
        prompt, completion = (float(part) for part in text.split(","))
        return Price(input=prompt, output=completion)
    except ValueError:
        raise RepoGymError(
            f"--price {text!r}: write IN,OUT in USD per million tokens, for example 0.5,1.5."
        ) from None


def _check_env_args(args: dict[str, Any]) -> None:
    from envs.env import RepoEnv

    known = set(inspect.signature(RepoEnv).parameters) - {"suite", "render_mode"}
    for name in args:
        if name in _OWN_OPTIONS:
            raise RepoGymError(f"--env-arg {name}: use {_OWN_OPTIONS[name]} for it.")
        if name not in known:
            raise UnknownNameError("--env-arg", name, known - set(_OWN_OPTIONS))


def _try_parts(settings: RunSettings, budget: float | None, notes: list[str]) -> None:
    """Make the environment, the model, the agent and the sandbox once, to hear them complain.

    Which sandbox was picked, and why, is added to the notes.
    """
    import tempfile

    from agents.registry import make_agent
    from agents.runs.episode import environment_of, model_of
    from envs.rewards import get_reward, tried
    from repos.sandbox.select import get_backend

    with tempfile.TemporaryDirectory(prefix="repogym-check-") as scratch:
        spec = settings.episode(settings.tasks[0], 0, Path(scratch), budget)
        tried(get_reward(spec.reward))
        environment_of(spec).close()
        model = model_of(spec) if spec.model else None
        make_agent(spec.agent, model=model, seed=0, args=spec.agent_args)
    get_backend(settings.sandbox, allow_unsafe=settings.allow_unsafe, report=notes.append).close()


def worker_count(request: Request, episodes: int) -> int:
    """Return the number of worker processes: as asked, else one a core, at most 8."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(request.workers or min(cores, 8), episodes))
