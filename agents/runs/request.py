"""From what was typed to a run that can start: every name and value is checked first."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError

from agents.base import check_tools
from agents.registry import make_agent, needs_model, privileged, required_tools
from agents.runs.cluster_budget import check_address, import_ray
from agents.runs.episode import environment_of, model_of
from agents.runs.options import Price, RunOptions, part
from agents.runs.spec import RunSettings
from envs.env import RepoEnv
from envs.protocol import episode_environment
from envs.rewards import check_reward, get_reward
from repos.environments.choosing import choose_environment, is_available
from repos.environments.fetching import fetch_pythons
from repos.environments.interpreters import minor_version
from repos.errors import InputError, UnknownNameError
from repos.sandbox.select import get_backend
from repos.tasks.catalogue import suite_of
from repos.tasks.records import AssistLevel, TaskSpec
from repos.tasks.splits import repository_of
from repos.tasks.suite import Suite, load_suite
from tools.registry import DEFAULT_TOOLS

DEFAULT_MODEL = "symbolic"

MOST_REASONS = 10
"""Of how many tasks that can't be played here the screen says why."""

UNTRAINED = "validation+test"
"""The split of a run that named none."""

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


class Request(RunOptions):
    """The options of a run as they were given; what was not is not in `model_fields_set`.

    Attributes:
        tasks: Tasks to play; none means all.
        split: Which split to play: "test", "validation", "train" or "all"; None leaves out the
            tasks of training repositories.
        limit: Play the first so many only.
        workers: Worker processes; None is one a core.
        executor: What plays: "processes" of this machine, or "ray".
        address: Of a Ray cluster; None starts one of this machine.
        budget: What the run may cost, in USD; None is no bound.
        out: Folder of the run; None is one under `runs`.
    """

    tasks: tuple[str, ...] = ()
    split: Literal["test", "validation", "train", "all"] | None = None
    limit: int | None = Field(default=None, ge=1)
    workers: int | None = Field(default=None, ge=1)
    executor: Literal["processes", "ray"] = "processes"
    address: str | None = None
    budget: float | None = Field(default=None, ge=0)
    out: Path | None = None


# Options that may be given several times, by their field.
_REPEATED = {
    "agent_args": "--agent-arg",
    "env_args": "--env-arg",
    "model_args": "--model-arg",
    "tasks": "--task",
}
_CHOICES = {
    "split": "split",
    "assist": "assist level",
    "tool_format": "tool format",
    "executor": "executor",
}


def read_request(typed: Mapping[str, Any]) -> Request:
    """Return the request that was typed.

    Args:
        typed: By field; None is "not given", K=V arguments and the price are text.

    Raises:
        InputError: A value that does not fit, in one sentence.
    """
    given = {name: value for name, value in typed.items() if value is not None}
    for name in ("agent_args", "env_args", "model_args"):
        if name in given:
            given[name] = key_values(_REPEATED[name], given[name])
    if "price" in given:
        given["price"] = _price(given["price"])
    try:
        return Request(**given)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> InputError:
    """Return the first thing that does not fit as a sentence in the words of the command."""
    first = error.errors()[0]
    field, value, limits = str(first["loc"][0]), first.get("input"), first.get("ctx", {})
    if field in _CHOICES:
        annotation = Request.model_fields[field].annotation
        # A choice that may be left out is `Literal[...] | None`.
        parts = [get_args(part) or (part,) for part in get_args(annotation)]
        choices = [name for part in parts for name in part if isinstance(name, str)]
        return UnknownNameError(_CHOICES[field], str(value), choices)
    option = _REPEATED.get(field, f"--{field.replace('_', '-')}")
    shown = f"{value:g}" if isinstance(value, float) else value
    if field == "budget":
        return InputError(f"{option} is {shown}: give USD, 0 or more.")
    if "ge" in limits:
        return InputError(f"{option} is {shown}: it must be {limits['ge']} or more.")
    if "gt" in limits:
        return InputError(f"{option} is {shown}: it must be more than {limits['gt']:g}.")
    return InputError(f"{option} is {shown}: {first['msg']}.")


