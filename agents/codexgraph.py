"""CodexGraph: ask the code graph in prose, then repair with the ordinary tools.

Two conversations. The primary model asks in plain words; a translator, who knows the graph's
schema and not the problem, answers each question from the graph by Cypher. After at most
`rounds` rounds the primary goes on like `react`. After Liu et al., "CodexGraph: Bridging Large
Language Models and Code Repositories via Code Graph Databases" (2024).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from agents.base import check_tools
from agents.codexgraph_translator import TOOL, Translator
from agents.conversation import Conversation, problem
from agents.models.protocol import Model
from agents.models.registry import make_model
from agents.react import React

QUESTIONS = 5
"""Questions that one round answers."""

_QUESTION = re.compile(r"^[\W\d_]*question[\s\d]*[:*]+\s*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)

ASK = """\
Before you change anything, learn what you need from the graph of the code: which classes, \
functions, methods, fields and variables there are and where, what calls, uses, imports, \
inherits from or overrides what.

Put each question on a line of its own that begins with `Question:`, in plain words, and name \
what you know by its name; whoever answers knows the graph and not the problem. A reply may \
hold {questions} questions, and there are {rounds} of answers. Tools that read help as well. \
Change nothing yet. When you know enough, reply without a question and without a tool call, \
and say in a few lines what is wrong and where."""

WORK = """\
Questions are over. Now make the change: reproduce the problem where you can, edit, run the \
tests that cover it, and look at your diff."""

OVER = "That was the last round of questions."
LEFT_OUT = "Only the first {most} questions of a reply are answered; {left} were left out."


@dataclass(eq=False)
class CodexGraph(React):
    """Questions to the code graph, translated to Cypher, then a plain tool loop.

    Attributes:
        translator: Model that writes the Cypher, by its name (or itself, from Python); the
            primary where none is named.
        rounds: Rounds of questions.
        repairs: How often a query that fails is written anew.
        phase_calls: Replies after which asking ends.
    """

    requires_tools: ClassVar[tuple[str, ...]] = (TOOL,)

    translator: str | Model = ""
    rounds: int = 5
    repairs: int = 3
    phase_calls: int = 20

    def __post_init__(self) -> None:
        """Check the numbers and make the translator's model.

        Raises:
            InputError: `rounds`, `repairs` or `phase_calls` is out of range, or the
                translator's model can't be made.
        """
        self._check(rounds=1, repairs=0, phase_calls=1)
        if isinstance(self.translator, str) and self.translator:
            # A model of a run makes others that share its journal and its budget.
            self.translator = getattr(self.model, "another", make_model)(self.translator)
        self.translator = self.translator or self.model

    def work(self, conversation: Conversation) -> None:
        """Play the rounds of questions, then the loop.

        Raises:
            InputError: The environment does not offer `graph_query`.
        """
        episode = conversation.episode
        check_tools(self, episode.tools, "codexgraph")
        offered = {tool["function"]["name"]: tool["function"] for tool in episode.tools}
        assert not isinstance(self.translator, str)
        translator = Translator(
            episode,
            self.translator,
            offered[TOOL]["description"],
            repairs=self.repairs,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
        )
        rounds = "1 round" if self.rounds == 1 else f"{self.rounds} rounds"
        ask = ASK.format(questions=QUESTIONS, rounds=rounds)
        conversation.say(f"{problem(episode.observation['text'])}\n\n{ask}")
        said = self._ask(conversation, translator)
        conversation.say(f"{said}\n\n{WORK}" if said else WORK)
        self.loop(conversation)

    def _ask(self, conversation: Conversation, translator: Translator) -> str:
        """Play the rounds; return what is still to be said: the answers of the last one."""
        asked = 0
        for _ in range(self.phase_calls):
            reply = conversation.turn()
            questions = questions_of(reply.text)
            if not questions:
                if reply.tool_calls or reply.cut:
                    continue
                return ""
            asked += 1
            parts = [f"Answers, round {asked} of {self.rounds}:"]
            parts += [str(translator.answer(question)) for question in questions[:QUESTIONS]]
            left = len(questions) - QUESTIONS
            if left > 0:
                parts.append(LEFT_OUT.format(most=QUESTIONS, left=left))
            if asked == self.rounds:
                return "\n\n".join([*parts, OVER])
            conversation.say("\n\n".join(parts))
        return ""


def questions_of(text: str) -> list[str]:
    """Return the questions of a reply: the lines that begin with `Question:`, each once."""
    return list(dict.fromkeys(found.strip("*` ") for found in _QUESTION.findall(text)))
