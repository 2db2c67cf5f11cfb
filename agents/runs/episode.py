"""One episode of a run, as a plain function: threads, processes and clusters call the same."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.models.errors import BudgetExceededError, ContextWindowError
from agents.runs.journal import Journal, read_journal, write_atomic
from agents.runs.recorder import Progress, RecordedEpisode
from agents.runs.replay import RecordedModel
from agents.runs.spec import EpisodeRecord, EpisodeSpec, ModelUse
from repos.errors import InfrastructureError, RepoGymError
from repos.tasks.records import parse_record

if TYPE_CHECKING:
    import gymnasium

    from agents.models.protocol import Model

RECORD = "record.json"
"""The mark of a finished episode; written last."""

FAILURE = "failure.json"
"""Why the last try has no verdict."""

GRACE = 120.0
"""Seconds beyond the episode's own limit after which an agent that hangs is interrupted."""


class _AgentHangsError(BaseException):
    """Raised inside an agent that neither steps nor returns; no agent should catch it."""


def read_record(folder: Path) -> EpisodeRecord | None:
    """Return the record of a finished episode, or None where it has not finished."""
    try:
        data = (folder / RECORD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return parse_record(EpisodeRecord, data, str(folder / RECORD))


def run_episode(spec: EpisodeSpec, *, progress: Progress | None = None) -> EpisodeRecord:
    """Play one episode, score it and write its folder; a finished one is only read.

    Where the folder holds the journal of an interrupted play, the episode starts again and
    its model calls are answered from the journal as long as the requests are equal.

    Args:
        spec: What to play.
        progress: Called with the number of steps after each step.

    Returns:
        The record; `status` is "infrastructure" where there is no verdict.

    Raises:
        RepoGymError: The spec cannot be played on this machine (an unknown name, no sandbox,
            a refused model request); trying again would not help.
    """
    folder = spec.folder
    done = read_record(folder)
    if done is not None:
        return done
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.time()
    with Journal(folder / "episode.jsonl") as journal:
        journal.append("start", spec=spec.model_dump(mode="json"))
        try:
            record = _play(spec, journal, begun, progress)
        except InfrastructureError as error:
            return _failed(spec, journal, begun, str(error))
        except RepoGymError:
            raise
        except (OSError, MemoryError, EOFError) as error:
            traceback.print_exc()
            return _failed(spec, journal, begun, f"{type(error).__name__}: {error}")
        journal.append("end", record=record.model_dump(mode="json"))
    (folder / FAILURE).unlink(missing_ok=True)
    write_atomic(folder / RECORD, _pretty(record.model_dump(mode="json")))
    return record


def _failed(spec: EpisodeSpec, journal: Journal, begun: float, message: str) -> EpisodeRecord:
    record = EpisodeRecord(
        task=spec.task,
        sample=spec.sample,
        status="infrastructure",
        error=message,
        started=begun,
        seconds=time.time() - begun,
    )
    journal.append("failed", error=message)
    write_atomic(spec.folder / FAILURE, _pretty(record.model_dump(mode="json")))
    return record


def _play(
    spec: EpisodeSpec, journal: Journal, begun: float, progress: Progress | None
) -> EpisodeRecord:
    events = read_journal(journal.path)
    model = _model(spec, journal, events)
    env = environment_of(spec)
    with contextlib.closing(env):
        episode = RecordedEpisode(env, journal, seed=spec.seed, progress=progress)
        try:
            problem = _act(spec, env, episode, model, journal)
        finally:
            episode.close_forks()
        info = episode.info
        if info.get("infra_error"):
            raise InfrastructureError(str(info["infra_error"]))
        score = info.get("score")
        if score is None:
            raise InfrastructureError("the environment ended the episode without a score")
        diff: bytes = env.unwrapped.diff()  # type: ignore[attr-defined]
        log: str = env.unwrapped.scoring_log  # type: ignore[attr-defined]
    record = _record(spec, episode, model, score, diff, problem, begun)
    _write_results(spec, journal.path, episode, record, score, diff, log)
    return record


def _model(
    spec: EpisodeSpec, journal: Journal, events: Sequence[Mapping[str, Any]]
) -> RecordedModel | None:
    if spec.model is None:
        return None
    own = {"model_args": {}, "api_base": None, "price": None}  # of the first model alone

    def another(name: str) -> Model:
        return model_of(spec.model_copy(update={**own, "model": name}))

    return RecordedModel(model_of(spec), journal, events, another)


def model_of(spec: EpisodeSpec) -> Model:
    """Make the model of a spec, bound by its budget.

    Raises:
        RepoGymError: An unknown model, bad arguments, or an unknown price under a budget.
    """
    from agents.models.budget import Budget
    from agents.models.registry import make_model

    budget = None
    if spec.budget_usd is not None and spec.budget_file is not None:
        budget = Budget(Path(spec.budget_file), spec.budget_usd)
    return make_model(
        spec.model or "",
        api_base=spec.api_base,
        args=spec.model_args,
        budget=budget,
        price=(spec.price.input, spec.price.output) if spec.price else None,
        tool_format=spec.tool_format,
    )


def environment_of(spec: EpisodeSpec) -> gymnasium.Env:
    """Make the environment of a spec; nothing is prepared or started yet.

    Raises:
        RepoGymError: A name or value that does not fit.
    """
    from envs import make

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
    env: gymnasium.Env,
    episode: RecordedEpisode,
    model: RecordedModel | None,
    journal: Journal,
) -> str:
    """Let the agent play and end the episode if it did not; return what it raised, if it did."""
    from agents.registry import make_agent

    agent = make_agent(spec.agent, model=model, seed=spec.agent_seed, args=spec.agent_args)
    reason, problem = "returned", ""
    try:
        with _interrupted_after(_patience(spec, env), episode):
            agent.run(episode)
    except BudgetExceededError as error:
        reason, problem = "cost", ""
        journal.append("note", text=str(error))
    except ContextWindowError as error:
        reason = "context"
        journal.append("note", text=str(error))
    except _AgentHangsError:
        reason = "time"
        journal.append("note", text="The agent neither stepped nor returned in time.")
    except (RepoGymError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        # The agent is someone's own code: its fault ends its episode, not the run.
        reason = "agent_error"
        problem = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        journal.append("agent_error", text=traceback.format_exc())
    if not episode.done:
        episode.stop(reason)
    return problem


def _patience(spec: EpisodeSpec, env: gymnasium.Env) -> float | None:
    seconds = spec.seconds or getattr(env.unwrapped, "max_seconds", None)
    return None if seconds is None else float(seconds) + GRACE


@contextlib.contextmanager
def _interrupted_after(seconds: float | None, episode: RecordedEpisode) -> Iterator[None]:
    """Interrupt an agent that hangs outside the environment, where signals can (main thread).

    The environment bounds its own steps; only the agent's Python has no bound of its own.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        if not episode.inside_step:
            raise _AgentHangsError
        signal.setitimer(signal.ITIMER_REAL, 5.0)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _record(
    spec: EpisodeSpec,
    episode: RecordedEpisode,
    model: RecordedModel | None,
    score: Mapping[str, Any],
    diff: bytes,
    problem: str,
    begun: float,
) -> EpisodeRecord:
    use = ModelUse()
    if model is not None:
        use = ModelUse(
            calls=model.usage.calls,
            reused=model.reused,
            prompt_tokens=model.usage.prompt_tokens,
            completion_tokens=model.usage.completion_tokens,
            cost_usd=model.usage.cost_usd,
        )
    return EpisodeRecord(
        task=spec.task,
        sample=spec.sample,
        agent_error=problem,
        end=str(episode.end or ""),
        resolved=bool(score["resolved"]),
        plausible=bool(score["plausible"]),
        false_resolved=bool(score["false_resolved"]),
        fraction=float(score["fraction"]),
        reward=episode.reward,
        steps=episode.steps,
        seconds=round(time.time() - begun, 3),
        started=round(begun, 3),
        patch_bytes=len(diff),
        tampered=tuple(str(sign) for sign in score.get("tampered", ())),
        flags=tuple(str(flag) for flag in score.get("flags", ())),
        use=use,
    )


def _write_results(
    spec: EpisodeSpec,
    journal: Path,
    episode: RecordedEpisode,
    record: EpisodeRecord,
    score: Mapping[str, Any],
    diff: bytes,
    log: str,
) -> None:
    from agents.runs.atif import AtifAgent
    from agents.runs.report import repogym_version
    from agents.runs.trajectory import build_trajectory

    agent = AtifAgent(
        name=spec.agent,
        version=repogym_version(),
        model_name=spec.model,
        tool_definitions=episode.tools,
        extra={"args": spec.agent_args, "assist": spec.assist, "privileged": spec.privileged},
    )
    session = f"{spec.task}#{spec.sample}"
    trajectory = build_trajectory(read_journal(journal), agent, session)
    write_atomic(spec.folder / "trajectory.json", trajectory.to_json())
    write_atomic(spec.folder / "patch.diff", diff)
    write_atomic(spec.folder / "scoring.log", log)
    write_atomic(
        spec.folder / "score.json",
        _pretty({**score, "assist": spec.assist, "end": record.end, "reward": record.reward}),
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"
