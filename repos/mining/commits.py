"""Tasks of a repository's own commits: those that change source and tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from git import Blob

from repos.cache import offline
from repos.environments.interpreters import find_python, minor_version
from repos.errors import InfrastructureError, RepoGymError
from repos.mining.batch import SHOWN_REASONS, Order, Progress, Report
from repos.mining.changes.existing import judged
from repos.mining.changes.rule import ChangeRule
from repos.mining.project import checkout_requirements, project_name
from repos.mining.pypi.miner import Miner
from repos.mining.pypi.selection import (
    EasyError,
    NoTaskError,
    check_form,
    contents,
    test_paths,
)
from repos.mining.pypi.validated import admit, make_miner
from repos.mining.pypi.verdicts import verdicts
from repos.prepare import prepare
from repos.runners.registry import choose_runner, get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend
from repos.scoring.validation import REPETITIONS
from repos.tasks.records import TaskSpec
from repos.tasks.sources.assertions import Assertion, place_of_more
from repos.tasks.sources.git import (
    GitSource,
    belongs_to_tests,
    changed_files,
    is_url,
    message_of,
    name_of,
    open_repository,
)
from repos.tasks.sources.isolated import IsolatedRepository
from repos.tasks.sources.pypi.archives import Member, Tree
from repos.tasks.sources.pypi.pairs import Pair, sort_pair
from repos.tasks.sources.remote import refresh
from repos.tasks.suite import check_manifest_path

NOISE = re.compile(
    r"(style|refactor(ing)?|chore|ci|docs?|build|tests?|typos?|lint|format|release|bump|revert)"
    r"(\([^)]*\))?!?:|(re-?)?revert|merge|bump|release|back to dev|version|v?\d+(\.\d+)+\s*$"
    r"|prepare .*release|refactor|re-?format|restyle|code (clean|style)|clean.?up|lint|typos?\b"
    r"|(run|apply|use|switch to) (black|ruff|isort|pyupgrade|autopep8|prettier)|\[?pre-commit"
    r"|rename\b|(update|fix) (the )?(docs?|documentation|readme|changelog|authors|copyright|typo)",
    re.IGNORECASE,
)
"""How the first line of a commit begins that repairs nothing."""

MOST_FAILING = 20


@dataclass(frozen=True)
class Found:
    """A commit that may become a task."""

    commit: str
    parent: str
    day: str
    subject: str


def find_commits(
    repository: IsolatedRepository, newest: int, since: str, report: Report = lambda line: None
) -> Iterator[Found]:
    """Yield commits that change Python source and tests, newest first; merges are left out.

    Args:
        repository: Where to look.
        newest: How many commits are looked at.
        since: Only commits of this day (ISO) and later; "" for any.
        report: Told of a shallow clone's end.
    """
    options = ["--no-merges", "--parents", f"--max-count={newest}", "--format=%cs%x09%s"]
    options += [f"--since={since}T00:00:00Z"] if since else []
    text = repository.git.rev_list(*options, repository.full_id("HEAD"))
    lines = text.splitlines()
    for head, facts in zip(lines[::2], lines[1::2], strict=True):
        commit, *parents = head.removeprefix("commit ").split()
        day, _, subject = facts.partition("\t")
        if not parents:
            if repository.shallow:
                report(f"{repository.root} is a shallow clone: older commits can't be seen.")
            continue
        if NOISE.match(subject.strip()):
            continue
        paths = [path for _, path in changed_files(repository, parents[0], commit)]
        python = [path for path in paths if path.endswith(".py")]
        if any(_test(p) for p in python) and not all(_test(p) for p in python):
            yield Found(commit, parents[0], day, subject)


def _test(path: str) -> bool:
    return bool(re.search(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|tests)\.py$", path))


@dataclass
class CommitMiner:
    """Makes tasks of commits.

    Attributes:
        repository: Where they are.
        place: Its path or URL, as records hold it.
        miner: Runs, measures and validates.
        backend: Makes the sandboxes of the fairness checks.
    """

    repository: IsolatedRepository
    place: str
    miner: Miner
    backend: Backend

    def __post_init__(self) -> None:
        """Read the project's name."""
        self._read: dict[bytes, bytes] = {}
        head = self._tree(self.repository.full_id("HEAD"))
        self.package = project_name(head, name_of(self.place))

    def name(self, found: Found) -> str:
        """Return the id of the task that a commit becomes."""
        stem = re.sub(r"[^A-Za-z0-9._+-]+", "-", self.package).strip("-._+")
        return f"git/{stem or 'repository'}-{found.commit[:10]}"

    def make(self, found: Found) -> TaskSpec:
        """Return the validated task of a commit.

        Raises:
            NoTaskError: It makes none; the message says why.
        """
        pair = self._pair(found)
        _, lines = check_form(pair, self.miner.rule)
        runner = choose_runner(contents(pair.new))
        if runner == "unittest":
            runner = "pytest"  # It runs such tests too, and the checks need it.
        spec = TaskSpec(
            id=self.name(found),
            source=GitSource(path=self.place, base=found.parent, fix=found.commit),
            title=found.subject[:100],
            runner=runner,
            source_dirs=pair.layout.source_dirs,
            test_paths=test_paths(pair),
            date=found.day,
            labels={"changed_lines": str(lines)},
        )
        spec = self.miner.measure(spec, pair, found.day)
        expected = spec.expected[self.miner.environment]
        if len(expected.fail_to_pass) > MOST_FAILING:
            raise NoTaskError(f"{len(expected.fail_to_pass)} tests fail before")
        if runner != "pytest":
            return self._admitted(spec)
        task = prepare(spec, environment=self.miner.environment)
        fair = judged(task, self.backend, pair.entry, pair.layout.packages)
        labels = {**spec.labels, **{f"check {k}": v for k, v in fair.notes.items()}}
        spec = spec.model_copy(update={"symptom": fair.example.text(), "labels": labels})
        if fair.more:
            return self._admitted(self._with_more(spec, pair, fair.more))
        try:
            return self._admitted(spec)
        except EasyError:
            if not fair.reserve:
                raise
            return self._admitted(self._with_more(spec, pair, fair.reserve))

    def _admitted(self, spec: TaskSpec) -> TaskSpec:
        return admit(spec, self.backend, self.miner.environment, ChangeRule().bits)

    def _with_more(self, spec: TaskSpec, pair: Pair, assertions: Sequence[Assertion]) -> TaskSpec:
        """Return the task with hidden assertions that were made for it.

        Raises:
            NoTaskError: None of them fails before the commit and holds after it.
        """
        environment = self.miner.environment
        expected = spec.expected[environment]
        beside = get_runner(spec.runner).split_id(expected.fail_to_pass[0]).file
        path = place_of_more(beside)
        update = {"more": tuple(assertions), "more_path": path}
        paths = spec.test_paths
        if not belongs_to_tests(path, paths):
            paths = tuple(sorted({*paths, path}))
        source = spec.source.model_copy(update=update)
        spec = spec.model_copy(update={"source": source, "test_paths": paths})
        versions = (pair.old_version, pair.new_version)
        draft = self.miner.provisional(spec)
        after, before = (
            [self.miner.trial(draft, [path], fixed, n) for n in range(REPETITIONS)]
            for fixed in (True, False)
        )
        made, _ = verdicts(after, before, versions, get_runner(spec.runner))
        if not made.fail_to_pass:
            raise NoTaskError("hidden: no assertion that was made tells the two sides apart")
        failing = (*expected.fail_to_pass, *made.fail_to_pass)
        fuller = expected.model_copy(update={"fail_to_pass": tuple(sorted(failing))})
        labels = {**spec.labels}
        labels["check hidden"] += f", {len(made.fail_to_pass)} made tests fail"
        return spec.model_copy(
            update={"expected": {**spec.expected, environment: fuller}, "labels": labels}
        )

    def _pair(self, found: Found) -> Pair:
        old, new = self._tree(found.parent), self._tree(found.commit)
        package = self.package
        pair = sort_pair(package, old, new, found.parent[:10], found.commit[:10])
        entry = message_of(self.repository, found.commit)
        needed = checkout_requirements(new, package, self.miner.python)
        head = f"Metadata-Version: 2.1\nName: {package}\n"
        head += "".join(f"Requires-Dist: {line}\n" for line in needed)
        # What a build would write: requirements are read from there.
        told = {**new, "PKG-INFO": Member(f"{head}\n".encode())}
        return Pair(
            package, pair.old, told, pair.layout, pair.kinds, entry, pair.old_version,
            pair.new_version,
        )  # fmt: skip

    def _tree(self, commit: str) -> Tree:
        found: Tree = {}
        for item in self.repository.commit(commit).tree.traverse():
            if not isinstance(item, Blob):
                continue
            data = self._read.get(item.binsha)
            if data is None:
                data = self._read[item.binsha] = item.data_stream.read()
            link = item.mode == Blob.link_mode
            found[str(item.path)] = Member(data, bool(item.mode & 0o100), link)
        return found


