"""Writes the statement of a task whose code was removed."""

from __future__ import annotations

import ast
import textwrap

from repos.tasks.sources.removed.records import RemovedPart
from repos.tasks.sources.removed.text import Definition, definitions

ASKED = {
    "class": "The body of the class `{name}` in `{path}` was removed: from line {line} on, `...` "
    "stands in its place. Write the class again.",
    "function": "The body of the function `{name}` in `{path}` was removed: on line {line}, "
    "`raise NotImplementedError` stands in its place. Write it again.",
    "block": "A block of the function `{name}` in `{path}` was removed: on line {line}, `...` "
    "stands in its place. Write it again.",
    "statement": "A statement of the function `{name}` in `{path}` was removed: on line {line}, "
    "`...` stands in its place. Write it again.",
    "expression": "An expression of the function `{name}` in `{path}` was removed: on line "
    "{line}, `...` stands in its place. Write it again.",
}


def compose(source: RemovedPart, version: str, original: bytes, test: bytes) -> str:
    """Return the statement in Markdown.

    Args:
        source: The task's record.
        version: The release; "" where the repository is none.
        original: The file that holds the part, as released.
        test: The file of the test that stays.
    """
    node = _definition(ast.parse(original), source)
    asked = ASKED[source.level].format(name=source.name, path=source.path, line=source.start[0])
    head = f"You are in the repository of the Python package `{source.package}`"
    at, rest = (f", at release {version}", "as it was released") if version else ("", "as it was")
    told = [f"{head}{at}.", f"{asked} Everything else is {rest}."]
    told.append(_code("\n\n".join(_signatures(node, source.level == "class"))))
    lines = test.decode("utf-8", "replace").splitlines()
    shown = textwrap.dedent("\n".join(lines[source.shown.first - 1 : source.shown.last]))
    told.append(
        f"One test that runs the removed code is still there, `{source.shown.name}` in "
        f"`{source.shown.path}`:"
    )
    told.append(_code(shown))
    return "\n\n".join(told) + "\n"


def _definition(tree: ast.Module, source: RemovedPart) -> Definition:
    """Return the definition that is removed or holds the part; a name may be defined twice."""
    named = [node for name, node in definitions(tree) if name == source.name]
    line = source.start[0]
    return next((node for node in named if line in range(node.lineno, _end(node) + 1)), named[-1])


def _end(node: Definition) -> int:
    return node.end_lineno or node.lineno


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _signatures(node: Definition, members: bool) -> list[str]:
    """Return the definition's head and docstring; of a class, those of its methods too."""
    found = [_head(node)]
    if isinstance(node, ast.ClassDef) and members:
        found += [
            textwrap.indent(_head(inner), "    ")
            for inner in node.body
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
    return found


def _head(node: Definition) -> str:
    """Return decorators, signature and docstring of a definition."""
    bare = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(bare, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    documented = ast.get_docstring(bare) is not None
    bare.body = bare.body[:1] if documented else [ast.Expr(ast.Constant(...))]
    return ast.unparse(bare)
