"""Validation of a benchmark's tasks: by its own verdict, and by ours beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from repos.sandbox.protocol import Backend
from repos.scoring.official import run_official
from repos.scoring.score import score
from repos.tasks.records import Task


@dataclass(frozen=True)
class OfficialFindings:
    """What validating a benchmark's task found.

    Attributes:
        problems: Why it is not admitted, one line each.
        seconds: Time of the official command with the reference patch, in seconds.
        details: Each verdict by name, and counts of expected tests that did not hold.
    """

    problems: tuple[str, ...]
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)


def validate_official(task: Task, *, backend: Backend) -> OfficialFindings:
    """Admit a benchmark's task if the base fails it and the reference patch resolves it.

    The base is judged by the benchmark's own check; the reference patch by that and by our
    runner. Lists of tests are the benchmark's and are not changed.

    Args:
        task: A prepared task.
        backend: Makes the sandboxes.

    Raises:
        InfrastructureError: No verdict could be reached.
    """
    check = task.spec.source.official_check()
    assert check is not None
    before = run_official(task, b"", backend=backend)
    own, _ = score(task, task.hidden.reference, backend=backend)
    after = run_official(task, task.hidden.reference, backend=backend) if not own.official else None
    problems = []
    if before.resolved:
        problems.append("official: the base resolves it without the fix")
    if before.limit:
        problems.append(f"official: the run on the base hit the {before.limit} bound")
    details: dict[str, Any] = {
        "official_before": before.resolved,
        "official_after": bool(own.official),
        "hardened_after": bool(own.hardened),
        "base_s": round(before.seconds, 2),
    }
    if after is not None:
        failed = failures(after.report[check.instance])
        details["official_failed"] = failed[:12]
        details["official_again"] = after.resolved
        problems.append(_named("official: the reference patch does not resolve it", failed))
    if not own.hardened:
        failed = [t for t, v in own.checks.items() if v not in ("passed", "xfailed")]
        details["hardened_failed"] = failed[:12]
        why = "; ".join(own.tampered) or "does not resolve it"
        problems.append(_named(f"hardened: the reference patch {why}", failed))
    return OfficialFindings(tuple(problems), round(before.seconds, 2), details)


def failures(report: dict[str, Any]) -> list[str]:
    """Return the expected tests that failed by an official report on one instance."""
    status = report.get("tests_status", {})
    return [
        t
        for kind in ("FAIL_TO_PASS", "PASS_TO_PASS")
        for t in status.get(kind, {}).get("failure", [])
    ]


def _named(problem: str, tests: list[str]) -> str:
    if not tests:
        return problem
    more = " …" if len(tests) > 3 else ""
    return f"{problem}: {len(tests)} fail: {', '.join(tests[:3])}{more}"
