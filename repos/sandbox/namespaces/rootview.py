# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH112, PTH114, PTH115, PTH123
"""What a bubblewrap sandbox shows: the arguments that build its root."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from repos.sandbox.interpreter import Interpreter, package_folders
from repos.sandbox.namespaces.root import SHARED
from repos.sandbox.protocol import TESTBED, Layers, SandboxSpec

AGENT_UID = 60923
"""The user inside, and on the host where the caller is root (in systemd's unused range)."""

HOME = "/home/agent"
TOOLS = "/opt/repogym"
HOME_BYTES = 256 << 20
SHM_BYTES = 256 << 20
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Folders of the root that are links into `/usr` on most machines."""

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
        **dict(layers.variables),
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


def overlays(
    layers: Layers, etc: str, interpreter: Interpreter
) -> tuple[list[list[Any]], dict[str, list[str]]]:
    """Return what a sandbox mounts over what its template shows: nothing there has its inodes.

    Two sandboxes that open one file share its locks, leases and watches. An overlay gives each
    sandbox inodes of its own, and costs no copy.

    Args:
        layers: What to show.
        etc: Name of the folder with `/etc` in the daemon's.
        interpreter: Runs the exec server.

    Returns:
        What to mount, in order: [path in the template, folders of the daemon that lie above it,
        "folder", "file" or "same" (writable: shown as it is)]; and by the name of such a folder
        the paths that it hides.
    """
    shown: list[list[Any]] = [["/", [etc, "tools"], "folder"]]
    hidden: dict[str, list[str]] = {}

    def show(path: str, masks: Iterable[str], inner: Iterable[str] = ()) -> None:
        below = sorted(PurePosixPath(mask).relative_to(path).as_posix() for mask in masks)
        name = f"mask-{hashlib.sha256(repr(below).encode()).hexdigest()[:16]}" if below else "empty"
        if below:
            hidden[name] = below
        shown.append([path, [name], "folder"])
        shown.extend([other, ["empty"], "folder"] for other in inner)

    show("/usr", package_folders("/usr"), mounted_below("/usr"))
    for name in SYSTEM:
        if os.path.isdir(f"/{name}") and not os.path.islink(f"/{name}"):
            show(f"/{name}", (), mounted_below(f"/{name}"))
    if interpreter.prefix is not None:
        show(interpreter.prefix, interpreter.masks)
    for mount in layers.mounts:
        if mount.target.startswith(f"{TESTBED}/"):
            continue
        if mount.writable:
            shown.append([mount.target, [], "same"])
        elif mount.source.is_dir():
            show(mount.target, ())
        else:
            shown.append([mount.target, [], "file"])
    return shown, hidden


@lru_cache(maxsize=64)
def mounted_below(path: str) -> tuple[str, ...]:
    """Return the folders below a path of this machine where something else is mounted."""
    found: list[str] = []
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            place = line.split()[4].replace("\\040", " ")
            if place.startswith(path + "/") and os.path.isdir(place):
                found.append(place)
    return tuple(found)


def build(
    bwrap: str,
    layers: Layers,
    *,
    base: str,
    interpreter: Interpreter,
) -> list[str]:
    """Return the command line up to the program; what is writable is each sandbox's own.

    `@INFO@` stands for the number of the descriptor for bwrap's information.

    Args:
        bwrap: The program.
        layers: What to show.
        base: The daemon's folder.
        interpreter: Runs the exec server.
    """
    out = Arguments([bwrap, "--clearenv", "--info-fd", "@INFO@"])
    out.bind("/usr", "/usr")
    for name in SYSTEM:
        if os.path.islink(f"/{name}"):
            out.items += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            out.bind(f"/{name}", f"/{name}")
    out.folders("/etc")
    out.bind("/proc", "/proc", writable=True)  # a sandbox puts its own in the place of it
    out.items += ["--dev", "/dev", "--remount-ro", "/dev"]
    out.folders("/tmp")
    out.folders(HOME)
    out.folders("/run")
    out.bind(base, SHARED)
    if interpreter.prefix is not None:
        out.bind(interpreter.prefix, interpreter.prefix)
    out.folders(f"{TOOLS}/bin")
    out.items += ["--symlink", interpreter.executable, f"{TOOLS}/python"]
    out.folders(TESTBED)
    for mount in layers.mounts:
        if mount.target.startswith(f"{TESTBED}/"):
            continue  # mounted with what lies at /testbed
        out.bind(str(mount.source), mount.target, writable=mount.writable)
    for place, leads_to in layers.links:
        out.folders(str(PurePosixPath(place).parent))
        out.items += ["--symlink", leads_to, place]
    out.items += ["--remount-ro", "/", "--chdir", "/", "--"]
    return out.items
