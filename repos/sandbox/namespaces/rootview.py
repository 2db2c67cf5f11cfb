# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH112, PTH114, PTH115
"""What a bubblewrap sandbox shows: the arguments that build its root."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from repos.sandbox.interpreter import Interpreter, package_folders
from repos.sandbox.protocol import TESTBED, Layers, SandboxSpec

AGENT_UID = 60923
"""The user inside, and on the host where the caller is root (in systemd's unused range)."""

HOME = "/home/agent"
TOOLS = "/opt/repogym"
HOME_BYTES = 256 << 20
SHM_BYTES = 256 << 20
FILE_LIMIT = 4096
"""How many files a process may have open."""


def find_ripgrep() -> str | None:
    """Return the ripgrep program that is shown inside."""
    beside = Path(sys.prefix) / "bin" / "rg"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("rg")


def environment(layers: Layers) -> dict[str, str]:
    """Return the variables that programs inside start with; none come from the host."""
    path = [*layers.path, f"{TOOLS}/bin", "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "HOME": HOME,
        "USER": "agent",
        "LANG": "C.UTF-8",
        "PATH": ":".join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
        "TMPDIR": "/tmp",
    }


class Arguments:
    """bwrap's arguments, with the folders that mount points need."""

    def __init__(self, first: Iterable[str]) -> None:
        self.items = list(first)
        self._made = {"/", "/proc", "/dev"}

    def folders(self, path: str) -> None:
        """Make a folder and those above it, readable by all (bwrap's own are not always)."""
        for part in [*reversed(PurePosixPath(path).parents), PurePosixPath(path)]:
            if str(part) not in self._made:
                self._made.add(str(part))
                self.items += ["--perms", "0755", "--dir", str(part)]

    def bind(self, source: str, target: str, *, writable: bool = False) -> None:
        """Show a folder or file of the host."""
        self.folders(str(PurePosixPath(target).parent))
        self._made.add(target)
        self.items += ["--bind" if writable else "--ro-bind", source, target]


def memory_file_systems(spec: SandboxSpec) -> list[list[Any]]:
    """Return what a sandbox mounts of its own: [target, bytes, mode, whether programs may run]."""
    return [
        ["/tmp", spec.tmp_mb << 20, "1777", spec.tmp_exec],
        [HOME, HOME_BYTES, "0777", True],
        ["/dev/shm", SHM_BYTES, "1777", True],
    ]


def build(
    bwrap: str,
    layers: Layers,
    *,
    base: str,
    etc: str,
    tools: dict[str, str],
    interpreter: Interpreter,
) -> list[str]:
    """Return the command line up to the program; what is writable is each sandbox's own.

    `@INFO@` stands for the number of the descriptor for bwrap's information.

    Args:
        bwrap: The program.
        layers: What to show.
        base: The daemon's folder.
        etc: The folder shown as `/etc`.
        tools: Path below `/opt/repogym` to its source.
        interpreter: Runs the exec server.
    """
    out = Arguments([bwrap, "--clearenv", "--info-fd", "@INFO@"])
    out.bind("/usr", "/usr")
    for folder in package_folders("/usr"):
        out.bind(f"{base}/empty", folder)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink(f"/{name}"):
            out.items += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            out.bind(f"/{name}", f"/{name}")
    out.bind(etc, "/etc")
    out.bind("/proc", "/proc", writable=True)  # a sandbox puts its own in the place of it
    out.items += ["--dev", "/dev", "--remount-ro", "/dev"]
    out.folders("/tmp")
    out.folders(HOME)
    out.folders("/run")
    out.folders("/var")
    out.items += ["--symlink", "/tmp", "/var/tmp"]
    if interpreter.prefix is not None:
        out.bind(interpreter.prefix, interpreter.prefix)
        for folder in interpreter.masks:
            out.bind(f"{base}/empty", folder)
    for target, source in tools.items():
        out.bind(source, f"{TOOLS}/{target}")
    out.folders(f"{TOOLS}/bin")
    out.items += ["--symlink", interpreter.executable, f"{TOOLS}/python"]
    out.folders(TESTBED)
    for mount in layers.mounts:
        if mount.target.startswith(f"{TESTBED}/"):
            continue  # mounted with what lies at /testbed
        out.bind(str(mount.source), mount.target, writable=mount.writable)
    out.items += ["--remount-ro", "/", "--chdir", "/", "--"]
    return out.items
