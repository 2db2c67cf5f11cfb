"""Tools that show parts of code by name, as an agent that writes code asks for them.

The set follows RRR ("Class-Level Code Generation from Natural Language Using Iterative,
Tool-Enhanced Reasoning over Repository", Deshpande et al. 2024).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.context import ToolContext
from tools.graph import answer
from tools.paths import clean, read_text
from tools.registry import tool
from tools.result import ToolError
from tools.text import clip_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphdb import CodeGraph, Node

MAX_LINES = 200
"""Lines of a body that are shown."""

MAX_MEMBERS = 120


@tool(read_only=True)
def get_imports(ctx: ToolContext, *, path: str) -> str:
    """List what a file imports, and what to import for names that it uses and nowhere defines.

    Args:
        ctx: What the episode offers to tools.
        path: A Python file.
    """
    place = clean(path)
    text = read_text(ctx.workspace, place).text

    def question(graph: CodeGraph) -> str:
        from graphdb import queries
        from graphdb.schema import CLASS, FUNCTION, GLOBAL_VARIABLE, MODULE

        labels = (CLASS, FUNCTION, GLOBAL_VARIABLE, MODULE)
        lines = []
        for name in _undefined(ctx, place):
            found = [
                node
                for node in queries.find_symbol(graph.store, name, labels, limit=20)
                if node.name == name and not node.cls
            ]
            for node in found[:3]:
                lines.append(_import_of(node))
        return "\n".join(dict.fromkeys(lines))

    present = "\n".join(_import_lines(text)) or "It imports nothing."
    missing = answer(ctx, question)
    return f"{present}\n\nTo import:\n{missing}" if missing else present


@tool(read_only=True)
def get_class_info(ctx: ToolContext, *, class_name: str, query: str = "") -> str:
    """Show a class: its base classes, fields and the signatures of its methods, inherited too.

    Args:
        ctx: What the episode offers to tools.
        class_name: Name or qualified name of the class.
        query: Show only members whose name or signature holds one of these words.
    """
    words = [word.lower() for word in re.findall(r"\w+", query)]

    def question(graph: CodeGraph) -> str:
        from graphdb import queries

        family = queries.hierarchy(graph.store, class_name)
        node = family.node
        above = ", ".join(one.node.qualified_name for one in family.ancestors) or "none"
        lines = [f"{node.file_path}:{node.line} class {node.qualified_name}", f"bases: {above}"]
        shown = 0
        for row in queries.members(graph.store, node, inherited=True):
            member = row.node
            head = member.signature or member.name
            if words and not any(word in head.lower() for word in words):
                continue
            owner = "" if member.cls == node.name else f"  (of {member.cls})"
            shown += 1
            if shown <= MAX_MEMBERS:
                lines.append(clip_line(f"  {member.label.lower()} {head}{owner}", 300))
        if shown > MAX_MEMBERS:
            lines.append(f"  [... {shown - MAX_MEMBERS} more: name what you look for in query]")
        return "\n".join(lines)

    return answer(ctx, question)


@tool(read_only=True)
def get_method_body(ctx: ToolContext, *, name: str) -> str:
    """Show the source of a function, method or class.

    Args:
        ctx: What the episode offers to tools.
        name: Its name, or its qualified name as find_symbol shows it, such as "Session.get".
    """

    def question(graph: CodeGraph) -> str:
        from graphdb import queries
        from graphdb.schema import CLASS, FUNCTION, METHOD

        node = queries.one_symbol(graph.store, name, (FUNCTION, METHOD, CLASS))
        return source_of(ctx, node)

    return answer(ctx, question)


def source_of(ctx: ToolContext, node: Node, most: int = MAX_LINES) -> str:
    """Return the source of a definition under a line that says where it stands."""
    lines = read_text(ctx.workspace, node.file_path).lines[node.line - 1 : node.end_line]
    cut = [f"[... {len(lines) - most} more lines]"] if len(lines) > most else []
    head = f"{node.file_path}:{node.line}-{node.end_line} {node.qualified_name}"
    return "\n".join([head, *lines[:most], *cut])


def _import_lines(text: str) -> Iterator[str]:
    """Yield a file's import statements, wherever they stand, as they are written."""
    inside = False
    for line in text.splitlines():
        stripped = line.strip()
        if inside:
            yield line.rstrip()
            inside = ")" not in stripped
        elif re.match(r"(import\s+\w|from\s+[.\w]+\s+import\b)", stripped):
            yield stripped
            inside = "(" in stripped and ")" not in stripped


def _undefined(ctx: ToolContext, path: str) -> list[str]:
    """Return the names that a file uses and nowhere defines, where a server can tell."""
    from tools.diagnostics import undefined_names

    try:
        return undefined_names(ctx, path)
    except ToolError:
        return []


def _import_of(node: Node) -> str:
    module, _, name = node.qualified_name.rpartition(".")
    return f"from {module} import {name}" if module else f"import {name}"