def key_values(option: str, items: Sequence[str]) -> dict[str, Any]:
    """Read repeated K=V; a V that is JSON is taken as such, anything else as text.

    Raises:
        InputError: No "=", an empty key, or a key twice.
    """
    found: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"{option} {item!r}: write it as NAME=VALUE.")
        if key in found:
            raise InputError(f"{option} {key} stands there twice.")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def settings_of(request: Request, notes: list[str]) -> RunSettings:
    """Check a request and return the run's settings; nothing is prepared, written or started.

    Args:
        request: The options.
        notes: What the screen should say is appended.

    Raises:
        RepoGymError: The first thing that does not fit, in one sentence.
    """
    if request.address is not None and request.executor != "ray":
        raise InputError("--address is the address of a Ray cluster: add --executor ray.")
    if request.executor == "ray":
        import_ray()
        if request.address is not None:
            check_address(request.address)
    env = suite_of(request.env)
    suite = load_suite(env)
    wanted, missing = _tasks(suite, request, notes)
    with_model = needs_model(request.agent)
    model = (request.model or DEFAULT_MODEL) if with_model else None
    if not with_model and request.model:
        notes.append(f"The agent {request.agent} uses no model: --model is left out.")
    assist = _assist(request, model)
    if model == DEFAULT_MODEL and all(suite.spec(name).runner == "kernel" for name in wanted):
        raise InputError(
            f"The tasks of {suite.name} are Linux kernels, and the built-in model symbolic repairs "
            "Python only: name a model with --model, for example openai/gpt-4.1-mini."
        )
    if model == DEFAULT_MODEL:
        chosen = "" if request.model else " (no --model was named)"
        notes.append(f"Model symbolic{chosen}: no LLM: built-in program repair.")
    _check_env_args(request.env_args)
    env_args = _with_tools(request, notes)
    found: dict[str, Any] = {"env": env, "model": model, "assist": assist, "env_args": env_args}
    if model is None:
        found.update(model_args={}, api_base=None, price=None)
    settings = RunSettings(
        **{**part(request, RunOptions), **found},
        suite=suite.name,
        version=suite.version,
        suite_digest=suite.digest,
        python=minor_version(),
        privileged=privileged(request.agent),
        tasks=tuple(wanted),
        not_available=tuple(missing),
        split="" if suite.splits is None else request.split or UNTRAINED,
        training=sum(suite.split(suite.spec(name)) == "train" for name in wanted),
    )
    _check_parts(settings, request.budget, notes)
    return settings


def _tasks(suite: Suite, request: Request, notes: list[str]) -> tuple[list[str], list[str]]:
    named = [part.strip() for item in request.tasks for part in item.split(",")]
    if "" in named:
        raise InputError("--task is empty: give a task's id, or leave --task out for all tasks.")
    chosen = {suite.spec(name).id for name in named}
    specs = [spec for spec in suite.specs if not named or spec.id in chosen]
    specs = _of_split(suite, specs, request, notes)
    here = [spec.id for spec in specs if is_available(spec, request.environment)]
    if len(here) < len(specs) and (named or not here):
        fetch_pythons(specs, request.environment)
        specs = _of_split(suite, specs, request, notes)
    here = [spec.id for spec in specs if is_available(spec, request.environment)]
    missing = [spec.id for spec in specs if spec.id not in here]
    if not specs:
        raise InputError(f"The suite {suite.name} holds no task.")
    if not here:
        choose_environment(specs[0], request.environment)  # says why not, and what to do
    notes += _reasons([suite.spec(name) for name in missing], request.environment)
    return here[: request.limit], missing


def _reasons(specs: list[TaskSpec], environment: str) -> list[str]:
    """Return why tasks can't be played here, a sentence each, up to a bound."""
    told = []
    for spec in specs[:MOST_REASONS]:
        try:
            choose_environment(spec, environment)
        except InputError as error:
            told.append(f"Left out: {error}")
    more = len(specs) - MOST_REASONS
    return [*told, *([f"Left out: {more} more tasks."] if more > 0 else [])]


