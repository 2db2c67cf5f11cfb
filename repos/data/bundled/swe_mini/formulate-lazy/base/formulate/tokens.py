"""Splitting the text of a formula into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import ParseError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<op>==|!=|<=|>=|[-+*/%^&<>(),])
    )""",
    re.VERBOSE,
)
_WORD_OPERATORS = {"and", "or", "not"}


@dataclass(frozen=True)
class Token:
    """One token; `kind` is number, text, name, op or end."""

    kind: str
    text: str
    position: int


def tokenize(source: str) -> list[Token]:
    """The tokens of a formula, an "end" token last.

    Raises:
        ParseError: at a character that starts no token.
    """
    tokens: list[Token] = []
    position = 0
    end = len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None:
            start = position + len(source[position:]) - len(source[position:].lstrip())
            raise ParseError(f"unexpected {source[start]!r}", start)
        kind = match.lastgroup or ""
        text = match[kind]
        if kind == "name" and text.lower() in _WORD_OPERATORS:
            kind, text = "op", text.lower()
        tokens.append(Token(kind, text, match.start(match.lastgroup or 0)))
        position = match.end()
    tokens.append(Token("end", "", end))
    return tokens
