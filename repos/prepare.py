"""Preparing: from a task's facts to layers that sandboxes mount, once, cached."""

from __future__ import annotations

import hashlib
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from repos.cache import (
    SCRATCH,
    cache_root,
    link,
    locked,
    platform_key,
    publish,
    publish_layer,
    remove_abandoned,
    remove_tree,
)
from repos.environments.choosing import choose_environment
from repos.environments.compiling import compile_layer
from repos.environments.finishing import finished_files
from repos.environments.interpreters import NotAvailableError as NotAvailableError
from repos.environments.interpreters import PythonInstallation
from repos.environments.layers import environment_layers
from repos.environments.servers import server_mounts
from repos.errors import MissingExtraError, NotPreparedError
from repos.runners.registry import get_runner
from repos.runners.shown import shown_tests
from repos.sandbox.protocol import TESTBED, Layers, Mount, SandboxSpec
from repos.sandbox.workspace import BASE_GIT, make_base_git
from repos.tasks.records import AssistLevel, HiddenTask, PublicTask, Task, TaskSpec
from repos.tasks.sources.base import BuiltFiles, damaged
from repos.tasks.sources.registry import get_source
from repos.tasks.suite import suite_names

PLAIN = ("no interpreter",)
"""Stands in cache keys for what depends on none."""


def prepare(
    spec: TaskSpec,
    *,
    suite: str = "",
    assist: AssistLevel = "none",
    seed: int = 0,
    environment: str = "",
) -> Task:
    """Return a task that is ready to be worked on and scored.

    Args:
        spec: The facts.
        suite: Name of the suite, for the record.
        assist: What the agent gets beyond the statement.
        seed: Chooses which failing tests level "tests" shows.
        environment: Id of the task's environment to play; "" takes the best one here
            (`repos.environments.choosing`).

    Raises:
        NotAvailableError: This machine does not have what the environment needs.
        UnknownNameError: The task has no such environment.
        MissingExtraError: Its official verdict needs the extra `swebench`.
        NotPreparedError: It must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: The package index failed.
    """
    remove_abandoned(cache_root() / SCRATCH)
    if spec.source.official_check() is not None and find_spec("swebench") is None:
        raise MissingExtraError("swebench", "swebench", f"The official verdict on {spec.id}")
    chosen = choose_environment(spec, environment)
    expected = spec.expected[chosen]
    runner = get_runner(spec.runner)
    try:
        files = build_files(spec)
        around = environment_layers(
            spec.environments[chosen], files.base, spec.source_dirs, runner.packages
        )
        mounts = runner.layers(files.base, around)
        inside = spec.source.inside()
        if inside is not None:
            files = finished_files(
                files,
                inside,
                f"tasks/{files_key(spec)}",
                Layers(
                    (),
                    (*around.mounts, *mounts, *server_mounts()),
                    around.path,
                    around.links,
                    around.variables,
                ),
                SandboxSpec(**spec.sandbox),  # type: ignore[arg-type]
            )
        source = _source_layer(spec, files, around.python)
    except NotPreparedError as error:
        named = suite if suite in suite_names() else "FILE.jsonl"
        raise NotPreparedError(
            f"The task {spec.id} is not prepared and REPOGYM_OFFLINE is set: run `repogym tasks "
            f"prepare {named}` once where a package index answers."
        ) from error
    shown: tuple[str, ...] = ()
    testbed, base_git = (source / "tree",), source / "base.git"
    if assist == "tests":
        choice = shown_tests(files.hidden, expected.fail_to_pass, seed, runner)
        shown = choice.shown
        overlay = _assist_layer(spec, files, choice.files, choice.key)
        testbed, base_git = (source / "tree", overlay / "tree"), overlay / "base.git"
    layers = Layers(
        testbed=testbed,
        mounts=(
            *around.mounts,
            *mounts,
            *server_mounts(),
            Mount(base_git, BASE_GIT),
        ),
        path=around.path,
        links=around.links,
        variables=around.variables,
    )
    public = PublicTask(
        id=spec.id,
        suite=suite,
        title=spec.title,
        statement=statement(spec, files),
        repository=files.repository,
        base=files.base_revision,
        environment=chosen,
        python=around.python.minor if around.python else "",
        runner=spec.runner,
        source_dirs=spec.source_dirs,
        assist=assist,
        hint_files=patched_files(files.reference) if assist == "files" else (),
        visible_tests=shown,
        plausible_only=assist == "tests" and set(shown) == set(expected.fail_to_pass),
    )
    return Task(
        public=public,
        hidden=HiddenTask(
            expected=expected,
            reference=files.reference,
            files=files.hidden,
            removed=files.removed,
            held_out=files.held_out,
        ),
        layers=layers,
        sandbox=SandboxSpec(**spec.sandbox),  # type: ignore[arg-type]
        seconds=spec.seconds.get(chosen, 60.0),
        spec=spec,
    )


