"""The runner for SymPy's own tests; ids are the names of test functions, as it prints them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from repos.runners.protocol import TestId
from repos.runners.python.runner import UTF8, PythonRunner


class SympyRunner(PythonRunner):
    """Runs SymPy's test functions one by one, as its `bin/test` does."""

    framework = Path(__file__).parent / "inside"
    variables = UTF8

    def settings(self, base: Path, environment: Path | None) -> None:
        """Return nothing: there is no configuration."""

    def split_id(self, test: str) -> TestId:
        """Return the parts of `path::function`; a bare function tells no file."""
        file, mark, function = test.partition("::")
        if mark or "/" in test or test.endswith(".py"):
            return TestId(file, function)
        return TestId(test)

    def test_files(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Return the files that `bin/test` would find."""
        return tuple(p for p in sorted(files) if re.search(r"/tests/test_\w+\.py$", f"/{p}"))
