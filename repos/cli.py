"""Verbs of this room: `repogym tasks …`, `repogym shell`, `repogym score`, `repogym doctor`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from repos.errors import InfrastructureError

cache = typer.Typer(no_args_is_help=True, help="Show what is stored on this machine and free it.")
tasks = typer.Typer(no_args_is_help=True, help="List, show, prepare, validate and make tasks.")
out = Console()
err = Console(stderr=True)

SuiteArgument = Annotated[str, typer.Argument(help="A suite's name, or a manifest's path.")]
TaskOption = Annotated[
    list[str] | None, typer.Option("--task", help="Only this task; may be given several times.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SandboxOption = Annotated[str, typer.Option("--sandbox", help="Sandbox back end.")]
UnsafeOption = Annotated[
    bool, typer.Option("--allow-unsafe", help="Allow a sandbox without isolation.")
]


def _say(line: str) -> None:
    err.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def _chosen(suite: str, names: list[str] | None):
    from repos.tasks.suite import load_suite

    loaded = load_suite(suite)
    specs = [loaded.spec(name) for name in names] if names else list(loaded.specs)
    return loaded, specs


@tasks.command("list")
def list_tasks(
    suite: Annotated[str | None, typer.Argument(help="A suite; all suites without it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List suites, or the tasks of one."""
    from repos.environments import minor_version
    from repos.tasks.suite import load_suite, suite_names

    if suite is None:
        rows = [load_suite(name) for name in suite_names()]
        minor = minor_version()
        if as_json:
            facts = [
                {"suite": s.name, "version": s.version, "tasks": len(s.specs), "digest": s.digest,
                 "available": len(s.available(minor)), "description": s.description}
                for s in rows
            ]  # fmt: skip
            typer.echo(json.dumps(facts, indent=1))
            return
        table = Table("suite", "version", "tasks", f"on Python {minor}", "what")
        for s in rows:
            count = len(s.available(minor))
            table.add_row(s.name, s.version, str(len(s.specs)), str(count), s.description)
        out.print(table)
        return
    loaded, minor = load_suite(suite), minor_version()
    if as_json:
        facts = [
            {"id": s.id, "title": s.title, "date": s.date, "available": minor in s.expected,
             "python": sorted(s.expected), "labels": s.labels}
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
        expected = s.expected.get(minor)
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
    as_json: JsonOption = False,
) -> None:
    """Show one task as an agent sees it."""
    from repos.environments import minor_version
    from repos.prepare import build_files, patched_files, statement
    from repos.tasks.suite import load_suite

    spec = load_suite(suite).spec(task)
    files = build_files(spec)
    facts = {
        "id": spec.id,
        "title": spec.title,
        "repository": files.repository,
        "base": files.base_revision,
        "date": spec.date,
        "licence": spec.licence,
        "python": sorted(spec.expected),
        "statement": statement(spec, files),
    }
    if hidden:
        expected = spec.expected.get(minor_version())
        facts["fail_to_pass"] = list(expected.fail_to_pass) if expected else []
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
def prepare_tasks(suite: SuiteArgument, task: TaskOption = None) -> None:
    """Fetch and build what tasks need, so that they work offline afterwards."""
    from repos.environments import minor_version
    from repos.prepare import prepare

    loaded, specs = _chosen(suite, task)
    here = [s for s in specs if minor_version() in s.expected]
    failed = []
    for number, spec in enumerate(here, start=1):
        try:
            prepare(spec, suite=loaded.name)
        except InfrastructureError as error:
            failed.append(spec.id)
            err.print(f"{spec.id}: {error}", markup=False)
        typer.echo(f"[{number}/{len(here)}] {spec.id}")
    if len(specs) > len(here):
        typer.echo(f"{len(specs) - len(here)} tasks are not available on this Python.")
    if failed:
        raise InfrastructureError(f"{len(failed)} tasks could not be prepared.")


