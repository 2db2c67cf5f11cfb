"""The command of the agents' room: run an agent over a suite, or list what there is.

Typer reads the options from the signatures; everything heavy is imported when it is used.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from repos.tasks.sources.swe_bench.options import use_dataset, use_mirrors

FIELDS = {
    "task": "tasks",
    "agent_arg": "agent_args",
    "env_arg": "env_args",
    "model_arg": "model_args",
}
"""The field of the request where it is not called as the option is."""

NO_FIELDS = ("listing", "as_json", "dataset", "repos_from")
"""Options that are about the command and not about the run."""


def run(
    context: typer.Context,
    env: Annotated[
        str | None,
        typer.Option(
            metavar="SUITE",
            help="Suite (swe-lite, swe-mini, ...), manifest.jsonl, or package.module:NAME.",
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(help="planner, react, codexgraph, oracle, noop, random, or module:Class."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A LiteLLM model, symbolic (no LLM, no key; the default), or scripted:FILE."
        ),
    ] = None,
    api_base: Annotated[str | None, typer.Option(help="Address of the model's endpoint.")] = None,
    assist: Annotated[
        str | None,
        typer.Option(help="none, files or tests; none by default, tests with symbolic."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Play this task only; may be repeated.")
    ] = None,
    environment: Annotated[
        str,
        typer.Option(metavar="ID", help="Environment of the tasks to play; the best one here."),
    ] = "",
    split: Annotated[
        str | None,
        typer.Option(help="test, validation, train or all; by default all but train."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Play the first N tasks only.")
    ] = None,
    samples: Annotated[int, typer.Option(metavar="K", help="Episodes a task.")] = 1,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Worker processes; one a core by default.")
    ] = None,
    executor: Annotated[
        str, typer.Option(help="processes of this machine, or ray: a Ray cluster.")
    ] = "processes",
    address: Annotated[
        str | None,
        typer.Option(help="Of a Ray cluster, or auto; without it one of this machine is started."),
    ] = None,
    sandbox: Annotated[str, typer.Option(help="Sandbox back end.")] = "auto",
    allow_unsafe: Annotated[
        bool, typer.Option("--allow-unsafe", help="Allow a sandbox without isolation.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    max_steps: Annotated[
        int | None, typer.Option(metavar="N", help="Tool calls an episode.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Wall time an episode, in seconds.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="USD", help="Hard limit of what the run may cost.")
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(
            metavar="IN,OUT", help="USD per million tokens, where the model's price is unknown."
        ),
    ] = None,
    reward: Annotated[
        str, typer.Option(help="resolved, fraction, reported, or package.module:function.")
    ] = "resolved",
    agent_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Argument of the agent.")
    ] = None,
    env_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Argument of the environment.")
    ] = None,
    model_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Argument of the model.")
    ] = None,
    tool_format: Annotated[
        str, typer.Option(help="native, or text for models without tool calls.")
    ] = "native",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run; the same command goes on with it."),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=use_dataset,
            help="Rows of a suite of SWE-bench: parquet, JSON, JSON lines, or a folder.",
        ),
    ] = None,
    repos_from: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", callback=use_mirrors, help="Folder with local mirrors of repositories."
        ),
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="List suites, agents, models and tools.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """Run an agent over a suite of real repositories, scored by tests that it never sees."""
    # What is typed reaches the request by the context: see `typed`.
    if context.invoked_subcommand is not None:
        return
    if listing:
        show_list(as_json)
        return
    from repos.errors import InputError

    if env is None or agent is None:
        missing = " and ".join(
            option for option, value in (("--env", env), ("--agent", agent)) if value is None
        )
        raise InputError(
            f"{missing} missing: for example --env swe-mini --agent planner (--list shows all)."
        )
    from agents.runs.main import play
    from agents.runs.request import read_request

    raise typer.Exit(play(read_request(typed(context)), as_json=as_json))


def typed(context: typer.Context) -> dict[str, Any]:
    """Return what was typed by the field of the request; what was left out is left out."""
    given = {}
    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        if name not in NO_FIELDS and source is not None and source.name != "DEFAULT":
            given[FIELDS.get(name, name)] = value
    return given


def show_list(as_json: bool) -> None:
    """Print the suites, agents, models and tools."""
    from agents.runs.listing import listing

    found = listing()
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for kind, rows in found.items():
        table = Table(title=kind, title_justify="left", show_header=bool(rows))
        for column in rows[0] if rows else ():
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        console.print(table)
