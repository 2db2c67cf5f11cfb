"""The commands for training: data of runs and of code, tasks in the order of their difficulty."""

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
    form: Annotated[
        str, typer.Option("--format", help="sft, preference, refine, verifier, minari or parquet.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="New folder for the data and its card.")
    ] = Path("export"),
    plausible: Annotated[
        bool, typer.Option("--plausible", help="Take plausible successes as successes.")
    ] = False,
    truncated: Annotated[
        bool, typer.Option("--truncated", help="Take episodes that a bound ended, too.")
    ] = False,
    pairs: Annotated[int, typer.Option(metavar="N", help="Most pairs or refinements a task.")] = 4,
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


@app.command()
def curriculum(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders of runs, or the folder above them."),
    ],
    order: Annotated[str, typer.Option(help="easy, hard or learnable first.")] = "easy",
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Draw N tasks by what they teach, instead."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    plausible: Annotated[
        bool, typer.Option("--plausible", help="Take plausible successes as successes.")
    ] = False,
    ids: Annotated[
        bool, typer.Option("--ids", help="Ids alone, separated by commas, as trainers take them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
) -> None:
    """Show how hard tasks were in runs, and in which order, or how often, to train on them."""
    from agents.reports.reading import find_runs, read_run
    from agents.training.curriculum import measure

    found = measure([read_run(path) for path in find_runs(folders)], plausible=plausible)
    names = found.tasks(order) if sample is None else found.sample(sample, seed)  # type: ignore[arg-type]
    if ids:
        typer.echo(",".join(names))
        return
    known = {one.task: one for one in found.difficulties}
    if as_json:
        rows = [
            {
                "task": name,
                "attempts": known[name].attempts,
                "resolved": known[name].resolved,
                "difficulty": round(known[name].difficulty, 4),
                "weight": round(known[name].weight, 4),
            }
            for name in names
        ]
        told = {"tasks": rows, "held_back": found.held_back, "left_out": found.left_out}
        typer.echo(json.dumps(told, indent=1))
        return
    for name in names:
        one = known[name]
        share = f"{one.resolved} of {one.attempts} resolved"
        typer.echo(
            f"{name:<40} {share:<20} difficulty {one.difficulty:.2f} weight {one.weight:.2f}"
        )
    typer.echo(
        f"Left out: {found.left_out} episodes without a verdict that can be trusted, "
        f"{found.held_back} tasks of the validation and the test split"
    )


@app.command("toolgen-data")
def toolgen_data(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of Python code.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="New JSONL file.")
    ] = Path("toolgen.jsonl"),
    trigger: Annotated[str, typer.Option(help="What stands where the tool is asked.")] = "<COMP>",
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Most functions.")] = None,
) -> None:
    """Write documented functions with triggers for the completion tool, to train ToolGen."""
    from agents.training.toolgen_data import write_examples
    from repos.errors import InputError

    try:
        with out.open("x", encoding="utf-8") as file:
            made = write_examples(folder, file, trigger=trigger, limit=limit)
    except InputError:
        out.unlink()
        raise
    except FileExistsError:
        raise InputError(f"{out} is there already: name a new file with --out.") from None
    except OSError as error:
        raise InputError(f"{out} can't be written: {error.strerror}.") from None
    typer.echo(f"Written: {out} ({made.functions} functions, {made.triggers} triggers)")
    typer.echo(
        f"Left out: {made.undocumented} functions without a docstring, {made.unreadable} files "
        "that are no Python of this interpreter; jedi had no answer at "
        f"{made.unanswered} places"
    )


@app.command("export-tasks")
def export_tasks(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="As after --env.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder.")] = Path("harbor"),
    form: Annotated[str, typer.Option("--format", help="harbor.")] = "harbor",
    tasks: Annotated[
        list[str] | None, typer.Option("--task", metavar="ID", help="Only these; may be repeated.")
    ] = None,
) -> None:
    """Write a suite's tasks as folders for another framework."""
    from agents.training.harbor_tasks import export_tasks as write
    from repos.errors import refuse_unknown
    from repos.tasks.suite import load_suite

    refuse_unknown("format", [form], ["harbor"])
    made = write(load_suite(suite), out, name=suite, tasks=tasks or ())
    typer.echo(f"Written: {out} ({len(made.folders)} tasks)")
    for reason, number in sorted(made.left_out.items()):
        typer.echo(f"Left out: {number} ({reason})")
