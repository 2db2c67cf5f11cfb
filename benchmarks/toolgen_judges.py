"""Who judges generated functions: tests, pylint, pyright, the parser; never what held the model."""

from __future__ import annotations

import ast
import json
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from repos.prepare import prepare
from repos.runners.protocol import WarmRunner
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.workspace import Workspace
from repos.scoring.generation import (
    INVALID,
    Message,
    dependency_coverage,
    static_validity_rate,
)
from repos.scoring.grading import time_limit
from repos.scoring.score import score
from repos.syntax import parse
from repos.tasks.records import Task
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.sources.pypi.pairs import diff_trees

SECONDS = 1200
DRAWS = 1000
_ATTRIBUTE = "reportAttributeAccessIssue"
T = TypeVar("T")


@dataclass(frozen=True)
class Judged:
    """What is said of one text.

    Attributes:
        parses: Whether the file with it parses.
        passed: Whether the task's hidden tests pass with it.
        valid: Whether pylint finds no error of names or syntax (`static_validity_rate`).
        pylint: Pylint's messages of the kinds that count.
        attributes: Attributes in it.
        invalid: Those that pyright does not find.
        wanted: Dependencies of the reference.
        hits: How many of them stand in it.
        repeated: The share of its lines that stood before in it.
    """

    parses: bool
    passed: bool
    valid: bool
    pylint: tuple[Message, ...]
    attributes: int
    invalid: tuple[str, ...]
    wanted: int
    hits: int
    repeated: float


def _valid_attributes(some: Sequence[Judged]) -> float:
    every = sum(one.attributes for one in some)
    return 1 - sum(len(one.invalid) for one in some) / every if every else 1.0


def _mean(what: Callable[[Judged], float]) -> Callable[[Sequence[Judged]], float]:
    return lambda some: statistics.fmean(what(one) for one in some)


FIGURES: dict[str, Callable[[Sequence[Judged]], float]] = {
    "tests_passed": _mean(lambda one: one.passed),
    "dependency_coverage": lambda some: sum(o.hits for o in some) / sum(o.wanted for o in some),
    "static_validity_rate": _mean(lambda one: one.valid),
    "valid_names_of_attributes": _valid_attributes,
    "tasks_with_valid_names_only": _mean(lambda one: not one.invalid),
    "parses": _mean(lambda one: one.parses),
    "repeated_lines": _mean(lambda one: one.repeated),
}
"""Each figure of an arm, of what is said of its texts."""


def interval(items: Sequence[T], figure: Callable[[Sequence[T]], float]) -> tuple[float, float]:
    """Return the 95% bootstrap interval of a figure."""
    rng = random.Random(0)
    drawn = sorted(figure(rng.choices(items, k=len(items))) for _ in range(DRAWS))
    return drawn[int(0.025 * DRAWS)], drawn[int(0.975 * DRAWS) - 1]


