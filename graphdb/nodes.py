"""Nodes of one file and the edges that follow from where its definitions stand."""

from __future__ import annotations

from collections.abc import Iterator

from graphdb.facts import FileFacts
from graphdb.languages import languages
from graphdb.schema import (
    CLASS,
    CONTAINS,
    FIELD,
    FILE,
    HAS_FIELD,
    HAS_METHOD,
    METHOD,
    MODULE,
    Edge,
    Node,
    file_id,
    module_id,
    symbol_id,
)


def file_nodes(facts: FileFacts, module: str) -> Iterator[Node]:
    """FILE and MODULE of a file, and a node for each of its definitions.

    Args:
        facts: Facts of the file.
        module: Qualified name of its module.
    """
    path, language = facts.path, facts.language
    name = path.rpartition("/")[2]
    yield Node(file_id(path), FILE, name, path, path, language, 1, facts.lines)
    separator = languages()[language].separator
    short = module.rpartition(separator)[2] if separator else name
    yield Node(module_id(language, path), MODULE, short, module, path, language, 1, facts.lines)
    prefix = module + separator if separator else ""
    for item in facts.definitions:
        plain = item.dotted if "#" not in item.dotted else _unmarked(item.dotted)
        yield Node(
            symbol_id(language, path, item.dotted), item.label, item.name, prefix + plain,
            path, language, item.line, item.end_line, item.signature, item.cls,
        )  # fmt: skip


def structure(facts: FileFacts) -> Iterator[Edge]:
    """CONTAINS, HAS_METHOD and HAS_FIELD edges of a file."""
    path, language = facts.path, facts.language
    module = module_id(language, path)
    yield Edge(file_id(path), CONTAINS, module)
    labels = {item.dotted: item.label for item in facts.definitions}
    for item in facts.definitions:
        owner = symbol_id(language, path, item.owner) if item.owner else module
        own_class = labels.get(item.owner) == CLASS
        kind = CONTAINS
        if own_class and item.label == METHOD:
            kind = HAS_METHOD
        elif own_class and item.label == FIELD:
            kind = HAS_FIELD
        yield Edge(owner, kind, symbol_id(language, path, item.dotted))


def _unmarked(dotted: str) -> str:
    return ".".join(part.partition("#")[0] for part in dotted.split("."))
