"""The layer of a Python environment: built once, mounted read-only at `/env`."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from importlib import metadata
from pathlib import Path

from repos.cache import publish, publish_layer
from repos.environments.compiling import compile_layer
from repos.environments.harness import copy_harness
from repos.environments.install import install, make_venv
from repos.environments.interpreters import PythonInstallation, running_python
from repos.environments.metadata import checkout_scripts, release_metadata
from repos.sandbox.interpreter import package_folders
from repos.sandbox.protocol import ENVIRONMENT, TESTBED, Mount
from repos.tasks.environments import HarborEnvironment, OnPython, SweBenchEnvironment

PYTHON = f"{ENVIRONMENT}/bin/python"
"""The environment's Python, as sandboxes see it."""

NETWORK = Path(__file__).parent / "inside" / "repogym_network.py"
"""A plugin of pytest for tests that need a network."""

COMPILED = Path(__file__).parent / "inside" / "repogym_compiled.py"
"""Finds compiled modules away from the sources."""

FORM = 5
"""Changes whenever layers of the same facts come out differently."""


def python_layer(
    environment: OnPython,
    base: Path,
    source_dirs: tuple[str, ...],
    python: PythonInstallation,
    packages: tuple[str, ...] = (),
) -> Path:
    """Return the layer for `environment`, building it where it is missing.

    Packages come as wheels, fetched and unpacked without running their code. The package
    under test is never installed: its source folders stand at the end of the import path, and
    its metadata (version, entry points) is taken from the base release.

    Args:
        environment: The pins.
        base: The task's base tree, read for metadata.
        source_dirs: Folders of the repository that belong on the import path.
        python: An installed Python of the environment's minor version.
        packages: Distributions of RepoGym's own installation for an environment without pins.

    Raises:
        NotPreparedError: Something must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: The package index did not give what the pins name.
        RecordError: There are no pins, and RepoGym's own packages do not run on that Python.
    """
    info = release_metadata(base) if environment.install else None
    pins = sorted(environment.requirements)
    facts = json.dumps([pins, info, list(source_dirs), python.key(), FORM])
    if isinstance(environment, SweBenchEnvironment):
        scripts = environment.scripts
    else:
        scripts = checkout_scripts(base) if environment.install else {}
    network = isinstance(environment, SweBenchEnvironment) and environment.network
    if scripts:
        facts += json.dumps(sorted(scripts.items()))
    compiled = environment.compiled if isinstance(environment, SweBenchEnvironment) else ""
    if network:
        facts += hashlib.sha256(NETWORK.read_bytes()).hexdigest()
    if compiled:
        facts += compiled + hashlib.sha256(COMPILED.read_bytes()).hexdigest()
    if not pins:
        facts += json.dumps([metadata.version(name) for name in packages])
    key = hashlib.sha256(facts.encode()).hexdigest()[:24]

    def build(folder: Path) -> None:
        site = make_venv(folder, python)
        if pins:
            closed = not isinstance(environment, HarborEnvironment)
            install((), pins, str(folder / "bin" / "python"), closed=closed)
        else:
            copy_harness(site, python, packages)
        import_path(site, source_dirs)
        if info is not None:
            for name, text in info["files"].items():
                target = site / info["folder"] / name
                target.parent.mkdir(exist_ok=True)
                target.write_text(text, encoding="utf-8")
        for name, target in scripts.items():
            _write_script(folder / "bin" / name, target)
        if network:
            _write_plugin(site)
        if compiled:
            _take_compiled(compiled, folder, site)
        compile_layer(site, f"{ENVIRONMENT}/lib/python{python.minor}/site-packages", python)

    return publish_layer(f"envs/{key}", build)


def import_path(site: Path, source_dirs: tuple[str, ...]) -> None:
    """Put folders of the repository at the end of an environment's import path."""
    lines = [f"{TESTBED}/{part}".rstrip("/.") for part in source_dirs]
    (site / "repogym_testbed.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_plugin(site: Path) -> None:
    """Write the plugin for tests that need a network, as an installed distribution."""
    shutil.copyfile(NETWORK, site / NETWORK.name)
    info = site / f"{NETWORK.stem}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NETWORK.stem}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[pytest11]\n{NETWORK.stem} = {NETWORK.stem}\n")


def _take_compiled(pin: str, folder: Path, site: Path) -> None:
    """Put the compiled modules of a release into an environment, and what finds them.

    Nothing else of the release stays: its sources may hold the fix of a task.
    """
    place = folder / "compiled"
    install(("--target", str(place)), (pin,), str(folder / "bin" / "python"))
    for path in sorted(place.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif not re.search(r"\.so(\.|$)", path.name):
            path.unlink()
    shutil.copyfile(COMPILED, site / COMPILED.name)
    (site / f"{COMPILED.stem}.pth").write_text(f"import {COMPILED.stem}\n", encoding="utf-8")


def _write_script(path: Path, target: str) -> None:
    """Write a program that calls `module:function`, as an installer would."""
    module, _, function = target.partition(":")
    text = f"#!{PYTHON}\nimport sys\n\nfrom {module} import {function}\n\n"
    path.write_text(f"{text}sys.exit({function}())\n", encoding="utf-8")
    path.chmod(0o755)


def interpreter_mounts(python: PythonInstallation) -> tuple[Mount, ...]:
    """Return what shows an interpreter in a sandbox, at its own path, without its packages.

    Every sandbox shows `/usr` and the interpreter of its exec server already.
    """
    prefix = python.prefix
    if prefix in ("/usr", running_python().prefix) or prefix.startswith("/usr/"):
        return ()
    empty = publish("tools/empty", lambda folder: None)
    masks = (Mount(empty, folder) for folder in package_folders(prefix))
    return (Mount(Path(prefix), prefix), *masks)
