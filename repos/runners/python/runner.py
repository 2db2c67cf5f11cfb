"""What a runner of a Python test framework is made of; only the framework itself differs.

Programs inside (`inside/`) run the tests, a developer's or the scorer's, and tell one record a
test; a module of the framework's own folder says how its tests are run.
"""

from __future__ import annotations

import json
import secrets
from abc import abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

from repos.environments.harness import coverage_layer
from repos.environments.layers import EnvironmentLayers
from repos.environments.python import PYTHON
from repos.runners.protocol import GradeRequest, Runner, TestReport, TestRun, WarmRunner
from repos.runners.python.records import developer_report, supervised_run
from repos.runners.python.requests import (
    FRAMEWORK,
    MAX_RECORDS,
    PROGRAMS,
    SETTINGS,
    run_request,
    take_file,
)
from repos.runners.python.source import without_functions
from repos.runners.python.warm import WarmPython
from repos.sandbox.protocol import TESTBED, Ahead, Mount
from repos.sandbox.workspace import Workspace

UTF8 = (("LC_ALL", "C.UTF-8"), ("PYTHONIOENCODING", "utf8"))
"""Variables without which Pythons before 3.7 take files and output for ASCII."""

INSIDE = Path(__file__).parent / "inside"
COVERAGE = "/opt/repogym/coverage"
TESTS_SHARE = 0.8
"""Share of a run's time after which no further test begins, so that coverage can be told."""

TELLING_S = 5.0
"""Seconds that telling it may take beyond the run's time."""


class PythonRunner(Runner):
    """Runs tests with the Python of the task's environment.

    Attributes:
        framework: Folder with the module `repogym_framework`.
        variables: Environment variables of graded runs, name and value.
    """

    framework: ClassVar[Path]
    variables: tuple[tuple[str, str], ...] = ()

    @abstractmethod
    def settings(self, base: Path, environment: Path | None) -> Path | None:
        """Return a cached folder with what the framework is told in this task, if anything."""

    def layers(self, base: Path, environment: EnvironmentLayers) -> tuple[Mount, ...]:
        """Return the programs, the framework's module, coverage, and the settings."""
        if environment.python is None:
            return ()
        mounts = [
            Mount(INSIDE, PROGRAMS),
            Mount(self.framework, FRAMEWORK),
            Mount(coverage_layer(environment.python, COVERAGE), COVERAGE),
        ]
        settings = self.settings(base, environment.layer)
        if settings is not None:
            mounts.append(Mount(settings, SETTINGS))
        return tuple(mounts)

    def run(
        self,
        workspace: Workspace,
        ids: Sequence[str] = (),
        *,
        timeout_s: float = 300.0,
        coverage: bool = False,
    ) -> TestReport:
        """Run tests as a developer would; see `Runner.run`."""
        tag = secrets.token_hex(6)
        records, config = f"/tmp/.records-{tag}", f"/tmp/.config-{tag}"
        body = run_request(records, ids)
        if coverage:
            body |= {"coverage": COVERAGE, "tests_s": TESTS_SHARE * timeout_s}
        workspace.write(config, json.dumps(body).encode())
        done = workspace.exec(
            [PYTHON, f"{PROGRAMS}/develop.py", config],
            cwd=TESTBED,
            timeout_s=timeout_s + (TELLING_S if coverage else 0.0),
            max_output=64 << 10,
        )
        return developer_report(take_file(workspace, records), done)

    def warm(self, workspace: Workspace) -> WarmRunner:
        """Return a runner for many runs in one workspace; see `repos.runners.python.warm`."""
        return WarmPython(self, workspace)

    def grade(self, workspace: Workspace, request: GradeRequest) -> TestRun:
        """Run whole test files under the supervisor; see `Runner.grade`."""
        config = {
            "settings": SETTINGS,
            "root": TESTBED,
            "files": list(request.files),
            "hashes": {f"{TESTBED}/{path}": digest for path, digest in request.hashes.items()},
            "brief": request.brief,
            "answers": request.answers,
            "max_bytes": MAX_RECORDS,
        }
        program = self.graded_program(request.hash_seed)
        done = workspace.exec(
            program.argv,
            cwd=TESTBED,
            env=dict(program.env),
            stdin=json.dumps(config).encode(),
            timeout_s=request.timeout_s,
            max_output=program.max_output,
        )
        return supervised_run(done)

    def graded_program(self, hash_seed: int) -> Ahead:
        """Return the supervisor, which has the framework loaded before it is told what to run."""
        variables = {**dict(self.variables), "PYTHONHASHSEED": str(hash_seed), "CI": "1"}
        return Ahead(
            (PYTHON, "-s", "-S", f"{PROGRAMS}/grade.py", FRAMEWORK),
            tuple(sorted(variables.items())),
            MAX_RECORDS * 2,
        )

    def cut(self, path: str, source: bytes, functions: Collection[str]) -> bytes | None:
        """Return a test file without some of its functions; see `Runner.cut`."""
        return without_functions(source, functions) if path.endswith(".py") else None
