"""Seeded synthetic bugs in real packages, for the figures of `learning.py`.

A bug is one mutation (`repos.tasks.sources.mutants.operators`) of a line that tests run, kept where
1 to 20 tests fail with it. Half of the failing test functions are visible; the others, and all the
tests of the draw that ran the changed line, are hidden. Which candidate undoes the bug is known by
the syntax tree; what any other candidate comes to is found by running it. Bugs and outcomes are
kept in the store of trials, so that a second call runs nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from repos.cache import platform_key  # noqa: E402
from repos.prepare import prepare  # noqa: E402
from repos.runners.protocol import Runner, TestReport  # noqa: E402
from repos.runners.registry import get_runner  # noqa: E402
from repos.sandbox.protocol import Backend  # noqa: E402
from repos.sandbox.workspace import Workspace  # noqa: E402
from repos.tasks.records import TaskSpec  # noqa: E402
from repos.tasks.sources.mutants.operators import Mutation, mutations, pick  # noqa: E402
from tools.repair.candidates import Candidate  # noqa: E402
from tools.repair.choices import GENERATOR, choices  # noqa: E402
from tools.repair.evidence import Evidence  # noqa: E402
from tools.repair.observing import Observation, observe  # noqa: E402
from tools.repair.paths import function_of, is_test_file, is_vendored  # noqa: E402
from tools.repair.source import Edit, Module, Snippet, apply, snippet  # noqa: E402
from tools.repair.store import TrialStore  # noqa: E402
from tools.repair.trying import VisibleTests, try_candidate  # noqa: E402
from tools.result import ToolError  # noqa: E402
from tools.trial_fork import TrialFork, make_edits  # noqa: E402

VERSION = "bugs-3"
KINDS = (
    "negated-condition", "other-comparison", "moved-boundary", "other-connective",
    "other-operator", "off-by-one", "flipped-boolean", "dropped-clause", "dropped-guard",
)  # fmt: skip
"""The kinds of mutations that are drawn: those of which a template undoes at least some."""

K = 64
ATTEMPTS = 8
MAX_FAILING = 20
MAX_COVERING = 40
MAX_NEAR = 10
SECONDS = 10.0


@dataclass(frozen=True)
class Bug:
    """A synthetic bug as a repairer sees it, and what only the figures may know.

    Attributes:
        package: Where it is.
        number: Which one.
        kind: The operator that made it.
        observation: What a repairer sees.
        right: Numbers of the candidates that undo it.
        change: The edit that made it.
        hidden: Tests that decide beside the visible ones.
    """

    package: str
    number: int
    kind: str
    observation: Observation
    right: tuple[int, ...]
    change: Snippet
    hidden: tuple[str, ...]

    @property
    def key(self) -> str:
        """Identifies it."""
        return f"{VERSION}-{self.package}-{self.number}"


class Package:
    """A package's base release with the tests that it comes with, in which bugs are made."""

    def __init__(self, spec: TaskSpec, name: str, backend: Backend, store: TrialStore) -> None:
        """Choose the package; nothing runs yet.

        Args:
            spec: A task whose base is taken.
            name: The package.
            backend: Makes the sandboxes.
            store: Keeps what was found.
        """
        self.name = name
        self.spec = spec
        self._backend = backend
        self._store = store
        self._base: tuple[Workspace, Runner] | None = None
        self._fork: TrialFork | None = None
        self._broken: tuple[str, TrialFork] | None = None
        self._files: dict[str, tuple[Module, list[Mutation]]] | None = None

    def bug(self, number: int, *, run: bool = True) -> Bug | None:
        """Return one bug of the package; None where none is found.

        Args:
            number: Which one; it seeds the draw.
            run: Whether it may be made; otherwise it is only looked up.
        """
        facts = [VERSION, GENERATOR, K, self.spec.digest(), platform_key(), number]
        key = "bug-" + hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        kept = self._store.get(key)
        if kept is None and run:
            kept = json.dumps(self._make(random.Random(f"{self.name}-{number}")))
            self._store.put(key, kept)
        data = json.loads(kept) if kept is not None else None
        if data is None:
            return None
        return Bug(
            package=self.name,
            number=number,
            kind=data["kind"],
            observation=Observation.model_validate_json(data["observation"]),
            right=tuple(data["right"]),
            change=Snippet(**data["change"]),
            hidden=tuple(data["hidden"]),
        )

    def resolves(self, bug: Bug, candidate: Candidate, number: int) -> bool:
        """Return whether a candidate passes visible and hidden tests; run once, then looked up."""
        if number in bug.right:
            return True
        key = f"{bug.key}-{candidate.key}"
        kept = self._store.get(key)
        if kept is None:
            fork = self._broken_fork(bug)
            visible = VisibleTests(bug.observation.named, ())
            good = try_candidate(fork, candidate.snippets, visible, timeout_s=SECONDS).solved
            if good and bug.hidden:
                hidden = VisibleTests(bug.hidden, ())
                good = try_candidate(fork, candidate.snippets, hidden, timeout_s=SECONDS).solved
            kept = json.dumps(good)
            self._store.put(key, kept)
        return json.loads(kept)

    def close(self) -> None:
        """End its sandboxes."""
        if self._broken is not None:
            self._broken[1].close()
        if self._fork is not None:
            self._fork.close()
        if self._base is not None:
            self._base[0].close()
        self._base = self._fork = self._broken = None

    def _open(self) -> tuple[Workspace, Runner]:
        if self._base is None:
            task = prepare(self.spec)
            runner = get_runner(task.public.runner)
            self._base = Workspace(self._backend.create(task.layers, task.sandbox)), runner
        return self._base

    def _broken_fork(self, bug: Bug) -> TrialFork:
        if self._broken is None or self._broken[0] != bug.key:
            if self._broken is not None:
                self._broken[1].close()
            workspace, runner = self._open()
            with workspace.fork() as broken:
                make_edits(broken, [bug.change], {})
                self._broken = bug.key, TrialFork(broken, runner)
        return self._broken[1]

    def _covering(self) -> dict[str, dict[str, list[str]]]:
        """Return by source file and line the passing tests that run it; kept in the store."""
        facts = ["covering-1", self.spec.digest(), platform_key()]
        key = "covering-" + hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        kept = self._store.get(key)
        if kept is not None:
            return json.loads(kept)
        workspace, runner = self._open()
        report = runner.run(workspace, timeout_s=300.0, coverage=True)
        passing = {name for name, one in report.outcomes.items() if one.status == "passed"}
        covering: dict[str, dict[str, list[str]]] = {}
        for test, files in (report.coverage or {}).items():
            for path, lines in files.items() if test in passing else ():
                if path.endswith(".py") and not is_test_file(path) and not is_vendored(path):
                    for line in lines:
                        covering.setdefault(path, {}).setdefault(str(line), []).append(test)
        self._store.put(key, json.dumps(covering))
        return covering

    def _mutable(self) -> dict[str, tuple[Module, list[Mutation]]]:
        """Return the files that tests run, with the bugs that could be made in them."""
        if self._files is None:
            self._files = {}
            workspace, _ = self._open()
            for path, lines in sorted(self._covering().items()):
                text = workspace.read(path).decode("utf-8", "replace").replace("\r\n", "\n")
                module = Module.parse(path, text)
                if module is not None:
                    found = mutations(text.encode())
                    kept = [m for m in found if str(m.start[0]) in lines and m.operator in KINDS]
                    self._files[path] = module, kept
        return self._files

    def _make(self, rng: random.Random) -> dict[str, Any] | None:
        files = {path: one for path, one in self._mutable().items() if one[1]}
        if not files:
            return None
        workspace, runner = self._open()
        covering = self._covering()
        sizes = [len(found) for _, found in files.values()]
        for path in rng.choices(list(files), sizes, k=ATTEMPTS):
            module, found = files[path]
            (mutation,) = pick(found, 1, rng)
            start = module.offset(*mutation.start)
            edit = Edit(path, start, module.offset(*mutation.end), mutation.text)
            change = snippet(module, (edit,))
            ran = sorted(covering[path][str(mutation.start[0])])
            tests = sorted(rng.sample(ran, min(MAX_COVERING, len(ran))))
            if change is None:
                continue
            self._fork = self._fork or TrialFork(workspace, runner)
            try:
                outcomes = self._fork.run([change], tests, timeout_s=SECONDS).outcomes
            except ToolError:
                continue
            failing = [t for t in tests if t in outcomes and outcomes[t].status != "passed"]
            if len(outcomes) == len(tests) and 1 <= len(failing) <= MAX_FAILING:
                with workspace.fork() as broken:
                    make_edits(broken, [change], {})
                    made = self._observed(broken, runner, module, failing, tests, rng)
                return made and {**made, "kind": mutation.operator, "change": vars(change)}
        return None

    def _observed(
        self,
        broken: Workspace,
        runner: Runner,
        original: Module,
        failing: Sequence[str],
        tests: Sequence[str],
        rng: random.Random,
    ) -> dict[str, Any] | None:
        functions = sorted({function_of(test) for test in failing})
        rng.shuffle(functions)
        shown = set(functions[: math.ceil(len(functions) / 2)])
        visible = [test for test in failing if function_of(test) in shown]
        unseen = set(failing) - set(visible)
        allowed = [test for test in tests if test not in unseen]
        statement = f"A wrong result.\n\nThese tests fail:\n{chr(10).join(visible)}\n"
        seen = observe(
            broken, cast(Runner, _Only(runner, allowed)), statement, visible, whole=False
        )
        evidence = seen.evidence()
        if not {failure.id for failure in evidence.failures} >= set(visible):
            return None
        found = choices(evidence, K)
        return {
            "observation": seen.model_dump_json(),
            "right": [n for n, one in enumerate(found) if undoes(evidence, one, original)],
            "hidden": [test for test in tests if test not in visible],
        }


class _Only:
    """A runner that runs some tests, whatever it is asked for: what a repairer may see."""

    def __init__(self, runner: Runner, tests: Sequence[str]) -> None:
        self._runner = runner
        self._tests = tests

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def run(self, workspace: Workspace, ids: Sequence[str] = (), **options: Any) -> TestReport:
        return self._runner.run(workspace, self._tests, **options)


def undoes(evidence: Evidence, candidate: Candidate, original: Module) -> bool:
    """Whether a candidate gives the program as it was before the bug, by its syntax tree."""
    path = candidate.proposal.path
    if path != original.path or path not in evidence.modules:
        return False
    repaired = Module.parse(path, apply(evidence.modules[path].text, candidate.edits))
    return repaired is not None and ast.dump(repaired.tree) == ast.dump(original.tree)


def packages(specs: Mapping[str, TaskSpec], backend: Backend) -> list[Package]:
    """Return the packages of some tasks, by name."""
    store = TrialStore()
    return [Package(spec, name, backend, store) for name, spec in sorted(specs.items())]
