"""Turns syntax nodes into the short form of expressions; see :mod:`.scopes`."""

from __future__ import annotations

import re
from sys import intern
from typing import TYPE_CHECKING

from graphdb.languages.python.scopes import MAX_VALUES

if TYPE_CHECKING:
    from tree_sitter import Node

_DOTTED = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*").fullmatch
_DOTTED_TEXT = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*").fullmatch
_MAX_DEPTH = 40
_MAX_LENGTH = 200

_ITERABLES = frozenset(
    {"list", "List", "set", "Set", "frozenset", "FrozenSet", "tuple", "Tuple", "Sequence",
     "Iterable", "Iterator", "Collection", "Generator", "MutableSequence", "AbstractSet", "deque",
     "Deque", "AsyncIterator", "AsyncIterable", "AsyncGenerator"}
)  # fmt: skip
_TRANSPARENT = frozenset({"Optional", "Annotated", "Final", "ClassVar", "Required", "NotRequired"})
_OPAQUE = frozenset({"None", "Any", "object", "Callable", "Literal", "NoReturn", "Never"})


def text(node: Node, source: bytes) -> str:
    """Source text of a node."""
    return intern(source[node.start_byte : node.end_byte].decode("utf-8", "replace"))


def chain(node: Node | None, source: bytes, depth: int = 0) -> str:
    """Short form of one expression; ``?`` where it has none."""
    if node is None or depth > _MAX_DEPTH:
        return "?"
    kind = node.type
    if kind in ("identifier", "attribute") and node.end_byte - node.start_byte <= _MAX_LENGTH:
        raw = source[node.start_byte : node.end_byte]
        if _DOTTED(raw):
            return intern(raw.decode())
    if kind == "identifier":
        name = text(node, source)
        return name if len(name) <= _MAX_LENGTH else "?"
    if kind == "attribute":
        short = chain(node.child_by_field_name("object"), source, depth + 1)
        name = node.child_by_field_name("attribute")
        return _join(short, "." + text(name, source)) if name else "?"
    if kind == "call":
        function = node.child_by_field_name("function")
        short = chain(function, source, depth + 1)
        if short in ("type", "cast", "typing.cast", "t.cast"):
            return _typed_call(node, short, source, depth)
        return _join(short, "()")
    if kind == "subscript":
        return _join(chain(node.child_by_field_name("value"), source, depth + 1), "[]")
    if kind in ("string", "concatenated_string"):
        return '"'
    if kind in ("parenthesized_expression", "await", "type"):
        return chain(node.named_children[0], source, depth + 1) if node.named_children else "?"
    return "?"


def _join(head: str, trailer: str) -> str:
    if head[0] == "?" or len(head) > _MAX_LENGTH:
        return "?"
    if head[:2] in ("%L", "%R"):  # what a cast gives
        return head[2:] if trailer == ("[]" if head[1] == "L" else "()") else "?"
    return intern(head + trailer)


def _typed_call(node: Node, name: str, source: bytes, depth: int) -> str:
    arguments = node.child_by_field_name("arguments")
    given = arguments.named_children if arguments else []
    if name == "type":
        return _join(chain(given[0], source, depth + 1), ".__class__") if len(given) == 1 else "?"
    wanted = annotation(given[0], source, depth + 1) if given else []
    return wanted[0] if wanted else "?"


def values(node: Node | None, source: bytes, depth: int = 0) -> list[str]:
    """Short forms of what an expression may evaluate to."""
    if node is None or depth > _MAX_DEPTH:
        return ["?"]
    kind = node.type
    if kind == "conditional_expression":
        parts = node.named_children
        found = values(parts[0], source, depth + 1) + values(parts[-1], source, depth + 1)
        return found[:MAX_VALUES]
    if kind == "boolean_operator":
        left = values(node.child_by_field_name("left"), source, depth + 1)
        return (left + values(node.child_by_field_name("right"), source, depth + 1))[:MAX_VALUES]
    if kind in ("parenthesized_expression", "await") and node.named_children:
        return values(node.named_children[0], source, depth + 1)
    if kind in ("list", "set", "tuple"):
        items = node.named_children[:3]
        found = [value for item in items for value in values(item, source, depth + 1)]
        return ["%L" + value for value in dict.fromkeys(found) if value[0] != "?"][:3] or ["?"]
    if kind in ("list_comprehension", "set_comprehension", "generator_expression"):
        body = node.child_by_field_name("body")
        return ["%L" + value for value in values(body, source, depth + 1)[:2]]
    if kind == "named_expression":
        return values(node.child_by_field_name("value"), source, depth + 1)
    if kind == "none":
        return []
    return [chain(node, source, depth)]


def annotation(node: Node | None, source: bytes, depth: int = 0) -> list[str]:
    """Short forms of the values that a type annotation admits; None and Any are left out."""
    if node is None or depth > _MAX_DEPTH:
        return []
    kind = node.type
    if kind == "type" or kind == "parenthesized_expression":
        inner = node.named_children
        return annotation(inner[0], source, depth + 1) if inner else []
    if kind == "string":
        return annotation_text(text(node, source).strip("\"'"))
    if kind == "none":
        return []
    if kind in ("identifier", "attribute"):
        name = text(node, source)
        if not _DOTTED_TEXT(name) or name.rpartition(".")[2] in _OPAQUE:
            return []
        return [name + "()"]
    if kind in ("binary_operator", "union_type"):
        found = [value for c in node.named_children for value in annotation(c, source, depth + 1)]
        return found[:MAX_VALUES]
    if kind == "member_type":
        name = text(node, source)
        return [name + "()"] if _DOTTED_TEXT(name) else []
    if kind in ("generic_type", "subscript"):
        return _generic(node, source, depth)
    return []


def _generic(node: Node, source: bytes, depth: int) -> list[str]:
    parts = node.named_children
    if not parts:
        return []
    outer = text(parts[0], source)
    name = outer.rpartition(".")[2]
    inner = parts[1:]
    if len(inner) == 1 and inner[0].type == "type_parameter":
        inner = inner[0].named_children
    if name in _TRANSPARENT:
        return annotation(inner[0], source, depth + 1) if inner else []
    if name == "Union":
        return [v for c in inner for v in annotation(c, source, depth + 1)][:MAX_VALUES]
    if name in ("Type", "type"):
        found = annotation(inner[0], source, depth + 1) if inner else []
        return [value[:-2] for value in found if value.endswith("()")]
    if name in _ITERABLES:
        found = annotation(inner[0], source, depth + 1) if inner else []
        return ["%L" + value for value in found]
    if name == "Callable":
        found = annotation(inner[-1], source, depth + 1) if len(inner) > 1 else []
        return ["%R" + value for value in found]
    return [outer + "()"] if _DOTTED_TEXT(outer) and name not in _OPAQUE else []


def annotation_text(written: str) -> list[str]:
    """The same for an annotation in quotes: names, ``X | None`` and ``Optional[X]``."""
    written = written.strip()
    wrapped = re.fullmatch(r"(?:[\w.]*\.)?Optional\[(.*)\]", written)
    if wrapped:
        written = wrapped.group(1)
    found = [part.strip() for part in written.split("|")]
    return [
        part + "()"
        for part in found
        if _DOTTED_TEXT(part) and part.rpartition(".")[2] not in _OPAQUE
    ][:MAX_VALUES]
