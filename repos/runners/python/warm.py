"""Many test runs in one workspace without starting Python and the framework for each.

A process inside the workspace has the framework loaded and forks for each run. It never imports
the repository's own code, so an edit between two runs is always seen.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence

from repos.environments.python import PYTHON
from repos.runners.protocol import Runner, TestReport
from repos.runners.python.messages import WarmAnswer, read_warm_answer
from repos.runners.python.records import developer_report
from repos.runners.python.requests import FRAMEWORK, PROGRAMS, run_request, take_file
from repos.sandbox.protocol import ExecResult, Process
from repos.sandbox.workspace import Workspace

GRACE_S = 20.0
"""How long after a run's time-out the process may take to answer, in seconds."""


class WarmPython:
    """Runs tests as the runner's own `run` does, quicker from the second run on."""

    def __init__(self, runner: Runner, workspace: Workspace) -> None:
        """Start nothing yet; the process starts with the first run."""
        self._runner = runner
        self._workspace = workspace
        self._process: Process | None = None
        self._pending = b""

    def run(self, ids: Sequence[str] = (), *, timeout_s: float = 300.0) -> TestReport:
        """Run tests; see `repos.runners.protocol.Runner.run`.

        Raises:
            InfrastructureError: The sandbox is gone.
        """
        tag = secrets.token_hex(6)
        records, output = f"/tmp/.records-{tag}", f"/tmp/.output-{tag}"
        request = {**run_request(records, ids), "timeout": timeout_s, "output": output}
        answer = self._ask(request, timeout_s + GRACE_S)
        if answer is None:
            # The process was ended by a bound or by the tests: this run starts anew, alone.
            self.close()
            return self._runner.run(self._workspace, ids, timeout_s=timeout_s)
        printed = take_file(self._workspace, output)[-8000:]
        status = answer.exit if answer.exit is not None else -9
        done = ExecResult(status, printed, b"", 0.0, answer.limit)
        return developer_report(take_file(self._workspace, records), done)

    def close(self) -> None:
        """End the process; the next run starts another."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._pending = b""

    def _ask(self, request: dict, wait_s: float) -> WarmAnswer | None:
        """Send one request and return its answer; None where there is none, or a malformed one."""
        if self._process is None:
            self._process = self._workspace.spawn(
                [PYTHON, f"{PROGRAMS}/warm.py", FRAMEWORK], env={"PYTHONUNBUFFERED": "1"}
            )
        deadline = time.monotonic() + wait_s
        try:
            self._process.write(json.dumps(request).encode() + b"\n")
            while b"\n" not in self._pending:
                left = deadline - time.monotonic()
                data = self._process.read(timeout_s=left) if left > 0 else b""
                if not data:
                    return None
                self._pending += data
        except (OSError, TimeoutError):
            if self._process.poll() is None:
                self._workspace.exec(["true"])  # tells a dead sandbox from a dead process
            return None
        line, _, self._pending = self._pending.partition(b"\n")
        return read_warm_answer(line)
