"""The command that makes training data of runs: `export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def export(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders of runs, or the folder above them."),
    ],
    form: Annotated[str, typer.Option("--format", help="sft, preference or parquet.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="New folder for the data and its card.")
    ] = Path("export"),
    plausible: Annotated[
        bool, typer.Option("--plausible", help="Take plausible successes as successes.")
    ] = False,
    truncated: Annotated[
        bool, typer.Option("--truncated", help="Take episodes that a bound ended, too.")
    ] = False,
    pairs: Annotated[int, typer.Option(metavar="N", help="Most preference pairs a task.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
) -> None:
    """Write training data from runs, with a data card: what is left out is counted."""
    from agents.reports.reading import find_runs, read_run
    from agents.training.export import export as write
    from agents.training.selection import Choice

    runs = [read_run(path) for path in find_runs(folders)]
    choice = Choice(plausible=plausible, truncated=truncated)
    made = write(runs, form, out, choice=choice, pairs=pairs)  # type: ignore[arg-type]
    if as_json:
        told = {"file": str(made.file), "rows": made.rows, "episodes": made.episodes}
        typer.echo(json.dumps({**told, "left_out": made.left_out}, indent=1))
        return
    typer.echo(f"Written: {made.file} ({made.rows} rows of {made.episodes} episodes)")
    for reason, number in sorted(made.left_out.items()):
        typer.echo(f"Left out: {number} ({reason})")
