"""Which of several definitions of one name hold: the last, alternatives in branches, properties.

A definition is named as in bindings: ``#dotted``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphdb.languages.python.memo import Value
from graphdb.languages.python.scopes import CLASS_SCOPE, Scope

_PROPERTIES = frozenset(
    {"property", "cached_property", "abstractproperty", "classproperty", "lazy_property",
     "hybrid_property", "locked_cached_property", "reify", "async_property"}
)  # fmt: skip
_ACCESSORS = (".setter", ".deleter", ".getter")


def standing(scopes: Mapping[str, Scope], exprs: Iterable[str]) -> list[str]:
    """Return the definitions that a name has in the end.

    A later definition replaces those before it, unless it stands in another branch.

    Args:
        scopes: Scopes of the file.
        exprs: What the name is bound to, in order; anything but definitions is left out.
    """
    found: list[str] = []
    for expr in exprs:
        if expr[0] == "#":
            branch = scopes[expr[1:]].branch
            found = [one for one in found if branch and scopes[one[1:]].branch != branch]
            found.append(expr)
    return found


def is_accessor(scopes: Mapping[str, Scope], expr: str) -> bool:
    """Whether a definition is the setter, deleter or getter of a property before it."""
    return any(item.endswith(_ACCESSORS) for item in scopes[expr[1:]].decorators)


def seen(scopes: Mapping[str, Scope], path: str, dotted: str, receiver: Value | None) -> Value:
    """Return what a definition in a class is, seen from a receiver.

    Args:
        scopes: Scopes of the file.
        path: The file.
        dotted: The definition.
        receiver: An instance or a class; None where there is none.
    """
    inner = scopes[dotted]
    if inner.kind == CLASS_SCOPE:
        return ("C", path, dotted)
    if receiver is None:
        return ("F", path, dotted)
    if any(item.rpartition(".")[2] in _PROPERTIES for item in inner.decorators):
        return ("P", path, dotted, receiver)
    if receiver[0] == "C" and inner.bindings.get(inner.first) == ["%self"]:
        return ("F", path, dotted)
    return ("B", path, dotted, receiver)
