"""What a conversation holds: the statement, the calls with their observations, the phase."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.models.protocol import Message
from tools.repair.observations import SuiteRun, read_run

_PROBLEM = re.compile(r"<problem>\n(.*?)\n</problem>", re.DOTALL)
_PHASE = re.compile(r"\APhase: (\w+)\s*$", re.MULTILINE)
_LISTED = re.compile(
    r"^\s*[-*] (?P<id>[^\s:]+\.py(?:::.*\S)?|\w+ \([\w.]+\)|test_\w+)\s*$", re.MULTILINE
)
"""Ids as pytest, unittest and SymPy write them."""
_ANNOUNCED = re.compile(r"^These tests fail\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Exchange:
    """One tool call and its observation.

    Attributes:
        id: The call's id.
        name: The tool.
        arguments: Its arguments, {} where they were no JSON object.
        text: What the tool answered.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    text: str


@dataclass(frozen=True)
class History:
    """A conversation, read.

    Attributes:
        statement: The task's statement.
        failing: Ids of the visible failing tests that the statement lists.
        exchanges: All calls that were answered, in order.
        phase: Name of the planner's current phase; None without phases.
    """

    statement: str
    failing: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    phase: str | None = None

    @property
    def before_edit(self) -> list[Exchange]:
        """The exchanges before the first edit."""
        names = [exchange.name for exchange in self.exchanges]
        return list(self.exchanges[: names.index("edit") if "edit" in names else None])

    def of(self, *names: str) -> list[Exchange]:
        """Return the exchanges of these tools."""
        return [exchange for exchange in self.exchanges if exchange.name in names]

    @property
    def applied(self) -> list[Exchange]:
        """Edits that stand: done and not undone."""
        standing: list[Exchange] = []
        for exchange in self.of("edit", "undo"):
            if exchange.name == "edit" and ": changed at line" in exchange.text.split("\n")[0]:
                standing.append(exchange)
            elif exchange.name == "undo" and standing:
                standing.pop()
        return standing

    @property
    def run_after(self) -> SuiteRun | None:
        """The last test run after the last edit."""
        result: SuiteRun | None = None
        for exchange in self.exchanges:
            if exchange.name in ("edit", "undo"):
                result = None
            elif exchange.name == "run_tests":
                result = read_run(exchange.text)
        return result if self.applied else None


def read_history(messages: Sequence[Message]) -> History:
    """Read a conversation.

    Args:
        messages: System, user, assistant and tool messages, in order.
    """
    users = [message.content for message in messages if message.role == "user"]
    opening = next((text for text in users if _PROBLEM.search(text)), users[0] if users else "")
    inside = _PROBLEM.search(opening)
    statement = inside[1] if inside else opening
    answers = {m.tool_call_id: m.content for m in messages if m.role == "tool"}
    exchanges: list[Exchange] = []
    phase: str | None = None
    for message in messages:
        if message.role == "user":
            named = _PHASE.match(message.content)
            phase = named[1] if named else phase
        for call in message.tool_calls:
            if call.id in answers:
                arguments = _object(call.arguments)
                exchanges.append(Exchange(call.id, call.name, arguments, answers[call.id]))
    return History(statement, listed_tests(statement), tuple(exchanges), phase)


def listed_tests(statement: str) -> tuple[str, ...]:
    """Return the test ids that a statement lists after "These tests fail"."""
    announced = _ANNOUNCED.search(statement)
    if announced is None:
        return ()
    found = [match["id"] for match in _LISTED.finditer(statement, announced.end())]
    return tuple(dict.fromkeys(found))


def _object(arguments: str) -> dict[str, Any]:
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
