"""Data sets of whole episodes in Minari's form.

Text has no fixed size and Minari knows only Gymnasium's own spaces: importing this module
teaches it RepoGym's, for writing and for reading.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium

from agents.base import Agent
from agents.training.selection import Source
from envs.episode import Episode, EpisodeRecorder, ToolCall
from envs.registration import register_all
from envs.spaces import ToolCalls, Unicode
from repos.errors import InfrastructureError, InputError, MissingExtraError
from repos.tasks.catalogue import built_in_versions, environment_id

try:
    import minari
    import PIL as _pillow  # noqa: F401, N811 - Minari needs it and does not say so
    import pyarrow as _pyarrow  # noqa: F401
    from minari.data_collector import EpisodeBuffer
    from minari.serialization import deserialize_space, serialize_space
except ImportError as error:
    raise MissingExtraError("minari", "minari", "The Minari adapter") from error


def record(
    suite: str,
    agent: Agent,
    dataset: str,
    *,
    tasks: Sequence[str] = (),
    seed: int = 0,
    **options: Any,
) -> minari.MinariDataset:
    """Let an agent play tasks and keep every step as a Minari data set.

    The infos hold `scored`, `infra_error` and `end`: an episode whose last info is not `scored`
    has no verdict and is to be left out.

    Args:
        suite: Name of a suite that comes with RepoGym.
        agent: Who plays; steps on forks are left out.
        dataset: Id of the data set, such as "repogym/swe-mini/random-v0".
        tasks: Ids of the tasks; none plays one that the seed draws.
        seed: Seed of the first episode; further ones count up.
        options: As for `envs.env.RepoEnv`.

    Raises:
        InputError: An unknown suite or task, or a data set that is there already.
        InfrastructureError: No episode could be played.
    """
    if suite not in built_in_versions():
        known = ", ".join(built_in_versions())
        raise InputError(f"Minari needs an environment that can be made again: {known}.")
    if dataset in minari.list_local_datasets():
        raise InputError(f"The data set {dataset} is there already: name another one.")
    name = environment_id(suite, built_in_versions()[suite])
    register_all()
    env = gymnasium.make(name, disable_env_checker=True, **options)
    episodes, failed = [], []
    try:
        for number, task in enumerate(tasks or (None,)):
            steps = _Steps(seed + number)
            chosen = {"task": task} if task else None
            try:
                episode = Episode(env, seed=steps.seed, recorder=steps, options=chosen)
                agent.run(episode)
                episode.stop("returned")
            except InfrastructureError as error:
                failed.append(f"{task or 'a drawn task'} ({error})")
                continue
            episodes.append(steps.buffer())
        if not episodes:
            raise InfrastructureError(f"No episode could be played: {'; '.join(failed)}.")
        told = f"Without a verdict and left out: {'; '.join(failed)}." if failed else ""
        return minari.create_dataset_from_buffers(
            dataset,
            episodes,
            env=env,
            data_format="arrow",
            algorithm_name=type(agent).__name__,
            description=f"Episodes of {name}, played by {type(agent).__name__}. {told}".strip(),
        )
    finally:
        env.close()


def write_runs(sources: Sequence[Source], out: Path) -> Path:
    """Write stored episodes as a data set, with the spaces of their suite's environment.

    Args:
        sources: Episodes of one suite; steps on forks are left out.
        out: Folder that `MINARI_DATASETS_PATH` is to name.

    Returns:
        The data set's folder.

    Raises:
        InputError: Episodes of several suites or sets of tools, or of a suite that nobody could
            make again.
    """
    kinds = {(one.run.settings.env, json.dumps(one.tools, sort_keys=True)) for one in sources}
    suites = sorted({suite for suite, _ in kinds})
    if len(kinds) != 1 or suites[0] not in built_in_versions():
        raise InputError(
            "A Minari data set has one suite that comes with RepoGym and one set of tools; the "
            f"runs have {len(kinds)} ({', '.join(suites)})."
        )
    register_all()
    suite, names = suites[0], [tool["function"]["name"] for tool in sources[0].tools]
    env = gymnasium.make(
        environment_id(suite, built_in_versions()[suite]), disable_env_checker=True, tools=names
    )
    kept = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(out)
    name = f"repogym/{suite}/runs-v0"
    try:
        minari.create_dataset_from_buffers(
            name,
            [_stored(one, number) for number, one in enumerate(sources)],
            env=env,
            data_format="arrow",
            algorithm_name=", ".join(sorted({one.run.settings.agent for one in sources})),
            description=f"Episodes of {suite} from stored runs.",
        )
    finally:
        env.close()
        if kept is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = kept
    return out / name


def _stored(source: Source, number: int) -> EpisodeBuffer:
    """Return a stored episode's steps."""
    play = source.play
    steps = [event for event in play if event["kind"] == "step" and not event["branch"]]
    seen = [event["observation"] for event in play if event["kind"] == "reset"][-1:]
    seen += [event["observation"] for event in steps]
    ends = [
        (e["done"] and e["end"] == "submitted", e["done"] and e["end"] != "submitted")
        for e in steps
    ]
    facts = {"task": source.stored.task, "run": source.run.name}
    return EpisodeBuffer(
        id=number,
        seed=source.run.settings.seed,
        observations={key: [one[key] for one in seen] for key in seen[0]},
        actions=[{"name": e["name"], "arguments": e["arguments"]} for e in steps],  # type: ignore[arg-type]
        rewards=[float(e["reward"]) for e in steps],
        terminations=[bool(own) for own, _ in ends],
        truncations=[bool(cut) for _, cut in ends],
        infos={key: [value] * len(seen) for key, value in facts.items()},
    )


