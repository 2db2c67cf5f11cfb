"""The pytest runner: development runs for agents, graded runs for the scorer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repos.errors import InfrastructureError
from repos.runners.protocol import TestOutcome, TestReport
from repos.sandbox.protocol import ENVIRONMENT, TESTBED, ExecResult, Mount
from repos.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from repos.runners.pytest.warm import WarmPytest

INSIDE = Path(__file__).parent / "inside"
RUNNER_FOLDER = "/opt/repogym/runner"
COVERAGE_FOLDER = "/opt/repogym/coverage"
TASK_INI = "/opt/repogym/task/pytest.ini"
PYTHON = f"{ENVIRONMENT}/bin/python"
MAX_RECORDS = 64 << 20
TESTS_SHARE = 0.8
"""Share of a run's time after which no further test begins, so that coverage can be told."""

TELLING_S = 5.0
"""Seconds that telling it may take beyond the run's time."""
READY = b"ready\n"


def runner_mount() -> Mount:
    """Return the mount that brings this runner's inner programs into a sandbox."""
    return Mount(INSIDE, RUNNER_FOLDER)


@dataclass(frozen=True)
class GradedRun:
    """What a graded run showed, before any verdict.

    Attributes:
        outcomes: By test id.
        collection_errors: By file.
        complete: Whether the tested process reported its own regular end.
        tampered: What showed that results were interfered with.
        limit: The bound that ended the run, if any.
        log: What the tested process printed, tail.
    """

    outcomes: Mapping[str, TestOutcome]
    collection_errors: Mapping[str, str]
    complete: bool
    tampered: tuple[str, ...]
    limit: str | None
    log: str


class PytestRunner:
    """Runs pytest inside a workspace whose environment holds it."""

    name = "pytest"

    def run(
        self,
        workspace: Workspace,
        ids: Sequence[str] = (),
        *,
        timeout_s: float = 300.0,
        coverage: bool = False,
    ) -> TestReport:
        """Run tests as a developer would; see `repos.runners.protocol.Runner.run`."""
        tag = secrets.token_hex(6)
        records, config = f"/tmp/.records-{tag}", f"/tmp/.config-{tag}"
        body = _request(records, ids, coverage, TESTS_SHARE * timeout_s)
        workspace.write(config, json.dumps(body).encode())
        done = workspace.exec(
            [PYTHON, f"{RUNNER_FOLDER}/develop.py", config],
            cwd=TESTBED,
            timeout_s=timeout_s + (TELLING_S if coverage else 0.0),
            max_output=64 << 10,
        )
        return _report(_taken(workspace, records), done)

    def warm(self, workspace: Workspace) -> WarmPytest:
        """Return a runner for many runs in one workspace; see `repos.runners.pytest.warm`."""
        from repos.runners.pytest.warm import WarmPytest

        return WarmPytest(workspace)

    def grade(
        self,
        workspace: Workspace,
        files: Sequence[str],
        *,
        hashes: Mapping[str, str],
        timeout_s: float,
        plugins: Sequence[str] = (),
        hash_seed: int = 0,
        brief: bool = False,
    ) -> GradedRun:
        """Run whole test files with the harness's own configuration.

        Args:
            workspace: A fresh one, with the patch applied and the hidden tests in place.
            files: Test files relative to the repository.
            hashes: SHA-256 of the protected test files by relative path.
            timeout_s: Wall time of the whole run.
            plugins: Modules of the environment's own pytest plugins.
            hash_seed: PYTHONHASHSEED of the run.
            brief: Whether failures need no explanation (most tests of a line-up fail): no
                values of what was compared, and a traceback of one line. Test files are
                loaded in half the time then.

        Raises:
            InfrastructureError: The supervisor gave no answer for a reason other than a bound.
        """
        style = "--tb=line" if brief else "--tb=short"
        args = ["-q", style, "-p", "no:cacheprovider", "--rootdir", TESTBED]
        args += ["-c", TASK_INI, "--continue-on-collection-errors"]
        if brief:
            args.append("--assert=plain")
        for plugin in plugins:
            args += ["-p", plugin]
        config = {
            "args": [*args, *files],
            "root": TESTBED,
            "hashes": {f"{TESTBED}/{path}": digest for path, digest in hashes.items()},
            "max_bytes": MAX_RECORDS,
        }
        done = workspace.exec(
            [PYTHON, "-s", "-S", f"{RUNNER_FOLDER}/grade.py"],
            cwd=TESTBED,
            env={
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONHASHSEED": str(hash_seed),
                "CI": "1",
            },
            stdin=json.dumps(config).encode(),
            timeout_s=timeout_s,
            max_output=MAX_RECORDS * 2,
        )
        log = done.stderr.decode("utf-8", "replace")[-20000:]
        if done.limit is not None and done.limit != "output":
            return GradedRun({}, {}, False, (), done.limit, log)
        # Only the supervisor can write to its standard output, and "ready" comes before any
        # code of the project: what is missing after it is the tested process's own doing.
        if not done.stdout.startswith(READY):
            raise InfrastructureError(f"The test supervisor did not start: {log[-500:]}")
        try:
            answer = json.loads(done.stdout.removeprefix(READY))
        except ValueError:
            return GradedRun({}, {}, False, ("the test supervisor was killed",), None, log)
        if not any(record["kind"] == "start" for record in answer["records"]):
            raise InfrastructureError(f"pytest did not start in the environment: {log[-500:]}")
        outcomes, errors, coverage, end = _fold(answer["records"])
        del coverage
        tampered = [f"{r['id']} was changed" for r in answer["records"] if r["kind"] == "tampered"]
        if answer["overflow"]:
            tampered.append("more result records than any run could make")
        if answer["forged"]:
            tampered.append(f"{answer['forged']} forged result records")
        return GradedRun(outcomes, errors, end is not None, tuple(tampered), None, log)


