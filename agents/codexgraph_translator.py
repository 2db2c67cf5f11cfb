"""The translator of CodexGraph: one question in prose in, rows of the code graph out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from agents.conversation import Conversation, EpisodeOver
from agents.models.protocol import Model
from envs.episode import Episode, ToolCall
from tools.text import clip

TOOL = "graph_query"
"""The tool that runs the queries."""

MAX_ROWS = 60
"""Rows of one answer."""

MAX_CHARS = 8_000
"""Characters of one answer: it stays in the primary's history."""

SYSTEM = """\
You translate questions on a code repository into Cypher for the graph of its code. Each reply \
is exactly one query in a block that begins with ```cypher and ends with ```; no other text. \
Write values into the query itself: parameters such as $name can't be passed. Return what \
answers the question in as few columns as will do, with file_path and line where it asks for \
places. Where it is unsure how something is called, match parts of names by CONTAINS.

What the graph holds and how it is asked:

{schema}"""

WRONG = "The query failed:\n{error}\n\nWrite a query that answers the question."
NO_QUERY = "Your reply held no query. Reply with one Cypher query in a ```cypher block."

_BLOCK = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
_BARE = re.compile(r"\A(OPTIONAL\s+MATCH|MATCH|WITH|UNWIND|CALL|RETURN)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What became of one question.

    Attributes:
        question: In the primary's words.
        query: The last query; "" where none was written.
        text: Its rows as text, or the error.
        ok: Whether a query worked.
    """

    question: str
    query: str
    text: str
    ok: bool

    def __str__(self) -> str:
        """The answer as the primary reads it."""
        if self.ok:
            return f"Question: {self.question}\nCypher: {self.query}\n{clip(self.text, MAX_CHARS)}"
        shown = f" The last one:\n{self.query}\n{self.text}" if self.query else ""
        return f"Question: {self.question}\nNo query that works was found.{shown}"


class Translator:
    """Writes queries, runs them, and mends those that fail.

    Each question is a conversation of its own: nothing of the problem and nothing of earlier
    questions is in it, so that it stays short enough for a small model.
    """

    def __init__(
        self,
        episode: Episode,
        model: Model,
        schema: str,
        *,
        repairs: int,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> None:
        """Make it.

        Args:
            episode: Where queries run, each a step.
            model: Who writes them.
            schema: What the graph holds: the description of the tool `graph_query`.
            repairs: How often a query that fails is written anew.
            temperature: Sampling temperature; None is the model's default.
            max_tokens: Bound of a reply; None is the model's default.
        """
        self.episode = episode
        self.model = model
        self.system = SYSTEM.format(schema=schema)
        self.repairs = repairs
        self.temperature = temperature
        self.max_tokens = max_tokens

    def answer(self, question: str) -> Answer:
        """Answer one question.

        Raises:
            EpisodeOver: The episode ended, or the model can't go on.
            InfrastructureError: The provider or the sandbox failed.
        """
        conversation = Conversation(
            self.episode,
            self.model,
            self.system,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            tools=(),
        )
        conversation.say(f"Question: {question}")
        last = Answer(question, "", "", ok=False)
        for _ in range(1 + self.repairs):
            reply = conversation.turn()
            query = "" if reply.cut else query_of(reply.text)
            if not query:
                if not reply.cut:  # that has been told
                    conversation.say(NO_QUERY)
                continue
            observation = self._run(query)
            last = Answer(question, query, observation["text"], ok=not observation["error"])
            if last.ok:
                break
            conversation.say(WRONG.format(error=last.text))
        return last

    def _run(self, query: str) -> dict:
        arguments = json.dumps({"cypher": query, "max_rows": MAX_ROWS}, ensure_ascii=False)
        observation = self.episode.step(ToolCall(TOOL, arguments))
        if self.episode.done:
            raise EpisodeOver
        return observation


def query_of(text: str) -> str:
    """Return the query of a reply: its first fenced block, or all of it where it is a query."""
    block = _BLOCK.search(text)
    if block is not None:
        return block[2].strip()
    bare = text.strip().strip("`").strip()
    return bare if _BARE.match(bare) else ""
