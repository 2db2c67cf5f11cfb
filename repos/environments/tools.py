"""Environments of tools: programs that the machine itself has where sandboxes see them."""

from __future__ import annotations

import os

from repos.environments.interpreters import NotAvailableError
from repos.tasks.environments import ToolsEnvironment

FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")
"""Where programs inside a sandbox are found."""


def missing_programs(environment: ToolsEnvironment) -> tuple[str, ...]:
    """Return the programs that this machine does not have, in the record's order."""
    return tuple(
        name
        for name in environment.programs
        if not any(os.access(f"{folder}/{name}", os.X_OK) for folder in FOLDERS)
    )


def check_programs(environment: ToolsEnvironment) -> None:
    """Make sure that all programs are there.

    Raises:
        NotAvailableError: One is missing; the message names it and where it was looked for.
    """
    missing = missing_programs(environment)
    if missing:
        raise NotAvailableError(
            f"The program{'s' if len(missing) > 1 else ''} {', '.join(missing)} not found in "
            f"{', '.join(FOLDERS)}: install the system's package."
        )