def _request(
    records: str, ids: Sequence[str], coverage: bool = False, tests_s: float = 0.0
) -> dict:
    args = ["-q", "-p", "no:cacheprovider", "--rootdir", TESTBED, "-c", TASK_INI]
    args += ["--continue-on-collection-errors", *ids]
    folder = COVERAGE_FOLDER if coverage else ""
    return {
        "records": records,
        "args": args,
        "ids": list(ids),
        "coverage": folder,
        "tests_s": tests_s,
    }


def _taken(workspace: Workspace, path: str) -> bytes:
    """Return a file's bytes and remove it; nothing where the run did not get so far."""
    try:
        raw = workspace.read(path, max_bytes=MAX_RECORDS)
        workspace.remove(path)
    except OSError:
        return b""
    return raw


def _fold(
    records: Sequence[dict],
) -> tuple[
    dict[str, TestOutcome], dict[str, str], dict[str, dict[str, tuple[int, ...]]], int | None
]:
    outcomes: dict[str, TestOutcome] = {}
    errors: dict[str, str] = {}
    coverage: dict[str, dict[str, tuple[int, ...]]] = {}
    end: int | None = None
    for record in records:
        kind = record["kind"]
        if kind == "test":
            earlier = outcomes.get(record["id"])
            if earlier is not None and earlier.status != "passed":
                continue  # a second record never makes up for a first one
            outcomes[record["id"]] = TestOutcome(
                record["status"],
                round(record["seconds"], 4),
                record.get("message", ""),
                record.get("traceback", ""),
            )
        elif kind == "collect":
            errors[record["id"]] = record["message"]
        elif kind == "coverage":
            coverage.setdefault(record["id"], {})[record["file"]] = tuple(record["lines"])
        elif kind == "end":
            end = record["status"]
    return outcomes, errors, coverage, end


def _report(raw: bytes, done: ExecResult) -> TestReport:
    records = []
    for line in raw.decode("utf-8", "replace").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue  # the last line of a killed run
    outcomes, errors, coverage, end = _fold(records)
    stopped = any(record["kind"] == "stopped" for record in records)
    return TestReport(
        outcomes=outcomes,
        collection_errors=errors,
        coverage=coverage or None,
        complete=end is not None,
        exit_code=done.exit_code,
        limit=done.limit or ("time" if stopped else None),
        output=done.text[-8000:],
    )
