"""The verbs `repogym kernel doctor|prepare|run|admit|mine|import`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from repos.cli_options import JsonOption, SandboxOption, out, say
from repos.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Prepare, run and mine Linux kernels.")
TaskArgument = Annotated[str, typer.Argument(help="A recipe of repos/data/kernel.")]
KernelBackend = Literal["uml", "qemu"]
BackendOption = Annotated[
    KernelBackend | None,
    typer.Option("--backend", help="What kernels run on: uml or qemu; as the recipe says."),
]


@app.command("doctor")
def doctor(as_json: JsonOption = False) -> None:
    """Say what kernel tasks lack on this machine, and the one command that installs it."""
    from repos.kernel.machines import MACHINES
    from repos.kernel.trees import missing_programs
    from repos.sandbox.select import probe_all

    missing = missing_programs()
    backends = {
        name: {n: p for n, p in missing_programs(machine).items() if n not in missing}
        for name, machine in MACHINES.items()
    }
    wanted = missing | {n: p for more in backends.values() for n, p in more.items()}
    packages = sorted(set(wanted.values()))
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}" if packages else ""
    sandboxes = [probe.backend for probe in probe_all() if probe.works]
    if as_json:
        facts = {
            "missing": missing, "backends": backends, "command": command, "sandboxes": sandboxes
        }  # fmt: skip
        typer.echo(json.dumps(facts, indent=1))
        return
    typer.echo(f"missing: {', '.join(missing) or 'nothing'}")
    for name, more in backends.items():
        typer.echo(f"{name} lacks besides: {', '.join(more) or 'nothing'}")
    if command:
        typer.echo(f"run as root: {command}")
    typer.echo(f"sandboxes that work: {', '.join(sandboxes) or 'none'}")


@app.command("prepare")
def prepare_kernels(
    names: Annotated[list[str] | None, typer.Argument(help="Recipes; all by default.")] = None,
    kernel_backend: BackendOption = None,
) -> None:
    """Fetch the source, build the kernel, and build each task's vulnerable side."""
    from repos.kernel.trees import prepared_kernel
    from repos.mining.kernel_tasks import recipe_names, recipe_task
    from repos.prepare import prepare
    from repos.tasks.environments import KernelEnvironment

    specs = [recipe_task(name, kernel_backend or "") for name in names or recipe_names()]
    for spec in specs:
        start = time.monotonic()
        for environment in spec.environments.values():
            if isinstance(environment, KernelEnvironment):
                prepared_kernel(environment.sources, environment.profile, say)
        prepare(spec)
        typer.echo(f"{spec.id}: prepared in {time.monotonic() - start:.1f} s")


