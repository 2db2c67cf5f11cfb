"""Makes kernel tasks of recipes: runs both sides several times and writes down what was seen."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from repos.errors import RecordError
from repos.kernel.booting import Boot, compile_check
from repos.kernel.building import build_kernel
from repos.kernel.debian import SourcePackage
from repos.prepare import prepare
from repos.runners.kernel.runner import CHECKS, boot_check, run_check
from repos.sandbox.protocol import Backend
from repos.sandbox.workspace import Workspace
from repos.tasks.environments import KernelEnvironment
from repos.tasks.records import Expected, Task, TaskSpec
from repos.tasks.sources.kernel import RECIPES, REPRODUCER, KernelSource, checks_of

SOURCES = tuple(
    SourcePackage(package="linux-source-6.1", version=version, sha256=digest)
    for version, digest in (
        ("6.1.192-2", "ae95fe63d4c553f8d0e6c86cb1ab566f3894a43743eb19ab585cd97d82f26514"),
        ("6.1.192-1", "7ae5d78895d88e4788c601b8322b07043965b0e37324c5bb26453e2ce049509d"),
        ("6.1.190-1", "cfbe4d7a7e4cb65190c96db90794b3a10eec608522339c2371103f844cc53536"),
    )
)
"""What the recipes fit, interchangeable."""

ENVIRONMENT = "uml-6.1"
LICENCE = "GPL-2.0-only WITH Linux-syscall-note"
REPETITIONS = 5
SHOWN = f"{CHECKS}/{REPRODUCER}.c"
EXCERPT_LINES = 45
SANDBOX: dict[str, int | bool | str] = {
    "memory_mb": 4096, "processes": 512, "disk_mb": 1024, "tmp_mb": 2048, "seccomp": "ptrace"
}  # fmt: skip


@dataclass(frozen=True)
class Admission:
    """What running a task's two sides showed.

    Attributes:
        task: Its id.
        problems: Why it is not admitted; none where it is.
        titles: Titles of the reproducer's crash, one a run.
        excerpt: The console at the first crash.
        seconds: Longest time of all checks of a side, the build left out.
    """

    task: str
    problems: tuple[str, ...]
    titles: tuple[str, ...]
    excerpt: str
    seconds: float


def read_recipe(name: str) -> dict[str, Any]:
    """Return the facts of a recipe.

    Raises:
        RecordError: There is none of that name.
    """
    path = RECIPES / name / "recipe.json"
    if not path.is_file():
        known = ", ".join(recipe_names())
        raise RecordError(f"There is no kernel recipe {name}. Known: {known}.")
    return json.loads(path.read_text(encoding="utf-8"))


def recipe_names() -> list[str]:
    """Return the names of all recipes, sorted."""
    return sorted(path.parent.name for path in Path(RECIPES).glob("*/recipe.json"))


SUITES = {"uml": "kernel-lite", "qemu": "kernel-qemu"}
"""The suite of a back end's tasks."""


def recipe_task(name: str, backend: Literal["", "uml", "qemu"] = "") -> TaskSpec:
    """Return the task of a recipe, without what only a run can tell.

    Args:
        name: The recipe.
        backend: What its kernels run on; "" as the recipe says, User-Mode Linux by default.
    """
    facts = read_recipe(name)
    chosen: Literal["uml", "qemu"] = backend or facts.get("backend", "uml")
    checks = [f"{CHECKS}/{path.name}" for path in checks_of(name)]
    profile = facts.get("profile", "small") + ("" if chosen == "uml" else f"-{chosen}")
    environment = f"{chosen}-6.1"
    source = KernelSource(
        sources=SOURCES,
        profile=profile,
        edits=facts["edits"],
        recipe=name,
        images=facts["images"],
        allowed=facts["allowed"],
    )
    labels = {"kind": facts["kind"], "subsystem": facts["allowed"][0].rstrip("/")}
    if "cve" in facts:
        labels["cve"] = facts["cve"]
    positive = tuple(c for c in checks if c.startswith(f"{CHECKS}/positive-"))
    return TaskSpec(
        id=f"{SUITES[chosen]}/{name}",
        source=source,
        title=facts["title"],
        runner="kernel",
        test_paths=(CHECKS,),
        environments={
            environment: KernelEnvironment(sources=SOURCES, profile=profile, backend=chosen)
        },
        expected={
            environment: Expected(
                fail_to_pass=tuple(c for c in checks if c not in positive), pass_to_pass=positive
            )
        },
        seconds={environment: 90.0},
        sandbox=SANDBOX,
        date=facts["date"],
        licence=LICENCE,
        labels=labels,
    )


