"""The planning agent: understand, plan, localise, edit, test, reflect and refine.

One conversation with one model. The planner decides which phase comes next, keeps the plan
that the model wrote, and shows it at the beginning of each phase; the model does the rest
by tool calls. It ends by `submit`.
"""

from __future__ import annotations

import re

from agents.conversation import Conversation, play, problem
from agents.models.protocol import Model
from agents.plan import Plan
from agents.planner_prompts import SYSTEM, Phase, message
from envs.episode import Episode, ToolCall
from repos.errors import InputError

_VERDICT = re.compile(r"^\W*verdict\W+(pass|fail|give up)\b", re.IGNORECASE | re.MULTILINE)
_NEXT = re.compile(r"^\W*next\W+(localise|localize|edit)\b", re.IGNORECASE | re.MULTILINE)

NO_CHANGE = "Nothing was changed in the phase edit, so there is nothing to test."
CUT_OFF = "The phase {phase} was ended for its length; go on with what is known."


class Planner:
    """Plans, acts, tests, and revises the plan when a test fails."""

    requires_model = True

    def __init__(
        self,
        model: Model,
        rounds: int = 3,
        phase_calls: int = 20,
        temperature: float | None = None,
        max_tokens: int | None = None,
        context_chars: int | None = None,
    ) -> None:
        """Make it.

        Args:
            model: Who answers.
            rounds: How often it localises, edits and tests before it submits what there is.
            phase_calls: Replies after which a phase is ended.
            temperature: Sampling temperature; None is the model's default.
            max_tokens: Bound of a reply; None is the model's default.
            context_chars: Length of the history above which old observations are shortened;
                None takes the model's own, see `Conversation`.

        Raises:
            InputError: `rounds` or `phase_calls` is no number above 0.
        """
        for name, value in (("rounds", rounds), ("phase_calls", phase_calls)):
            if not isinstance(value, int) or value < 1:
                raise InputError(f"--agent-arg {name}={value}: give a whole number above 0.")
        self.model = model
        self.rounds = rounds
        self.phase_calls = phase_calls
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.context_chars = context_chars

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
        play(lambda: _Attempt(conversation, self.rounds, self.phase_calls).work())


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
