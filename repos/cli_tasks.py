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


def chosen(suite: str, names: list[str] | None):
    """Return a suite, and its tasks of some names; all of them without names."""
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
    from repos.prepare import build_files, patched_files, prepare, statement
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
        reference = files.reference
        if spec.source.inside() is not None:  # only running the solution tells
            reference = prepare(spec, environment=environment).hidden.reference
        facts["files"] = list(patched_files(reference))
        facts["reference"] = reference.decode("utf-8", "replace")
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
    from repos.environments.fetching import fetch_pythons
    from repos.prepare import prepare

    loaded, specs = chosen(suite, task)
    for problem in fetch_pythons(specs, environment):
        err.print(problem, markup=False)
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
    from repos.environments.fetching import fetch_pythons
    from repos.environments.interpreters import NotAvailableError
    from repos.prepare import prepare
    from repos.sandbox.select import get_backend
    from repos.scoring.validation import Verdict, validate
    from repos.validation_report import ValidationReport

    loaded, specs = chosen(suite, task)
    kept = ValidationReport(report)
    for problem in fetch_pythons(specs, environment):
        err.print(problem, markup=False)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=say)
    verdicts = []
    try:
        for spec in specs:
            verdict = kept.verdict(spec)
            if verdict is None:
                begun = time.monotonic()
                prepared_s = 0.0
                try:
                    prepared = prepare(spec, suite=loaded.name, environment=environment)
                    prepared_s = time.monotonic() - begun
                    verdict = validate(prepared, backend=backend, repetitions=repetitions)
                except NotAvailableError as error:
                    err.print(str(error), markup=False)
                    continue
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


@tasks.command("report")
def show_report(
    suite: SuiteArgument,
    report: Annotated[Path, typer.Argument(help="What `tasks validate --report` wrote.")],
    by: Annotated[str, typer.Option(metavar="LABEL", help="A label of the tasks.")] = "repository",
    dataset: DatasetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far a validation is, as a Markdown table, and why tasks were refused."""
    from repos.errors import InputError
    from repos.validation_report import ValidationReport, group_states

    if not report.is_file():
        raise InputError(
            f"There is no report {report}: `repogym tasks validate --report` makes it."
        )
    groups = group_states(ValidationReport(report).lines(), chosen(suite, None)[1], by)
    if as_json:
        typer.echo(json.dumps([vars(g) for g in groups], indent=1))
        return
    typer.echo(f"| {by} | tasks | tried | valid | median seconds, all in all |")
    typer.echo("|---|---|---|---|---|")
    for g in groups:
        typer.echo(f"| {g.name} | {g.tasks} | {g.tried} | {g.valid} | {g.seconds:.0f} |")
    total = [
        sum(counts) for counts in zip(*((g.tasks, g.tried, g.valid) for g in groups), strict=True)
    ]
    typer.echo(f"| all | {total[0]} | {total[1]} | {total[2]} | |\n" if groups else "")
    for task, why in sorted(pair for g in groups for pair in g.refused.items()):
        typer.echo(f"- `{task}`: {why}")
