"""The runner for repositories of SWE-bench that use pytest."""

from __future__ import annotations

from repos.runners.protocol import ColdRunner
from repos.runners.pytest.runner import PytestRunner
from repos.runners.python.runner import UTF8
from repos.sandbox.workspace import Workspace


class SweBenchPytest(PytestRunner):
    """Runs pytest in repositories of SWE-bench.

    There are no controls: the environments' old versions of pytest, and suites that run pytest
    inside of pytest, would make a must-fail test fail in ways of their own.
    """

    packages = ()
    requirements = ()
    variables = (*PytestRunner.variables, *UTF8)

    def __init__(self) -> None:
        """Make no controls."""
        self.controls = None

    def warm(self, workspace: Workspace) -> ColdRunner:
        """Start anew each time: what is under test may be pytest itself."""
        return ColdRunner(self, workspace)
