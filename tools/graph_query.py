"""The tool `graph_query`: raw read-only Cypher on the code graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tools.context import ToolContext
from tools.graph import graph_of
from tools.registry import tool
from tools.text import plural

if TYPE_CHECKING:
    from graphdb import CodeGraph


@tool(read_only=True)
def graph_query(
    ctx: ToolContext,
    *,
    cypher: str,
    parameters: dict[str, str | int | float | bool] | None = None,
    max_rows: Annotated[int, Field(ge=1, le=1_000)] = 100,
) -> str:
    """Ask the repository's code graph in read-only Cypher.

    Nodes: FILE, MODULE, CLASS, FUNCTION, METHOD, FIELD, GLOBAL_VARIABLE, EXTERNAL, with the
    properties id, name, qualified_name, file_path, language, line, end_line, signature, cls.
    Edges: (FILE)-CONTAINS->(MODULE)-CONTAINS->(CLASS|FUNCTION|GLOBAL_VARIABLE),
    (CLASS)-HAS_METHOD->(METHOD), (CLASS)-HAS_FIELD->(FIELD), (CLASS)-INHERITS->(CLASS),
    (MODULE)-IMPORTS->(MODULE|EXTERNAL), CALLS (caller to callee; count, line, how,
    confidence), USES (kind, count, line), (METHOD)-OVERRIDES->(METHOD).

    Portable Cypher: label every node, bound paths like [:INHERITS*1..5], filter with
    CONTAINS or STARTS WITH instead of =~, pass values as parameters, return scalars such as
    n.qualified_name. Example: MATCH (c:CLASS)-[:INHERITS*1..3]->(b:CLASS) WHERE b.name =
    $name RETURN c.qualified_name, c.file_path, c.line.

    Args:
        ctx: What the episode offers to tools.
        cypher: The query.
        parameters: Values for $names in the query.
        max_rows: How many rows to show.
    """

    def question(graph: CodeGraph) -> str:
        from graphdb.stores.base import Limits

        result = graph.query(cypher, parameters or {}, Limits(rows=max_rows))
        lines = [" | ".join(result.columns)]
        lines += [" | ".join(_shown(value) for value in row) for row in result.rows]
        more = ", cut: raise max_rows or narrow the query" if result.truncated else ""
        lines.append(f"({plural(len(result.rows), 'row')}{more})")
        lines += [f"note: {note}" for note in result.notes]
        return "\n".join(lines)

    return graph_of(ctx).ask(question)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
