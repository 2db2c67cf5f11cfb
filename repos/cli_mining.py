"""The verbs that make tasks: `repogym tasks mine`, `mutate`, `remove-code`, `audit` and `new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from repos.cli_options import (
    EnvironmentOption,
    MirrorsOption,
    PythonOption,
    SandboxOption,
    SuiteArgument,
    TaskOption,
    UnsafeOption,
)
from repos.cli_tasks import chosen, tasks


@tasks.command("mine")
def mine_tasks(
    output: Annotated[
        Path, typer.Option("--out", "-o", help="The manifest to write; tasks in it are kept.")
    ],
    names: Annotated[
        list[str] | None, typer.Argument(help="Package names, or pairs as name:old:new.")
    ] = None,
    kind: Annotated[
        str, typer.Option(help="pairs: two releases; changes: a release without one change.")
    ] = "pairs",
    listed: Annotated[
        Path | None, typer.Option("--list", help="A file of names, one a line.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Newest releases tried a package.")] = 3,
    per_package: Annotated[
        int | None, typer.Option(min=1, help="Tasks a package at most; as many as releases.")
    ] = None,
    after: Annotated[
        str, typer.Option(help="Only releases of this day (YYYY-MM-DD) and later.")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Packages at a time.")] = 1,
    from_git: Annotated[
        list[str] | None, typer.Option("--from-git", help="Mine the commits of a URL or folder.")
    ] = None,
    since: Annotated[
        str, typer.Option(help="Only commits of this day (YYYY-MM-DD) and later.")
    ] = "",
    commits: Annotated[
        int, typer.Option(min=1, help="Newest commits looked at in a repository.")
    ] = 300,
    repos_from: MirrorsOption = None,
    python: PythonOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
) -> None:
    """Make tasks of releases or commits, validate them, write a manifest as they come.

    The same command goes on where it was ended.
    """
    from repos.errors import InputError
    from repos.mining.batch import Order, mine_names, read_names

    if kind not in ("pairs", "changes"):
        raise InputError(f"--kind is pairs or changes, not {kind!r}.")
    if after and not _is_day(after):
        raise InputError(f"--after is a day as YYYY-MM-DD, not {after!r}.")
    if since and not _is_day(since):
        raise InputError(f"--since is a day as YYYY-MM-DD, not {since!r}.")
    wanted = [*(names or ()), *(read_names(listed) if listed else ())]
    if from_git and wanted:
        raise InputError("Give either packages or --from-git, not both in one call.")
    if not wanted and not from_git:
        raise InputError("Name a package, give a list with --list FILE, or name --from-git.")
    order = Order(
        kind=kind, releases=pairs, per_package=per_package or (commits if from_git else pairs),
        after=since if from_git else after, python=python, sandbox=sandbox,
        allow_unsafe=allow_unsafe, jobs=jobs,
    )  # fmt: skip

    def report(line: str) -> None:
        print(line, flush=True)

    if from_git:
        from repos.mining.commits import mine_repositories

        count = mine_repositories(from_git, output, order, commits, report)
    else:
        count = mine_names(wanted, output, order, report)
    if not count:
        typer.echo("Nothing passed validation: nothing was written.")
        raise typer.Exit(1)
    typer.echo(f"{count} tasks in {output}")


def _is_day(text: str) -> bool:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@tasks.command("remove-code")
def remove_code(
    names: Annotated[
        list[str], typer.Argument(help="Packages of the suite, or single tasks of it.")
    ],
    output: Annotated[
        Path, typer.Option("--out", "-o", help="The manifest to write; tasks in it are kept.")
    ],
    suite: Annotated[
        str, typer.Option(help="Suite of release pairs, or swe-mini: its pins and tests are used.")
    ] = "swe-releases",
    wanted: Annotated[int, typer.Option(min=1, help="Tasks of a package at most.")] = 12,
    levels: Annotated[
        list[str] | None,
        typer.Option("--level", help="Only this level (repeatable); levels take turns."),
    ] = None,
    python: PythonOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
) -> None:
    """Make tasks by removing code that a package's own tests cover; validate and append them.

    The same command goes on where it was ended.
    """
    from repos.mining.removed.command import removal_rule, remove_from

    count = remove_from(
        names, output, suite=suite, python=python, sandbox=sandbox, allow_unsafe=allow_unsafe,
        report=lambda line: print(line, flush=True), rule=removal_rule(wanted, levels or ()),
    )  # fmt: skip
    if not count:
        typer.echo("No part passed validation: nothing was written.")
        raise typer.Exit(1)
    typer.echo(f"{count} tasks in {output}")


@tasks.command("mutate")
def mutate_packages(
    output: Annotated[
        Path, typer.Option("--out", "-o", help="The manifest to write; tasks in it are kept.")
    ],
    names: Annotated[
        list[str] | None, typer.Argument(help="Packages of the suite; all of them without any.")
    ] = None,
    suite: Annotated[
        str, typer.Option(help="Suite of release pairs, whose pins and tests are used.")
    ] = "swe-releases",
    wanted: Annotated[int, typer.Option(min=1, help="Tasks of a package at most.")] = 12,
    seed: Annotated[int, typer.Option(help="Decides which bugs are drawn.")] = 7,
    python: PythonOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
) -> None:
    """Make tasks of synthetic bugs in a package's newest release; validate and append them."""
    from repos.mining.mutants import MutantRule, mutate

    count = mutate(
        names or [], output, suite=suite, rule=MutantRule(wanted=wanted, seed=seed), python=python,
        sandbox=sandbox, allow_unsafe=allow_unsafe, report=lambda line: print(line, flush=True),
    )  # fmt: skip
    if not count:
        typer.echo("No bug passed validation: nothing was written.")
        raise typer.Exit(1)
    typer.echo(f"{count} tasks in {output}")


