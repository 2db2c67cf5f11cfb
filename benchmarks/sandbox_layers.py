"""What the sandbox benchmark runs on: Django and sympy as layers, prepared once, cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from repos.cache import cache_root, platform_key, publish, remove_tree
from repos.environments.compiling import compile_layer
from repos.environments.interpreters import minor_version, running_python
from repos.environments.layers import environment_layers
from repos.errors import RecordError
from repos.runners.registry import get_runner
from repos.sandbox.backends.bubblewrap.backend import own_layer
from repos.sandbox.protocol import TESTBED, Layers, Mount
from repos.sandbox.workspace import BASE_GIT, make_base_git
from repos.tasks.environments import PythonEnvironment
from repos.tasks.sources.pypi.archives import read_archive, write_tree
from repos.tasks.sources.pypi.index import PackageIndex

DJANGO = ("Django", "5.1.4")
SYMPY = ("sympy", "1.13.3")
SYMPY_TEST = "sympy/core/tests/test_expr.py::test_basic"
SYMPY_ENVIRONMENT = PythonEnvironment(
    python=minor_version(),
    requirements=(
        "hypothesis==6.170.15",
        "iniconfig==2.3.1",
        "mpmath==1.3.0",
        "packaging==26.3",
        "pluggy==1.7.0",
        "pygments==2.21.0",
        "pytest==9.2.0",
        "sortedcontainers==2.4.0",
    ),
)


def source_layer(package: str, version: str, finish: Callable[[Path, Path], None]) -> Path:
    """Return a cached folder whose `tree` is a release's source distribution.

    Args:
        package: Name on the package index.
        version: The release.
        finish: Called with the folder and the tree before they are published.

    Raises:
        RecordError: The index has no such source distribution.
        InfrastructureError: No index answers.
    """

    def build(folder: Path) -> None:
        index = PackageIndex()
        found = [r for r in index.releases(package) if r.version == version]
        if not found:
            raise RecordError(f"The package index has no source distribution {package} {version}.")
        archive = index.fetch(package, found[0].archive, cache_root() / "archives")
        write_tree(read_archive(archive), folder / "tree")
        finish(folder, folder / "tree")

    return publish(f"benchmarks/{package}-{version}-{platform_key()}", build)


def django_tree() -> Path:
    """Return Django's tree with a one-commit repository, as an agent gets it."""

    def finish(_: Path, tree: Path) -> None:
        make_base_git(tree, tree / ".git", worktree=True)
        own_layer(tree)

    return source_layer(*DJANGO, finish) / "tree"


@dataclass(frozen=True)
class SympyTask:
    """What grading one test of sympy needs.

    Attributes:
        layers: Of a scoring workspace, the protected test file mounted read-only.
        test: The test's id.
        hashes: SHA-256 of the test file by its path.
    """

    layers: Layers
    test: str
    hashes: dict[str, str]


def sympy_task() -> SympyTask:
    """Return sympy prepared as a task is: source layer compiled, environment layer, runner."""

    def finish(folder: Path, tree: Path) -> None:
        make_base_git(tree, folder / "base.git")
        make_base_git(tree, tree / ".git", worktree=True)
        for leftover in tree.rglob("__pycache__"):
            remove_tree(leftover)
        compile_layer(tree, TESTBED, running_python())
        own_layer(tree)

    folder = source_layer(*SYMPY, finish)
    runner = get_runner("pytest")
    environment = environment_layers(SYMPY_ENVIRONMENT, folder / "tree", (".",), runner.packages)
    name = SYMPY_TEST.partition("::")[0]
    test = folder / "tree" / name
    layers = Layers(
        testbed=(folder / "tree",),
        mounts=(
            *environment.mounts,
            *runner.layers(folder / "tree", environment),
            Mount(folder / "base.git", BASE_GIT),
            Mount(test, f"{TESTBED}/{name}"),
        ),
        path=environment.path,
    )
    return SympyTask(layers, SYMPY_TEST, {name: hashlib.sha256(test.read_bytes()).hexdigest()})
