"""Verdicts that were reached before: a diff of a task is scored once on a machine.

An empty diff costs a look-up, and so do equal diffs of a group of episodes, whichever process
asks; those that come while the first is being scored wait for it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path

from repos.cache import cache_root, locked, platform_key
from repos.runners.registry import BUILT_IN
from repos.sandbox.protocol import Backend
from repos.scoring.score import Score, score_with_retries
from repos.tasks.records import Task

FOLDER = "verdicts"
ROOMS = ("scoring", "runners", "sandbox", "environments", "tasks", "kernel")
"""Packages of `repos` whose source is part of the key: another scorer may reach other verdicts."""


def score_once(
    task: Task, diff: bytes, *, backend: Backend, times: int = 2, fast: bool = False
) -> tuple[Score, str]:
    """Score a diff as `score_with_retries`, or return what it came to before.

    A time-out is never kept, and a failure of the infrastructure is none to keep. Verdicts of a
    runner of one's own are not kept: its code may change at any time.

    Raises:
        InfrastructureError: The last try failed too.
    """
    if task.public.runner not in BUILT_IN:
        return score_with_retries(task, diff, backend=backend, times=times, fast=fast)
    key = verdict_key(task, diff, backend, fast=fast)
    path = cache_root() / FOLDER / key[:2] / f"{key}.json.gz"
    known = _read(path)
    if known is not None:
        return known
    with locked(f"{FOLDER}/{key}"):
        known = _read(path)
        if known is not None:
            return known
        result, log = score_with_retries(task, diff, backend=backend, times=times, fast=fast)
        if "timeout" not in result.checks.values():
            _write(path, result, log)
    return result, log


def verdict_key(task: Task, diff: bytes, backend: Backend, *, fast: bool = False) -> str:
    """Return a digest of all that a verdict depends on."""
    facts = [
        task.spec.digest(),
        task.public.environment,
        task.public.assist,
        task.public.plausible_only,
        sorted(task.public.visible_tests),
        hashlib.sha256(diff).hexdigest(),
        backend.name,
        repr(task.sandbox),
        task.seconds,
        platform_key(),
        _scorer(),
        *(["fast"] if fast else []),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _scorer() -> str:
    """Return a digest of the scorer's own source."""
    digest = hashlib.sha256()
    repos = Path(__file__).parent.parent
    for room in ROOMS:
        for path in sorted((repos / room).rglob("*.py")):
            digest.update(path.relative_to(repos).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[Score, str] | None:
    """Return a stored verdict; a damaged one is none."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            digest, body = handle.read().split("\n", 1)
    except (OSError, EOFError, ValueError):
        return None
    if hashlib.sha256(body.encode()).hexdigest() != digest:
        return None
    stored = json.loads(body)
    return Score.model_validate_json(json.dumps(stored["score"])), stored["log"]


def _write(path: Path, result: Score, log: str) -> None:
    """Store a verdict whole or not at all; a full disk costs the next one a scoring, no more."""
    text = log.encode("utf-8", "replace").decode()
    body = json.dumps({"score": result.model_dump(mode="json"), "log": text})
    data = gzip.compress(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}".encode(), 1)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as part:
                part.write(data)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
