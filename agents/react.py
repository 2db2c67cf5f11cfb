"""A plain tool loop: the model acts, sees what happened, and acts again."""

from __future__ import annotations

from agents.conversation import END_SILENT, Conversation, play, problem
from agents.models.protocol import Model
from envs.episode import Episode

SYSTEM = """\
You repair software. You work in a checked-out repository through tools; nobody can answer \
questions, so decide for yourself.

Work like this: read the problem, find the code that it is about, reproduce the problem where \
you can, change as little as solves it, run the tests that cover the change, and look at your \
diff. Fix the cause in the source, not the symptom, and leave the existing tests as they are. \
Your work is judged by tests that you do not see.

Every reply calls at least one tool. When the repository is as you want it, call submit: that \
ends the work, and nothing can be changed afterwards."""

NUDGE = """\
Your reply called no tool, so nothing happened. Call a tool to go on, or call submit if the \
repository is as you want it."""


class React:
    """Reply, tool calls, observations, until the model submits."""

    requires_model = True

    def __init__(
        self,
        model: Model,
        temperature: float | None = None,
        max_tokens: int | None = None,
        context_chars: int | None = None,
        patience: int = 3,
    ) -> None:
        """Make it.

        Args:
            model: Who answers.
            temperature: Sampling temperature; None is the model's default.
            max_tokens: Bound of a reply; None is the model's default.
            context_chars: Length of the history above which old observations are shortened;
                None takes the model's own, see `Conversation`.
            patience: Replies without a tool call, in a row, that end the episode.
        """
        self.model = model
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.context_chars = context_chars
        self.patience = patience

    def run(self, episode: Episode) -> None:
        """Play the episode to its end."""
        conversation = Conversation(
            episode,
            self.model,
            SYSTEM,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            context_chars=self.context_chars,
        )
        conversation.say(problem(episode.observation["text"]))
        play(lambda: self._loop(conversation))

    def _loop(self, conversation: Conversation) -> None:
        silent = 0
        while silent < self.patience:
            if conversation.turn().tool_calls:
                silent = 0
                continue
            silent += 1
            conversation.say(NUDGE)
        conversation.episode.stop(END_SILENT)
