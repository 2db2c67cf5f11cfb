"""Fetching interpreters that this machine does not have, by uv."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from functools import lru_cache

from repos.cache import offline
from repos.environments.choosing import is_available, missing_python
from repos.environments.interpreters import is_installed
from repos.tasks.records import TaskSpec
from repos.tasks.sources.pypi.configuration import find_uv

TIMEOUT_S = 600.0


def fetch_pythons(specs: Iterable[TaskSpec], wanted: str = "") -> list[str]:
    """Fetch the interpreters of tasks that can't be played for the want of one.

    They come to uv's own folder, where they serve all that uses uv.

    Args:
        specs: The tasks.
        wanted: Id of the environment that is to be played, "" for the best one.

    Returns:
        One sentence for each interpreter that could not be had.
    """
    minors = {
        minor
        for spec in specs
        if not is_available(spec, wanted) and (minor := missing_python(spec, wanted))
    }
    return [problem for minor in sorted(minors) if (problem := _fetch(minor))]


@lru_cache(maxsize=32)
def _fetch(minor: str) -> str:
    """Fetch a Python by its minor version, once in a process; return why it could not be had."""
    if offline():
        return f"Python {minor} is not installed here, and REPOGYM_OFFLINE is set."
    command = [find_uv(), "python", "install", "--no-bin", "--no-config", "-q", minor]
    environ = {k: v for k, v in os.environ.items() if k != "UV_PYTHON_DOWNLOADS"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environ,
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        reason = " ".join(done.stderr.split())[:300]
    except subprocess.TimeoutExpired:
        reason = f"it took longer than {TIMEOUT_S:.0f} seconds"
    if is_installed(minor):
        return ""
    return (
        f"Python {minor} is not installed here and uv could not fetch it ({reason}): get it with "
        f"`pyenv install {minor}`, or as python{minor} from the system's packages."
    )
