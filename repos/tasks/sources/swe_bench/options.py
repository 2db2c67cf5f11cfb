"""Where rows and repositories come from, as the command line is told; workers inherit it."""

from __future__ import annotations

import os
from pathlib import Path

from repos.errors import InputError

DATASET = "REPOGYM_DATASET"
"""Names the file or folder of a suite's rows; `--dataset` sets it."""

MIRRORS = "REPOGYM_REPOS_FROM"
"""Names the folder of local mirrors; `--repos-from` sets it."""


def use_dataset(path: Path | None) -> Path | None:
    """Make suites of others read their rows from a file or folder.

    Raises:
        InputError: There is none.
    """
    if path is not None:
        if not path.expanduser().exists():
            raise InputError(f"There is no dataset {path} (--dataset): give a file of its rows.")
        os.environ[DATASET] = str(path.expanduser().absolute())
    return path


def use_mirrors(folder: Path | None) -> Path | None:
    """Make instances take their repositories from local mirrors.

    Raises:
        InputError: There is no such folder.
    """
    if folder is not None:
        if not folder.expanduser().is_dir():
            raise InputError(f"There is no folder {folder} of local mirrors (--repos-from).")
        os.environ[MIRRORS] = str(folder.expanduser().absolute())
    return folder
