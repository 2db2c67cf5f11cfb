"""Steps of an earlier play, answered from its journal, so that nothing has to run again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from envs.checkpoint import Checkpoint


@dataclass(frozen=True)
class PlayedStep:
    """A step of an earlier play.

    Attributes:
        name: The tool.
        arguments: Its arguments as raw JSON text.
        text: What it answered.
        error: 1 where the call could not be done.
        elapsed: Seconds of the episode's time after it.
        after: The files after it.
        reused: Whether it was answered from a still earlier play.
    """

    name: str
    arguments: str
    text: str
    error: int
    elapsed: float
    after: Checkpoint
    reused: bool = False


class Replay:
    """Steps of an earlier play, given again in their order as long as the calls are equal.

    Attributes:
        last: The step that was given last; None before the first one.
        given: The steps that were given.
    """

    def __init__(self, steps: Iterable[PlayedStep]) -> None:
        self._left = deque(steps)
        self.given: list[PlayedStep] = []

    @property
    def last(self) -> PlayedStep | None:
        """The step that was given last; None before the first one."""
        return self.given[-1] if self.given else None

    @property
    def over(self) -> bool:
        """Whether no step is left."""
        return not self._left

    def take(self, action: Mapping[str, str]) -> PlayedStep | None:
        """Return the next step where it is this very call; None where it is not."""
        if not self._left:
            return None
        step = self._left[0]
        if (step.name, step.arguments) != (action["name"], action["arguments"]):
            return None
        self.given.append(self._left.popleft())
        return step
