"""Edges of a Python file: what its references mean, by :class:`.infer.Inference`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from graphdb.facts import FileFacts, Reference
from graphdb.languages import Resolved
from graphdb.languages.python.infer import Inference, Value, Values
from graphdb.languages.python.modules import module_table, place_of
from graphdb.languages.python.scopes import CLASS_SCOPE, split
from graphdb.schema import (
    CALLS,
    IMPORTS,
    INHERITS,
    OVERRIDES,
    USES,
    Edge,
    Node,
    external_id,
    external_node,
    module_id,
    symbol_id,
)

_LANGUAGE = "python"

#: A call with more possible targets than this gives no edge: it would be a guess.
_MAX_TARGETS = 3

#: How sure a way of finding a target is, where it gives one target.
_CONFIDENCE = {
    "scope": 1.0, "import": 1.0, "super": 1.0, "constructor": 1.0, "self": 0.95, "type": 0.9,
}  # fmt: skip

_STRENGTH = {"write": 4, "decorator": 3, "annotation": 2, "read": 1}


class CallTarget(NamedTuple):
    """One thing that a call may reach.

    Attributes:
        id: Node id.
        how: See :class:`graphdb.schema.Edge`.
        confidence: 0 to 1.
    """

    id: str
    how: str
    confidence: float


class PythonResolver:
    """Resolves references over all Python files of a repository.

    Args:
        files: Their facts, by path.
    """

    def __init__(self, files: Mapping[str, FileFacts]) -> None:
        self.files = files
        self.modules = module_table(frozenset(files))
        self.inference = Inference(files, self.modules)
        self._defined: dict[str, frozenset[str]] = {}

    def module_name(self, path: str) -> str:
        """Dotted name of the module in `path`."""
        return self.modules.name(path)

    def presence(self, path: str) -> Iterable[str]:
        """Keys of look-ups that adding or removing `path` can change."""
        keys = {"?/" + place_of(path)}
        for name in self.modules.names(path):
            while name:
                keys.add("?" + name)
                name = name.rpartition(".")[0]
        return keys

    def resolve(self, path: str, references: Sequence[Reference]) -> Resolved:
        """Edges of one file, given what it mentions."""
        self.inference.begin()
        edges: dict[tuple[str, str, str], Edge] = {}
        externals: dict[str, Node] = {}
        for edge in self._imports(path, externals):
            _merge(edges, edge)
        for dotted, scope in self.inference.scopes(path).items():
            if scope.kind == CLASS_SCOPE:
                for edge in self._hierarchy(path, dotted, externals):
                    _merge(edges, edge)
        for reference in references:
            for edge in self._reference(path, reference, externals):
                _merge(edges, edge)
        needs = frozenset(k for k in self.inference.needs if not k.startswith(path + "\0"))
        return Resolved(sorted(edges.values()), list(externals.values()), needs)

    def call_targets(self, path: str, scope: str, expr: str) -> list[CallTarget]:
        """What a call of `expr` in `scope` reaches: functions, methods, classes, EXTERNAL."""
        self.inference.fresh_budget()
        values = self.inference.values(self.inference.evaluate(path, scope, expr))
        if any(value[0] in "IYLKRVS" for value in values):
            values = tuple(v for v in values if v[0] not in "IYLKRVS") + self._called(values)
        found: dict[str, str] = {}
        for value in values:
            target = self._id(value)
            if target and not target.startswith("external:builtins."):
                found.setdefault(target, self._how(path, scope, expr, value))
        if not found or len(found) > _MAX_TARGETS:
            return []
        share = len(found)
        return [
            CallTarget(target, how, round(_CONFIDENCE[how] / share, 2))
            for target, how in found.items()
        ]

    # -- single kinds of edges -----------------------------------------------------------------

    def _imports(self, path: str, externals: dict[str, Node]) -> Iterable[Edge]:
        own = module_id(_LANGUAGE, path)
        names: dict[str, set[str]] = {}
        inference = self.inference
        for scope in inference.scopes(path).values():
            for star in scope.stars:
                module = star.partition(" ")[0]
                target = self._module_node(inference.module(path, module), externals)
                names.setdefault(target, set()).add("*")
            for local, held in scope.bindings.items():
                for expr in held:
                    if expr[0] != "@":
                        continue
                    module, _, name = expr[1:].partition(":")
                    origin = inference.module(path, module)
                    if name:
                        inner = inference.imported(path, expr)
                        if len(inner) == 1 and inner[0][0] == "M":
                            origin, name = inner[0], ""
                    shown = "" if local == name or local.startswith("@") else local
                    if not name and local == module.rpartition(".")[2]:
                        shown = ""
                    target = self._module_node(origin, externals)
                    names.setdefault(target, set()).update({shown} if shown else ())
        for target, aliases in names.items():
            if target and target != own:
                yield Edge(own, IMPORTS, target, alias=", ".join(sorted(aliases)), how="import")

    def _module_node(self, value: Value, externals: dict[str, Node]) -> str:
        if value[0] == "M":
            return module_id(_LANGUAGE, value[1])
        if value[0] == "X" and not value[1].startswith("."):
            return self._external(value[1], externals)
        return ""

    def _hierarchy(self, path: str, dotted: str, externals: dict[str, Node]) -> Iterable[Edge]:
        inference = self.inference
        inference.fresh_budget()
        own = symbol_id(_LANGUAGE, path, dotted)
        for place, base in enumerate(inference.bases(path, dotted)):
            how = "scope" if base[0] == "C" and base[1] == path else "import"
            if base[0] == "C":
                target = symbol_id(_LANGUAGE, base[1], base[2])
            else:
                target = self._external(base[1], externals)
            yield Edge(own, INHERITS, target, ord=place, how=how)
        order = inference.mro(path, dotted)[1:]
        if not order:
            return
        scopes = inference.scopes(path)
        for name, held in scopes[dotted].bindings.items():
            methods = [v[1:] for v in held if v[0] == "#" and scopes[v[1:]].kind != CLASS_SCOPE]
            if not methods:
                continue
            replaced = inference.class_member_after(order, name)
            if replaced and replaced[0][0] == "F":
                target = symbol_id(_LANGUAGE, replaced[0][1], replaced[0][2])
                yield Edge(symbol_id(_LANGUAGE, path, methods[-1]), OVERRIDES, target)

    def _reference(
        self, path: str, reference: Reference, externals: dict[str, Node]
    ) -> Iterable[Edge]:
        scope, kind, expr, line, count = reference
        source = symbol_id(_LANGUAGE, path, scope) if scope else module_id(_LANGUAGE, path)
        called = self.call_targets(path, scope, expr) if kind == "call" else []
        if called:
            for target in self._with_initializers(called):
                if target.id.startswith("external:"):
                    self._external(target.id[len("external:") :], externals)
                yield Edge(
                    source, CALLS, target.id,
                    times=count, line=line, how=target.how, confidence=target.confidence,
                )  # fmt: skip
            return
        if kind == "call":  # of a variable: a named tuple, a lambda, a partial function
            kind = "read"
        # a decorator's, a default's and an annotation's names belong to the scope around
        seen_from = scope
        if kind in ("decorator", "annotation") and scope:
            seen_from = self.inference.scopes(path)[scope].parent
        self.inference.fresh_budget()
        found = self.inference.evaluate(path, seen_from, expr)
        if not found and seen_from != scope:
            found = self.inference.evaluate(path, scope, expr)
        targets = {self._id(value): value for value in found if value[0] in "GDPCFB"}
        targets.pop("", None)
        targets.pop(source, None)
        if len(targets) > _MAX_TARGETS:
            return
        for target, value in targets.items():
            how = self._how(path, scope, expr, value)
            how = "scope" if how == "constructor" and value[1] == path else how
            how = "import" if how == "constructor" else how
            yield Edge(
                source, USES, target, kind=kind, times=count, line=line, how=how,
                confidence=round(_CONFIDENCE[how] / len(targets), 2),
            )  # fmt: skip

    # -- helpers -------------------------------------------------------------------------------

    def _with_initializers(self, targets: list[CallTarget]) -> Iterable[CallTarget]:
        """The targets, and for a class also the ``__init__`` that its call runs."""
        for target in targets:
            yield target
            if target.how == "constructor" and "::" in target.id:
                path, _, dotted = target.id.removeprefix(_LANGUAGE + ":").partition("::")
                for value in self.inference.class_member(
                    path, dotted, "__init__", ("I", path, dotted)
                ):
                    if value[0] == "B":
                        yield target._replace(id=self._id(value))

    def _called(self, values: Values) -> Values:
        """The ``__call__`` methods of the instances among `values`."""
        found: list[Value] = []
        for value in values:
            if value[0] == "I":
                found += self.inference.class_member(value[1], value[2], "__call__", value)
        return tuple(found)

    def _id(self, value: Value) -> str:
        """Node id of a value's definition; empty where it has no node."""
        kind = value[0]
        if kind in "CFBP":
            return symbol_id(_LANGUAGE, value[1], value[2])
        if kind == "G":
            return self._known(value[1], value[2])
        if kind == "D":
            return self._known(value[1], f"{value[2]}.{value[3]}")
        if kind == "X" and "." in value[1] and not value[1].startswith("."):
            return external_id(value[1])
        return ""

    def _known(self, path: str, dotted: str) -> str:
        names = self._defined.get(path)
        if names is None:
            names = frozenset(item.dotted for item in self.files[path].definitions)
            self._defined[path] = names
        return symbol_id(_LANGUAGE, path, dotted) if dotted in names else ""

    def _external(self, dotted: str, externals: dict[str, Node]) -> str:
        key = external_id(dotted)
        if key not in externals:
            externals[key] = external_node(dotted)
        return key

    def _how(self, path: str, scope: str, expr: str, value: Value) -> str:
        if value[0] == "C":
            return "constructor"
        head, trailers = split(expr)
        if head == "super":
            return "super"
        if trailers:
            if value[0] == "B" and value[3][0] == "C" and "()" not in trailers:
                return "scope" if value[1] == path else "import"
            first = self.inference.scopes(path)[scope].bindings.get(head)
            if len(trailers) == 1 and first in (["%self"], ["%cls"]):
                return "self"
            if "()" in trailers or "[]" in trailers or value[0] in "BPD":
                return "type"
        if value[0] == "X":
            return "import"
        return "scope" if value[1] == path else "import"


def _merge(edges: dict[tuple[str, str, str], Edge], edge: Edge) -> None:
    """Add an edge, or count it to the one between the same nodes."""
    known = edges.get(edge.key)
    if known is None:
        edges[edge.key] = edge
    elif edge.type in (CALLS, USES):
        better = max(known, edge, key=lambda e: (e.confidence, _STRENGTH.get(e.kind, 0), -e.line))
        edges[edge.key] = better._replace(
            times=known.times + edge.times, line=min(known.line, edge.line)
        )
