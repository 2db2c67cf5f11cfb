"""Tokens to a syntax tree, by precedence climbing."""

from __future__ import annotations

import re

from .errors import ParseError
from .nodes import Binary, Call, Literal, Name, Node, Unary
from .tokens import Token, tokenize

_CONSTANTS = {"true": True, "false": False, "null": None}
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_STRENGTH = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(_COMPARISONS, 4),
    "&": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
    "^": 9,
}
_NOT_STRENGTH = 3
_SIGN_STRENGTH = 8
_MAX_DEPTH = 100


class _Parser:
    def __init__(self, source: str) -> None:
        self.tokens = tokenize(source)
        self.index = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def at(self, text: str) -> bool:
        return self.token.kind == "op" and self.token.text == text

    def expect(self, text: str) -> None:
        if not self.at(text):
            raise ParseError(f"expected {text!r}, found {self._found()}", self.token.position)
        self.take()

    def _found(self) -> str:
        return repr(self.token.text) if self.token.kind != "end" else "the end"

    def expression(self, strength: int = 0) -> Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ParseError("the formula is nested too deeply", self.token.position)
        left = self.operand()
        while self.token.kind == "op":
            op = self.token.text
            own = _STRENGTH.get(op, 0)
            if own <= strength:
                break
            position = self.take().position
            # A power takes everything to its right that is as strong as itself.
            right = self.expression(own - 1 if op == "^" else own)
            if op in _COMPARISONS and isinstance(left, Binary) and left.op in _COMPARISONS:
                raise ParseError("comparisons can't be chained", position)
            left = Binary(op, left, right)
        self.depth -= 1
        return left

    def operand(self) -> Node:
        token = self.take()
        if token.kind == "number":
            is_int = token.text.isdigit()
            return Literal(int(token.text) if is_int else float(token.text))
        if token.kind == "text":
            return Literal(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token.kind == "name":
            if self.at("("):
                return Call(token.text.lower(), self.arguments())
            word = token.text.lower()
            return Literal(_CONSTANTS[word]) if word in _CONSTANTS else Name(token.text)
        if token.text == "(":
            # Wrapped, so that "(a < b) == c" isn't mistaken for a chain.
            inner = self.expression()
            self.expect(")")
            return Unary("()", inner)
        if token.text == "not":
            return Unary("not", self.expression(_NOT_STRENGTH))
        if token.text in ("-", "+"):
            return Unary(token.text, self.expression(_SIGN_STRENGTH))
        self.index -= 1
        raise ParseError(f"expected a value, found {self._found()}", token.position)

    def arguments(self) -> tuple[Node, ...]:
        self.expect("(")
        arguments: list[Node] = []
        if not self.at(")"):
            arguments.append(self.expression())
            while self.at(","):
                self.take()
                arguments.append(self.expression())
        self.expect(")")
        return tuple(arguments)


def parse(source: str) -> Node:
    """The syntax tree of a formula.

    Raises:
        ParseError: if the text isn't a formula.
    """
    parser = _Parser(source)
    tree = parser.expression()
    if parser.token.kind != "end":
        raise ParseError(f"unexpected {parser.token.text!r}", parser.token.position)
    return tree
