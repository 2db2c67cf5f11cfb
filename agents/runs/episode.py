"""One episode of a run, as a plain function: threads, processes and clusters call the same."""

from __future__ import annotations

import contextlib
import json
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium

from agents.models.errors import BudgetExceededError, ContextWindowError, WindowTooSmallError
from agents.models.litellm_setup import warm_up
from agents.models.protocol import Model
from agents.models.registry import make_model, uses_litellm
from agents.registry import make_agent
from agents.runs.atif import AtifAgent
from agents.runs.cluster_budget import ledger_of
from agents.runs.hanging import GRACE, AgentHangsError, interrupted_after
from agents.runs.interruption import Interruption
from agents.runs.journal import Journal, read_journal, write_atomic
from agents.runs.recorder import JournalRecorder, Progress, Waits
from agents.runs.replay import RecordedModel, model_use, use_in
from agents.runs.report import repogym_version
from agents.runs.resuming import resume
from agents.runs.spec import SCHEMA_VERSION, EpisodeRecord, EpisodeSpec, ModelUse
from agents.runs.trajectory import build_trajectory
from envs.episode import Episode
from envs.protocol import Outcome
from envs.registration import make
from repos.errors import AgentError, InfrastructureError, RepoGymError
from repos.scoring.score import Score
from repos.tasks.records import parse_record

RECORD = "record.json"
"""The mark of a finished episode; written last."""

FAILURE = "failure.json"
"""Why the last try has no verdict."""


