"""The records that Python's extractor leaves for its resolver, and the short form of expressions.

An expression is kept as a string: a head and trailers, the arguments dropped.

* heads: ``name``; ``@module`` and ``@module:name`` (imports, leading dots when relative);
  ``#dotted`` (a definition in the same file); ``%self`` and ``%cls`` (first parameter of a
  method); ``"`` (a text literal); ``%L`` followed by an expression (an iterable of such), ``%R``
  (something that gives such when called); ``?`` (unknown)
* ``name~1`` is a local variable after it was assigned anew, ``name~0`` before; the plain name
  stands for all its values
* trailers: ``.name``, ``()``, ``[]``
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_TRAILERS = re.compile(r"\.\w+|\(\)|\[\]")

MODULE_SCOPE, CLASS_SCOPE, FUNCTION_SCOPE = "m", "c", "f"

#: More possible values of one name than this are not followed.
MAX_VALUES = 5


class Scope(NamedTuple):
    """Names bound in a module, class or function.

    Attributes:
        kind: ``m``, ``c`` or ``f``.
        parent: `dotted` of the scope around it.
        bindings: For each name, the expressions it may stand for.
        decorators: Expressions, outermost first.
        bases: Expressions of a class's bases.
        returns: Expressions a function returns (``%L...`` for what it yields).
        annotated: Expressions of the return annotation; they win over `returns`.
        attributes: For a class, what methods assign to ``self.name``: (method, expression).
        stars: Modules whose names ``from module import *`` brings in.
        first: Name of a function's first parameter.
        branch: For a definition in a branch (`if`, `try`, `match`) a number from 1, the same
            for all of its name in this branch; 0 in none. It replaces, of those of the same name
            before it, the ones in its own branch; in none it replaces all.
    """

    kind: str
    parent: str
    bindings: dict[str, list[str]]
    decorators: list[str]
    bases: list[str]
    returns: list[str]
    annotated: list[str]
    attributes: dict[str, list[tuple[str, str]]]
    stars: list[str]
    first: str
    branch: int


def version(name: str, number: int) -> str:
    """What a local variable is called between two of its assignments."""
    return f"{name}~{number}"


def new_scope(kind: str, parent: str) -> Scope:
    """An empty scope."""
    return Scope(kind, parent, {}, [], [], [], [], {}, [], "", 0)


@lru_cache(maxsize=1 << 18)
def split(expr: str) -> tuple[str, tuple[str, ...]]:
    """Head and trailers of an expression."""
    if expr[0] in "@#" or expr[:2] in ("%L", "%R"):
        return expr, ()
    found = _TRAILERS.findall(expr)
    return expr[: len(expr) - sum(map(len, found))], tuple(found)


def bind(bindings: dict[str, list[str]], name: str, values: list[str]) -> None:
    """Add possible values of a name, without repeats."""
    known = bindings.setdefault(name, [])
    for value in values:
        if value not in known and len(known) <= MAX_VALUES:
            known.append(value)
