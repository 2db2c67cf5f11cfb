"""The tools that ask the code graph everyday questions about one symbol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tools.context import ToolContext
from tools.graph import answer
from tools.registry import tool

if TYPE_CHECKING:
    from graphdb import CodeGraph, Node
    from graphdb.queries import Related, Row

Most = Annotated[int, Field(ge=1, le=500)]


@tool(read_only=True)
def find_symbol(ctx: ToolContext, *, name: str, max_results: Most = 20) -> str:
    """Find where a class, function, method, field or variable is defined.

    Answers with one line a definition: `path:line LABEL qualified.name signature`. Exact
    names come first; where there is none, names that hold `name`.

    Args:
        ctx: What the episode offers to tools.
        name: A name, a qualified name or the end of one, for example "Session.get".
        max_results: How many definitions to show.
    """

    def question(graph: CodeGraph) -> str:
        from graphdb import queries

        found = queries.find_symbol(graph.store, name, limit=max_results)
        return "\n".join(_line(node) for node in found) or f"No symbol is called {name!r}."

    return answer(ctx, question)


@tool(read_only=True)
def callers(ctx: ToolContext, *, symbol: str, max_results: Most = 100) -> str:
    """List what calls a function, method or class; no guesses by name alone.

    Answers with one line a caller: `path:line LABEL qualified.name (calls at line N, xM, how)`.

    Args:
        ctx: What the episode offers to tools.
        symbol: A name that is unique, or a qualified name as find_symbol shows it.
        max_results: How many callers to show.
    """
    return _related(ctx, "callers", symbol, max_results, "Nothing in the repository calls it.")


@tool(read_only=True)
def callees(ctx: ToolContext, *, symbol: str, max_results: Most = 100) -> str:
    """List what a function, method, class body or module calls.

    Args:
        ctx: What the episode offers to tools.
        symbol: A name that is unique, or a qualified name as find_symbol shows it.
        max_results: How many to show.
    """
    return _related(ctx, "callees", symbol, max_results, "It calls nothing that is known.")


@tool(read_only=True)
def references(ctx: ToolContext, *, symbol: str, max_results: Most = 200) -> str:
    """List everything that mentions a symbol: calls, uses, imports, subclasses, overrides.

    Args:
        ctx: What the episode offers to tools.
        symbol: A name that is unique, or a qualified name as find_symbol shows it.
        max_results: How many to show.
    """
    return _related(ctx, "references", symbol, max_results, "Nothing mentions it.")


@tool(read_only=True)
def hierarchy(ctx: ToolContext, *, class_name: str) -> str:
    """Show the classes above and below a class, and the class's own members.

    Args:
        ctx: What the episode offers to tools.
        class_name: A class's name or qualified name.
    """

    def question(graph: CodeGraph) -> str:
        from graphdb import queries

        found = queries.hierarchy(graph.store, class_name)
        parts = [_line(found.node)]
        parts += _block("ancestors", found.ancestors)
        parts += _block("descendants", found.descendants)
        rows = queries.members(graph.store, found.node) if found.node.label == "CLASS" else []
        if rows:
            parts += ["members:", *(f"  {_line(row.node)}" for row in rows)]
        return "\n".join(parts)

    return answer(ctx, question)


@tool(read_only=True)
def repo_map(
    ctx: ToolContext,
    *,
    focus: list[str] | None = None,
    budget: Annotated[int, Field(ge=100, le=8_000)] = 1_500,
) -> str:
    """Outline what matters in the repository, ranked, within a budget of tokens.

    Rank is a personalised PageRank over the code graph: what much of the code rests on comes
    first, and with a focus what the focus rests on.

    Args:
        ctx: What the episode offers to tools.
        focus: Symbols, modules or files to rank around; the whole repository if empty.
        budget: How many tokens the outline may take.
    """

    def question(graph: CodeGraph) -> str:
        from graphdb.ranking import repo_map as outline

        made = outline(graph.store, budget, focus or ())
        return f"{made.text}\n({made.shown} of {made.total} definitions)"

    return answer(ctx, question)


def _related(ctx: ToolContext, kind: str, symbol: str, most: int, nothing: str) -> str:
    def question(graph: CodeGraph) -> str:
        from graphdb import queries

        rows: list[Row] = getattr(queries, kind)(graph.store, symbol, limit=most)
        return "\n".join(_row(row) for row in rows) or nothing

    return answer(ctx, question)


def _line(node: Node) -> str:
    place = f"{node.file_path}:{node.line}" if node.file_path else "(outside)"
    shown = node.signature or ""
    return f"{place} {node.label} {node.qualified_name} {shown}".rstrip()


def _row(row: Row) -> str:
    edge = row.edge
    facts = [edge.type.lower()]
    if edge.line:
        facts.append(f"line {edge.line}")
    if edge.times and edge.times > 1:
        facts.append(f"x{edge.times}")
    if edge.how:
        facts.append(edge.how)
    return f"{_line(row.node)} ({', '.join(facts)})"


def _block(title: str, related: Sequence[Related]) -> list[str]:
    if not related:
        return [f"{title}: none"]
    return [f"{title}:", *(f"{'  ' * item.depth}{_line(item.node)}" for item in related)]
