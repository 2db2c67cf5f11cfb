"""Episodes as an OpenEnv environment: a server with sessions that end, and its client.

    app = create_server("swe-mini")          # FastAPI; uvicorn serves it
    RepoGymClient(base_url="http://...").sync()

OpenEnv knows no `truncated` and no mask, so both stand in the observation.
"""

from __future__ import annotations

import threading
from typing import Any

from pydantic import Field

from agents.training.player import OVER, Player, Verdict
from agents.training.sessions import Sessions
from repos.errors import MissingExtraError, RepoGymError

try:
    from openenv.core import EnvClient  # pyright: ignore[reportMissingImports]
    from openenv.core.client_types import StepResult  # pyright: ignore[reportMissingImports]
    from openenv.core.env_server.http_server import (  # pyright: ignore[reportMissingImports]
        create_app,
    )
    from openenv.core.env_server.interfaces import (  # pyright: ignore[reportMissingImports]
        Environment,
    )
    from openenv.core.env_server.types import (  # pyright: ignore[reportMissingImports]
        Action,
        ConcurrencyConfig,
        Observation,
        State,
    )
except ImportError as error:
    raise MissingExtraError("openenv", "openenv", "The OpenEnv adapter") from error


class ToolAction(Action):
    """A tool call.

    Attributes:
        name: The tool.
        arguments: Raw JSON text.
    """

    name: str
    arguments: str = "{}"


class EpisodeObservation(Observation):
    """What a call printed; at the end of an episode also what it came to.

    Attributes:
        text: What was printed; after a reset the problem.
        error: Whether the call could not be done.
        tools: After a reset: the schemas of the tools, in OpenAI function form.
        verdict: At the end: `agents.training.player.Verdict`; empty before.
        truncated: Whether a bound ended the episode.
        mask_sample: Whether to leave the episode out of the loss.
        failure_kind: Why; "" where there is a verdict.
    """

    text: str = ""
    error: bool = False
    tools: list[dict[str, Any]] = Field(default_factory=list)
    verdict: dict[str, Any] = Field(default_factory=dict)
    truncated: bool = False
    mask_sample: bool = False
    failure_kind: str = ""


class EpisodeState(State):
    """Where the episode is.

    Attributes:
        suite: As on the command line after `--env`.
        task: Id of the task.
        open: Whether the episode goes on.
    """

    suite: str = ""
    task: str = ""
    open: bool = False


class EpisodeEnvironment(Environment[ToolAction, EpisodeObservation, EpisodeState]):
    """One client's episodes, one after the other."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, suite: str, sessions: Sessions) -> None:
        """Share the server's sessions; nothing is started yet."""
        super().__init__()
        self._sessions = sessions
        self._token = ""
        self._told = EpisodeState(suite=suite)
        self._lock = threading.Lock()

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        task: str | None = None,
        **kwargs: Any,
    ) -> EpisodeObservation:
        """Start an episode, which ends the former one.

        Args:
            seed: Seed of the environment.
            episode_id: A name of the client's.
            task: Id of the task; None draws one by the seed.
            kwargs: Ignored.
        """
        with self._lock:
            self._end()
            try:
                self._token, problem = self._sessions.open(task, seed)
            except RepoGymError as error:
                return EpisodeObservation(text=str(error), error=True, done=True)
            self._told = EpisodeState(
                suite=self._told.suite, task=task or "", open=True, episode_id=episode_id
            )
            verdict = self._sessions.verdict(self._token)
            return _observed(problem, False, verdict, self._sessions.tools(self._token))

    def step(
        self, action: ToolAction, timeout_s: float | None = None, **kwargs: Any
    ) -> EpisodeObservation:
        """Run a tool call."""
        with self._lock:
            answer = self._sessions.call(self._token, action.name, action.arguments)
            verdict = self._sessions.verdict(self._token) if self._token else None
            if self._token and answer.text != OVER:
                self._told.step_count += 1
            if not self._token:
                return EpisodeObservation(text="Reset the environment first.", error=True)
            self._told.open = verdict is None
            if verdict is not None:
                self._told.task = verdict.task
            return _observed(answer.text, answer.error, verdict)

    @property
    def state(self) -> EpisodeState:
        """Where the episode is."""
        return self._told

    def close(self) -> None:
        """End every process of the client's."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._token:
            self._sessions.close(self._token)
        self._token = ""
        self._told.open = False


def _observed(
    text: str, error: bool, verdict: Verdict | None, tools: list[dict[str, Any]] | None = None
) -> EpisodeObservation:
    end = verdict or Verdict()
    return EpisodeObservation(
        text=text,
        error=error,
        tools=tools or [],
        verdict=verdict.flat() if verdict else {},
        truncated=end.truncated,
        mask_sample=end.mask_sample,
        failure_kind=end.failure_kind,
        done=verdict is not None,
        reward=end.reward if verdict else None,
    )


def create_server(suite: str, *, most: int = 8, idle_seconds: float = 600.0, **options: Any) -> Any:
    """Return the FastAPI app that serves episodes; shutting it down ends them.

    Args:
        suite: As on the command line after `--env`.
        most: Clients at the same time; one more is refused.
        idle_seconds: An episode without a call for so long is closed: `abandoned`, masked.
        options: As for `envs.env.RepoEnv`.

    Raises:
        InputError: A name, value or bound that does not fit.
    """
    Player(suite, **options).close()
    sessions = Sessions(lambda: Player(suite, **options), most=most, idle_seconds=idle_seconds)
    app = create_app(
        lambda: EpisodeEnvironment(suite, sessions),
        ToolAction,
        EpisodeObservation,
        env_name="repogym",
        # Without a time-out OpenEnv keeps sessions whose client is gone.
        concurrency_config=ConcurrencyConfig(
            max_concurrent_envs=most, session_timeout=idle_seconds
        ),
    )
    app.router.on_shutdown.append(sessions.close_all)
    app.state.sessions = sessions
    return app


class RepoGymClient(EnvClient[ToolAction, EpisodeObservation, EpisodeState]):
    """Speaks to a server; `with RepoGymClient(base_url=...).sync() as env` for plain code."""

    def __init__(self, base_url: str | None = None, **more: Any) -> None:
        """Wait for a call as long as a test run may take, where nothing else is said."""
        super().__init__(base_url, **{"message_timeout_s": 1800.0, **more})

    def _step_payload(self, action: ToolAction) -> dict[str, Any]:
        return action.model_dump()

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[EpisodeObservation]:
        # Reward and done stand beside the observation, not in it.
        facts = {key: payload.get(key) for key in ("reward", "done")}
        seen = EpisodeObservation(**{**payload.get("observation", {}), **facts})
        return StepResult(observation=seen, reward=seen.reward, done=seen.done)

    def _parse_state(self, payload: dict[str, Any]) -> EpisodeState:
        return EpisodeState.model_validate(payload)