@tasks.command("validate")
def validate_tasks(
    suite: SuiteArgument,
    task: TaskOption = None,
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
    repetitions: Annotated[int, typer.Option(min=1, help="Runs a side.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Put tasks through the gate: the base fails, the reference resolves, three times over."""
    from repos.environments import minor_version
    from repos.prepare import prepare
    from repos.sandbox.select import get_backend
    from repos.scoring.validation import validate

    loaded, specs = _chosen(suite, task)
    minor = minor_version()
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=_say)
    verdicts = []
    try:
        for spec in specs:
            if minor not in spec.expected:
                err.print(f"{spec.id}: not available here", markup=False)
                continue
            prepared = prepare(spec, suite=loaded.name)
            verdict = validate(prepared, backend=backend, repetitions=repetitions)
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
    names: Annotated[list[str], typer.Argument(help="Package names, or pairs as name:old:new.")],
    output: Annotated[Path, typer.Option("--out", "-o", help="The manifest to write.")],
    pairs: Annotated[int, typer.Option(min=1, help="Release pairs tried a package.")] = 3,
) -> None:
    """Make tasks from consecutive releases of packages, through the gate, into a manifest."""
    from repos.mining.pypi.selection import Rule
    from repos.mining.pypi.validated import mine
    from repos.tasks.suite import check_manifest_path, write_manifest

    check_manifest_path(output)
    rule = Rule(newest_releases=pairs + 1, per_package=pairs)
    specs = mine(names, rule=rule, report=typer.echo)
    if not specs:
        typer.echo("No release pair passed the gate: nothing was written.")
        raise typer.Exit(1)
    write_manifest(output, {"suite": output.stem, "version": "1"}, specs)
    typer.echo(f"{len(specs)} tasks in {output}")


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
    sandbox: SandboxOption = "auto",
) -> None:
    """Make a task of your own repository and put it through the gate."""
    from repos.mining.from_git import task_from_repository
    from repos.tasks.suite import check_manifest_path, write_manifest

    check_manifest_path(output)
    spec = task_from_repository(
        path, base=base or f"{fix}^", fix=fix, tests=tuple(tests or ()),
        source_dirs=tuple(source or ()), requirements=tuple(requires or ()), runner=runner,
        sandbox=sandbox,
    )  # fmt: skip
    write_manifest(output, {"suite": output.stem, "version": "1"}, [spec])
    typer.echo(f"{spec.id}: valid; written to {output}")
    typer.echo(f"Try it: repogym --env {output} --agent oracle")


def shell(
    suite: SuiteArgument,
    task: Annotated[str, typer.Argument(help="The task's id.")],
    command: Annotated[str, typer.Option("--command", "-c", help="Run this and leave.")] = "",
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
) -> None:
    """Open the agent's view of a task: a shell in its workspace; changes are thrown away."""
    from repos.prepare import prepare
    from repos.sandbox.select import get_backend
    from repos.sandbox.workspace import Workspace
    from repos.tasks.suite import load_suite

    loaded = load_suite(suite)
    prepared = prepare(loaded.spec(task), suite=loaded.name)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=_say)
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
    suite: SuiteArgument,
    task: Annotated[str, typer.Argument(help="The task's id.")],
    patch: Annotated[
        Path,
        typer.Argument(
            help="A diff, or - for standard input, or a predictions.jsonl with the task's."
        ),
    ],
    sandbox: SandboxOption = "auto",
    allow_unsafe: UnsafeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score a diff against a task's hidden tests."""
    from repos.prepare import prepare
    from repos.sandbox.select import get_backend
    from repos.scoring.patches import read_diff
    from repos.scoring.score import score_with_retries
    from repos.tasks.suite import load_suite

    loaded = load_suite(suite)
    spec = loaded.spec(task)
    diff = read_diff(patch, spec.id)
    prepared = prepare(spec, suite=loaded.name)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=_say)
    try:
        result, log = score_with_retries(prepared, diff, backend=backend)
    finally:
        backend.close()
    if as_json:
        typer.echo(json.dumps(result.model_dump(mode="json"), indent=1))
        return
    for test, verdict in result.checks.items():
        if verdict != "passed":
            typer.echo(f"{verdict:8} {test}")
    passed = sum(v == "passed" for v in result.checks.values())
    typer.echo(f"{passed} of {len(result.checks)} expected tests passed")
    for note in (*result.tampered, *result.flags):
        typer.echo(f"note: {note}")
    if not result.applied:
        typer.echo("the diff does not apply")
    if any(v == "missing" for v in result.checks.values()):
        typer.echo(log[-3000:])
    typer.echo("resolved" if result.resolved else "not resolved")


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
