"""The Python that runs the exec server inside: which one, and what of the host it needs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MASKED_NAMES = ("site-packages", "dist-packages")
SKIPPED = {"share", "include", "src", "doc", "man", "modules", "firmware", "games", "locale"}
DEPTH = 8


@dataclass(frozen=True)
class Interpreter:
    """A Python installation to be shown inside at its own path.

    Attributes:
        executable: The program, links resolved.
        prefix: Its installation, or None where `/usr` holds it.
        masks: Folders of installed packages in it, to be hidden.
    """

    executable: str
    prefix: str | None
    masks: tuple[str, ...]


@lru_cache(maxsize=4)
def running() -> Interpreter:
    """Return the interpreter that runs this program, without its virtual environment.

    It is shown at its own path: elsewhere it could load another installation's library.
    """
    base = getattr(sys, "_base_executable", None) or sys.executable
    executable = os.path.realpath(base)
    prefix = os.path.realpath(sys.base_prefix)
    if not executable.startswith(prefix + "/"):
        prefix = str(Path(executable).parent.parent)
    if prefix == "/usr" or prefix.startswith("/usr/"):
        return Interpreter(executable, None, ())
    return Interpreter(executable, prefix, tuple(package_folders(prefix)))


@lru_cache(maxsize=32)
def package_folders(top: str) -> tuple[str, ...]:
    """Return the folders of installed Python packages below a folder.

    Args:
        top: For example `/usr`; documentation and headers below it are not searched.
    """
    found: list[str] = []
    waiting = [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                continue
            if entry.name in MASKED_NAMES:
                found.append(entry.path)
            elif depth < DEPTH and entry.name not in SKIPPED:
                waiting.append((entry.path, depth + 1))
    return tuple(sorted(found))
