"""CodexGraph: ask the code graph in prose, then repair with the ordinary tools.

Two conversations. The primary model asks in plain words; a translator, who knows the graph's
schema and not the problem, answers each question from the graph by Cypher. After at most
`rounds` rounds the primary goes on like `react`. After Liu et al., "CodexGraph: Bridging Large
Language Models and Code Repositories via Code Graph Databases" (2024).
"""

from __future__ import annotations

import re

from agents.base import check_tools
from agents.codexgraph_translator import TOOL, Translator
from agents.conversation import Conversation, play, problem
from agents.models.protocol import Model
from agents.models.registry import make_model
from agents.react import SYSTEM, React
from envs.episode import Episode
from repos.errors import InputError

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
tests that cover it, look at your diff, and call submit."""

OVER = "That was the last round of questions."
LEFT_OUT = "Only the first {most} questions of a reply are answered; {left} were left out."


class CodexGraph(React):
    """Questions to the code graph, translated to Cypher, then a plain tool loop."""

    requires_tools = (TOOL,)

    def __init__(
        self,
        model: Model,
        translator: str | Model = "",
        rounds: int = 5,
        repairs: int = 3,
        phase_calls: int = 20,
        temperature: float | None = None,
        max_tokens: int | None = None,
        context_chars: int | None = None,
        patience: int = 3,
    ) -> None:
        """Make it.

        Args:
            model: The primary, and the translator where no other is named.
            translator: Model that writes the Cypher, by its name (or itself, from Python).
            rounds: Rounds of questions.
            repairs: How often a query that fails is written anew.
            phase_calls: Replies after which asking ends.
            temperature: Sampling temperature; None is the model's default.
            max_tokens: Bound of a reply; None is the model's default.
            context_chars: Length of the history above which old observations are shortened;
                None takes the model's own, see `Conversation`.
            patience: Replies without a tool call, in a row, that end the episode.

        Raises:
            InputError: `rounds`, `repairs` or `phase_calls` is out of range, or the
                translator's model can't be made.
        """
        super().__init__(model, temperature, max_tokens, context_chars, patience)
        for name, value, least in (
            ("rounds", rounds, 1),
            ("repairs", repairs, 0),
            ("phase_calls", phase_calls, 1),
        ):
            if not isinstance(value, int) or value < least:
                raise InputError(
                    f"--agent-arg {name}={value}: give a whole number of at least {least}."
                )
        self.rounds = rounds
        self.repairs = repairs
        self.phase_calls = phase_calls
        self.translator: Model = translator or model  # type: ignore[assignment]
        if isinstance(translator, str) and translator:
            # A model of a run makes others that share its journal and its budget.
            self.translator = getattr(model, "another", make_model)(translator)

    def run(self, episode: Episode) -> None:
        """Play the episode to its end.

        Raises:
            InputError: The environment does not offer `graph_query`.
        """
        check_tools(self, episode.tools, "codexgraph")
        offered = {tool["function"]["name"]: tool["function"] for tool in episode.tools}
        conversation = Conversation(
            episode,
            self.model,
            SYSTEM,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            context_chars=self.context_chars,
        )
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
        play(lambda: self._work(conversation, translator))

    def _work(self, conversation: Conversation, translator: Translator) -> None:
        said = self._ask(conversation, translator)
        conversation.say(f"{said}\n\n{WORK}" if said else WORK)
        self._loop(conversation)

    def _ask(self, conversation: Conversation, translator: Translator) -> str:
        """Play the rounds; return what is still to be said: the answers of the last one."""
        asked = 0
        for _ in range(self.phase_calls):
            reply = conversation.turn()
            questions = questions_of(reply.text)
            if not questions:
                if reply.tool_calls:
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
