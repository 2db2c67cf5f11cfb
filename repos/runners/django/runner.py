"""The runner for Django's own tests; ids are those that its test program prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from repos.runners.protocol import TestId
from repos.runners.python.runner import UTF8, PythonRunner

_NAMED = re.compile(r"(\w+) \(([\w.]+)\)")


class DjangoRunner(PythonRunner):
    """Runs Django's own `tests/runtests.py`, whose results are taken from unittest."""

    internals = ("__unittest", "_ErrorHolder", "_FailedTest")
    framework = Path(__file__).parent / "inside"
    variables = UTF8

    def settings(self, base: Path, environment: Path | None) -> None:
        """Return nothing: the settings are the repository's."""

    def split_id(self, test: str) -> TestId:
        """Return the parts of `test_x (folder.module.Class)`, of a path or of a dotted label.

        Tests with a docstring are called by its first line, which tells no file.
        """
        found = _NAMED.fullmatch(test)
        if found is not None:
            dotted = found[2].removesuffix(f".{found[1]}")  # Python 3.11 repeats the name
            module, _, kind = dotted.rpartition(".")
            return TestId(f"tests/{module.replace('.', '/')}.py", f"{kind}.{found[1]}")
        return TestId(test)

    def test_files(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Return the Python files below `tests`."""
        return tuple(p for p in sorted(files) if p.startswith("tests/") and p.endswith(".py"))
