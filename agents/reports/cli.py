"""The commands that look at runs: `view`, `report` and `show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Folders = Annotated[
    list[Path], typer.Argument(metavar="DIR...", help="Folders of runs, or the folder above them.")
]


@app.command()
def view(
    folders: Folders,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write the page there, without hidden things."),
    ] = None,
    serve: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Serve it on this machine and follow runs that go on."),
    ] = None,
    hidden: Annotated[
        bool | None,
        typer.Option(
            help="Hold the reference patches and hidden tests, behind a switch that is off at "
            "first. The default: not with --out."
        ),
    ] = None,
    graph_seconds: Annotated[
        float, typer.Option(metavar="S", help="Time for the code graphs of edited code.")
    ] = 4.0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
) -> None:
    """Make one self-contained page of runs, episodes and comparisons, and open it."""
    from agents.reports.reading import find_runs
    from agents.reports.viewing import serve_pages, view_page
    from repos.errors import InputError

    if serve is not None and out is not None:
        raise InputError("--serve and --out exclude each other: a served page is not written.")
    found = find_runs(folders)
    if serve is not None:
        if not 0 <= serve <= 65535:
            raise InputError(f"--serve {serve} is no port: a whole number from 0 to 65535.")
        serve_pages(found, serve, hidden=hidden is not False, open_browser=not no_open)
        return
    with_hidden = hidden if hidden is not None else out is None
    view_page(found, out, hidden=with_hidden, graph_seconds=graph_seconds, open_browser=not no_open)


@app.command()
def report(
    folders: Folders,
    form: Annotated[str, typer.Option("--format", help="md, csv or json.")] = "md",
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the figures as .svg, .pdf or .png instead."),
    ] = None,
) -> None:
    """Print the figures of runs that belong together as one table, or draw them."""
    from agents.reports.reading import find_runs, read_run
    from agents.reports.tables import FORMATS, write_table
    from repos.errors import InputError

    if form not in FORMATS:
        raise InputError(f"--format {form} is unknown: {', '.join(FORMATS)}.")
    runs = [read_run(path) for path in find_runs(folders)]
    if plot is not None:
        from agents.reports.plots import write_plot

        write_plot(runs, plot)
        typer.echo(f"Written: {plot}")
        return
    typer.echo(write_table(runs, form), nl=False)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")],
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Show this task's episode.")
    ] = None,
    sample: Annotated[int, typer.Option(help="Which sample of the task, from 0.")] = 0,
) -> None:
    """Print a run's table, or an episode's steps and diff, through a pager on a terminal."""
    from rich.console import Console

    from agents.reports.reading import read_run
    from agents.reports.terminal import show_episode, show_run

    run = read_run(folder)
    episode = run.episode(task, sample) if task is not None else None
    console = Console()

    def print_it() -> None:
        if episode is None:
            show_run(console, run)
        else:
            show_episode(console, episode)

    if console.is_terminal:
        with console.pager(styles=True):
            print_it()
    else:
        print_it()
