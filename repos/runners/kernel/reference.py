"""Holds what a patched kernel's checks said against the kernel of the reference.

While a patch is scored, no expected value is in its sandbox: each check says what it sees under
random numbers of this scoring, and goes on with system calls that these numbers choose. Only
afterwards the reference's kernel is booted with the same numbers, in a sandbox of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from repos.errors import InfrastructureError
from repos.kernel.booting import Boot
from repos.kernel.machines import PREBUILT
from repos.kernel.trees import changed_build, prepared_kernel
from repos.runners.protocol import Claim
from repos.sandbox.protocol import Backend, Mount
from repos.sandbox.workspace import Workspace
from repos.tasks.environments import KernelEnvironment
from repos.tasks.records import Task

REFERENCE_OUTPUT = f"{PREBUILT}/build"


class RunCheck(Protocol):
    """Boots a kernel with a check of a workspace."""

    def __call__(
        self, workspace: Workspace, name: str, *, token: str = "", blind: bool = False, output: str
    ) -> Boot:
        """Boot it."""
        ...


def refuted_by_reference(
    task: Task, claims: Mapping[str, Claim], run: RunCheck, backend: Backend
) -> frozenset[str]:
    """Return the checks that said something else than the reference does.

    Args:
        task: A prepared task.
        claims: What the checks said, by name, with the numbers that they got.
        run: Boots a check.
        backend: Makes the sandbox.

    Raises:
        InfrastructureError: The reference's kernel does not pass a check, or does not say the
            same twice.
    """
    if not claims:
        return frozenset()
    wrong = set()
    with reference_workspace(task, backend) as workspace:
        for name, claim in claims.items():
            said = _answer(workspace, name, claim.inputs, run)
            if said != claim.answer:
                if _answer(workspace, name, claim.inputs, run) != said:
                    raise InfrastructureError(
                        f"The reference of {task.id} answers {name} in two ways."
                    )
                wrong.add(name)
    return frozenset(wrong)


def reference_workspace(task: Task, backend: Backend) -> Workspace:
    """Return a workspace with a task's hidden checks and the kernel of its reference."""
    mounts = tuple(m for m in task.layers.mounts if m.target != PREBUILT)
    kernel = Mount(_reference_build(task, backend), PREBUILT)
    layers = replace(task.layers, testbed=task.layers.testbed[:1], mounts=(*mounts, kernel))
    workspace = Workspace(backend.create(layers, task.sandbox))
    for path in sorted(task.hidden.files.rglob("*")):
        if path.is_file():
            workspace.write(path.relative_to(task.hidden.files).as_posix(), path.read_bytes())
    return workspace


def _answer(workspace: Workspace, name: str, token: str, run: RunCheck) -> str:
    done = run(workspace, name, token=token, blind=True, output=REFERENCE_OUTPUT)
    if not done.passed:
        raise InfrastructureError(f"The reference's kernel fails {name}: {done.summary}.")
    return done.answer


_builds: dict[tuple[str, str, bytes], Path] = {}


def _reference_build(task: Task, backend: Backend) -> Path:
    key = (task.spec.digest(), task.public.environment, task.hidden.reference)
    known = _builds.get(key)
    if known is not None and known.is_dir():
        return known
    environment = task.spec.environments[task.public.environment]
    assert isinstance(environment, KernelEnvironment)
    kernel = prepared_kernel(environment.sources, environment.profile)
    layers = replace(task.layers, testbed=task.layers.testbed[:1])
    with Workspace(backend.create(layers, task.sandbox)) as workspace:
        workspace.apply(task.hidden.reference)
        patched = {path: workspace.read(path) for path in workspace.changes()}
    _builds[key] = changed_build(kernel, task.layers.testbed[0], patched)
    return _builds[key]
