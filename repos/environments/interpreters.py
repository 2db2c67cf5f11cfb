"""Which Pythons this machine has: the running one, pyenv's, uv's, on PATH, the system's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from repos.cache import platform_key
from repos.environments import probe
from repos.errors import InputError
from repos.sandbox.interpreter import running

PROBE_TIMEOUT_S = 20.0
SYSTEM = ("/usr/local/bin", "/usr/bin")


class NotAvailableError(InputError):
    """An environment that this machine does not have."""


@dataclass(frozen=True)
class PythonInstallation:
    """A CPython of this machine.

    Attributes:
        version: For example "3.9.18".
        executable: The program, links resolved.
        prefix: Its installation, links resolved.
        build: Operating system, architecture, libc and build, as it says itself.
    """

    version: str
    executable: str
    prefix: str
    build: tuple[str, ...]

    @property
    def minor(self) -> str:
        """Its minor version, for example "3.9"."""
        return ".".join(self.version.split(".")[:2])

    @property
    def release(self) -> tuple[int, ...]:
        """Its version as numbers."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def is_running(self) -> bool:
        """Whether it is the interpreter that runs this program."""
        return self == running_python()

    def key(self) -> str:
        """Return a short key of what is built for it here."""
        return platform_key((*self.build, self.prefix))


def minor_version() -> str:
    """Return the running interpreter's minor version, for example "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@lru_cache(maxsize=1)
def running_python() -> PythonInstallation:
    """Return the interpreter that runs this program, without its virtual environment."""
    return _installation(running().executable, probe.facts())


def find_python(minor: str) -> PythonInstallation:
    """Return an installed Python of a minor version; the first place that has one counts.

    Args:
        minor: For example "3.9".

    Raises:
        NotAvailableError: There is none; the message says how to get it.
    """
    if minor == minor_version():
        return running_python()
    for path in candidates(minor):
        found = _probed(path)
        if found is not None and found.minor == minor and _may_be_shown(found.prefix):
            return found
    raise NotAvailableError(
        f"Python {minor} is not installed here: get it with `uv python install {minor}`, with "
        f"`pyenv install {minor}`, or as python{minor} from the system's packages."
    )


def python_at(path: Path) -> PythonInstallation | None:
    """Return the CPython that a program is, or None where it is none that can be used."""
    return _probed(path)


def is_installed(minor: str) -> bool:
    """Whether `find_python` finds one."""
    try:
        find_python(minor)
    except NotAvailableError:
        return False
    return True


def candidates(minor: str) -> Iterator[Path]:
    """Yield where a Python of a minor version may be, best first."""
    name = f"python{minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from _newest_first(pyenv.glob(f"{minor}*/bin/{name}"))
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    yield from _newest_first(uv.glob(f"cpython-{minor}*/bin/{name}"))
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), *SYSTEM):
        path = Path(folder) / name
        if path.is_absolute() and path.is_file():
            yield path


def _newest_first(paths: Iterator[Path]) -> list[Path]:
    """Return programs by the release that their installation's folder names, newest first."""

    def release(path: Path) -> tuple[int, ...]:
        found = re.search(r"\d+(\.\d+)+", path.parents[1].name)
        return tuple(int(part) for part in found.group().split(".")) if found else ()

    return sorted(sorted(paths), key=release, reverse=True)


def _may_be_shown(prefix: str) -> bool:
    """Whether sandboxes may see an installation: never a folder that holds a whole home."""
    home = os.path.realpath(Path.home())
    holds_home = f"{home}/".startswith(f"{prefix}/")
    return prefix == "/usr" or (prefix.count("/") >= 2 and not holds_home)


def _probed(path: Path) -> PythonInstallation | None:
    """Return what a program says of itself, or None where it is no CPython that can be used."""
    real = os.path.realpath(path)
    try:
        status = Path(real).stat()
    except OSError:
        return None
    return _asked(real, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _asked(path: str, *identity: int) -> PythonInstallation | None:
    """Run a program once for each file that it has been."""
    del identity
    with Path(path).open("rb") as program:
        if program.read(2) == b"#!":
            return None  # a launcher (pyenv's shims): what it starts is found by itself
    if (Path(path).parents[1] / "pyvenv.cfg").exists():
        return None  # a virtual environment's copy
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-B", probe.__file__],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=PROBE_TIMEOUT_S, cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"}, check=True,
        )  # fmt: skip
        facts = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if facts["implementation"] != "cpython" or facts["threaded"] or not facts["final"]:
        return None
    return _installation(path, facts)


def _installation(executable: str, facts: dict) -> PythonInstallation:
    return PythonInstallation(
        facts["version"],
        executable,
        os.path.realpath(facts["prefix"]),
        tuple(facts["build"]),
    )
