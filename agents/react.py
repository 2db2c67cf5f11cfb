"""A plain tool loop: the model acts, sees what happened, and acts again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agents.conversation import END_SILENT, Conversation, problem
from agents.model_agent import ModelAgent

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


@dataclass(eq=False)
class React(ModelAgent):
    """Reply, tool calls, observations, until the model submits.

    Attributes:
        patience: Replies without a tool call, in a row, that end the episode.
    """

    system: ClassVar[str] = SYSTEM

    patience: int = 3

    def work(self, conversation: Conversation) -> None:
        """Tell the problem and leave the rest to the model."""
        conversation.say(problem(conversation.episode.observation["text"]))
        self.loop(conversation)

    def loop(self, conversation: Conversation) -> None:
        """Let the model act until the episode ends, or it falls silent."""
        silent = 0
        while silent < self.patience:
            if conversation.turn().tool_calls:
                silent = 0
                continue
            silent += 1
            conversation.say(NUDGE)
        conversation.episode.stop(END_SILENT)
