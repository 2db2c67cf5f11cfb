"""The code-graph neighbourhood of what a patch edits: who calls it and what it calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphdb import CodeGraph
    from graphdb.schema import Node

MAX_SYMBOLS = 8
"""Edited definitions that are shown."""

MAX_NEIGHBOURS = 12
"""Callers and callees of each that are shown."""


@dataclass(frozen=True)
class Edited:
    """A definition that a patch edits.

    Attributes:
        name: Its qualified name.
        place: File and first line.
        callers: Names and places of what calls it.
        callees: Names and places of what it calls.
    """

    name: str
    place: str
    callers: list[tuple[str, str]]
    callees: list[tuple[str, str]]


class Neighbourhoods:
    """Builds the graph of each task's base once, within a bound of time."""

    def __init__(self, seconds: float) -> None:
        """Make it.

        Args:
            seconds: Wall time after which no further graph is built.
        """
        self._left = seconds
        self._graphs: dict[Path, CodeGraph] = {}

    def edited(self, base: Path | None, patch: str) -> list[dict[str, Any]] | None:
        """Return what a patch edits; None where there is no base or no time for its graph."""
        from graphdb import CodeGraph
        from graphdb.errors import GraphError
        from graphdb.source import FolderSource

        if base is None or not patch.strip():
            return None
        begun = time.monotonic()
        try:
            if base not in self._graphs:
                if self._left <= 0:
                    return None
                self._graphs[base] = CodeGraph.build(FolderSource(base), store="networkx")
            return [asdict(one) for one in _edited(self._graphs[base], patch)]
        except GraphError:
            return None
        finally:
            self._left -= time.monotonic() - begun


def _edited(graph: CodeGraph, patch: str) -> Iterator[Edited]:
    from graphdb.queries import callees, callers
    from graphdb.schema import CLASS, FUNCTION, METHOD

    changed = _changed_lines(patch)
    every = graph.store.nodes(graph.store.ids([CLASS, FUNCTION, METHOD]))
    nodes = [node for node in every if node.file_path in changed]
    found: dict[str, Node] = {}
    for path, lines in changed.items():
        inside = [node for node in nodes if node.file_path == path]
        for line in lines:
            around = [n for n in inside if n.line <= line <= n.end_line]
            if around:
                node = min(around, key=lambda n: n.end_line - n.line)
                found[node.id] = node
    for node in list(found.values())[:MAX_SYMBOLS]:
        yield Edited(
            node.qualified_name,
            _place(node),
            [(r.node.qualified_name, _place(r.node)) for r in callers(graph.store, node)][
                :MAX_NEIGHBOURS
            ],
            [(r.node.qualified_name, _place(r.node)) for r in callees(graph.store, node)][
                :MAX_NEIGHBOURS
            ],
        )


def _place(node: Node) -> str:
    return f"{node.file_path}:{node.line}"


def _changed_lines(patch: str) -> dict[str, list[int]]:
    """Return the lines of the base that a patch removes or inserts at, by file."""
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        parsed = PatchSet(patch)
    except (UnidiffParseError, ValueError, IndexError):
        return {}
    changed: dict[str, list[int]] = {}
    for file in parsed:
        lines = changed.setdefault(file.path, [])
        for hunk in file:
            last = hunk.source_start
            for line in hunk:
                if line.source_line_no is not None:
                    last = line.source_line_no
                if not line.is_context:
                    lines.append(last)
    return changed
