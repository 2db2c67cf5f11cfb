"""What the viewed files define together: signatures, attributes, classes."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tools.repair.source import FunctionNode, Module, nodes


@dataclass(frozen=True)
class Signature:
    """Parameters of a function.

    Attributes:
        names: All parameters that can be given by name, in order.
        optional: Those with a default.
    """

    names: tuple[str, ...]
    optional: frozenset[str]


@dataclass(eq=False)
class Project:
    """The viewed files of the repository.

    Attributes:
        modules: Parsed files by path.
    """

    modules: Mapping[str, Module]
    _reach: dict[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def _called(self) -> dict[str, frozenset[str]]:
        """By bare function name, the bare names that it calls."""
        found: dict[str, frozenset[str]] = {}
        for module in self.modules.values():
            for function in module.functions:
                names = {
                    getattr(n.func, "attr", None) or getattr(n.func, "id", "")
                    for n in nodes(function)
                    if isinstance(n, ast.Call)
                }
                found[function.name] = found.get(function.name, frozenset()) | names
        return found

    def reach(self, name: str) -> frozenset[str]:
        """Return the bare names that a function calls, directly or through others."""
        if name not in self._reach:
            seen: set[str] = set()
            waiting = [name]
            while waiting:
                new = self._called.get(waiting.pop(), frozenset()) - seen
                seen |= new
                waiting.extend(new)
            self._reach[name] = frozenset(seen)
        return self._reach[name]

    @cached_property
    def returns(self) -> dict[str, str]:
        """The built-in type that module-level functions are annotated to return, by name."""
        found: dict[str, str] = {}
        for module in self.modules.values():
            for node in module.tree.body:
                if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name):
                    found[node.name] = node.returns.id
        return {name: kind for name, kind in found.items() if kind.islower()}

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The classes by bare name; of several the first."""
        found: dict[str, ast.ClassDef] = {}
        for _, module in sorted(self.modules.items()):
            for node in nodes(module.tree):
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, node)
        return found

    def bases(self, holder: ast.ClassDef) -> list[ast.ClassDef]:
        """Return the classes that a class inherits from, as far as the viewed files tell."""
        found: list[ast.ClassDef] = []
        waiting = [holder]
        while waiting:
            for base in waiting.pop().bases:
                name = getattr(base, "attr", None) or getattr(base, "id", "")
                known = self.classes.get(name)
                if known is not None and known is not holder and known not in found:
                    found.append(known)
                    waiting.append(known)
        return found


def signature(function: FunctionNode) -> Signature:
    """Return the signature of a function."""
    args = function.args
    positional = [a.arg for a in [*args.posonlyargs, *args.args]]
    optional = set(positional[len(positional) - len(args.defaults) :])
    named = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    optional |= {arg.arg for arg, default in named if default is not None}
    return Signature((*positional, *(a.arg for a in args.kwonlyargs)), frozenset(optional))


def class_names(node: ast.ClassDef) -> frozenset[str]:
    """Return the names that a class body sets: methods, class and instance attributes."""
    names: set[str] = set()
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(child.name)
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            names.add(child.target.id)
        elif isinstance(child, ast.Assign):
            names.update(t.id for t in child.targets if isinstance(t, ast.Name))
    for child in nodes(node):
        if (
            isinstance(child, ast.Attribute)
            and isinstance(child.ctx, ast.Store)
            and isinstance(child.value, ast.Name)
            and child.value.id in ("self", "cls")
        ):
            names.add(child.attr)
    return frozenset(names)
