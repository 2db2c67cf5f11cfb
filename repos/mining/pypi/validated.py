"""Mining with RepoGym's own sandbox, runner and validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from repos.cache import cache_root
from repos.environments.interpreters import find_python, minor_version
from repos.mining.pypi.miner import Miner, Report
from repos.mining.pypi.selection import EasyError, NoTaskError, Rule
from repos.prepare import prepare
from repos.runners.protocol import TestRun
from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend
from repos.sandbox.surroundings import varied
from repos.scoring.score import run_expected
from repos.scoring.validation import Verdict, validate
from repos.tasks.environments import python_id
from repos.tasks.records import TaskSpec
from repos.tasks.sources.pypi.index import PackageIndex


def mine(
    names: Sequence[str],
    *,
    rule: Rule | None = None,
    report: Report = lambda line: None,
    sandbox: str = "auto",
    allow_unsafe: bool = False,
    python: str = "",
) -> list[TaskSpec]:
    """Make tasks of consecutive releases, validate them; sorted by id.

    Args:
        names: Package names (their newest pairs), or pairs as `name:old:new`.
        rule: Which pairs are taken.
        report: Told what became of each pair, one line.
        sandbox: Name of the back end.
        allow_unsafe: Whether a back end without isolation may be used.
        python: Minor version to run tests on; the running one by default.

    Raises:
        NotAvailableError: That Python is not installed here.
        RecordError: A package or a release is not on the index, or a name is malformed.
        InfrastructureError: The index or the sandbox failed.
    """
    with open_miner(rule, report, sandbox, allow_unsafe, python) as miner:
        return miner.mine(names)


def extend(
    specs: Iterable[TaskSpec],
    *,
    rule: Rule | None = None,
    report: Report = lambda line: None,
    sandbox: str = "auto",
    allow_unsafe: bool = False,
    python: str = "",
) -> list[TaskSpec]:
    """Measure and validate known tasks on one more Python; see `mine`."""
    with open_miner(rule, report, sandbox, allow_unsafe, python) as miner:
        return miner.extend(specs)


@contextmanager
def open_miner(
    rule: Rule | None,
    report: Report,
    sandbox: str,
    allow_unsafe: bool,
    python: str,
    index: PackageIndex | None = None,
) -> Iterator[Miner]:
    """Give a miner with a back end of its own, which is closed at the end; see `mine`."""
    python = python or minor_version()
    find_python(python)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe)
    try:
        yield make_miner(backend, rule, report, python, index)
    finally:
        backend.close()


def make_miner(
    backend: Backend, rule: Rule | None, report: Report, python: str,
    index: PackageIndex | None = None,
) -> Miner:  # fmt: skip
    """Return a miner on a back end; see `mine`."""
    environment = python_id(python)
    return Miner(
        trial=lambda spec, files, fixed, repetition: _trial(
            spec, files, fixed, repetition, backend, environment
        ),
        python=python,
        archives=cache_root() / "archives",
        index=index or PackageIndex(),
        rule=rule or Rule(),
        report=report,
        admit=lambda spec: admit(spec, backend, environment),
    )


def _trial(
    spec: TaskSpec,
    files: Sequence[str],
    fixed: bool,
    repetition: int,
    backend: Backend,
    environment: str,
) -> TestRun:
    task = prepare(spec, environment=environment)
    diff = task.hidden.reference if fixed else b""
    surroundings = varied(repetition)
    run = run_expected(task, diff, backend=backend, surroundings=surroundings, files=files)
    if run is None:
        raise NoTaskError("the reference patch does not apply to the base")
    return run


def admit(
    spec: TaskSpec,
    backend: Backend,
    environment: str,
    least_bits: float = 0.0,
    empty: bool = True,
) -> TaskSpec:
    """Validate a mined task in one environment; return the record to keep.

    Mining has made validation's runs of both sides already, in the same sandbox and by the same
    code, so only its scoring of an empty diff and of the reference patch is left. Where the
    reference patch itself trips the equality canaries, the task is kept with plain ones.

    Args:
        spec: The task.
        backend: Makes the sandboxes.
        environment: Id of the environment that is played.
        least_bits: Bits of blind answers that must remain.
        empty: Whether an empty diff is scored too; see `validate`.

    Raises:
        NoTaskError: Validation refuses it.
        EasyError: Its answers are easy to guess.
    """

    def judged(one: TaskSpec) -> Verdict:
        task = prepare(one, environment=environment)
        return validate(task, backend=backend, repetitions=0, empty=empty)

    verdict = judged(spec)
    if verdict.equality_trips and spec.canaries == "full":
        spec = spec.model_copy(update={"canaries": "plain"})
        verdict = judged(spec)
    if not verdict.valid:
        raise NoTaskError("validation refuses it: " + "; ".join(verdict.problems))
    if float(verdict.details["bits"]) < least_bits:
        raise EasyError(verdict.details["bits"])
    return spec
