"""Edges of a C file: what its names mean, by includes and linkage."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from graphdb.facts import FileFacts, Reference
from graphdb.languages import Resolved
from graphdb.languages.c.extract import Extra
from graphdb.schema import (
    CALLS,
    CLASS,
    FIELD,
    FUNCTION,
    IMPORTS,
    USES,
    Edge,
    Node,
    external_id,
    external_node,
    module_id,
    symbol_id,
)

#: A call that may reach more definitions than this gives no edge.
_MAX_TARGETS = 3


class _Place(NamedTuple):
    path: str
    dotted: str
    label: str
    internal: bool


class CResolver:
    """Resolves names over all C files of a repository.

    Args:
        files: Their facts, by path.
    """

    def __init__(self, files: Mapping[str, FileFacts]) -> None:
        self.files = files
        self._by_base: dict[str, list[str]] = {}
        for path in sorted(files, key=lambda p: (p.count("/"), p)):
            self._by_base.setdefault(posixpath.basename(path), []).append(path)
        self._includes: dict[str, list[tuple[str, str | None]]] = {}
        self._names: dict[str, list[_Place]] | None = None

    def module_name(self, path: str) -> str:
        """C has no module names: the path."""
        return path

    def presence(self, path: str) -> Iterable[str]:
        """Keys of the includes that may mean `path`."""
        return {"?c/" + posixpath.basename(path)}

    def names(self) -> dict[str, list[_Place]]:
        """All definitions outside of types by name, and members by ``.name``."""
        if self._names is None:
            self._names = {}
            for path in sorted(self.files):
                facts = self.files[path]
                internal = set(Extra(*facts.data).internal)
                for item in facts.definitions:
                    if item.label == FIELD:
                        place = _Place(path, item.dotted, FIELD, True)
                        self._names.setdefault(f".{item.name}", []).append(place)
                    elif not item.owner:
                        place = _Place(path, item.dotted, item.label, item.dotted in internal)
                        self._names.setdefault(item.name, []).append(place)
        return self._names

    def includes(self, path: str) -> list[tuple[str, str | None]]:
        """What a file includes: as written, and the file it means, if it is here."""
        found = self._includes.get(path)
        if found is None:
            written = Extra(*self.files[path].data).includes
            found = [(item[1:], self._included(path, item)) for item in written]
            self._includes[path] = found
        return found

    def _included(self, path: str, item: str) -> str | None:
        name = item[1:]
        if item[0] == '"':
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if beside in self.files:
                return beside
        tail = posixpath.normpath(name)
        while tail.startswith("../"):
            tail = tail[3:]
        near = [
            other
            for other in self._by_base.get(posixpath.basename(tail), ())
            if other == tail or other.endswith("/" + tail)
        ]
        if not near:
            return None
        below = posixpath.dirname(path)
        return min(near, key=lambda other: (_include_rank(other, tail, below), other))

    def reached(self, path: str) -> set[str]:
        """All files that a file includes, directly or not."""
        seen: set[str] = set()
        pending = [path]
        while pending:
            for _, target in self.includes(pending.pop()):
                if target is not None and target not in seen:
                    seen.add(target)
                    pending.append(target)
        seen.discard(path)
        return seen

    def resolve(self, path: str, references: Sequence[Reference]) -> Resolved:
        """Edges of one file, given what it mentions."""
        module = module_id("c", path)
        edges: dict[tuple[str, str, str], Edge] = {}
        externals: dict[str, Node] = {}
        needs = {"c\0#include"}
        for written, target in self.includes(path):
            needs.add("?c/" + posixpath.basename(written))
            end = module_id("c", target) if target else _external(written, externals)
            if end != module:
                edges[(module, IMPORTS, end)] = Edge(module, IMPORTS, end, how="include")
        visible = self.reached(path)
        meant: dict[tuple[str, bool], tuple[list[_Place], str]] = {}
        for scope, kind, name, line, count in references:
            source = symbol_id("c", path, scope) if scope else module
            needs.add("c\0" + name)
            asked = (name, kind == "type")
            if asked not in meant:
                meant[asked] = self._meaning(path, name, kind == "type", visible)
            places, how = meant[asked]
            ends = [(symbol_id("c", p.path, p.dotted), p.label) for p in places]
            if not ends and kind == "call":
                ends, how = [(_external(name, externals), FUNCTION)], "linkage"
            for end, label in ends:
                if end == source and kind != "call":
                    continue
                edge_type = CALLS if kind == "call" and label == FUNCTION else USES
                share = {"scope": 1.0, "include": 1.0, "linkage": 0.9}[how] / len(ends)
                edge = Edge(
                    source, edge_type, end, kind="" if edge_type == CALLS else kind,
                    times=count, line=line, how=how, confidence=round(share, 2),
                )  # fmt: skip
                known = edges.get(edge.key)
                if known is not None:
                    kind_told = "write" if "write" in (known.kind, edge.kind) else known.kind
                    edge = known._replace(
                        times=known.times + count, line=min(known.line, line), kind=kind_told
                    )
                edges[edge.key] = edge
        return Resolved(sorted(edges.values()), list(externals.values()), frozenset(needs))

    def _meaning(
        self, path: str, name: str, as_type: bool, visible: set[str]
    ) -> tuple[list[_Place], str]:
        """Definitions a name stands for in a file, and how that is known."""
        if name.startswith("."):
            return self._members(path, name, visible)
        places = [p for p in self.names().get(name, ()) if (p.label == CLASS) == as_type]
        own = [place for place in places if place.path == path]
        if own:
            return own[:1], "scope"
        included = [place for place in places if place.path in visible]
        if included:
            return _first_of_each(included), "include"
        if as_type:
            return [], "include"
        linked = [place for place in places if not place.internal and place.path != path]
        linked = _first_of_each(linked)
        return (linked if len(linked) <= _MAX_TARGETS else []), "linkage"

    def _members(self, path: str, name: str, visible: set[str]) -> tuple[list[_Place], str]:
        """Members of that name in types which the file can see; none if there are many.

        A type has to be whole where its member is named, so it is in the file or an include.
        """
        places = [p for p in self.names().get(name, ()) if p.path == path or p.path in visible]
        how = "scope" if all(place.path == path for place in places) else "include"
        return (places if len(places) <= _MAX_TARGETS else []), how


def _first_of_each(places: list[_Place]) -> list[_Place]:
    """One place for each file, at most as many as an edge may have targets."""
    found: dict[str, _Place] = {}
    for place in places:
        found.setdefault(place.path, place)
    return list(found.values())[: _MAX_TARGETS + 1]


def _include_rank(path: str, tail: str, below: str) -> tuple[bool, int, bool, int]:
    """Smaller for the likelier meaning of an include: an include folder, near by, short."""
    root = path[: len(path) - len(tail)].rstrip("/")
    is_include_folder = posixpath.basename(root) == "include"
    # the folder that an include folder serves must hold the including file
    served = posixpath.dirname(root) if is_include_folder else root
    serves = not served or (below + "/").startswith(served + "/")
    return (not serves, -len(served) if serves else 0, not is_include_folder, len(path))


def _external(name: str, externals: dict[str, Node]) -> str:
    key = external_id(name)
    if key not in externals:
        externals[key] = external_node(name)
    return key
