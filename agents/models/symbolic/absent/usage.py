"""How the failing tests use what is missing."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.models.symbolic.source import parse

MAX_CUT = 30
"""Lines that are left out at the end of a test that was seen in part."""


@dataclass
class Usage:
    """Uses of one name.

    Attributes:
        called: Whether it is called somewhere.
        plain: Whether it is read without a call.
        raised: Whether tests expect it as an exception.
        based: Whether a class is derived from it.
        decorates: Whether it decorates a function.
        awaited: Whether calls of it are awaited.
        positional: The largest number of positional arguments.
        keywords: Values of keyword arguments.
        arguments: Values of positional arguments, by position.
    """

    called: bool = False
    plain: bool = False
    raised: bool = False
    based: bool = False
    decorates: bool = False
    awaited: bool = False
    positional: int = 0
    keywords: dict[str, list[ast.expr]] = field(default_factory=dict)
    arguments: list[list[ast.expr]] = field(default_factory=list)


@dataclass
class Tests:
    """Source of the failing tests, parsed."""

    __test__ = False

    trees: list[ast.AST]

    @classmethod
    def parse(cls, sources: Iterable[str]) -> Tests:
        """Parse sources; the end of one that was seen in part only is left out."""
        return cls([tree for source in sources if (tree := _parsed(source)) is not None])

    def usage(self, name: str) -> Usage:
        """Return how a bare name or attribute is used."""
        found = Usage()
        for tree in self.trees:
            called = set()
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    if _bare(node.func) == name:
                        found.called = True
                        called.add(node.func)
                        _arguments(found, node)
                    refusal = _bare(node.func) in ("raises", "assertRaises", "assertRaisesRegex")
                    first = node.args[:1] if refusal else []
                    found.raised |= any(_bare(n) == name for a in first for n in ast.walk(a))
                elif isinstance(node, ast.ClassDef):
                    found.based |= any(_bare(base) == name for base in node.bases)
                    found.decorates |= any(_bare(d) == name for d in node.decorator_list)
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.decorates |= any(_bare(d) == name for d in node.decorator_list)
                elif isinstance(node, ast.ExceptHandler) and node.type is not None:
                    found.raised |= any(_bare(n) == name for n in ast.walk(node.type))
                elif isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
                    found.awaited |= _bare(node.value.func) == name
            for node in ast.walk(tree):
                if _bare(node) == name and node not in called:
                    found.plain |= isinstance(getattr(node, "ctx", None), ast.Load)
        return found

    def keyword(self, name: str) -> list[ast.expr]:
        """Return the values that calls give a keyword."""
        found = []
        for tree in self.trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.keyword) and node.arg == name:
                    found.append(node.value)
        return found

    def fields(self) -> set[str]:
        """Return all attribute names that the tests read."""
        return {
            n.attr for tree in self.trees for n in ast.walk(tree) if isinstance(n, ast.Attribute)
        }


def _parsed(source: str) -> ast.Module | None:
    lines = source.rstrip().split("\n")
    for _ in range(min(len(lines) - 1, MAX_CUT)):
        tree = parse("\n".join(lines) + "\n")
        if tree is not None:
            return tree
        lines.pop()
    return parse("\n".join(lines) + "\n")


def _bare(node: ast.AST) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "") or ""


def _arguments(found: Usage, node: ast.Call) -> None:
    found.positional = max(found.positional, len(node.args))
    for number, value in enumerate(node.args):
        while len(found.arguments) <= number:
            found.arguments.append([])
        found.arguments[number].append(value)
    for keyword in node.keywords:
        if keyword.arg:
            found.keywords.setdefault(keyword.arg, []).append(keyword.value)
