"""The planning agent: understand, plan, localise, edit, test, reflect and refine.

One conversation with one model. The planner decides which phase comes next, keeps the plan
that the model wrote, and shows it at the beginning of each phase; the model does the rest
by tool calls. It ends by `submit`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from agents.conversation import END_SILENT, Conversation, problem
from agents.model_agent import ModelAgent
from agents.plan import Plan
from agents.planner_prompts import NUDGE, NUDGE_EDIT, NUDGE_TEST, Phase, message, system
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
        patience: Replies in a row without the tool call that a phase needs, after which it is
            ended as it is.
    """

    rounds: int = 3
    phase_calls: int = 20
    patience: int = 3

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: `rounds`, `phase_calls` or `patience` is no whole number of at least 1.
        """
        self._check(rounds=1, phase_calls=1, patience=1)

    def system(self, tools: Collection[str]) -> str:
        """Return the system message; see `ModelAgent.system`."""
        return system(tools)

    def work(self, conversation: Conversation) -> None:
        """Play the phases."""
        _Attempt(conversation, self.rounds, self.phase_calls, self.patience).work()


class _Attempt:
    """One run of the phases on one episode."""

    def __init__(
        self, conversation: Conversation, rounds: int, phase_calls: int, patience: int
    ) -> None:
        self.conversation = conversation
        self.episode = conversation.episode
        self.rounds = rounds
        self.phase_calls = phase_calls
        self.patience = patience
        self.tools = [str(tool["function"]["name"]) for tool in self.episode.tools]
        self.plan = Plan()
        self.note = ""
        # The diff as it was tested last: an edit makes another one.
        self.known = b""

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
            done = self.phase(Phase.EDIT)
            if self.changed():
                self.plan = self.plan.marked(done)
            if self.tested() or not left:
                break
            following = self.reflected()
            if following is None:
                break
        if self.conversation.calls:
            self.episode.step(ToolCall("submit"))
        else:
            self.episode.stop(END_SILENT)

    def phase(self, phase: Phase, statement: str = "") -> str:
        """Play one phase and return the reply that ended it ("" where it was cut off)."""
        text = message(
            phase, note=self.note, plan=str(self.plan), problem=statement, tools=self.tools
        )
        self.note = ""
        self.conversation.say(text)
        silent = 0
        for _ in range(self.phase_calls):
            reply = self.conversation.turn()
            if reply.tool_calls:
                silent = 0
                continue
            if reply.cut:  # its end is lost, and it has been told so
                continue
            silent += 1
            missing = self.missing(phase, reply.text)
            if not missing or silent >= self.patience:
                return reply.text
            self.conversation.nudge(missing)
        self.note = CUT_OFF.format(phase=phase)
        return ""

    def missing(self, phase: Phase, text: str) -> str:
        """Return what the model is told where a reply without a call can't end the phase."""
        if phase is Phase.EDIT:
            return "" if self.changed() else NUDGE_EDIT
        if phase is Phase.TEST:
            return "" if _last(_VERDICT, text) else NUDGE_TEST
        if phase in (Phase.UNDERSTAND, Phase.LOCALISE) and not self.conversation.calls:
            return NUDGE.format(phase=phase)
        return ""

    def changed(self) -> bool:
        """Whether there is a diff, and another one than was tested."""
        return self.episode.environment.diff() not in (b"", self.known)

    def tested(self) -> bool:
        """Play the phase test and return whether the change is right."""
        if not self.changed():
            self.note = NO_CHANGE
            return False
        verdict = _last(_VERDICT, self.phase(Phase.TEST))
        self.known = self.episode.environment.diff()
        return verdict == "pass"

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
