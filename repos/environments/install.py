"""Virtual environments and pinned wheels, by uv; no code of a package runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from repos.cache import offline
from repos.environments.interpreters import PythonInstallation
from repos.errors import InfrastructureError, NotPreparedError
from repos.tasks.sources.pypi.configuration import find_uv
from repos.tasks.sources.pypi.index import PackageIndex


def make_venv(folder: Path, python: PythonInstallation) -> Path:
    """Make an empty virtual environment for any CPython from 3.6 on; return its site-packages.

    Raises:
        InfrastructureError: It could not be made.
    """
    done = _uv(
        "venv", "--no-project", "--allow-existing", "--relocatable", "-q", "--python",
        python.executable, str(folder),
    )  # fmt: skip
    if done.returncode:
        raise InfrastructureError(f"Making a Python environment failed: {done.stderr.strip()}")
    return folder / "lib" / f"python{python.minor}" / "site-packages"


def install(where: Sequence[str], pins: Sequence[str], python: str, *, closed: bool = True) -> None:
    """Unpack pinned wheels.

    Args:
        where: uv's options that say where, for example ("--target", folder); none for the
            environment that `python` belongs to.
        pins: `name==version`, the whole closure.
        python: The interpreter that will import them.
        closed: Whether the pins are the whole closure; else what they need comes along.

    Raises:
        NotPreparedError: Something must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: The package index did not give what the pins name.
    """
    index = PackageIndex().configuration
    mode = ["--offline"] if offline() else []
    alone = ["--no-deps"] if closed else []
    done = _uv(
        "pip", "install", "-q", *alone, "--only-binary", ":all:", "--python", python,
        "--link-mode", "hardlink", *where, *index.uv_arguments(), *mode, *pins,
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


def _uv(*args: str, certificates: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    if certificates is not None:
        environ.setdefault("SSL_CERT_FILE", str(certificates))
    return subprocess.run(
        [find_uv(), "--no-progress", *args],
        capture_output=True,
        text=True,
        env=environ,
        stdin=subprocess.DEVNULL,
        cwd="/",
    )
