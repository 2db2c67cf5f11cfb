"""Generation that asks which names exist: free text up to a trigger, then one of the names.

After Wang et al., "Teaching Code LLMs to Use Autocompletion Tools in Repository-Level Code
Generation" (ToolGen, 2024): a model that was trained on text with triggers writes one where it
wants the completion tool; for any other model a dot is the trigger.
"""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.models.errors import ModelRequestError
from agents.models.protocol import ContinuingModel, Reply, Usage

DOT = "."

Names = Callable[[str], Sequence[str]]
"""Returns the names that may follow a text; none where nothing is known."""

_NAME_END = "[^A-Za-z0-9_]"
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Asked:
    """A place at which names were asked for.

    Attributes:
        before: The line before it.
        offered: How many names there were.
        chosen: The one that was written; "" where none was known.
    """

    before: str
    offered: int
    chosen: str


@dataclass(frozen=True)
class Generated:
    """A text and how it came about.

    Attributes:
        text: What was written, cut where its block ends.
        asked: The places at which names were asked for.
        usage: What the requests used.
    """

    text: str
    asked: tuple[Asked, ...]
    usage: Usage


def generate(
    model: ContinuingModel,
    prefix: str,
    *,
    names: Names | None,
    max_tokens: int,
    indent: int,
    trigger: str = DOT,
    temperature: float | None = None,
    most_names: int = 200,
) -> Generated:
    """Continue a text to the end of its block.

    Args:
        model: Who writes.
        prefix: The code before; it ends with the block's indentation.
        names: Tells the names at a trigger; None writes freely, for comparison.
        max_tokens: Bound of the tokens, names included.
        indent: Columns of the block; a line of less ends it.
        trigger: Text at which names are asked for. A dot stays in the text, any other is cut.
        temperature: Sampling temperature; None is the model's default.
        most_names: At more names than this the model goes on freely.

    Raises:
        ModelRequestError: The endpoint can be held to no choice.
    """
    text, usage, asked = "", Usage(), []
    left = max_tokens
    while left > 0 and not ended(text, indent):
        stop = [trigger] if names is not None else []
        reply = model.continue_text(
            prefix + text, max_tokens=left, stop=stop, temperature=temperature
        )
        usage += reply.usage
        left -= max(1, _tokens(reply))
        text += reply.text
        if names is None or reply.cut or left <= 0 or ended(text, indent):
            break
        # The endpoint does not say whether it stopped at the trigger or because it was done.
        following = model.continue_text(
            prefix + text, max_tokens=len(trigger), temperature=temperature
        )
        usage += following.usage
        if not following.text.startswith(trigger):
            break
        if trigger == DOT:
            text += DOT
            if not in_code(text):
                continue
        known = list(dict.fromkeys(names(text)))
        if not known or len(known) > most_names:
            asked.append(Asked(text.rpartition("\n")[2], len(known), ""))
            if trigger != DOT:
                break
            free = model.continue_text(prefix + text, max_tokens=1, temperature=temperature)
            usage, left, text = usage + free.usage, left - 1, text + free.text
            if not free.text:
                break
            continue
        chosen = _choose(model, prefix + text, known, left, temperature)
        usage += chosen.usage
        left -= max(1, _tokens(chosen))
        before = text.rpartition("\n")[2]
        asked.append(Asked(before, len(known), _name_of(chosen.text)))
        text += chosen.text
    return Generated(cut(text, indent), tuple(asked), usage)


def _choose(
    model: ContinuingModel,
    prefix: str,
    names: Sequence[str],
    left: int,
    temperature: float | None,
) -> Reply:
    """Continue by one of the names and, where a grammar can say so, what ends it."""
    choices = " | ".join(json.dumps(name, ensure_ascii=False) for name in names)
    settings = {"max_tokens": max(left, 16), "temperature": temperature}
    try:
        return model.continue_text(prefix, grammar=f"root ::= ({choices}) {_NAME_END}", **settings)
    except ModelRequestError:
        return model.continue_text(prefix, choices=names, **settings)


def _name_of(text: str) -> str:
    found = re.match(r"\w*", text)
    return found[0] if found else ""


def _tokens(reply: Reply) -> int:
    return reply.usage.completion_tokens or len(reply.tokens)


def in_code(text: str) -> bool:
    """Whether a dot at the end of a text asks for a member: in no string, comment or number."""
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.ERRORTOKEN and token.string[:1] in "'\"":
                return False
            if token.string and token.type not in (tokenize.NEWLINE, tokenize.ENDMARKER):
                last = token.string
    except tokenize.TokenError as error:
        if "string" in str(error):
            return False
    except IndentationError:
        pass
    return last == DOT


def ended(text: str, indent: int) -> bool:
    """Whether a text has gone on after its block."""
    return cut(text, indent) != text


def cut(text: str, indent: int) -> str:
    """Return a text up to the first line that has code before the block's column.

    Args:
        text: A block's text; its first line begins at the block's column.
        indent: The block's column, from 0.
    """
    kept: list[str] = []
    lines = text.split("\n")
    for at, line in enumerate(lines):
        bare = line.lstrip(" \t")
        width = len(line.expandtabs(8)) - len(bare)
        if at and bare and width < indent and not _open_string("\n".join(kept)):
            return "\n".join(kept).rstrip()
        kept.append(line)
    return text


def _open_string(text: str) -> bool:
    """Whether a text ends inside a string of several lines or open brackets."""
    try:
        for _ in tokenize.generate_tokens(io.StringIO(text).readline):
            pass
    except tokenize.TokenError:
        return True
    except IndentationError:
        return False
    return False
