"""Parsing Python, one thread at a time.

CPython 3.11 counts the depth of the tree that it converts for all threads together
(python/cpython#106905), so that two threads that parse at once can end in a SystemError.
"""

from __future__ import annotations

import ast
import threading
from typing import Any

_ONE_AT_A_TIME = threading.Lock()


def parse(source: str | bytes) -> ast.Module:
    """Return the tree of a module.

    Raises:
        SyntaxError: It is no Python of this interpreter.
        ValueError: It holds a NUL character.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(source)


def parse_expression(source: str) -> ast.expr:
    """Return the tree of an expression.

    Raises:
        SyntaxError: It is no expression.
        ValueError: It holds a NUL character.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(source, mode="eval").body


def literal(source: str) -> Any:
    """Return the value of a literal.

    Raises:
        SyntaxError, ValueError, TypeError, MemoryError, RecursionError: As `ast.literal_eval`.
    """
    with _ONE_AT_A_TIME:
        return ast.literal_eval(source)