def read_record(folder: Path) -> EpisodeRecord | None:
    """Return the record of a finished episode, or None where it has not finished."""
    try:
        data = (folder / RECORD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return parse_record(EpisodeRecord, data, str(folder / RECORD))


def run_episode(
    spec: EpisodeSpec,
    *,
    progress: Progress | None = None,
    waits: Waits | None = None,
    interruption: Interruption | None = None,
) -> EpisodeRecord:
    """Play one episode, score it and write its folder; a finished one is only read.

    Where the folder holds the journal of an interrupted play, the episode goes on from its last
    step whose files the journal holds, else from the start. Steps before it, and model calls, are
    answered from the journal as long as they are equal.

    Args:
        spec: What to play.
        progress: Called with the number of steps after each step.
        waits: Called with a line whenever the model keeps the episode waiting; any thread may.
        interruption: Is told when a tool call begins and ends.

    Returns:
        The record; `status` is "infrastructure" where there is no verdict.

    Raises:
        InputError: The spec cannot be played on this machine (an unknown name, no sandbox,
            a refused model request); trying again would not help.
    """
    folder = spec.folder
    done = read_record(folder)
    if done is not None:
        return done
    begun = time.time()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Journal(folder / "episode.jsonl") as journal:
            start = spec.model_dump(mode="json")
            earlier = read_journal(journal.path)
            journal.append("start", schema_version=SCHEMA_VERSION, spec=start)
            recorder = JournalRecorder(journal, progress, waits, interruption)
            record = _play(spec, journal, begun, recorder, earlier)
            journal.append("end", record=record.model_dump(mode="json"))
        write_atomic(folder / RECORD, _pretty(record.model_dump(mode="json")))
        (folder / FAILURE).unlink(missing_ok=True)
    except InfrastructureError as error:
        return _failed(spec, begun, str(error))
    except RepoGymError:
        raise
    except (OSError, MemoryError, EOFError) as error:
        traceback.print_exc()
        return _failed(spec, begun, f"{type(error).__name__}: {error}")
    return record


def spent(folder: Path) -> ModelUse:
    """Return what an episode without a record has asked of models, by its journal."""
    try:
        return use_in(read_journal(folder / "episode.jsonl"))
    except OSError:
        return ModelUse()  # the folder can't be read; the failure itself says so


def _failed(spec: EpisodeSpec, begun: float, message: str) -> EpisodeRecord:
    record = EpisodeRecord(
        task=spec.task,
        sample=spec.sample,
        status="infrastructure",
        error=message,
        use=spent(spec.folder),
        started=begun,
        seconds=time.time() - begun,
    )
    try:
        with Journal(spec.folder / "episode.jsonl") as journal:
            journal.append("failed", error=message)
        write_atomic(spec.folder / FAILURE, _pretty(record.model_dump(mode="json")))
    except OSError as error:
        # The record says it, where the folder can't.
        note = f"{spec.folder} can't be written ({error.strerror})"
        if note.partition(" (")[2] not in message:
            record = record.model_copy(update={"error": f"{message}; and {note}"})
    return record


def _play(
    spec: EpisodeSpec,
    journal: Journal,
    begun: float,
    recorder: JournalRecorder,
    events: Sequence[Mapping[str, Any]],
) -> EpisodeRecord:
    warm_up_model(spec.model)
    with contextlib.closing(environment_of(spec)) as env:
        # The model's library is imported beside the preparing, and both before the episode's
        # clock runs.
        env.unwrapped.prepare(spec.task)  # type: ignore[attr-defined]
        model = _model(spec, recorder, events)
        episode = Episode(env, seed=spec.seed, recorder=recorder)
        resume(episode, events)
        try:
            problem = _act(spec, episode, model, recorder, journal)
        finally:
            recorder.close_forks()
        outcome = episode.environment.outcome
        if outcome is None:
            raise InfrastructureError("the environment ended the episode without an outcome")
        if outcome.score is None:
            raise InfrastructureError(outcome.infra_error or "there is no verdict")
        try:
            diff = episode.environment.diff()
        except AgentError:  # too large to be told; the score says that it does not apply
            diff = b""
        tools = episode.tools
        resumed = (episode.environment.resumed or "start") if events else ""
    record = _record(spec, episode.reward, recorder.steps, model, outcome, outcome.score)
    record = record.model_copy(
        update={
            "agent_error": problem,
            "resumed": resumed,
            "reused_steps": recorder.reused,
            "patch_bytes": len(diff),
            "seconds": round(time.time() - begun, 3),
            "started": round(begun, 3),
        }
    )
    _write_results(spec, journal.path, tools, record, outcome.score, diff, outcome.log)
    return record


def _model(
    spec: EpisodeSpec, recorder: JournalRecorder, events: Sequence[Mapping[str, Any]]
) -> RecordedModel | None:
    if spec.model is None:
        return None
    own = {"model_args": {}, "api_base": None, "price": None}  # of the first model alone

    def another(name: str) -> Model:
        return model_of(spec.model_copy(update={**own, "model": name}))

    return RecordedModel(model_of(spec), recorder, events, another)


def warm_up_model(name: str | None) -> None:
    """Begin to import what a model needs, by its name; what follows may take its time."""
    if name is not None and uses_litellm(name):
        warm_up()


def model_of(spec: EpisodeSpec) -> Model:
    """Make the model of a spec, bound by its budget.

    Raises:
        InputError: An unknown model, bad arguments, or an unknown price under a budget.
    """
    budget = None
    if spec.budget_usd is not None and spec.budget_file is not None:
        budget = ledger_of(spec.budget_file, spec.budget_usd)
    return make_model(
        spec.model or "",
        api_base=spec.api_base,
        args=spec.model_args,
        budget=budget,
        price=(spec.price.input, spec.price.output) if spec.price else None,
        tool_format=spec.tool_format,
        seed=spec.model_seed,
    )


def environment_of(spec: EpisodeSpec) -> gymnasium.Env:
    """Make the environment of a spec; nothing is prepared or started yet.

    Raises:
        InputError: A name or value that does not fit.
    """
    bounds: dict[str, Any] = {}
    if spec.max_steps is not None:
        bounds["max_steps"] = spec.max_steps
    if spec.seconds is not None:
        bounds["max_seconds"] = spec.seconds
    return make(
        spec.suite,
        task=spec.task,
        environment=spec.environment,
        assist=spec.assist,
        sandbox=spec.sandbox,
        allow_unsafe=spec.allow_unsafe,
        reward=spec.reward,
        privileged=spec.privileged,
        assist_seed=spec.seed,
        **bounds,
        **spec.env_args,
    )


def _act(
    spec: EpisodeSpec,
    episode: Episode,
    model: RecordedModel | None,
    recorder: JournalRecorder,
    journal: Journal,
) -> str:
    """Let the agent play and end the episode if it did not.

    Returns:
        What the agent, or a tool or reward of one's own, raised; "" where nothing did.
    """
    agent = make_agent(spec.agent, model=model, seed=spec.agent_seed, args=spec.agent_args)
    seconds = episode.environment.budget.seconds
    reason, problem = "returned", ""
    try:
        with interrupted_after(None if seconds is None else seconds + GRACE, recorder):
            agent.run(episode)
    except BudgetExceededError as error:
        reason = "cost"
        journal.append("note", text=str(error))
    except ContextWindowError as error:
        reason = "context"
        journal.append("note", text=str(error))
    except AgentHangsError:
        reason = "time"
        journal.append("note", text="The agent neither stepped nor returned in time.")
    except (Exception, SystemExit) as error:
        if not _of_the_agent(error, recorder, model):
            raise
        reason, problem = "agent_error", _last_line(error)
        journal.append("agent_error", text=traceback.format_exc())
    if not episode.done:
        try:
            episode.stop(reason)
        except AgentError as error:  # a reward of one's own that fails
            problem = problem or _last_line(error)
            journal.append("agent_error", text=traceback.format_exc())
    return problem


def _of_the_agent(
    error: BaseException, recorder: JournalRecorder, model: RecordedModel | None
) -> bool:
    """Whether an error that left an agent is its own: such a one ends its episode, not the run.

    Tools and rewards of one's own raise `AgentError`; what else the environment raises, and
    what a provider or a sandbox failed with, is not the agent's doing. The class alone does
    not decide: a losing agent that raises an `InfrastructureError` itself would get out of
    its score. Where the sandbox is lost indeed, scoring finds it out.
    """
    if isinstance(error, AgentError):
        return True
    outside = (RepoGymError, OSError, MemoryError, EOFError)
    # What a model that is too small for the task refused is told in other words.
    told = error.__cause__ if isinstance(error, WindowTooSmallError) else error
    known = recorder.came_from_environment(error) or (model is not None and model.raised(told))
    return not (isinstance(error, outside) and known)


def _last_line(error: BaseException) -> str:
    lines = f"{type(error).__name__}: {error}".strip().splitlines()
    return lines[-1] if lines[-1].startswith(type(error).__name__) else lines[0]


def _record(
    spec: EpisodeSpec,
    reward: float,
    steps: int,
    model: RecordedModel | None,
    outcome: Outcome,
    score: Score,
) -> EpisodeRecord:
    use = model_use(model.usage, model.reused) if model is not None else ModelUse()
    return EpisodeRecord(
        task=spec.task,
        sample=spec.sample,
        end=outcome.end,
        resolved=score.resolved,
        plausible=score.plausible,
        false_resolved=bool(score.false_resolved),
        scoring=score.scoring,
        bits=score.bits,
        weak=score.weak,
        fraction=score.fraction,
        reward=reward,
        steps=steps,
        tampered=score.tampered,
        flags=score.flags,
        metrics=score.metrics,
        use=use,
    )


def _write_results(
    spec: EpisodeSpec,
    journal: Path,
    tools: list[dict[str, Any]],
    record: EpisodeRecord,
    score: Score,
    diff: bytes,
    log: str,
) -> None:
    agent = AtifAgent(
        name=spec.agent,
        version=repogym_version(),
        model_name=spec.model,
        tool_definitions=tools,
        extra={"args": spec.agent_args, "assist": spec.assist, "privileged": spec.privileged},
    )
    session = f"{spec.task}#{spec.sample}"
    trajectory = build_trajectory(read_journal(journal), agent, session)
    write_atomic(spec.folder / "trajectory.json", trajectory.to_json())
    write_atomic(spec.folder / "patch.diff", diff)
    write_atomic(spec.folder / "scoring.log", log)
    write_atomic(
        spec.folder / "score.json",
        _pretty(
            {
                **score.model_dump(mode="json"),
                "assist": spec.assist,
                "end": record.end,
                "reward": record.reward,
            }
        ),
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"