def dependencies(source: str, function: str, line: int, names: Collection[str]) -> tuple[str, ...]:
    """Return ToolGen's dependencies among names: no locals, imported names or bare parameters.

    Args:
        source: The file.
        function: The function's dotted name.
        line: A line of it.
        names: The names in it that a completion tool tells.
    """
    tree = parse(source)
    node = next(
        n for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        and n.name == function.rpartition(".")[2]
        and line in range(n.lineno, (n.end_lineno or 0) + 1)
    )  # fmt: skip
    bound = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    bound |= {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            bound |= {(a.asname or a.name).partition(".")[0] for a in inner.names}
    return tuple(name for name in names if "." in name or name not in bound)


def repeated(text: str) -> float:
    """Return the share of lines that stood before in the text."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


class Tests:
    """Asks the hidden tests of tasks; equal texts of a task are asked once.

    The tests that fail without the part run in one open sandbox a package, which is quick; only a
    text that passes them is scored as every answer to the task is.
    """

    def __init__(self, backend: Backend) -> None:
        """Open nothing yet.

        Args:
            backend: Makes the sandboxes.
        """
        self._backend = backend
        self._known: dict[tuple[str, str], bool] = {}
        self._open: dict[str, tuple[Workspace, WarmRunner]] = {}

    def close(self) -> None:
        """End the sandboxes."""
        for workspace, warm in self._open.values():
            warm.close()
            workspace.close()
        self._open.clear()

    def passed(self, written: Any) -> bool:
        """Return whether a task is resolved with a text in its place."""
        case, text = written.case, written.file()
        key = (case.spec.id, text)
        if key not in self._known:
            print(f"tests of {case.spec.id}", file=sys.stderr)
            task, path = prepare(case.spec), case.hole.path
            self._known[key] = self._quickly(task, case, text)
            if self._known[key]:
                base = Member((task.layers.testbed[0] / path).read_bytes())
                diff = diff_trees({path: base}, {path: Member(text.encode())})
                self._known[key] = score(task, diff, backend=self._backend)[0].resolved
        return self._known[key]

    def _quickly(self, task: Task, case: Any, text: str) -> bool:
        """Return whether the tests that fail without the part pass with a text."""
        workspace, warm = self._opened(task, case)
        path, failing = case.hole.path, task.hidden.expected.fail_to_pass
        workspace.write(path, text.encode())
        try:
            told = warm.run(failing, timeout_s=time_limit(task))
        finally:
            workspace.write(path, case.tree[path].data)
        outcomes = [told.outcomes.get(test) for test in failing]
        return all(one is not None and one.status == "passed" for one in outcomes)

    def _opened(self, task: Task, case: Any) -> tuple[Workspace, WarmRunner]:
        """Return the open sandbox of a package, with its release in it."""
        name = case.root.name
        if name not in self._open:
            workspace = Workspace(self._backend.create(task.layers, task.sandbox))
            for path, member in case.tree.items():
                if not member.link:
                    workspace.write(path, member.data)
            warm = get_runner(task.public.runner).warm(workspace)
            self._open[name] = workspace, warm
        return self._open[name]


def judge(written: Sequence[Any], folder: Path, tests: Tests) -> list[Judged]:
    """Judge texts, each in a copy of its file beside the original, and by its task's tests."""
    places: list[Path] = []
    roots: set[Path] = set()
    for number, one in enumerate(written):
        root = folder / one.case.root.name
        if root not in roots:
            shutil.copytree(one.case.root, root)
            roots.add(root)
        original = root / one.case.hole.path
        place = original.with_name(f"{original.stem}_w{number}.py")
        place.write_text(one.file(), encoding="utf-8")
        places.append(place)
    lint = _pylint(places)
    types = _pyright(folder, places)
    return [
        _judged(one, tuple(lint.get(place, ())), types.get(place, []), tests)
        for one, place in zip(written, places, strict=True)
    ]


def _judged(one: Any, lint: tuple[Message, ...], types: Sequence[Any], tests: Tests) -> Judged:
    lines, wanted = one.lines(), set(one.case.dependencies)
    try:
        tree: ast.AST | None = parse(one.file())
    except (SyntaxError, ValueError):
        tree = None  # nothing can import such a file: no test passes
    attributes = [
        n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.end_lineno in lines
    ] if tree else []  # fmt: skip
    invalid = tuple(
        item["message"] for item in types
        if item.get("rule") == _ATTRIBUTE and item["range"]["start"]["line"] + 1 in lines
    )  # fmt: skip
    return Judged(
        parses=tree is not None,
        passed=tree is not None and tests.passed(one),
        valid=static_validity_rate([(lines, lint)]) == 1.0,
        pylint=lint,
        attributes=len(attributes),
        invalid=invalid,
        wanted=len(wanted),
        hits=round(dependency_coverage([(wanted, one.text)]) * len(wanted)),
        repeated=repeated(one.text),
    )


def _run(command: list[str], cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS).stdout


def _pylint(places: Sequence[Path]) -> dict[Path, list[Message]]:
    found: dict[Path, list[Message]] = {}
    kinds = ",".join(sorted(INVALID))
    command = [sys.executable, "-m", "pylint", "--disable=all", f"--enable={kinds}"]
    command += ["--output-format=json", "--score=n", *map(str, places)]
    for item in json.loads(_run(command, places[0].parent) or "[]"):
        path = (places[0].parent / item["path"]).resolve()
        found.setdefault(path, []).append(Message(item["symbol"], item["line"]))
    return found


def _pyright(folder: Path, places: Sequence[Path]) -> dict[Path, list[Any]]:
    found: dict[Path, list[Any]] = {}
    command = [sys.executable, "-m", "pyright", "--outputjson", *map(str, places)]
    for item in json.loads(_run(command, folder) or "{}").get("generalDiagnostics", ()):
        found.setdefault(Path(item["file"]), []).append(item)
    return found
