"""Which package index pip and uv are configured for on this machine.

No index is named here: an explicit setting of uv or pip wins, and the default is the one
that uv itself reports.
"""

from __future__ import annotations

import configparser
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repos.errors import InfrastructureError, InputError


@dataclass(frozen=True)
class IndexConfiguration:
    """Where packages come from.

    Attributes:
        indexes: Base addresses of simple indexes, the main one first.
        folders: Local folders of archives (pip's `find-links`).
        certificates: CA bundle for TLS, or None for the system's.
    """

    indexes: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    certificates: Path | None = None

    def uv_arguments(self) -> list[str]:
        """Return the options that make uv use the same indexes."""
        arguments: list[str] = []
        for place, address in enumerate(self.indexes):
            arguments += ["--index-url" if place == 0 else "--extra-index-url", address]
        if len(self.indexes) > 1:
            # As pip does: the best version of all indexes, not of the first that has any.
            arguments += ["--index-strategy", "unsafe-best-match"]
        for folder in self.folders:
            arguments += ["--find-links", str(folder)]
        return arguments


def find_uv() -> str:
    """Return the path of the uv program: beside this interpreter, else on PATH.

    Raises:
        RepoGymError: It is not installed.
    """
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise InputError("The program uv is missing: install it with `pip install uv`.")
    return found


def _uv_indexes(*, bare: bool) -> list[str]:
    """Return the indexes that uv reports; `bare` leaves environment and files out."""
    env = {k: v for k, v in os.environ.items() if not (bare and k.startswith("UV_"))}
    command = [find_uv(), "pip", "compile", "-", "--emit-index-url", "--no-header", "--quiet"]
    if bare:
        command.append("--no-config")
    done = subprocess.run(
        command, input=b"", capture_output=True, env=env, check=False, timeout=60, cwd="/"
    )
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InfrastructureError(
            f"uv does not tell its package index: {reason[-1] if reason else 'no message'}."
        )
    words = done.stdout.decode().split()
    return [
        address
        for option, address in itertools.pairwise(words)
        if option in ("--index-url", "--extra-index-url")
    ]


def _pip_files() -> Iterator[Path]:
    """Yield pip's configuration files, weakest first."""
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    system = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    for folder in reversed(system.split(os.pathsep)):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    home = Path.home()
    yield home / ".pip" / "pip.conf"
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if named:
        yield Path(named)


def _pip_settings() -> dict[str, str]:
    """Return pip's settings that matter here, environment variables strongest."""
    settings: dict[str, str] = {}
    for path in _pip_files():
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(path, encoding="utf-8")
        except configparser.Error as error:
            raise InputError(f"pip's configuration file {path} can't be read: {error}") from error
        for section in ("global", "download"):
            if parser.has_section(section):
                settings.update(parser.items(section))
    for name in ("index-url", "extra-index-url", "find-links", "cert", "no-index"):
        value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            settings[name] = value
    return settings


def index_configuration() -> IndexConfiguration:
    """Return what uv or pip is configured for: uv's explicit setting, pip's, then the default.

    Raises:
        RepoGymError: uv is missing or a configuration file is malformed.
        InfrastructureError: uv does not run.
    """
    default = _uv_indexes(bare=True)
    of_uv = _uv_indexes(bare=False)
    pip = _pip_settings()
    if of_uv != default:
        indexes = of_uv
    elif pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        indexes = []
    else:
        indexes = [pip.get("index-url") or default[0], *pip.get("extra-index-url", "").split()]
    folders = tuple(
        Path(word.removeprefix("file://"))
        for word in pip.get("find-links", "").split()
        if "://" not in word or word.startswith("file://")
    )
    certificates = next(
        (
            Path(value)
            for value in (
                pip.get("cert"),
                os.environ.get("SSL_CERT_FILE"),
                os.environ.get("REQUESTS_CA_BUNDLE"),
            )
            if value and Path(value).is_file()
        ),
        None,
    )
    return IndexConfiguration(tuple(dict.fromkeys(indexes)), folders, certificates)
