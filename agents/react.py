"""A plain tool loop: the model acts, sees what happened, and acts again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from agents.conversation import END_SILENT, Conversation, problem
from agents.model_agent import ModelAgent

SUBMIT = "submit"

SYSTEM = """\
You repair software. You work in a checked-out repository through tools; nobody can answer \
questions, so decide for yourself.

Work like this: read the problem, find the code that it is about, reproduce the problem where \
you can, change as little as solves it, run the tests that cover the change, and look at your \
diff. Fix the cause in the source, not the symptom, and leave the existing tests as they are. \
Your work is judged by tests that you do not see.

Every reply calls at least one tool. When the repository is as you want it, {end}"""

# How the work ends, with and without the tool submit on offer.
END = "call submit: that ends the work, and nothing can be changed afterwards."
END_SILENTLY = "reply without a tool call."

NUDGE = """\
Your reply called no tool, so nothing happened. Call a tool to go on, or {end} if the \
repository is as you want it."""


@dataclass(eq=False)
class React(ModelAgent):
    """Reply, tool calls, observations, until the model submits.

    Attributes:
        patience: Replies without a tool call, in a row, that end the episode.
    """

    patience: int = 3

    def system(self, tools: Collection[str]) -> str:
        """Return the system message; see `ModelAgent.system`."""
        return SYSTEM.format(end=END if SUBMIT in tools else END_SILENTLY)

    def work(self, conversation: Conversation) -> None:
        """Tell the problem and leave the rest to the model."""
        conversation.say(problem(conversation.episode.observation["text"]))
        self.loop(conversation)

    def loop(self, conversation: Conversation) -> None:
        """Let the model act until the episode ends, or it falls silent."""
        silent = 0
        while silent < self.patience:
            reply = conversation.turn()
            if reply.tool_calls:
                silent = 0
                continue
            silent += 1
            if not reply.cut:  # that has been told, and comes first
                conversation.nudge(NUDGE.format(end=self._end(conversation)))
        conversation.episode.stop(END_SILENT)

    @staticmethod
    def _end(conversation: Conversation) -> str:
        offered = {tool["function"]["name"] for tool in conversation.episode.tools}
        return "call submit" if SUBMIT in offered else "reply without one again"
