"""Environment layers: what a task's tests import, built once, mounted read-only at `/env`."""

from __future__ import annotations

import compileall
import hashlib
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tomllib
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from repos.cache import offline, platform_key, publish
from repos.errors import InfrastructureError, NotPreparedError
from repos.sandbox.protocol import ENVIRONMENT, TESTBED
from repos.tasks.records import Environment

PYTHON = f"{ENVIRONMENT}/bin/python"
"""The environment's Python, as sandboxes see it."""


def minor_version() -> str:
    """Return the running interpreter's minor version, for example "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def compile_layer(folder: Path, shown_at: str) -> None:
    """Byte-compile a layer with checked-hash files, so that two quick edits never mix.

    Args:
        folder: The layer on the host.
        shown_at: Where sandboxes see it; tracebacks name that path.
    """
    compileall.compile_dir(
        str(folder),
        quiet=2,
        force=True,
        stripdir=str(folder),
        prependdir=shown_at,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )


def environment_layer(
    environment: Environment,
    base: Path,
    source_dirs: tuple[str, ...],
    packages: tuple[str, ...] = (),
) -> Path:
    """Return the layer for `environment`, building it where it is missing.

    Packages come as wheels, fetched and unpacked without running their code. The package
    under test is never installed: its source folders stand at the end of the import path, and
    its metadata (version, entry points) is taken from the base release.

    Args:
        environment: Pins for the running minor version.
        base: The task's base tree, read for metadata.
        source_dirs: Folders of the repository that belong on the import path.
        packages: Distributions of RepoGym's own installation that an environment without
            requirements gets: no network is needed.

    Raises:
        NotPreparedError: Something must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: The package index did not give what the pins name.
    """
    info = _dist_info(base) if environment.install else None
    facts = json.dumps(
        [sorted(environment.requirements), info, list(source_dirs), platform_key(), 3]
    )
    if not environment.requirements:
        facts += json.dumps([metadata.version(name) for name in packages])
    key = hashlib.sha256(facts.encode()).hexdigest()[:24]

    def build(folder: Path) -> None:
        _make_venv(folder)
        site = next(folder.glob("lib/python*/site-packages"))
        if environment.requirements:
            _install(folder, environment.requirements)
        else:
            for name in packages:
                _copy_distribution(name, site)
        lines = [f"{TESTBED}/{part}".rstrip("/.") for part in source_dirs]
        (site / "repogym_testbed.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if info is not None:
            for name, text in info["files"].items():
                target = site / info["folder"] / name
                target.parent.mkdir(exist_ok=True)
                target.write_text(text, encoding="utf-8")
        compile_layer(site, f"/env/lib/{site.parent.name}/site-packages")

    return publish(f"envs/{key}", build)


def coverage_layer() -> Path:
    """Return a folder that holds only the coverage package of RepoGym's own installation."""
    version = metadata.version("coverage")

    def build(folder: Path) -> None:
        _copy_distribution("coverage", folder)
        compile_layer(folder, "/opt/repogym/coverage")

    return publish(f"tools/coverage-{version}-{platform_key()}", build)


def _base_python() -> str:
    return str(Path(sys.base_prefix) / "bin" / f"python{minor_version()}")


def _uv(*args: str, certificates: Path | None = None) -> subprocess.CompletedProcess[str]:
    from uv import find_uv_bin

    environ = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    if certificates is not None:
        environ.setdefault("SSL_CERT_FILE", str(certificates))
    return subprocess.run(
        [find_uv_bin(), "--no-progress", *args],
        capture_output=True,
        text=True,
        env=environ,
        stdin=subprocess.DEVNULL,
        cwd="/",
    )


def _make_venv(folder: Path) -> None:
    done = _uv(
        "venv", "--no-project", "--allow-existing", "--relocatable", "-q", "--python",
        _base_python(), str(folder),
    )  # fmt: skip
    if done.returncode:
        raise InfrastructureError(f"Making a Python environment failed: {done.stderr.strip()}")


def _install(folder: Path, requirements: tuple[str, ...]) -> None:
    from repos.tasks.sources.pypi.index import PackageIndex

    index = PackageIndex().configuration
    mode = ["--offline"] if offline() else []
    python = str(folder / "bin" / "python")
    done = _uv(
        "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--python", python,
        "--link-mode", "hardlink", *index.uv_arguments(), *mode, *requirements,
        certificates=index.certificates,
    )  # fmt: skip
    if done.returncode == 0:
        return
    reason = " ".join(done.stderr.split())[-600:]
    if offline():
        raise NotPreparedError(
            "This task's environment is not prepared and REPOGYM_OFFLINE is set: run "
            f"`repogym tasks prepare` with a package index first. ({reason})"
        )
    raise InfrastructureError(f"Installing a task's pinned packages failed: {reason}")


def _copy_distribution(name: str, site: Path) -> None:
    distribution = metadata.distribution(name)
    for file in distribution.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = site / str(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(distribution.locate_file(file)), target)


def _dist_info(base: Path) -> dict | None:
    """Return the metadata of the base release as files of a dist-info folder.

    Source distributions carry PKG-INFO; entry points are read from an egg-info folder or
    from pyproject.toml. Nothing of the package runs.
    """
    found = base / "PKG-INFO"
    if not found.is_file():
        return None
    text = found.read_text(encoding="utf-8", errors="replace")
    headers = HeaderParser().parsestr(text)
    name, version = headers.get("Name"), headers.get("Version")
    if not name or not version:
        return None
    files = {"METADATA": text, "INSTALLER": "repogym\n"}
    points = _entry_points(base)
    if points:
        files["entry_points.txt"] = points
    folder = f"{re.sub(r'[-_.]+', '_', name)}-{version}.dist-info"
    return {"folder": folder, "files": files}


def _entry_points(base: Path) -> str:
    found = [p for up in (".", "src") for p in base.glob(f"{up}/*.egg-info/entry_points.txt")]
    if found:
        return min(found).read_text(encoding="utf-8", errors="replace")
    try:
        project = tomllib.loads((base / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, KeyError, ValueError):
        return ""
    groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    lines: list[str] = []
    for group, points in groups.items():
        if points:
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items()), ""]
    return "\n".join(lines)
