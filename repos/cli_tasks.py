"""The verbs of tasks and suites: `repogym tasks …`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from repos.cli_options import (
    DatasetOption,
    EnvironmentOption,
    JsonOption,
    MirrorsOption,
    PythonOption,
    SandboxOption,
    SuiteArgument,
    TaskOption,
    UnsafeOption,
    err,
    out,
    say,
)
from repos.errors import InfrastructureError

tasks = typer.Typer(no_args_is_help=True, help="List, show, prepare, validate and make tasks.")


def _chosen(suite: str, names: list[str] | None):
    from repos.tasks.suite import load_suite

    loaded = load_suite(suite)
    specs = [loaded.spec(name) for name in names] if names else list(loaded.specs)
    return loaded, specs


@tasks.command("list")
def list_tasks(
    suite: Annotated[str | None, typer.Argument(help="A suite; all suites without it.")] = None,
    as_json: JsonOption = False,
    dataset: DatasetOption = None,
) -> None:
    """List suites, or the tasks of one."""
    from repos.environments.choosing import available, choose_environment, is_available
    from repos.tasks.suite import load_suite, missing_suites, suite_names

    if suite is None:
        missing = missing_suites()
        rows = [load_suite(name) for name in suite_names() if name not in missing]
        if as_json:
            facts = [
                {"suite": s.name, "version": s.version, "tasks": len(s.specs), "digest": s.digest,
                 "available": len(available(s.specs)), "description": s.description}
                for s in rows
            ]  # fmt: skip
            facts += [{"suite": name, "description": what} for name, what in missing.items()]
            typer.echo(json.dumps(facts, indent=1))
            return
        table = Table("suite", "version", "tasks", "here", "what")
        for s in rows:
            count = len(available(s.specs))
            table.add_row(s.name, s.version, str(len(s.specs)), str(count), s.description)
        for name, what in missing.items():
            table.add_row(name, "", "", "", what)
        out.print(table)
        return
    loaded = load_suite(suite)
    if as_json:
        facts = [
            {"id": s.id, "title": s.title, "date": s.date, "available": is_available(s),
             "environments": sorted(s.expected), "labels": s.labels}
            for s in loaded.specs
        ]  # fmt: skip
        typer.echo(json.dumps(facts, indent=1))
        return
    # Names are there to be copied: whatever the width, they are never cut.
    table = Table(
        Column("task", no_wrap=True, min_width=max(len(s.id) for s in loaded.specs)),
        "date", "failing", "kept", "title", title=f"{loaded.name} {loaded.version}",
    )  # fmt: skip
    for s in loaded.specs:
        expected = s.expected[choose_environment(s)] if is_available(s) else None
        counts = (
            (str(len(expected.fail_to_pass)), str(len(expected.pass_to_pass)))
            if expected
            else ("not available here", "")
        )
        table.add_row(s.id, s.date, *counts, s.title)
    out.print(table)


@tasks.command("show")
def show_task(
    suite: SuiteArgument,
    task: Annotated[str, typer.Argument(help="The task's id.")],
    hidden: Annotated[
        bool, typer.Option("--hidden", help="Also show the reference patch and the test ids.")
    ] = False,
    environment: EnvironmentOption = "",
    as_json: JsonOption = False,
    dataset: DatasetOption = None,
    repos_from: MirrorsOption = None,
) -> None:
    """Show one task as an agent sees it."""
    from repos.environments.choosing import choose_environment, is_available
    from repos.prepare import build_files, patched_files, statement
    from repos.scoring.keys import known_key
    from repos.tasks.suite import load_suite

    spec = load_suite(suite).spec(task)
    files = build_files(spec)
    chosen = choose_environment(spec, environment) if is_available(spec) else environment
    key = known_key(spec, chosen, files) if chosen else None
    facts = {
        "id": spec.id,
        "title": spec.title,
        "repository": files.repository,
        "base": files.base_revision,
        "date": spec.date,
        "licence": spec.licence,
        "environments": sorted(spec.expected),
        "strength": f"{sum(key.bits.values()):.0f} bits"
        if key
        else "not measured before a scoring",
        "statement": statement(spec, files),
    }
    if hidden:
        facts["environment"] = choose_environment(spec, environment)
        facts["fail_to_pass"] = list(spec.expected[facts["environment"]].fail_to_pass)
        facts["files"] = list(patched_files(files.reference))
        facts["reference"] = files.reference.decode("utf-8", "replace")
    if as_json:
        typer.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for key, value in facts.items():
        if key in ("statement", "reference"):
            typer.echo(f"\n--- {key} ---\n{value}")
        else:
            typer.echo(f"{key}: {value if isinstance(value, str) else ', '.join(value)}")


@tasks.command("prepare")
def prepare_tasks(
    suite: SuiteArgument,
    task: TaskOption = None,
    environment: EnvironmentOption = "",
    dataset: DatasetOption = None,
    repos_from: MirrorsOption = None,
) -> None:
    """Fetch and build what tasks need, so that they work offline afterwards."""
    from repos.environments.choosing import available
    from repos.prepare import prepare

    loaded, specs = _chosen(suite, task)
    here = available(specs, environment)
    failed = []
    for number, spec in enumerate(here, start=1):
        try:
            prepare(spec, suite=loaded.name, environment=environment)
        except InfrastructureError as error:
            failed.append(spec.id)
            err.print(f"{spec.id}: {error}", markup=False)
        typer.echo(f"[{number}/{len(here)}] {spec.id}")
    if len(specs) > len(here):
        typer.echo(f"{len(specs) - len(here)} tasks are not available here.")
    if failed:
        raise InfrastructureError(f"{len(failed)} tasks could not be prepared.")


@tasks.command("validate")
def validate_tasks(
    suite: SuiteArgument,
    task: TaskOption = None,
    environment: EnvironmentOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
    repetitions: Annotated[int, typer.Option(min=1, help="Runs a side.")] = 3,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON lines, one a task; the same command goes on."),
    ] = None,
    dataset: DatasetOption = None,
    repos_from: MirrorsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate tasks: the base fails, the reference patch resolves, in changing surroundings."""
    from repos.environments.interpreters import NotAvailableError
    from repos.prepare import prepare
    from repos.sandbox.select import get_backend
    from repos.scoring.validation import Verdict, validate
    from repos.validation_report import ValidationReport

    loaded, specs = _chosen(suite, task)
    kept = ValidationReport(report)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=say)
    verdicts = []
    try:
        for spec in specs:
            verdict = kept.verdict(spec)
            if verdict is None:
                begun = time.monotonic()
                try:
                    prepared = prepare(spec, suite=loaded.name, environment=environment)
                except NotAvailableError as error:
                    err.print(str(error), markup=False)
                    continue
                prepared_s = time.monotonic() - begun
                try:
                    verdict = validate(prepared, backend=backend, repetitions=repetitions)
                except InfrastructureError as error:
                    if report is None:
                        raise
                    verdict = Verdict(spec.id, False, (f"infrastructure: {error}",))
                whole_s = time.monotonic() - begun
                kept.add(spec, verdict, prepare_s=prepared_s, whole_s=whole_s)
            verdicts.append(verdict)
            if not as_json:
                state = "valid" if verdict.valid else "REFUSED"
                typer.echo(f"{state:8} {verdict.task} (its tests take {verdict.seconds} s)")
                for problem in verdict.problems:
                    typer.echo(f"         {problem}")
    finally:
        backend.close()
    if as_json:
        facts = [vars(v) | {"problems": list(v.problems)} for v in verdicts]
        typer.echo(json.dumps(facts, indent=1))
    refused = sum(not v.valid for v in verdicts)
    if refused:
        raise typer.Exit(1)


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
    python: PythonOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
) -> None:
    """Make tasks of releases of packages, validate them, write a manifest as they come.

    The same command goes on where it was ended.
    """
    from repos.errors import InputError
    from repos.mining.batch import Order, mine_names, read_names

    if kind not in ("pairs", "changes"):
        raise InputError(f"--kind is pairs or changes, not {kind!r}.")
    if after and not _is_day(after):
        raise InputError(f"--after is a day as YYYY-MM-DD, not {after!r}.")
    wanted = [*(names or ()), *(read_names(listed) if listed else ())]
    if not wanted:
        raise InputError("Name a package, or give a list of names with --list FILE.")
    order = Order(
        kind=kind, releases=pairs, per_package=per_package or pairs, after=after, python=python,
        sandbox=sandbox, allow_unsafe=allow_unsafe, jobs=jobs,
    )  # fmt: skip
    count = mine_names(wanted, output, order, lambda line: print(line, flush=True))
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
        str, typer.Option(help="Suite of release pairs, whose pins and tests are used.")
    ] = "swe-lite",
    python: PythonOption = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
) -> None:
    """Make tasks by removing code that a package's own tests cover; validate and append them."""
    from repos.mining.removed.command import remove_from

    count = remove_from(
        names, output, suite=suite, python=python, sandbox=sandbox, allow_unsafe=allow_unsafe,
        report=typer.echo,
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
    ] = "swe-lite",
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


@tasks.command("new")
def new_task(
    path: Annotated[str, typer.Argument(help="A git repository on this machine.")],
    fix: Annotated[str, typer.Option(help="The revision with the fix and its tests.")],
    output: Annotated[Path, typer.Option("--out", "-o", help="The manifest to write.")],
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
    python: PythonOption = "",
    sandbox: SandboxOption = "auto",
) -> None:
    """Make a task of two revisions of your own repository and validate it."""
    from repos.mining.from_git import task_from_repository
    from repos.tasks.suite import check_manifest_path, write_manifest

    check_manifest_path(output)
    spec = task_from_repository(
        path, base=base or f"{fix}^", fix=fix, tests=tuple(tests or ()),
        source_dirs=tuple(source or ()), requirements=tuple(requires or ()), python=python,
        runner=runner, sandbox=sandbox,
    )  # fmt: skip
    write_manifest(output, {"suite": output.stem, "version": "1"}, [spec])
    typer.echo(f"{spec.id}: valid; written to {output}")
    typer.echo(f"Try it: repogym --env {output} --agent oracle")
