"""Mining with the house's own sandbox, runner and gate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from repos.cache import cache_root
from repos.environments import minor_version
from repos.mining.pypi.miner import Miner, Report
from repos.mining.pypi.selection import NoTaskError, Rule
from repos.prepare import prepare
from repos.runners.protocol import TestRun
from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend
from repos.scoring.score import run_expected
from repos.scoring.validation import validate
from repos.tasks.records import TaskSpec
from repos.tasks.sources.pypi.index import PackageIndex


def mine(
    names: Sequence[str],
    *,
    rule: Rule | None = None,
    report: Report = lambda line: None,
    sandbox: str = "auto",
    allow_unsafe: bool = False,
) -> list[TaskSpec]:
    """Make tasks of consecutive releases, put them through the gate; sorted by id.

    Tests run on the running interpreter's minor version.

    Args:
        names: Package names (their newest pairs), or pairs as `name:old:new`.
        rule: Which pairs are taken.
        report: Told what became of each pair, one line.
        sandbox: Name of the back end.
        allow_unsafe: Whether a back end without isolation may be used.

    Raises:
        RecordError: A package or a release is not on the index, or a name is malformed.
        InfrastructureError: The index or the sandbox failed.
    """
    with _miner(rule, report, sandbox, allow_unsafe) as miner:
        return miner.mine(names)


def extend(
    specs: Iterable[TaskSpec],
    *,
    rule: Rule | None = None,
    report: Report = lambda line: None,
    sandbox: str = "auto",
    allow_unsafe: bool = False,
) -> list[TaskSpec]:
    """Measure and gate known tasks on the running minor version too; see `mine`."""
    with _miner(rule, report, sandbox, allow_unsafe) as miner:
        return miner.extend(specs)


@contextmanager
def _miner(rule: Rule | None, report: Report, sandbox: str, allow_unsafe: bool) -> Iterator[Miner]:
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe)
    try:
        yield Miner(
            trial=lambda spec, files, fixed, seed: _trial(spec, files, fixed, seed, backend),
            python=minor_version(),
            archives=cache_root() / "archives",
            index=PackageIndex(),
            rule=rule or Rule(),
            report=report,
            admit=lambda spec: admit(spec, backend),
        )
    finally:
        backend.close()


def _trial(
    spec: TaskSpec, files: Sequence[str], fixed: bool, seed: int, backend: Backend
) -> TestRun:
    task = prepare(spec)
    diff = task.hidden.reference if fixed else b""
    run = run_expected(task, diff, backend=backend, hash_seed=seed, files=files)
    if run is None:
        raise NoTaskError("the reference patch does not apply to the base")
    return run


def admit(spec: TaskSpec, backend: Backend) -> TaskSpec:
    """Put a mined task through the gate on the running minor version; return the record to keep.

    Mining has made the gate's runs of both sides already, in the same sandbox and by the same
    code, so only its scoring of an empty diff and of the reference patch is left. Where the
    reference patch itself trips the equality canaries, the task is kept with plain ones.

    Raises:
        NoTaskError: The gate refuses it.
    """
    verdict = validate(prepare(spec), backend=backend, repetitions=0)
    if verdict.equality_trips and spec.canaries == "full":
        spec = spec.model_copy(update={"canaries": "plain"})
        verdict = validate(prepare(spec), backend=backend, repetitions=0)
    if not verdict.valid:
        raise NoTaskError("the gate refuses it: " + "; ".join(verdict.problems))
    return spec