def mine_repositories(
    places: Sequence[str], output: Path, order: Order, newest: int, report: Report
) -> int:
    """Mine repositories one after the other and return how many tasks the manifest holds.

    Args:
        places: Paths or URLs.
        output: The manifest; tasks in it are kept, commits in its journal are not tried again.
        order: What is asked for; `after` is the day from which commits are looked at.
        newest: Commits that are looked at in each repository.
        report: Told what became of each commit, one line.

    Raises:
        InputError: A place is no repository, or the manifest can't be written.
        InfrastructureError: The index or the sandbox failed.
    """
    check_manifest_path(output)  # before any work
    python = order.python or minor_version()
    find_python(python)
    opened = {place: _open(place) for place in dict.fromkeys(places)}
    progress = Progress.open(output, "Commits, mined by repogym tasks mine --from-git.", report)
    backend = get_backend(order.sandbox, allow_unsafe=order.allow_unsafe)
    try:
        for place, repository in opened.items():
            known = place if is_url(place) else str(repository.root)
            miner = make_miner(backend, None, progress.tell, python)
            maker = CommitMiner(repository, known, miner, backend)
            _mine_one(maker, progress, order, find_commits(repository, newest, order.after, report))
            report(f"{place}: {len(progress.tasks)} tasks so far")
    finally:
        backend.close()
    for reason, count in progress.reasons.most_common(SHOWN_REASONS):
        report(f"{count:6} {reason}")
    return len(progress.tasks)


def _open(place: str) -> IsolatedRepository:
    repository = open_repository(place)
    if is_url(place) and not offline():
        refresh(str(repository.root), place)
        return open_repository(place)
    return repository


def _mine_one(
    maker: CommitMiner, progress: Progress, order: Order, commits: Iterable[Found]
) -> None:
    for found in commits:
        name = maker.name(found)
        if progress.counts[maker.place] >= order.per_package:
            return
        if name in progress.done:
            continue
        count = 0
        try:
            spec = maker.make(found)
            progress.keep(spec)
            fails = len(spec.expected[maker.miner.environment].fail_to_pass)
            progress.tell(f"{name}: task ({fails} fail to pass)")
            count = 1
        except InfrastructureError:
            raise
        except RepoGymError as error:
            progress.tell(f"{name} {found.subject[:50]!r}: no task: {error}")
        progress.finish(maker.place, name, count)
