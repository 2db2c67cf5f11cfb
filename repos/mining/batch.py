"""Mines many packages: one after the other or some at a time, each task kept as it comes.

What was done stands in a journal beside the manifest, so that the same command goes on where it
was ended, however that was.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from repos.environments.interpreters import find_python, minor_version
from repos.errors import InfrastructureError, InputError, RepoGymError
from repos.mining.changes.miner import ChangeMiner
from repos.mining.changes.rule import ChangeRule
from repos.mining.pypi import validated
from repos.mining.pypi.selection import Candidate, Rule, candidates, named_candidate
from repos.sandbox.select import get_backend
from repos.tasks.records import TaskSpec
from repos.tasks.sources.pypi.index import PackageIndex, normalise
from repos.tasks.suite import check_manifest_path, open_manifest, write_manifest

Kind = Literal["pairs", "changes"]
Report = Callable[[str], None]
Make = Callable[[Candidate], Iterator[TaskSpec]]

SHOWN_REASONS = 12


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        kind: "pairs" of releases, or single "changes" of a release.
        releases: Newest releases that are looked at, of each package.
        per_package: Tasks of one package at most.
        after: Releases of this day (ISO) and later; "" for any.
        python: Minor version to run tests on; the running one by default.
        sandbox: Name of the back end.
        allow_unsafe: Whether a back end without isolation may be used.
        jobs: Packages at a time.
    """

    kind: Kind = "pairs"
    releases: int = 3
    per_package: int = 3
    after: str = ""
    python: str = ""
    sandbox: str = "auto"
    allow_unsafe: bool = False
    jobs: int = 1


@dataclass
class Progress:
    """The manifest and its journal; any thread may call."""

    output: Path
    report: Report
    header: dict[str, str]
    tasks: dict[str, TaskSpec] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, output: Path, description: str, report: Report) -> Progress:
        """Read what an earlier call left."""
        header, tasks = open_manifest(output, description)
        progress = cls(output, report, header, tasks)
        journal = progress.journal
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        for line in lines:
            try:
                fact = json.loads(line)
                progress.done.add(str(fact["release"]))
                progress.counts[str(fact["package"])] += int(fact["tasks"])
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a killed run
        return progress

    @property
    def journal(self) -> Path:
        """Where finished releases are noted."""
        return self.output.with_name(self.output.name + ".journal")

    def keep(self, spec: TaskSpec) -> None:
        """Write a task to the manifest."""
        with self.lock:
            self.tasks[spec.id] = spec
            write_manifest(self.output, self.header, list(self.tasks.values()))

    def finish(self, package: str, release: str, tasks: int) -> None:
        """Note that a release needs no further look."""
        with self.lock:
            self.done.add(release)
            self.counts[package] += tasks
            refused = self.refused.pop(release, 0)
            fact = {"package": package, "release": release, "tasks": tasks, "refused": refused}
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(fact) + "\n")

    def tell(self, line: str) -> None:
        """Report a line and count its reason."""
        with self.lock:
            _, mark, reason = line.partition("no task: ")
            if mark:
                self.refused[line.split(" ", 1)[0].rstrip(":")] += 1
                self.reasons[re.sub(r"\d+", "N", reason.split(":")[0])[:80]] += 1
            self.report(line)


def mine_names(names: Sequence[str], output: Path, order: Order, report: Report) -> int:
    """Mine packages and return how many tasks the manifest holds.

    Args:
        names: Packages, or pairs of releases as `name:old:new`; one that is named twice counts
            once.
        output: The manifest; tasks in it are kept, releases in its journal are not tried again.
        order: What is asked for.
        report: Told what became of each candidate, one line.

    Raises:
        InputError: A name is malformed, or the manifest can't be written.
        InfrastructureError: The index or the sandbox failed for some packages; the others are done.
    """
    check_manifest_path(output)  # before any work
    wanted = list(dict.fromkeys(_checked(name) for name in names))
    python = order.python or minor_version()
    find_python(python)
    what = "Single changes" if order.kind == "changes" else "Pairs of releases"
    progress = Progress.open(output, f"{what} of packages, mined by repogym tasks mine.", report)
    index = PackageIndex()
    failed: dict[str, str] = {}
    pool = ThreadPoolExecutor(max(1, order.jobs))
    try:
        work = {
            pool.submit(_package, name, progress, order, python, index): name for name in wanted
        }
        for number, future in enumerate(as_completed(work), start=1):
            name = work[future]
            try:
                future.result()
            except InfrastructureError as error:
                failed[name] = str(error)
            except RepoGymError as error:
                progress.tell(f"{name}: no task: {error}")
            report(f"[{number}/{len(wanted)}] {name}: {len(progress.tasks)} tasks so far")
    finally:
        pool.shutdown(cancel_futures=True)
    for reason, count in progress.reasons.most_common(SHOWN_REASONS):
        report(f"{count:6} {reason}")
    if failed:
        raise InfrastructureError(
            f"{len(failed)} of {len(wanted)} packages failed ({', '.join(list(failed)[:5])}); what "
            f"is done is kept. {next(iter(failed.values()))}"
        )
    return len(progress.tasks)


def read_names(path: Path) -> list[str]:
    """Return the names of a list: one a line, comments begin with #.

    Raises:
        InputError: It can't be read, or holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list {path} can't be read: {error}.") from error
    names = [line.partition("#")[0].strip() for line in lines]
    if not any(names):
        raise InputError(f"The list {path} holds no name.")
    return [name for name in names if name]


def _checked(name: str) -> str:
    package, *versions = name.split(":")
    if len(versions) not in (0, 2) or not all(versions) or not package:
        raise InputError(f"{name!r} is neither a package nor a pair as name:old:new.")
    return ":".join([normalise(package), *versions])


def _package(name: str, progress: Progress, order: Order, python: str, index: PackageIndex) -> None:
    """Mine one package, newest release first."""
    package, *versions = name.split(":")
    if versions:
        pool = [named_candidate(package, versions[0], versions[1], index)]
    else:
        rule = Rule(newest_releases=order.releases + 1)
        pool = candidates(package, index, rule)
        if order.after:
            pool = [c for c in pool if c.new.uploaded[:10] >= order.after]
        if not pool:
            raise InputError(
                f"no release after {order.after}" if order.after else "fewer than two releases"
            )
    todo = [c for c in pool if c.name not in progress.done]
    if not todo:
        return
    with _maker(order, python, index, progress) as make:
        for candidate in todo:
            left = order.per_package - progress.counts[package]
            if left <= 0:
                break
            count = 0
            try:
                for spec in make(candidate):
                    progress.keep(spec)
                    count += 1
                    if count == left:
                        break
            except InfrastructureError:
                raise
            except RepoGymError as error:
                progress.tell(f"{candidate.name}: no task: {error}")
            progress.finish(package, candidate.name, count)


@contextmanager
def _maker(order: Order, python: str, index: PackageIndex, progress: Progress) -> Iterator[Make]:
    if order.kind == "pairs":
        rule = Rule(per_package=order.per_package)
        with validated.open_miner(
            rule, progress.tell, order.sandbox, order.allow_unsafe, python, index
        ) as miner:
            yield lambda c: iter(miner.mine([f"{c.package}:{c.old.version}:{c.new.version}"]))
        return
    backend = get_backend(order.sandbox, allow_unsafe=order.allow_unsafe)
    try:
        rule = ChangeRule(per_package=order.per_package)
        yield ChangeMiner(backend, python, rule, progress.tell, index).mine
    finally:
        backend.close()