class _Steps(EpisodeRecorder):
    """Keeps the steps of an episode, without those of its forks."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._observations: dict[str, list[Any]] = {}
        self._infos: dict[str, list[Any]] = {}
        self._actions: list[dict[str, str]] = []
        self._rewards: list[float] = []
        self._ends: list[tuple[bool, bool]] = []

    def on_reset(self, episode: Episode) -> None:
        self._see(episode)

    def on_step_begin(self, episode: Episode) -> None:
        """Nothing is kept of a step before it has its observation."""

    def on_step(self, episode: Episode, call: ToolCall, seconds: float) -> None:
        if episode.branch:
            return
        self._see(episode)
        self._actions.append({"name": call.name, "arguments": call.arguments})
        self._rewards.append(episode.reward)
        own = episode.end in ("submitted", "infrastructure")
        self._ends.append((episode.done and own, episode.done and not own))

    def on_error(self, episode: Episode, error: BaseException) -> None:
        """Errors leave the agent, or are its own business."""

    def on_stop(self, episode: Episode, reason: str) -> None:
        """The step that ends the episode follows."""

    def on_fork(self, parent: Episode, child: Episode) -> None:
        """Steps of forks are left out."""

    def buffer(self) -> EpisodeBuffer:
        """Return the episode in Minari's form."""
        return EpisodeBuffer(
            seed=self.seed,
            observations=self._observations,
            actions=self._actions,  # type: ignore[arg-type]
            rewards=self._rewards,
            terminations=[terminated for terminated, _ in self._ends],
            truncations=[truncated for _, truncated in self._ends],
            infos=self._infos,
        )

    def _see(self, episode: Episode) -> None:
        for kept, new in ((self._observations, episode.observation), (self._infos, episode.info)):
            for key, value in new.items():
                kept.setdefault(key, []).append(value)


@serialize_space.register(Unicode)
def _serialize_unicode(space: Unicode, to_string: bool = True) -> dict[str, Any] | str:
    data = {"type": "RepoGymUnicode", "max_length": space.max_length}
    return json.dumps(data) if to_string else data


@serialize_space.register(ToolCalls)
def _serialize_calls(space: ToolCalls, to_string: bool = True) -> dict[str, Any] | str:
    functions = [list(pair) for pair in space.functions]
    data = {"type": "RepoGymToolCalls", "functions": functions, "max_length": space.max_length}
    return json.dumps(data) if to_string else data


@deserialize_space.register("RepoGymUnicode")
def _deserialize_unicode(data: dict[str, Any]) -> Unicode:
    return Unicode(int(data["max_length"]))


@deserialize_space.register("RepoGymToolCalls")
def _deserialize_calls(data: dict[str, Any]) -> ToolCalls:
    schemas = [
        {"function": {"name": name, "parameters": json.loads(parameters)}}
        for name, parameters in data["functions"]
    ]
    return ToolCalls(schemas, int(data["max_length"]))