def admit(
    spec: TaskSpec,
    backend: Backend,
    *,
    repetitions: int = REPETITIONS,
    say: Callable[[str], None] = lambda line: None,
) -> Admission:
    """Run all checks of both sides; a task is admitted only if each run says the same.

    Each run has other random numbers, the same ones on both sides.

    Args:
        spec: The task.
        backend: Makes the sandboxes.
        repetitions: Runs of each check on each side.
        say: Gets lines of progress.

    Raises:
        InfrastructureError: No verdict could be reached.
    """
    task = prepare(spec, suite=spec.id.partition("/")[0])
    expected = task.hidden.expected
    tokens = [secrets.token_hex(16) for _ in range(repetitions)]
    seen: dict[bool, dict[str, list[Boot]]] = {False: {}, True: {}}
    for fixed, boots in seen.items():
        side = "fixed" if fixed else "vulnerable"
        with _checked_workspace(task, backend) as workspace:
            if fixed:
                workspace.apply(task.hidden.reference)
            built = build_kernel(workspace)
            if not built.ok:
                why = f"the {side} kernel does not build: {built.log[-500:]}"
                return Admission(spec.id, (why,), (), "", 0.0)
            for test in (*expected.fail_to_pass, *expected.pass_to_pass):
                # The report that a task shows is of a run as an agent makes it.
                shown = [run_check(workspace, test)] if not fixed and test == SHOWN else []
                program = compile_check(workspace, test, blind=True)
                boots[test] = shown + [
                    boot_check(workspace, test, program, token=token)
                    for token in tokens[len(shown) :]
                ]
                found = ", ".join(sorted({boot.summary for boot in boots[test]}))
                say(f"{spec.id} {side} {test}: {found}")
    problems: list[str] = []
    for test, boots in seen[False].items():
        problems += _problems(test, boots, seen[True][test], test in expected.pass_to_pass)
    report = seen[False][SHOWN]
    longest = max(
        sum(boot.seconds for boot in boots) / repetitions
        for side in seen.values()
        for boots in side.values()
    )
    return Admission(
        spec.id,
        tuple(problems),
        tuple(boot.crash.title if boot.crash else "" for boot in report),
        report[0].excerpt(),
        round(longest * len(seen[True]), 1),
    )


def recorded(spec: TaskSpec, admission: Admission) -> TaskSpec:
    """Return an admitted task with its crash report and its time."""
    report = "\n".join(admission.excerpt.splitlines()[:EXCERPT_LINES])
    symptom = f"Title: `{admission.titles[0]}`\n\n```\n{report}\n```"
    seconds = {name: max(30.0, admission.seconds) for name in spec.environments}
    return spec.model_copy(update={"symptom": symptom, "seconds": seconds})


def _checked_workspace(task: Task, backend: Backend) -> Workspace:
    """Return a workspace in which the hidden checks lie beside the shown one."""
    workspace = Workspace(backend.create(task.layers, task.sandbox))
    for path in sorted((task.hidden.files / CHECKS).iterdir()):
        workspace.write(f"{CHECKS}/{path.name}", path.read_bytes())
    return workspace


def _problems(test: str, before: list[Boot], after: list[Boot], passing: bool) -> list[str]:
    """Return why a check does not hold, run with the same random numbers on both kernels."""
    for side, boots in (("fixed", after), ("vulnerable", before if passing else [])):
        failed = [boot for boot in boots if not boot.passed]
        if failed:
            return [f"{test} fails on the {side} kernel: {failed[0].summary}"]
    same = [
        one.passed and one.answer == other.answer for one, other in zip(before, after, strict=True)
    ]
    if passing:
        return [] if all(same) else [f"{test} says other things on the two kernels"]
    if any(same):
        return [f"{test} passes on the vulnerable kernel"]
    found = {boot.summary for boot in before}
    crashed = [boot.crash is not None for boot in before]
    if len(found) > 1 or (test == SHOWN and not all(crashed)):
        return [f"{test} on the vulnerable kernel: {', '.join(sorted(found))}"]
    return []
