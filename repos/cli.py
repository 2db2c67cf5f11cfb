"""Verbs of this package: `repogym tasks …`, `repogym shell`, `repogym score`, `repogym doctor`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from repos.cli_mining import tasks
from repos.cli_options import (
    DatasetOption,
    EnvironmentOption,
    JsonOption,
    MirrorsOption,
    SandboxOption,
    SuiteArgument,
    UnsafeOption,
    out,
    say,
)

cache = typer.Typer(no_args_is_help=True, help="Show what is stored on this machine and free it.")


def shell(
    suite: SuiteArgument,
    task: Annotated[str, typer.Argument(help="The task's id.")],
    command: Annotated[str, typer.Option("--command", "-c", help="Run this and leave.")] = "",
    environment: EnvironmentOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
    dataset: DatasetOption = None,
    repos_from: MirrorsOption = None,
) -> None:
    """Open the agent's view of a task: a shell in its workspace; changes are thrown away."""
    from repos.prepare import prepare
    from repos.sandbox.select import get_backend
    from repos.sandbox.workspace import Workspace
    from repos.tasks.suite import load_suite

    loaded = load_suite(suite)
    prepared = prepare(loaded.spec(task), suite=loaded.name, environment=environment)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=say)
    try:
        with Workspace(backend.create(prepared.layers, prepared.sandbox)) as workspace:
            if command:
                done = workspace.exec(["bash", "-c", command], timeout_s=3600)
                sys.stdout.buffer.write(done.stdout)
                sys.stderr.buffer.write(done.stderr)
                raise typer.Exit(done.exit_code if done.exit_code >= 0 else 128 - done.exit_code)
            from repos.terminal import interact

            interact(workspace, prepared.public)
    finally:
        backend.close()


def score_diff(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SUITE|PREDICTIONS",
            help="A suite, with TASK and PATCH behind; or, with --env, a file of predictions.",
        ),
    ],
    task: Annotated[str | None, typer.Argument(help="The task's id.")] = None,
    patch: Annotated[
        Path | None,
        typer.Argument(
            help="A diff, or - for standard input, or a predictions.jsonl with the task's."
        ),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="SUITE",
            help="Score a whole file of predictions (JSON lines, JSON) for tasks of this suite.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="With --env: folder of scores, logs and reports; the same command goes on.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="With --env: predictions scored at a time; one a core."),
    ] = None,
    environment: EnvironmentOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Score anew a diff that was scored before.")
    ] = False,
    dataset: DatasetOption = None,
    repos_from: MirrorsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a diff, or a file of predictions (--env), against hidden tests."""
    from repos.cli_score import score_one, score_predictions
    from repos.errors import InputError

    if env is not None:
        if task is not None or fresh:
            raise InputError("With --env only a file of predictions is given, without --fresh.")
        score_predictions(
            Path(what), env, output=output, workers=workers, environment=environment,
            sandbox=sandbox, allow_unsafe=allow_unsafe, as_json=as_json,
        )  # fmt: skip
        return
    if task is None or patch is None:
        raise InputError(
            "Give a suite, a task and a diff; or a file of predictions with --env SUITE."
        )
    score_one(
        what, task, patch, environment=environment, sandbox=sandbox, allow_unsafe=allow_unsafe,
        fresh=fresh, as_json=as_json,
    )  # fmt: skip


def doctor(as_json: JsonOption = False) -> None:
    """Show each sandbox back end: works, or why not and what to do."""
    from repos.sandbox.select import probe_all

    probes = probe_all()
    if as_json:
        typer.echo(json.dumps([vars(p) for p in probes], indent=1))
        return
    for probe in probes:
        state = "works" if probe.works else "does not work"
        typer.echo(f"{probe.backend} ({probe.isolation}): {state}. {probe.detail}")
        if probe.remedy and not probe.works:
            typer.echo(f"  {probe.remedy}")


@cache.command("show")
def show_cache(as_json: JsonOption = False) -> None:
    """Show what is stored, by kind."""
    from rich.filesize import decimal
    from rich.table import Table

    from repos.cache import cache_root
    from repos.cachetool import disk, show

    rows = show()
    if as_json:
        typer.echo(json.dumps([vars(row) for row in rows], indent=1))
        return
    table = Table("kind", "what", "entries", "size", title=str(cache_root()))
    for row in rows:
        table.add_row(row.kind, row.what, str(row.entries), decimal(row.bytes))
    out.print(table)
    typer.echo(f"{decimal(disk()[0])} are free on its disk")


@cache.command("free")
def free_cache(
    kinds: Annotated[list[str], typer.Argument(help="Kinds as `cache show` names them, or all.")],
) -> None:
    """Remove stored things; they are fetched or built again when needed."""
    from repos.cachetool import free

    for line in free(kinds):
        typer.echo(line)


@cache.command("gc")
def collect_garbage() -> None:
    """Remove what processes left that have ended: containers, folders, half-built layers."""
    from repos.cachetool import gc

    for line in gc():
        typer.echo(line)


app = typer.Typer(no_args_is_help=True)
app.add_typer(cache, name="cache")
app.add_typer(tasks, name="tasks")
app.command("shell")(shell)
app.command("score")(score_diff)
app.command("doctor")(doctor)