@tasks.command("audit")
def audit_tasks(
    suite: SuiteArgument,
    output: Annotated[Path, typer.Option("--out", "-o", help="The page to write (.html).")],
    task: TaskOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also run the fairness checks on each task.")
    ] = False,
    environment: EnvironmentOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
) -> None:
    """Write a page for reading tasks: statement, failing tests and reference side by side."""
    from repos.errors import InputError
    from repos.mining.audit import audit_page, write_audit
    from repos.mining.changes.existing import check_tasks
    from repos.mining.readings import agreement, kept_share, read_readings, readings_path

    loaded, specs = chosen(suite, task)
    if output.suffix != ".html" or not output.absolute().parent.is_dir():
        raise InputError(f"The page {output} must end in .html and lie in a folder that exists.")
    refused = None
    if check:
        refused = check_tasks(
            specs, loaded.name, environment=environment, sandbox=sandbox,
            allow_unsafe=allow_unsafe, report=lambda line: print(line, flush=True),
        )  # fmt: skip
    readings = read_readings(readings_path(suite))
    title = f"{loaded.name} {loaded.version}"
    write_audit(output, audit_page(title, specs, refused, readings))
    typer.echo(f"{len(specs)} tasks in {output}")
    share = kept_share(readings)
    if share is not None:
        alike, twice = agreement(readings)
        told = f"; {alike} of {twice} read twice are judged alike" if twice else ""
        typer.echo(
            f"{share:.0%} of {len({r.task for r in readings})} that were read are kept{told}"
        )


@tasks.command("new")
def new_task(
    path: Annotated[str, typer.Argument(help="A git repository: its folder or its URL.")],
    fix: Annotated[str, typer.Option(help="The revision with the fix and its tests.")],
    output: Annotated[Path, typer.Option("--out", "-o", help="The manifest; its tasks are kept.")],
    base: Annotated[str, typer.Option(help="The revision before; the fix's parent.")] = "",
    tests: Annotated[
        list[str] | None, typer.Option("--tests", help="Test file or folder; found by name.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Folder of the import path.")
    ] = None,
    requires: Annotated[
        list[str] | None, typer.Option("--requires", help="Requirement of the tests.")
    ] = None,
    runner: Annotated[
        str, typer.Option(help="pytest, unittest or module:Name; else by what the project says.")
    ] = "",
    statement: Annotated[
        Path | None, typer.Option(help="A file with the statement; else the fix's message.")
    ] = None,
    all_tests: Annotated[
        bool, typer.Option("--all-tests", help="All test files decide, not only the changed ones.")
    ] = False,
    repos_from: MirrorsOption = None,
    python: PythonOption = "",
    sandbox: SandboxOption = "auto",
) -> None:
    """Make a task of two revisions of your own repository and validate it."""
    from repos.mining.from_git import task_from_repository
    from repos.tasks.suite import open_manifest, write_manifest

    header, kept = open_manifest(output)
    said = _read_statement(statement) if statement else ""
    spec = task_from_repository(
        path, base=base or f"{fix}^", fix=fix, tests=tuple(tests or ()),
        source_dirs=tuple(source or ()), requirements=tuple(requires or ()), python=python,
        runner=runner, sandbox=sandbox, statement=said, all_tests=all_tests, report=typer.echo,
    )  # fmt: skip
    kept[spec.id] = spec
    write_manifest(output, header, list(kept.values()))
    typer.echo(f"{spec.id}: valid; written to {output}")
    typer.echo(f"Try it: repogym --env {output} --agent oracle")


def _read_statement(path: Path) -> str:
    from repos.errors import InputError

    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The statement {path} can't be read: {error}.") from error
    if not text:
        raise InputError(f"The statement {path} is empty.")
    return text
