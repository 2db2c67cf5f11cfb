"""ToolGen: writes the removed code of a `repo-lite` task and asks the completion tool on the way.

The model continues the file as text. At each trigger the tool `complete` tells which names exist
there, and the model has to take one of them; see `agents.guided`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from agents.base import check_tools
from agents.guided import DOT, generate
from agents.models.continuation import continuing
from agents.models.protocol import Model
from envs.episode import Episode, ToolCall

_HOLE = re.compile(
    r"(?:body of the (?:class|function)|block of the function) `[^`\n]+` in `(?P<path>[^`\n]+)` "
    r"was removed: (?:on|from) line (?P<line>\d+)"
)
_VIEWED = re.compile(r"^(\d+)\t(.*)$", re.MULTILINE)
_HEAD, _TAIL = 150, 400
"""Lines of the file's begin, and before the place, that are looked at."""
_IMPORT = re.compile(r"^(?:from|import) ")
_ROW = re.compile(r"^([^\W\d]\w*)(?: |$)")
NO_PLACE = "no_place"
"""The end of an episode whose statement names no place to write at."""


@dataclass(frozen=True)
class Hole:
    """Where code was removed.

    Attributes:
        path: The file.
        line: The line of the placeholder, from 1.
        placeholder: What stands there now, without its indentation.
        indent: Its column, from 0.
        before: Lines of the file before it: those of its begin and those above the place.
    """

    path: str
    line: int
    placeholder: str
    indent: int
    before: tuple[str, ...]


@dataclass(eq=False)
class ToolGen:
    """Generates at the removed place with the completion tool.

    Attributes:
        model: Who writes; it has to continue raw text.
        max_tokens: Bound of what it writes, in tokens.
        context_chars: Characters of the file before the place that it sees.
        temperature: Sampling temperature; None is the model's default.
        trigger: Text at which the tool is asked: a dot, or what a model was trained to write
            (`repogym toolgen-data`).
        tool: Whether the tool is asked at all; without it the text is free, for comparison.
    """

    requires_model: ClassVar[bool] = True
    requires_tools: ClassVar[tuple[str, ...]] = ("view", "complete", "edit", "submit")

    model: Model
    max_tokens: int = 256
    context_chars: int = 6000
    temperature: float | None = None
    trigger: str = DOT
    tool: bool = True

    def run(self, episode: Episode) -> None:
        """Write the code and submit.

        Raises:
            InputError: The environment lacks a tool, or the model can't continue text.
        """
        check_tools(self, episode.tools, "toolgen")
        model = continuing(self.model)
        hole = hole_of(episode)
        if hole is None:
            episode.stop(NO_PLACE)
            return
        # The cursor gets an empty line of its own, so that the file parses while it is written.
        space = " " * hole.indent
        marked = f"{space}\n{space}{hole.placeholder}"
        self._replace(episode, hole, f"{space}{hole.placeholder}", marked)

        def names(text: str) -> Sequence[str]:
            # The prompt ends one column before the block's: a model's words begin with a space.
            asked = {
                "path": hole.path,
                "line": hole.line,
                "text": text.lstrip(" "),
                "max_results": 500,
            }
            answer = episode.step(ToolCall("complete", json.dumps(asked)))
            return names_of(answer["text"]) if not answer["error"] else []

        written = generate(
            model,
            prompt(hole, self.context_chars),
            names=names if self.tool else None,
            max_tokens=self.max_tokens,
            indent=hole.indent,
            trigger=self.trigger,
            temperature=self.temperature,
        )
        if episode.done:
            return
        self._replace(episode, hole, marked, space + (written.text.strip() or hole.placeholder))
        if not episode.done:
            episode.step(ToolCall("submit"))

    @staticmethod
    def _replace(episode: Episode, hole: Hole, old: str, new: str) -> None:
        """Replace what stands at the place; the lines before it make the place the only one."""
        around = "\n".join(hole.before[-12:])
        change = {"path": hole.path, "old": f"{around}\n{old}", "new": f"{around}\n{new}"}
        episode.step(ToolCall("edit", json.dumps(change)))


def hole_of(episode: Episode) -> Hole | None:
    """Return the body that a statement of `repo-lite` asks for; None where it names none."""
    found = _HOLE.search(episode.observation["text"])
    if found is None:
        return None
    path, line = found["path"], int(found["line"])
    rows: dict[int, str] = {}
    for first, last in ((1, min(line, _HEAD)), (max(1, line - _TAIL), line)):
        asked = {"path": path, "start": first, "end": last}
        shown = episode.step(ToolCall("view", json.dumps(asked)))["text"]
        rows |= {int(row[1]): row[2] for row in _VIEWED.finditer(shown)}
    here = rows.pop(line, "")
    bare = here.strip()
    if bare not in ("...", "raise NotImplementedError"):
        return None
    before = tuple(rows[number] for number in sorted(rows))
    return Hole(path, line, bare, len(here) - len(here.lstrip()), before)


def prompt(hole: Hole, chars: int) -> str:
    """Return what the model continues: the file's imports and the code before the place.

    It ends one column before the block's, because the tokens of words begin with their space.
    """
    imports = [line for line in hole.before if _IMPORT.match(line)]
    tail: list[str] = []
    room = chars
    for line in reversed(hole.before):
        room -= len(line) + 1
        if room < 0:
            break
        tail.append(line)
    tail.reverse()
    if len(tail) < len(hole.before):
        head = "\n".join(imports)[: chars // 4]
        tail = [head, "", *tail]
    return "\n".join([*tail, " " * (hole.indent - 1)])


def names_of(answer: str) -> list[str]:
    """Return the names of an answer of the tool `complete`, without those for insiders."""
    if answer.startswith("No name "):
        return []
    rows = (_ROW.match(row) for row in answer.splitlines())
    found = [row[1] for row in rows if row]
    return [name for name in found if not (name.startswith("__") and name.endswith("__"))]
