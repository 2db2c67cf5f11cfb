"""The unittest runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from repos.runners.protocol import TestId
from repos.runners.python.controls import PythonControls
from repos.runners.python.runner import PythonRunner
from repos.runners.unittest.detect import is_test_file


class UnittestRunner(PythonRunner):
    """Runs unittest with the Python of the task's environment, which needs nothing more."""

    internals = ("__unittest", "_ErrorHolder", "_FailedTest", "_Outcome")
    framework = Path(__file__).parent / "inside"

    def __init__(self) -> None:
        """Make the controls."""
        self.controls = PythonControls(self.split_id, _join)

    def settings(self, base: Path, environment: Path | None) -> None:
        """Return nothing: unittest has no configuration."""

    def split_id(self, test: str) -> TestId:
        """Return the parts of `package.module.Class.function`, or a path as it is."""
        path = "/" in test or test.endswith(".py")
        module, _, rest = test.rpartition(".")
        module, _, kind = module.rpartition(".")
        if path or not module:
            return TestId(test)
        return TestId(f"{module.replace('.', '/')}.py", f"{kind}.{rest}")

    def test_files(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Return the files whose names are those of test modules."""
        return tuple(path for path in sorted(files) if is_test_file(path))


def _join(test: TestId) -> str:
    return f"{test.file.removesuffix('.py').replace('/', '.')}.{test.function}"
