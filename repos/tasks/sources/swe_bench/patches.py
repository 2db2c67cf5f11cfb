"""Which files a patch of SWE-bench touches, and which of them the official command is given."""

from __future__ import annotations

import re

NO_TESTS = (
    ".json", ".png", "csv", ".txt", ".md", ".jpg", ".jpeg", ".pkl", ".yml", ".yaml", ".toml",
)  # fmt: skip
"""Endings of files that SWE-bench never names to a test command."""

_NAMES = re.compile(r"^diff --git a/(.*) b/(.*)$", re.MULTILINE)


def patch_paths(patch: str) -> tuple[str, ...]:
    """Return the paths that a patch touches, old names and new ones, in its order."""
    return tuple(dict.fromkeys(name for pair in _NAMES.findall(patch) for name in pair))


def command_files(patch: str) -> tuple[str, ...]:
    """Return the files of a test patch that the official command runs, in its order."""
    new = dict.fromkeys(name for _, name in _NAMES.findall(patch))
    return tuple(name for name in new if not name.endswith(NO_TESTS))


def directive(repository: str, path: str) -> str:
    """Return how the official command of a repository names a test file."""
    if repository != "django/django":
        return path
    return path.removesuffix(".py").removeprefix("tests/").replace("/", ".")
