"""The planning agent: understand, plan, localise, edit, test, reflect and refine.

One conversation with one model. The planner decides which phase comes next, keeps the plan
that the model wrote, and shows it at the beginning of each phase; the model does the rest
by tool calls. It ends by `submit`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from agents.conversation import Conversation, problem
from agents.model_agent import ModelAgent
from agents.plan import Plan
from agents.planner_prompts import SYSTEM, Phase, message
from envs.episode import ToolCall

_VERDICT = re.compile(r"^\W*verdict\W+(pass|fail|give up)\b", re.IGNORECASE | re.MULTILINE)
_NEXT = re.compile(r"^\W*next\W+(localise|localize|edit)\b", re.IGNORECASE | re.MULTILINE)

NO_CHANGE = "Nothing was changed in the phase edit, so there is nothing to test."
CUT_OFF = "The phase {phase} was ended for its length; go on with what is known."


@dataclass(eq=False)
class Planner(ModelAgent):
    """Plans, acts, tests, and revises the plan when a test fails.

    Attributes:
        rounds: How often it localises, edits and tests before it submits what there is.
        phase_calls: Replies after which a phase is ended.
    """

    system: ClassVar[str] = SYSTEM

    rounds: int = 3
    phase_calls: int = 20

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: `rounds` or `phase_calls` is no whole number of at least 1.
        """
        self._check(rounds=1, phase_calls=1)

    def work(self, conversation: Conversation) -> None:
        """Play the phases."""
        _Attempt(conversation, self.rounds, self.phase_calls).work()


class _Attempt:
    """One run of the phases on one episode."""

    def __init__(self, conversation: Conversation, rounds: int, phase_calls: int) -> None:
        self.conversation = conversation
        self.episode = conversation.episode
        self.rounds = rounds
        self.phase_calls = phase_calls
        self.tools = [str(tool["function"]["name"]) for tool in self.episode.tools]
        self.plan = Plan()
        self.note = ""

    def work(self) -> None:
        self.phase(Phase.UNDERSTAND, problem(self.episode.observation["text"]))
        written = self.phase(Phase.PLAN)
        self.plan = Plan.read(written)
        if not self.plan.steps:
            self.plan = Plan.in_words(written)
        following: Phase | None = Phase.LOCALISE
        for left in reversed(range(self.rounds)):
            if following is Phase.LOCALISE:
                self.phase(Phase.LOCALISE)
            self.plan = self.plan.marked(self.phase(Phase.EDIT))
            if self.tested() or not left:
                break
            following = self.reflected()
            if following is None:
                break
        self.episode.step(ToolCall("submit"))

    def phase(self, phase: Phase, statement: str = "") -> str:
        """Play one phase and return the reply that ended it ("" where it was cut off)."""
        text = message(
            phase, note=self.note, plan=str(self.plan), problem=statement, tools=self.tools
        )
        self.note = ""
        self.conversation.say(text)
        for _ in range(self.phase_calls):
            reply = self.conversation.turn()
            if not reply.tool_calls:
                return reply.text
        self.note = CUT_OFF.format(phase=phase)
        return ""

    def tested(self) -> bool:
        """Play the phase test and return whether the change is right."""
        if not self.episode.environment.diff():
            self.note = NO_CHANGE
            return False
        return _last(_VERDICT, self.phase(Phase.TEST)) == "pass"

    def reflected(self) -> Phase | None:
        """Play the phase reflect, revise the plan, and return what comes next, if anything."""
        text = self.phase(Phase.REFLECT)
        if _last(_VERDICT, text) == "give up":
            return None
        revised = Plan.read(text)
        # Without a new list the former plan still stands.
        if revised.steps:
            self.plan = revised
        return Phase.EDIT if _last(_NEXT, text) == "edit" else Phase.LOCALISE


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.findall(text)
    return found[-1].lower() if found else ""
