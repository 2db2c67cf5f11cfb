"""What a task folder of Harbor needs of this machine: system packages, fixed places as links."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from repos.environments.interpreters import NotAvailableError
from repos.environments.tools import FOLDERS
from repos.sandbox.protocol import TESTBED
from repos.tasks.environments import HarborEnvironment

PLACE = "/tmp/harbor"
"""Where what Harbor's fixed places lead to lies in a sandbox; gone with it."""

PLACES = ("/logs", "/tests", "/solution")

DPKG = Path("/var/lib/dpkg/info")


def harbor_links(workdir: str) -> tuple[tuple[str, str], ...]:
    """Return the links of a sandbox that plays a task of Harbor.

    Args:
        workdir: The task's working folder.
    """
    links = [(place, f"{PLACE}{place}") for place in PLACES]
    return (*links, *([(workdir, TESTBED)] if workdir != TESTBED else []))


def missing_packages(environment: HarborEnvironment) -> tuple[str, ...]:
    """Return the system packages that are not installed on this machine."""
    return tuple(name for name in environment.packages if not _is_installed(name))


def _is_installed(name: str) -> bool:
    if any(os.access(f"{folder}/{name}", os.X_OK) for folder in FOLDERS):
        return True
    lists: Iterable[Path] = (*DPKG.glob(f"{name}.list"), *DPKG.glob(f"{name}:*.list"))
    return any(True for _ in lists)


def check_packages(environment: HarborEnvironment) -> None:
    """Make sure that all system packages are there.

    Raises:
        NotAvailableError: One is missing.
    """
    missing = missing_packages(environment)
    if missing:
        raise NotAvailableError(
            f"its Dockerfile installs {', '.join(missing)}, which this machine lacks: install the "
            "system's package"
        )
