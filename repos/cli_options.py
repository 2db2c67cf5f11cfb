"""Options and consoles that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from repos.tasks.sources.swe_bench.options import use_dataset, use_mirrors

out = Console()
err = Console(stderr=True)

SuiteArgument = Annotated[
    str, typer.Argument(help="A suite's name, a manifest's path, or package.module:NAME.")
]
TaskOption = Annotated[
    list[str] | None, typer.Option("--task", help="Only this task; may be given several times.")
]
EnvironmentOption = Annotated[
    str,
    typer.Option(
        "--environment", metavar="ID", help="The task's environment to play; the best one here."
    ),
]
PythonOption = Annotated[
    str,
    typer.Option(
        "--python", metavar="X.Y", help="The Python to run tests on; the one that runs RepoGym."
    ),
]
DatasetOption = Annotated[
    Path | None,
    typer.Option(
        "--dataset", metavar="FILE", callback=use_dataset,
        help="Rows of a suite of others: parquet, JSON, JSON lines, or a folder.",
    ),
]  # fmt: skip
MirrorsOption = Annotated[
    Path | None,
    typer.Option(
        "--repos-from", metavar="DIR", callback=use_mirrors,
        help="Folder with local mirrors of the repositories of instances.",
    ),
]  # fmt: skip
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SandboxOption = Annotated[str, typer.Option("--sandbox", help="Sandbox back end.")]
UnsafeOption = Annotated[
    bool, typer.Option("--allow-unsafe", help="Allow a sandbox without isolation.")
]


def say(line: str) -> None:
    """Print a line of progress on standard error."""
    err.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
