"""Python test files as source: where their functions stand, and the file without some."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import lru_cache

from repos.syntax import parse

Span = tuple[int, int]


def without_functions(source: bytes, functions: Collection[str]) -> bytes | None:
    """Return the source without the functions' lines; an emptied class keeps a `pass`.

    Args:
        source: A test file.
        functions: Names as `Class.function`.

    Returns:
        The source, or None where it does not hold one of them (it comes from a base class).
    """
    spans = function_spans(source)
    if not all(name in spans for name in functions):
        return None
    cuts = [spans[name] for name in functions]
    lines = source.splitlines(keepends=True)
    gone: set[int] = set()
    for first, last in cuts:
        gone.update(range(first - 1, last))
    kept = b"".join(line for number, line in enumerate(lines) if number not in gone)
    try:
        parse(kept)
    except SyntaxError:
        for first, last in cuts:
            indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
            lines[first - 1] = indent + b"pass\n"
            for number in range(first, last):
                lines[number] = b""
        kept = b"".join(lines)
    return kept


@lru_cache(maxsize=64)
def function_spans(source: bytes) -> dict[str, Span]:
    """Return first and last line of each function, decorators included, by `Class.function`."""
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return {}
    spans: dict[str, Span] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                spans[prefix + node.name] = (first, node.end_lineno or first)
            elif isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(tree.body, "")
    return spans
