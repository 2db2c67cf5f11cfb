"""What environments get from RepoGym's own installation: no network is needed for it."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from repos.cache import publish
from repos.environments.compiling import compile_layer
from repos.environments.install import install
from repos.environments.interpreters import PythonInstallation
from repos.errors import RecordError

OLD_COVERAGE = {"3.6": "6.2", "3.7": "7.2.7", "3.8": "7.6.1", "3.9": "7.10.7"}
"""The last coverage for Pythons that RepoGym's own does not run on."""


def copy_harness(site: Path, python: PythonInstallation, packages: tuple[str, ...]) -> None:
    """Copy installed distributions to an environment's site-packages.

    Raises:
        RecordError: They do not run on that Python: the task must name requirements.
    """
    for name in packages:
        problem = misfit(name, python, packages)
        if problem:
            raise RecordError(
                f"An environment without requirements gets RepoGym's own {problem}: name exact "
                f"requirements for Python {python.minor}, the test framework included."
            )
        copy_distribution(name, site)


def misfit(name: str, python: PythonInstallation, beside: tuple[str, ...] = ()) -> str:
    """Return why an installed distribution does not run on a Python; "" where it does.

    Args:
        name: The distribution.
        python: Where it is to run.
        beside: Distributions that are there too.
    """
    distribution = metadata.distribution(name)
    wanted = distribution.metadata["Requires-Python"] or ""
    if not SpecifierSet(wanted).contains(python.version):
        return f"{name} {distribution.version}, which needs Python {wanted}"
    place = {
        "python_version": python.minor,
        "python_full_version": python.version,
        "extra": "",
    }
    for text in distribution.requires or ():
        needed = Requirement(text)
        known = canonicalize_name(needed.name) in beside
        if not known and (needed.marker is None or needed.marker.evaluate(place)):
            return f"{name} {distribution.version}, which also needs {needed.name} there"
    return ""


def copy_distribution(name: str, site: Path) -> None:
    """Copy the files of an installed distribution, without its programs."""
    distribution = metadata.distribution(name)
    for file in distribution.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = site / str(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(distribution.locate_file(file)), target)


def coverage_layer(python: PythonInstallation, shown_at: str) -> Path:
    """Return a folder that holds only the coverage package, as it runs on a Python.

    RepoGym's own is copied where it runs (without its C extension on another minor version),
    an older one is fetched where not.

    Args:
        python: The task's interpreter.
        shown_at: Where sandboxes see the folder.

    Raises:
        NotPreparedError: It must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: The package index did not give it.
    """
    fetched = OLD_COVERAGE.get(python.minor) if misfit("coverage", python) else None
    version = fetched or metadata.version("coverage")

    def build(folder: Path) -> None:
        if fetched:
            install(("--target", str(folder)), (f"coverage=={fetched}",), python.executable)
        else:
            copy_distribution("coverage", folder)
        compile_layer(folder, shown_at, python)

    return publish(f"tools/coverage-{version}-{python.key()}", build)
