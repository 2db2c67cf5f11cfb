"""What agents and runs use of an environment beyond Gymnasium's own methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import gymnasium

from repos.errors import InputError
from repos.tasks.records import PublicTask

if TYPE_CHECKING:
    from envs.replay import PlayedStep
    from repos.scoring.score import Score


@dataclass(frozen=True)
class Budget:
    """What is left of an episode: steps, and seconds (None is without bound)."""

    steps: int
    seconds: float | None


@dataclass(frozen=True)
class Outcome:
    """What an episode came to.

    Attributes:
        end: Why it ended ("submitted", "steps", "time", ...).
        score: The verdict; None where the infrastructure failed.
        log: What scoring printed.
        infra_error: What failed in the infrastructure, or None.
        pending: Whether scoring still goes on (`scoring="async"`): the verdict is a result
            of the environment's, later.
    """

    end: str
    score: Score | None = None
    log: str = ""
    infra_error: str | None = None
    pending: bool = False


class EpisodeEnvironment(Protocol):
    """The part of `env.unwrapped` that `Episode`, agents and runs rely on."""

    @property
    def task(self) -> PublicTask:
        """The public part of the task at hand."""
        ...

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the tools in OpenAI function form."""
        ...

    @property
    def budget(self) -> Budget:
        """What is left of this episode."""
        ...

    @property
    def outcome(self) -> Outcome | None:
        """What the episode came to; None before its end."""
        ...

    def diff(self) -> bytes:
        """Return the agent's change so far, as scoring would take it."""
        ...

    def played_step(self) -> PlayedStep:
        """Return the latest step with the files as they are after it, for `resume_from`."""
        ...

    def resume_from(self, steps: Iterable[PlayedStep]) -> None:
        """Answer the first steps, as long as the calls are equal, from an earlier play."""
        ...

    @property
    def resumed(self) -> str:
        """Where a replay went on: "turn", "start" (its steps ran again); "" without one."""
        ...

    def apply_reference(self) -> None:
        """Apply the reference patch to the workspace, where that is allowed."""
        ...

    def stop(self, reason: str) -> None:
        """Make the next step end the episode with this reason."""
        ...

    def run_ahead(self, actions: Sequence[Mapping[str, str]]) -> int:
        """Run the read-only calls at the front of `actions` at the same time.

        The next steps take their results. Returns how many ran; 0 where a step may as well
        run its call itself.
        """
        ...


_MEMBERS = tuple(name for name in vars(EpisodeEnvironment) if not name.startswith("_"))


def episode_environment(env: gymnasium.Env) -> EpisodeEnvironment:
    """Return the environment inside all wrappers as what an episode needs of it.

    Raises:
        InputError: It is no such environment; what it lacks is named.
    """
    inner = env.unwrapped
    # Looked up on the class: a property may well refuse before the first reset.
    missing = [name for name in _MEMBERS if not hasattr(type(inner), name)]
    if missing:
        raise InputError(
            f"{type(inner).__name__} can't be played as an episode, it lacks "
            f"{', '.join(missing)}: use one of RepoGym's environments."
        )
    return cast(EpisodeEnvironment, inner)
