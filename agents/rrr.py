"""RRR: retrieve, look with static tools, reflect, and improve.

The model writes a first version from code that looks like the problem. Then, while the visible
tests fail or a file that it changed names what does not exist, it looks with static tools,
reflects without tools, and improves. After Deshpande et al., "Class-Level Code Generation from
Natural Language Using Iterative, Tool-Enhanced Reasoning over Repository" (2024). Feedback comes
from the tests in the workspace and from a language server, never from the tests that score.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from agents.base import check_tools
from agents.conversation import END_SILENT, Conversation, problem
from agents.model_agent import ModelAgent
from envs.episode import ToolCall
from repos.scoring.patches import sections

STATIC_TOOLS = (
    *("get_imports", "get_class_info", "get_method_body", "signature"),
    *("get_relevant_code", "get_related_snippets"),
)
"""What the paper's agent looks with: it reads code and runs none."""

SYSTEM = """\
You write code that is missing in a repository, or repair code that is wrong. You work through \
tools; nobody can answer questions, so decide for yourself. Use names that exist: look them up \
before you write them. Leave the tests as they are. Your work is judged by tests that you do not \
see.

The work goes in phases. Each begins with a message whose first line names it; a reply without a \
tool call ends the phase."""

GENERATE = """\
Phase: generate

{problem}

Places of the repository that look like it:

{snippets}

Write a first version into the file with the editing tools, then reply without a call."""

LOOK = """\
Phase: look

The version is not right yet:

{feedback}

Choose static tools to find out what you assumed and do not know: which imports a file has, what \
a class offers, how a method works, where similar code is. Change nothing. Reply without a call \
when you know enough."""

REFLECT = """\
Phase: reflect

Without tools: compare the feedback with what the tools showed. Say what is wrong in the version, \
why, and what exactly the next one must do."""

IMPROVE = """\
Phase: improve

Make the change in the file with the editing tools, then reply without a call."""

NUDGE = (
    "Nothing was changed in the repository: what stands in a reply changes no file. Call a tool."
)

_TEST = re.compile(r"[\w./-]*\btests?/[\w./-]+\.py(?:::[\w.:\[\]-]+)?|[\w./-]*\btest_\w+\.py")
_PLACE = re.compile(r":(\d+):\d+: ")
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)")
_MOST = 6000
"""Characters of feedback of one kind that the model is shown."""


@dataclass(eq=False)
class RRR(ModelAgent):
    """Writes, checks, looks, reflects and improves, for a bounded number of rounds.

    Attributes:
        rounds: Versions after the first one.
        phase_calls: Replies after which a phase is ended.
    """

    requires_tools: ClassVar[tuple[str, ...]] = (*STATIC_TOOLS, "run_tests", "diagnostics")

    rounds: int = 3
    phase_calls: int = 10

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: `rounds` or `phase_calls` is out of range.
        """
        self._check(rounds=0, phase_calls=1)

    def system(self, tools: Collection[str]) -> str:
        """Return the system message; see `ModelAgent.system`."""
        return SYSTEM

    def work(self, conversation: Conversation) -> None:
        """Play the phases.

        Raises:
            InputError: The environment does not offer a tool that it needs.
        """
        episode = conversation.episode
        check_tools(self, episode.tools, "rrr")
        statement = episode.observation["text"]
        tests = named_tests(statement)
        known = episode.step(ToolCall("get_related_snippets", json.dumps({"query": statement})))
        self._write(
            conversation, GENERATE.format(problem=problem(statement), snippets=known["text"])
        )
        for _ in range(self.rounds):
            feedback = self._feedback(conversation, tests)
            if not feedback:
                break
            self._phase(conversation, LOOK.format(feedback=feedback), STATIC_TOOLS)
            self._phase(conversation, REFLECT, ())
            self._write(conversation, IMPROVE)
        if conversation.calls:
            episode.step(ToolCall("submit"))
        else:
            episode.stop(END_SILENT)

    def _write(self, conversation: Conversation, text: str) -> None:
        """Play a phase that changes files; a version that is the one before is asked for again."""
        before = conversation.episode.environment.diff()
        tools = [tool["function"]["name"] for tool in conversation.episode.tools]
        offered = [name for name in tools if name not in ("run_tests", "submit")]
        self._phase(conversation, text, offered)
        if conversation.episode.environment.diff() == before:
            self._phase(conversation, NUDGE, offered)

    def _phase(self, conversation: Conversation, text: str, tools: Collection[str]) -> None:
        """Say a message and let the model act with these tools until a reply without a call."""
        schemas = conversation.episode.tools
        conversation.tools = [tool for tool in schemas if tool["function"]["name"] in tools]
        conversation.say(text)
        for _ in range(self.phase_calls):
            reply = conversation.turn()
            if not reply.tool_calls and not reply.cut:
                return

    def _feedback(self, conversation: Conversation, tests: list[str]) -> str:
        """Return what visible tests and the language server say against the version."""
        episode = conversation.episode
        said: list[str] = []
        for path, lines in written_lines(episode.environment.diff()).items():
            found = episode.step(ToolCall("diagnostics", json.dumps({"path": path})))
            errors = [
                row
                for row in found["text"].splitlines()
                if (at := _PLACE.search(row)) and int(at[1]) in lines
            ]
            if errors:
                said.append("\n".join(["Names and members:", *errors])[:_MOST])
        asked = {"tests": tests} if tests else {}
        report = episode.step(ToolCall("run_tests", json.dumps(asked)))["text"]
        if not passed(report):
            said.append(f"Visible tests:\n{report[:_MOST]}")
        return "\n\n".join(said)


def named_tests(statement: str) -> list[str]:
    """Return the test files and test ids that a statement names, each once."""
    return list(dict.fromkeys(_TEST.findall(statement)))


def written_lines(diff: bytes) -> dict[str, set[int]]:
    """Return the lines that a diff wrote, by the Python or C file that holds them now.

    What a language server says of other lines was so before.
    """
    found: dict[str, set[int]] = {}
    for paths, section in sections(diff):
        lines: set[int] = set()
        number = 0
        for line in section.split(b"\n"):
            if hunk := _HUNK.match(line):
                number = int(hunk[1])
            elif number and line.startswith(b"+"):
                lines.add(number)
                number += 1
            elif number and line.startswith(b" "):
                number += 1
        if lines and paths[-1].endswith((".py", ".c", ".h")):
            found[paths[-1]] = lines
    return found


def passed(report: str) -> bool:
    """Whether a text of the tool `run_tests` tells of a whole run in which nothing failed."""
    summary = report.partition("\n")[0]
    failed = re.search(r"\b[1-9]\d* (?:failed|error)", summary)
    told = summary.startswith("SUMMARY ") and " passed" in summary
    return told and not failed and "\nINCOMPLETE " not in report
