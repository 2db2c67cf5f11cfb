"""Preparing: from a task's facts to layers that sandboxes mount, once, cached."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from repos.cache import cache_root, platform_key, publish, remove_tree
from repos.environments import (
    compile_layer,
    coverage_layer,
    environment_layer,
    minor_version,
)
from repos.errors import NotPreparedError, TaskError
from repos.runners.pytest.config import ini_text, kept_addopts, project_options
from repos.runners.pytest.runner import COVERAGE_FOLDER, TASK_INI, runner_mount
from repos.runners.pytest.shown import shown_tests
from repos.sandbox.protocol import ENVIRONMENT, Layers, Mount, SandboxSpec
from repos.sandbox.workspace import make_base_git
from repos.tasks.records import (
    AssistLevel,
    BundledSource,
    GitSource,
    HiddenTask,
    PublicTask,
    PyPIPairSource,
    Task,
    TaskSpec,
)
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.suite import suite_names

BASE_GIT = "/opt/repogym/base.git"


class NotAvailableError(TaskError):
    """A task that was not gated on the running interpreter."""


def prepare(
    spec: TaskSpec, *, suite: str = "", assist: AssistLevel = "none", seed: int = 0
) -> Task:
    """Return a task that is ready to be worked on and scored.

    Args:
        spec: The facts.
        suite: Name of the suite, for the record.
        assist: What the agent gets beyond the statement.
        seed: Chooses which failing tests level "tests" shows.

    Raises:
        NotAvailableError: The task was not gated on this Python minor version.
        NotPreparedError: It must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: The package index failed.
    """
    minor = minor_version()
    if minor not in spec.expected:
        known = ", ".join(sorted(spec.expected)) or "none"
        raise NotAvailableError(
            f"Task {spec.id} is not available on Python {minor} (gated on: {known})."
        )
    expected = spec.expected[minor]
    try:
        files = build_files(spec)
        source = _source_layer(spec, files)
        environment = environment_layer(spec.environments[minor], files.base, spec.source_dirs)
    except NotPreparedError as error:
        named = suite if suite in suite_names() else "FILE.jsonl"
        raise NotPreparedError(
            f"The task {spec.id} is not prepared and REPOGYM_OFFLINE is set: run `repogym tasks "
            f"prepare {named}` once where a package index answers."
        ) from error
    shown: tuple[str, ...] = ()
    testbed, base_git = (source / "tree",), source / "base.git"
    if assist == "tests":
        choice = shown_tests(files.hidden, expected.fail_to_pass, seed)
        shown = choice.shown
        overlay = _assist_layer(spec, files, choice.files, choice.key)
        testbed, base_git = (source / "tree", overlay / "tree"), overlay / "base.git"
    layers = Layers(
        testbed=testbed,
        mounts=(
            Mount(environment, ENVIRONMENT),
            runner_mount(),
            Mount(source / "task", str(Path(TASK_INI).parent)),
            Mount(coverage_layer(), COVERAGE_FOLDER),
            Mount(base_git, BASE_GIT),
        ),
        path=(f"{ENVIRONMENT}/bin",),
    )
    public = PublicTask(
        id=spec.id,
        suite=suite,
        title=spec.title,
        statement=statement(spec, files),
        repository=files.repository,
        base=files.base_revision,
        python=minor,
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
        seconds=spec.seconds.get(minor, 60.0),
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
    """Return the task's files in the cache, building them first where they are missing."""

    def build(folder: Path) -> None:
        _builder(spec)(folder).save(folder)

    return BuiltFiles.load(publish(f"tasks/{files_key(spec)}/files", build))


def _builder(spec: TaskSpec) -> Callable[[Path], BuiltFiles]:
    source = spec.source
    if isinstance(source, BundledSource):
        from repos.tasks.sources.bundled import build_bundled

        return lambda folder: build_bundled(source, folder)
    if isinstance(source, PyPIPairSource):
        from repos.tasks.sources.pypi.pairs import build

        return lambda folder: build(source, folder, cache_root() / "archives")
    from repos.tasks.sources.git import build_git

    return lambda folder: build_git(source, spec.test_paths, folder)


def files_key(spec: TaskSpec) -> str:
    """Return the name of a task's folder in the cache: a hash of all that its files depend on."""
    digest = hashlib.sha256(spec.source.to_json().encode())
    digest.update("\0".join(spec.test_paths).encode())
    if isinstance(spec.source, BundledSource):
        from repos.tasks.sources.bundled import BUNDLED

        folder = BUNDLED / spec.source.folder
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    if isinstance(spec.source, GitSource):
        digest.update(b"git")
    return digest.hexdigest()[:24]


def _source_layer(spec: TaskSpec, files: BuiltFiles) -> Path:
    """Return the layer with the base tree, its one-commit repository and the harness's own."""

    def build(folder: Path) -> None:
        tree = folder / "tree"
        shutil.copytree(files.base, tree, symlinks=True)
        _finish_tree(folder, tree)
        options = project_options(files.base)
        text = ini_text(options)
        kept = kept_addopts(options)
        if kept:
            text += f"addopts = {' '.join(kept)}\n"
        (folder / "task").mkdir()
        (folder / "task" / "pytest.ini").write_text(text, encoding="utf-8")

    return publish(f"tasks/{files_key(spec)}/source-{platform_key()}", build)


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
        make_base_git(whole, folder / "tree" / ".git", worktree=True)
        remove_tree(whole)
        _own(folder / "tree")

    return publish(f"tasks/{files_key(spec)}/shown-{key}-{platform_key()}", build)


def _finish_tree(folder: Path, tree: Path) -> None:
    for leftover in tree.rglob("__pycache__"):
        remove_tree(leftover)
    for nested in (tree / ".git", tree / ".hg"):
        remove_tree(nested)
    make_base_git(tree, folder / "base.git")
    make_base_git(tree, tree / ".git", worktree=True)
    compile_layer(tree, "/testbed")
    _own(tree)


def _own(tree: Path) -> None:
    from repos.sandbox.backends.bubblewrap.backend import own_layer

    own_layer(tree)
