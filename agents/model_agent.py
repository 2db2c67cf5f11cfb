"""What agents that are led by a model share: its settings, and how an episode is played."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from agents.conversation import Conversation, EpisodeOver
from agents.models.protocol import Model
from envs.episode import Episode
from repos.errors import InputError


@dataclass(eq=False)
class ModelAgent:
    """An agent that holds one conversation with a model; a subclass says how in `work`.

    Attributes:
        model: Who answers.
        temperature: Sampling temperature; None is the model's default.
        max_tokens: Bound of a reply; None is the model's default.
        context_chars: Length of the history above which old observations are shortened; None
            takes the model's own, see `Conversation`.
    """

    requires_model: ClassVar[bool] = True

    model: Model
    temperature: float | None = None
    max_tokens: int | None = None
    context_chars: int | None = None

    def run(self, episode: Episode) -> None:
        """Play the episode to its end; its end ends the work quietly, wherever it comes."""
        conversation = Conversation(
            episode,
            self.model,
            self.system([tool["function"]["name"] for tool in episode.tools]),
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            context_chars=self.context_chars,
        )
        try:
            self.work(conversation)
        except EpisodeOver:
            return

    def system(self, tools: Collection[str]) -> str:
        """Return the system message.

        Args:
            tools: Names of the tools on offer; it names no others.
        """
        raise NotImplementedError

    def work(self, conversation: Conversation) -> None:
        """Lead the conversation, which has begun with the system message."""
        raise NotImplementedError

    def _check(self, **least: int) -> None:
        """Refuse the arguments that are no whole numbers of at least so much.

        Raises:
            InputError: One is not.
        """
        for name, bound in least.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < bound:
                raise InputError(
                    f"--agent-arg {name}={value}: give a whole number of at least {bound}."
                )