@app.command("run")
def run_kernel(
    task: TaskArgument,
    patch: Annotated[
        Path | None, typer.Option("--patch", help="Apply this diff before building.")
    ] = None,
    fixed: Annotated[bool, typer.Option("--fixed", help="Apply the published fix.")] = False,
    kernel_backend: BackendOption = None,
    sandbox: SandboxOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Build a task's kernel, boot it with the reproducer, and show the console at the crash."""
    from repos.kernel.building import build_kernel
    from repos.mining.kernel_tasks import recipe_task
    from repos.prepare import prepare
    from repos.runners.kernel.runner import CHECKS, build_errors, run_check
    from repos.sandbox.select import get_backend
    from repos.sandbox.workspace import Workspace
    from repos.scoring.patches import read_diff

    if patch is not None and fixed:
        raise InputError("Give --patch or --fixed, not both.")
    spec = recipe_task(task, kernel_backend or "")
    diff = read_diff(patch, spec.id) if patch is not None else b""
    prepared = prepare(spec)
    if fixed:
        diff = prepared.hidden.reference
    backend = get_backend(sandbox, report=say)
    try:
        with Workspace(backend.create(prepared.layers, prepared.sandbox)) as workspace:
            if diff:
                workspace.apply(diff)
            built = build_kernel(workspace)
            if not built.ok:
                typer.echo(f"compilationError\n{build_errors(built)}")
                raise typer.Exit(1)
            done = run_check(workspace, f"{CHECKS}/reproducer.c")
    finally:
        backend.close()
    if as_json:
        facts = {
            "verdict": done.verdict, "title": done.crash.title if done.crash else "",
            "status": done.status, "build_s": round(built.seconds, 2),
            "boot_s": round(done.seconds, 2),
        }  # fmt: skip
        typer.echo(json.dumps(facts, indent=1))
        return
    out.print(done.excerpt(), markup=False, highlight=False, soft_wrap=True)
    typer.echo(f"built in {built.seconds:.1f} s, ran in {done.seconds:.1f} s")
    typer.echo(f"{done.verdict}: {done.summary}")


@app.command("admit")
def admit_tasks(
    manifest: Annotated[Path, typer.Argument(help="The manifest to write (.jsonl).")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Recipes; all for User-Mode Linux by default.")
    ] = None,
    version: Annotated[str, typer.Option(help="The suite's version.")] = "1",
    repetitions: Annotated[int, typer.Option(min=1, help="Runs of each check a side.")] = 5,
    kernel_backend: BackendOption = None,
    sandbox: SandboxOption = "auto",
) -> None:
    """Run both sides of the recipes' tasks and write those that hold as a suite."""
    from repos.mining.kernel_tasks import admit, recipe_names, recipe_task, recorded
    from repos.sandbox.select import get_backend
    from repos.tasks.suite import check_manifest_path, write_manifest

    check_manifest_path(manifest)
    specs = [recipe_task(name, kernel_backend or "") for name in names or recipe_names()]
    if not names and not kernel_backend:
        specs = [spec for spec in specs if spec.id.startswith("kernel-lite/")]
    if len({spec.id.partition("/")[0] for spec in specs}) > 1:
        raise InputError("These recipes run on different back ends: choose one with --backend.")
    admitted = []
    backend = get_backend(sandbox, report=say)
    try:
        for spec in specs:
            found = admit(spec, backend, repetitions=repetitions, say=say)
            if found.problems:
                typer.echo(f"{spec.id}: not admitted: {'; '.join(found.problems)}")
            else:
                typer.echo(f"{spec.id}: {found.titles[0]} ({repetitions} of {repetitions})")
                admitted.append(recorded(spec, found))
    finally:
        backend.close()
    header = {
        "suite": specs[0].id.partition("/")[0], "version": version,
        "description": "Linux kernels that crash: patch, rebuild and boot them.",
    }  # fmt: skip
    if not admitted:
        raise InputError("No task was admitted, so no manifest was written.")
    write_manifest(manifest, header, admitted)


@app.command("mine")
def mine_pair(
    old: Annotated[str, typer.Argument(help="A Debian version, for example 6.1.170-3.")],
    new: Annotated[str, typer.Argument(help="A newer one.")],
    package: Annotated[str, typer.Option(help="Debian's package.")] = "linux-source-6.1",
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 30,
    path: Annotated[str, typer.Option(help="Only files below this folder.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List what was fixed between two versions of a Debian kernel, the likeliest tasks first."""
    from dataclasses import asdict

    from repos.kernel.debian import known_version
    from repos.mining.kernel_pairs import candidates

    pair = known_version(package, old), known_version(package, new)
    found = [c for c in candidates(*pair) if c.path.startswith(path)]
    if as_json:
        typer.echo(json.dumps([asdict(c) for c in found[:limit]], indent=1))
        return
    for one in found[:limit]:
        typer.echo(f"{one.score:3d}  {one.path}: {', '.join(one.functions)} ({one.changed} lines)")
        typer.echo(f"     {one.title or 'no line of the changelog names it'}")
    typer.echo(f"{len(found)} changed files that may be tasks, {min(limit, len(found))} listed")


@app.command("import")
def import_records(
    records: Annotated[Path, typer.Argument(help="A kBench or syzbot record, or a list (.json).")],
    manifest: Annotated[Path, typer.Argument(help="The manifest to write (.jsonl).")],
    tree: Annotated[Path, typer.Option(help="A git repository of the kernel with the commits.")],
    profile: Annotated[str, typer.Option(help="Configuration to build.")] = "small",
    checks: Annotated[
        Path | None, typer.Option(help="A folder of variant-*.c and positive-*.c, one record only.")
    ] = None,
) -> None:
    """Make tasks of bug records; `repogym tasks validate MANIFEST` then runs both sides."""
    from repos.kernel.profiles import get_profile
    from repos.mining.kernel_records import import_record
    from repos.tasks.suite import check_manifest_path, write_manifest

    check_manifest_path(manifest)
    get_profile(profile)
    try:
        data = json.loads(records.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{records} can't be read as JSON: {error}.") from None
    every = data if isinstance(data, list) else [data]
    if not all(isinstance(one, dict) for one in every) or (checks and len(every) != 1):
        raise InputError("Give one record, or a list of records without --checks.")
    texts = (
        {p.stem: p.read_text(encoding="utf-8") for p in sorted(checks.glob("*.c"))}
        if checks
        else {}
    )
    specs = [import_record(one, tree, profile=profile, checks=texts) for one in every]
    header = {"suite": "kernel-records", "version": "1", "description": "Imported kernel bugs."}
    write_manifest(manifest, header, specs)
    typer.echo(f"{len(specs)} tasks written to {manifest}")
