"""The graph's verbs on the command line: ``build``, ``query``, ``stats`` and ``show``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from graphdb.graph import CodeGraph

app = typer.Typer(help="Ask a repository questions that grep cannot answer.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder of source code.", show_default=False)]
Keep = Annotated[
    Path | None,
    typer.Option("--keep", help="Folder for the index, to be used again.", show_default=False),
]
StoreOption = Annotated[
    str,
    typer.Option(
        "--graph-store",
        envvar="REPOGYM_GRAPH_STORE",
        help="kglite, networkx, or a server's address (neo4j://user:password@host:port/database).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _graph(path: Path, keep: Path | None, store: str) -> CodeGraph:
    from graphdb.graph import CodeGraph
    from graphdb.source import FolderSource

    source = FolderSource(path)
    return CodeGraph.build(source, keep, store, dataset=str(source.root))


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=None))


def _table(columns: list[str], rows: list[list[Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        shown = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in row]
        table.add_row(*(Text(cell) for cell in shown))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@app.command()
def build(
    path: Folder, keep: Keep = None, store: StoreOption = "kglite", as_json: Json = False
) -> None:
    """Index a folder, or what changed in it since the index in --keep was made."""
    import time

    begin = time.perf_counter()
    graph = _graph(path, keep, store)
    report = graph.report
    labels, types = graph.store.counts()
    seconds = round(time.perf_counter() - begin, 3)
    if as_json:
        _print(
            {
                "files": report.files,
                "indexed": report.indexed,
                "nodes": sum(labels.values()),
                "edges": sum(types.values()),
                "left_out": [item._asdict() for item in report.left_out],
                "broken": [{"path": where, "line": line} for where, line in report.broken],
                "seconds": seconds,
            }
        )
        return
    typer.echo(
        f"{report.files:,} files, {report.indexed:,} indexed now; {sum(labels.values()):,} nodes, "
        f"{sum(types.values()):,} edges; {seconds:.1f} s"
    )
    for item in report.left_out:
        typer.echo(f"left out: {item.path}: {item.reason}")
    for where, line in report.broken[:10]:
        typer.echo(f"in part: {where} does not parse at line {line}")
    if len(report.broken) > 10:
        typer.echo(f"in part: {len(report.broken) - 10:,} more; --json lists them")


@app.command()
def query(
    path: Folder,
    cypher: Annotated[str, typer.Argument(help="A read-only Cypher query.", show_default=False)],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value, as often as needed.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Most rows.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.01, help="Most time.")] = 10.0,
    keep: Keep = None,
    store: StoreOption = "kglite",
    as_json: Json = False,
) -> None:
    """Answer a Cypher query about a folder."""
    from graphdb.cypher import check
    from graphdb.errors import QueryError
    from graphdb.stores.base import Limits

    parameters: dict[str, Any] = {}
    for item in parameter or []:
        name, sign, value = item.partition("=")
        if not sign or not name:
            raise QueryError(f"the parameter {item!r} is not name=value")
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    check(cypher)  # before the folder is indexed
    result = _graph(path, keep, store).query(cypher, parameters, Limits(seconds, rows))
    if as_json:
        _print(result._asdict())
        return
    _table(result.columns, result.rows)
    if result.truncated:
        typer.echo(f"only the first {rows:,} rows; --rows gives more")
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)


@app.command()
def stats(
    path: Folder, keep: Keep = None, store: StoreOption = "kglite", as_json: Json = False
) -> None:
    """Count the nodes and edges of a folder's graph, and list its largest hubs."""
    from graphdb.schema import CALLS, EDGE_TYPES, LABELS, USES

    graph = _graph(path, keep, store)
    labels, types = graph.store.counts()
    used: dict[str, int] = {}
    for _, target, _ in graph.store.weights((CALLS, USES)):
        used[target] = used.get(target, 0) + 1
    hubs = sorted(used.items(), key=lambda item: (-item[1], item[0]))[:10]
    if as_json:
        _print({"nodes": labels, "edges": types, "hubs": dict(hubs)})
        return
    _table(["label", "nodes", "what"], [[k, f"{n:,}", LABELS[k]] for k, n in labels.items()])
    _table(["edge", "count", "what"], [[k, f"{n:,}", EDGE_TYPES[k]] for k, n in types.items()])
    _table(["most used", "users"], [[key, f"{n:,}"] for key, n in hubs])


@app.command()
def show(
    path: Folder,
    symbol: Annotated[str, typer.Argument(help="Name or id of the centre.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, .svg or .html.")
    ] = Path("graph.html"),
    hops: Annotated[int, typer.Option(min=1, max=4, help="Steps from the centre.")] = 1,
    limit: Annotated[int, typer.Option(min=2, max=200, help="Most nodes.")] = 30,
    edge: Annotated[
        list[str] | None, typer.Option("--edge", help="Follow these types of edges only.")
    ] = None,
    keep: Keep = None,
    store: StoreOption = "kglite",
    as_json: Json = False,
) -> None:
    """Draw what lies around a symbol."""
    from graphdb import draw, queries
    from graphdb.errors import GraphError
    from graphdb.schema import EDGE_TYPES

    types = [name.upper() for name in edge or EDGE_TYPES]
    wrong = [name for name in types if name not in EDGE_TYPES]
    if wrong:
        raise GraphError(f"unknown type of edge {wrong[0]!r}; there are {', '.join(EDGE_TYPES)}")
    if output.suffix not in (".svg", ".html"):
        raise GraphError(f"can't draw to {str(output)!r}: the name must end in .svg or .html")
    graph = _graph(path, keep, store)
    found = queries.neighbourhood(graph.store, symbol, hops, types, limit)
    if as_json:
        _print(
            {
                "centre": found.centre.id,
                "nodes": [node._asdict() for node in found.nodes],
                "edges": [item.as_row() for item in found.edges],
                "truncated": found.truncated,
            }
        )
        return
    text = draw.svg(found) if output.suffix == ".svg" else draw.page(found)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GraphError(f"can't write {str(output)!r}: {error.strerror}") from error
    typer.echo(f"{output}: {len(found.nodes)} nodes, {len(found.edges)} edges")


def main() -> None:
    """Run the verbs alone, with errors as one sentence and status 2."""
    from graphdb.errors import GraphError

    try:
        app()
    except GraphError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
