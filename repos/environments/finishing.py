"""Completes a task's files by running programs in the task's own environment, while preparing."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from repos.cache import link, publish
from repos.errors import InfrastructureError
from repos.sandbox.backends.bubblewrap.backend import own_layer
from repos.sandbox.protocol import Backend, Layers, Mount, SandboxSpec
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import BASE_GIT, Workspace, make_base_git
from repos.tasks.sources.base import BuiltFiles, Inside

MOST_BYTES = 256 << 20
"""Bound of what commands may make of a task's files, in bytes."""

_LAY = 'd=$(readlink -m /solution) && mkdir -p "$d" && tar -x -C "$d" -f -'


def finished_files(
    files: BuiltFiles, inside: Inside, place: str, layers: Layers, spec: SandboxSpec
) -> BuiltFiles:
    """Return a task's files with what its own commands make of them, from the cache if possible.

    Args:
        files: What the source built.
        inside: What is to be run.
        place: The task's folder in the cache.
        layers: Of the task's environment, without a repository.
        spec: Of the task's sandboxes.

    Raises:
        InfrastructureError: A command failed, or what it made is too large.
    """

    def build(folder: Path) -> None:
        backend = get_backend("bubblewrap")
        try:
            tree = folder / "base"
            shutil.copytree(files.base, tree, symlinks=True, copy_function=link)
            if inside.build:
                data = _built(tree, inside, layers, spec, backend)
                shutil.rmtree(tree)
                tree.mkdir()
                _unpack(data, tree)
            reference = b""
            if inside.solution is not None:
                reference = _solved(tree, inside, inside.solution, layers, spec, backend)
            (folder / "reference.patch").write_bytes(reference)
        finally:
            backend.close()

    facts = repr((inside.folder, inside.build, inside.path, layers, spec))
    key = hashlib.sha256(facts.encode()).hexdigest()[:16]
    made = publish(f"{place}/inside-{key}", build)
    reference = (made / "reference.patch").read_bytes()
    return replace(files, base=made / "base", reference=reference)


def _open(
    tree: Path, scratch: Path, layers: Layers, spec: SandboxSpec, backend: Backend
) -> Workspace:
    """Return a workspace on a copy of a tree, with a repository of its own in it."""
    base = scratch / "tree"
    shutil.copytree(tree, base, symlinks=True)
    make_base_git(base, scratch / "base.git")
    make_base_git(base, base / ".git", worktree=True, twin=scratch / "base.git")
    own_layer(base)
    scratch.chmod(0o755)
    mounts = (*layers.mounts, Mount(scratch / "base.git", BASE_GIT))
    return Workspace(backend.create(replace(layers, testbed=(base,), mounts=mounts), spec))


def _run(
    workspace: Workspace, command: str, cwd: str, inside: Inside, what: str, **env: str
) -> None:
    path = ":".join(inside.path)
    text = f'export PATH="{path}:$PATH"; cd "{cwd}" && {command}'
    done = workspace.exec(["/bin/bash", "-c", text], env=env, timeout_s=inside.limit_s)
    if done.exit_code or done.limit:
        why = f"the bound on {done.limit}" if done.limit else " ".join(done.text.split())[-300:]
        raise InfrastructureError(
            f"{what} of {inside.name} fails in a sandbox, without a network and with nothing but "
            f"{inside.folder} to write to: {command[:120]!r}: {why}"
        )


def _built(
    tree: Path, inside: Inside, layers: Layers, spec: SandboxSpec, backend: Backend
) -> bytes:
    """Return an archive of what the task's commands make of a tree."""
    with (
        tempfile.TemporaryDirectory(prefix="repogym-build-") as folder,
        _open(tree, Path(folder), layers, spec, backend) as workspace,
    ):
        for cwd, command, env in inside.build:
            workspace.exec(["mkdir", "-p", cwd])
            _run(workspace, command, cwd, inside, "A step of the Dockerfile", **dict(env))
        done = workspace.exec(
            ["tar", "-c", "--exclude=./.git", "--exclude=__pycache__", "."],
            max_output=MOST_BYTES, timeout_s=inside.limit_s,
        )  # fmt: skip
        if done.exit_code or done.limit or done.stdout_dropped:
            raise InfrastructureError(
                f"What the Dockerfile of {inside.name} makes is too large, or can't be read."
            )
        return done.stdout


def _unpack(data: bytes, tree: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        try:
            archive.extractall(tree, filter="data")
        except tarfile.TarError as error:
            raise InfrastructureError(
                f"A Dockerfile makes what can't be taken over: {error}."
            ) from error


def _solved(
    tree: Path,
    inside: Inside,
    solution: Path,
    layers: Layers,
    spec: SandboxSpec,
    backend: Backend,
) -> bytes:
    """Return the change that the task's solution makes."""
    with (
        tempfile.TemporaryDirectory(prefix="repogym-solve-") as folder,
        _open(tree, Path(folder), layers, spec, backend) as workspace,
    ):
        data = _packed(solution, [path.name for path in sorted(solution.iterdir())])
        laid = workspace.exec(["/bin/bash", "-c", _LAY], stdin=data)
        if laid.exit_code:
            raise InfrastructureError(f"The solution could not be laid out: {laid.text[-300:]}.")
        _run(workspace, "/bin/bash /solution/solve.sh", inside.folder, inside, "The solution")
        return workspace.diff()


def _packed(folder: Path, names: Sequence[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in names:
            archive.add(folder / name, name)
    return out.getvalue()