def _of_split(
    suite: Suite, specs: list[TaskSpec], request: Request, notes: list[str]
) -> list[TaskSpec]:
    """Return the tasks of the split that was asked for; without one those not for training."""
    if suite.splits is None:
        if request.split not in (None, "all"):
            raise InputError(f"The suite {suite.name} has no splits: leave --split out.")
        return specs
    if request.split == "all":
        return specs
    fits = [
        spec
        for spec in specs
        if suite.split(spec) == request.split
        or (request.split is None and suite.split(spec) != "train")
    ]
    others = [spec for spec in specs if spec not in fits]
    if others and (request.tasks or not fits):
        raise InputError(
            f"{others[0].id} is of the split {suite.split(others[0])} (the repository "
            f"{repository_of(others[0])}): --split {suite.split(others[0])} or --split all plays "
            "it, and every report says so."
        )
    if others and request.split is None:
        notes.append(
            f"{len(others)} tasks of training repositories are left out (--split all plays them)."
        )
    return fits


def _assist(request: Request, model: str | None) -> AssistLevel:
    given = "assist" in request.model_fields_set
    if model != DEFAULT_MODEL:
        return request.assist
    if given and request.assist != "tests":
        raise InputError(
            f"--assist {request.assist} does not go with the model symbolic, which repairs "
            "programs by failing tests that it can run: leave --assist out, or name another "
            "model with --model."
        )
    return "tests"


def _with_tools(request: Request, notes: list[str]) -> dict[str, Any]:
    """Return the environment's arguments with the tools that the agent can't do without."""
    missing = [n for n in required_tools(request.agent) if n not in DEFAULT_TOOLS]
    if "tools" in request.env_args or not missing:
        return request.env_args
    notes.append(f"The agent {request.agent} adds the tools {', '.join(missing)}.")
    return {**request.env_args, "tools": [f"+{name}" for name in missing]}


def _price(text: str) -> Price:
    try:
        prompt, completion = (float(part) for part in text.split(","))
        return Price(input=prompt, output=completion)
    except ValueError:
        raise InputError(
            f"--price {text!r}: write IN,OUT in USD per million tokens, for example 0.5,1.5."
        ) from None


def _check_env_args(args: dict[str, Any]) -> None:
    known = set(inspect.signature(RepoEnv).parameters) - {"suite", "render_mode"}
    for name in args:
        if name in _OWN_OPTIONS:
            raise InputError(f"--env-arg {name}: use {_OWN_OPTIONS[name]} for it.")
        if name not in known:
            raise UnknownNameError("--env-arg", name, known - set(_OWN_OPTIONS))


def _check_parts(settings: RunSettings, budget: float | None, notes: list[str]) -> None:
    """Make the environment, the model, the agent and the sandbox once, to hear them complain.

    Which sandbox was picked, and why, is added to the notes.
    """
    with tempfile.TemporaryDirectory(prefix="repogym-check-") as scratch:
        spec = settings.episode(settings.tasks[0], 0, Path(scratch), budget)
        check_reward(get_reward(spec.reward))
        with contextlib.closing(environment_of(spec)) as env:
            offered = episode_environment(env).tools
        model = model_of(spec) if spec.model else None
        agent = make_agent(spec.agent, model=model, seed=0, args=spec.agent_args)
        check_tools(agent, offered, spec.agent)
    get_backend(settings.sandbox, allow_unsafe=settings.allow_unsafe, report=notes.append).close()


def worker_count(request: Request, episodes: int) -> int:
    """Return the number of worker processes: as asked, else one a core, at most 8.

    For a cluster, 0 where none was asked for: it has its own number of CPUs.
    """
    if request.executor == "ray":
        return request.workers or 0
    cores = len(os.sched_getaffinity(0))
    return max(1, min(request.workers or min(cores, 8), episodes))
