"""Many runs of a release's tests in one sandbox, with other texts in some of its files."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repos.environments.python import PYTHON
from repos.runners.protocol import TestReport
from repos.runners.python.requests import SETTINGS, take_file
from repos.runners.registry import get_runner
from repos.sandbox.protocol import TESTBED, Backend
from repos.sandbox.workspace import Workspace
from repos.tasks.records import Task
from repos.tasks.sources.reverted.hunks import Texts

INSIDE = Path(__file__).parent / "inside"
PLUGINS = "/tmp/repogym-mining"
RUN_S = 120.0
SCRIPT_CPU_S = 10
"""Processor seconds of an example: a busy machine must not change what is admitted."""

SCRIPT_S = 60.0

LIMITED = ("/bin/sh", "-c", f'ulimit -t {SCRIPT_CPU_S}; exec "$@"', "sh")
"""What a program is started with, to end it by its processor time."""


@dataclass(frozen=True)
class Failed:
    """Where and with what a test failed.

    Attributes:
        message: Exception type and message.
        file: The test's file, relative to the repository.
        function: The test function's qualified name.
        line: The line in the test function, from 1; 0 where it is not known.
        variables: The function's variables, by name, as literals; None has no such form.
        arguments: Names of the test's fixtures and parameters.
        indices: Place of each parameter's value in its list.
    """

    message: str
    file: str
    function: str
    line: int
    variables: Mapping[str, str | None]
    arguments: tuple[str, ...]
    indices: Mapping[str, int] = field(default_factory=dict)


class ReleaseRuns:
    """One release in one sandbox; texts of files are changed for a run and put back after it."""

    def __init__(self, task: Task, backend: Backend, texts: Texts) -> None:
        """Open the sandbox.

        Args:
            task: Prepared; its base is the release.
            backend: Makes the sandbox.
            texts: The release's own text of each file that runs may change.
        """
        self.task = task
        self.texts = dict(texts)
        self.runner = get_runner(task.public.runner)
        self.workspace = Workspace(backend.create(task.layers, task.sandbox))
        self._warm = self.runner.warm(self.workspace)
        self.count = 0
        for plugin in INSIDE.glob("*.py"):
            self.workspace.write(f"{PLUGINS}/{plugin.name}", plugin.read_bytes())

    def close(self) -> None:
        """Close the sandbox."""
        self._warm.close()
        self.workspace.close()

    def run(
        self, ids: Sequence[str], changed: Texts | None = None, timeout_s: float = RUN_S
    ) -> TestReport:
        """Run tests.

        Args:
            ids: Test ids or files.
            changed: Other texts of some files, for this run alone.
            timeout_s: Wall time of the run.
        """
        self._write(changed or {})
        self.count += 1
        try:
            return self._warm.run(ids, timeout_s=timeout_s)
        finally:
            self._write({path: self.texts[path] for path in changed or {}})

    def failing(self, ids: Sequence[str], changed: Texts, among: Collection[str]) -> set[str]:
        """Return which of some tests do not pass."""
        report = self.run(ids, changed)
        return {t for t in among if t not in passed(report)}

    def failures(self, ids: Sequence[str], changed: Texts) -> dict[str, Failed]:
        """Return where tests fail in their own call, by id."""
        told = self._plugin("repogym_frames", "REPOGYM_FRAMES", ids, changed, {})
        found = {}
        for test, facts in told.items():
            try:
                found[test] = Failed(
                    str(facts["message"]),
                    str(facts["file"]).removeprefix(TESTBED + "/"),
                    str(facts["function"]),
                    int(facts.get("line", 0)),
                    {str(k): v if isinstance(v, str) else None
                     for k, v in facts.get("locals", {}).items()},
                    tuple(str(a) for a in facts["arguments"]),
                    {str(k): int(v) for k, v in facts.get("indices", {}).items()},
                )  # fmt: skip
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # what comes out of a sandbox may be anything
        return found

    def calls(
        self, ids: Sequence[str], changed: Texts, packages: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the calls from outside into the package that tests make, by id, in order."""
        roots = ":".join(f"{TESTBED}/{package}" for package in packages)
        told = self._plugin(
            "repogym_calls", "REPOGYM_CALLS", ids, changed, {"REPOGYM_PACKAGES": roots}
        )
        return {
            test: [call for call in calls if isinstance(call, dict)]
            for test, calls in told.items()
            if isinstance(calls, list)
        }

    def script(self, text: str, changed: Texts, most: int = 8 << 10) -> str | None:
        """Return what a Python program prints; None where it fails or does not end in time.

        Args:
            text: The program.
            changed: Other texts of some files.
            most: Bytes of output that are kept.
        """
        self._write(changed)
        try:
            done = self.workspace.exec(
                [*LIMITED, PYTHON, "-W", "ignore", "-c", text], timeout_s=SCRIPT_S, max_output=most
            )
        finally:
            self._write({path: self.texts[path] for path in changed})
        if done.exit_code != 0 or done.limit:
            return None
        return done.stdout.decode("utf-8", "replace").strip()

    def _plugin(
        self, name: str, variable: str, ids: Sequence[str], changed: Texts, env: dict[str, str]
    ) -> dict[str, Any]:
        out = f"/tmp/.repogym-{secrets.token_hex(6)}"
        self._write(changed)
        argv = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"]
        argv += [f"{SETTINGS}/pytest.ini", "--rootdir", TESTBED, "-p", name, *ids]
        try:
            self.workspace.exec(
                argv, timeout_s=RUN_S, max_output=64 << 10,
                env={"PYTHONPATH": PLUGINS, variable: out, **env},
            )  # fmt: skip
        finally:
            self._write({path: self.texts[path] for path in changed})
        try:
            told = json.loads(take_file(self.workspace, out) or b"{}")
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def _write(self, texts: Texts) -> None:
        for path, text in texts.items():
            self.workspace.write(path, text)


def passed(report: TestReport) -> set[str]:
    """Return the tests of a run that passed."""
    return {test for test, outcome in report.outcomes.items() if outcome.status == "passed"}
