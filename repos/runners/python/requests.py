"""What the programs inside are told, where they stand, and the files that they leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from repos.sandbox.protocol import TESTBED
from repos.sandbox.workspace import Workspace

PROGRAMS = "/opt/repogym/runner"
FRAMEWORK = "/opt/repogym/framework"
SETTINGS = "/opt/repogym/task"
MAX_RECORDS = 64 << 20


def run_request(records: str, ids: Sequence[str]) -> dict[str, Any]:
    """Return what `develop.py` is told.

    Args:
        records: Path inside of the file for the records.
        ids: Test ids, files or folders.
    """
    return {
        "framework": FRAMEWORK,
        "settings": SETTINGS,
        "root": TESTBED,
        "records": records,
        "ids": list(ids),
        "coverage": "",
    }


def take_file(workspace: Workspace, path: str) -> bytes:
    """Return a file's bytes and remove it; nothing where the run did not get so far."""
    try:
        raw = workspace.read(path, max_bytes=MAX_RECORDS)
        workspace.remove(path)
    except OSError:
        return b""
    return raw