def statement(spec: TaskSpec, files: BuiltFiles) -> str:
    """Return the statement an agent reads: the problem, then what failing looks like."""
    text = files.statement.strip()
    if spec.symptom:
        text += f"\n\n## Observed\n\n{spec.symptom.strip()}"
    return text + "\n"


def patched_files(patch: bytes) -> tuple[str, ...]:
    """Return the paths that a patch touches, sorted."""
    from unidiff.patch import PatchSet

    return tuple(sorted(f.path for f in PatchSet(patch.decode("utf-8", "replace"))))


def build_files(spec: TaskSpec) -> BuiltFiles:
    """Return the task's files in the cache, building them first where they are missing.

    What decides a verdict is checked by its hash each time; damaged files are made again.
    """

    def build(folder: Path) -> None:
        get_source(spec.source.kind).build(spec.source, spec.test_paths, folder).save(folder)

    place = f"tasks/{files_key(spec)}/files"
    folder = publish(place, build)
    wrong = damaged(folder)
    if wrong:
        print(f"{spec.id}: damaged in the cache, made again: {', '.join(wrong)}", file=sys.stderr)
        with locked(place):
            if damaged(folder):
                remove_tree(folder)
        folder = publish(place, build)
    return BuiltFiles.load(folder)


def stored_files(spec: TaskSpec) -> BuiltFiles | None:
    """Return the task's files where the cache holds them; nothing is fetched or built."""
    folder = cache_root() / f"tasks/{files_key(spec)}/files"
    return BuiltFiles.load(folder) if folder.is_dir() else None


def files_key(spec: TaskSpec) -> str:
    """Return the name of a task's folder in the cache: a hash of all that its files depend on."""
    digest = hashlib.sha256(spec.source.to_json().encode())
    digest.update("\0".join(spec.test_paths).encode())
    digest.update(get_source(spec.source.kind).cache_key(spec.source).encode())
    return digest.hexdigest()[:24]


def _source_layer(spec: TaskSpec, files: BuiltFiles, python: PythonInstallation | None) -> Path:
    """Return the layer with the base tree and its one-commit repository.

    Args:
        spec: The task.
        files: Its files.
        python: What byte-compiles the tree, if anything.
    """

    def build(folder: Path) -> None:
        tree = folder / "tree"
        # The base is the layer itself, where that was there before and was damaged.
        base = files.base if files.base.is_dir() else build_files(spec).base
        shutil.copytree(base, tree, symlinks=True, copy_function=link)
        _finish_tree(folder, tree, python)

    key = python.key() if python else platform_key(PLAIN)
    layer = publish_layer(f"tasks/{files_key(spec)}/source-{key}", build)
    files.share_base(layer / "tree")
    return layer


def _assist_layer(spec: TaskSpec, files: BuiltFiles, shown: dict[str, bytes], key: str) -> Path:
    """Return a layer with the shown tests and a repository that holds them in its one commit."""

    def build(folder: Path) -> None:
        whole = folder / "whole"
        shutil.copytree(files.base, whole, symlinks=True)
        for relative, data in shown.items():
            for root in (whole, folder / "tree"):
                target = root / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                target.write_bytes(data)
        make_base_git(whole, folder / "base.git")
        make_base_git(whole, folder / "tree" / ".git", worktree=True, twin=folder / "base.git")
        remove_tree(whole)
        _own(folder / "tree")

    return publish(f"tasks/{files_key(spec)}/shown-{key}-{platform_key(PLAIN)}", build)


def _finish_tree(folder: Path, tree: Path, python: PythonInstallation | None) -> None:
    for leftover in tree.rglob("__pycache__"):
        remove_tree(leftover)
    for nested in (tree / ".git", tree / ".hg"):
        remove_tree(nested)
    make_base_git(tree, folder / "base.git")
    make_base_git(tree, tree / ".git", worktree=True, twin=folder / "base.git")
    if python is not None:
        compile_layer(tree, TESTBED, python)
    _own(tree)


def _own(tree: Path) -> None:
    from repos.sandbox.backends.bubblewrap.backend import own_layer

    own_layer(tree)
