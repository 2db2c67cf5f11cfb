"""Which passing tests a diff can matter to: those that run a function that it changes.

What each test runs is recorded once, on the base with the hidden tests in place. Only fast scoring
relies on it. What is not seen: code that runs in another process, and what an earlier test left
ready for a later one (a fixture of a module, a cache).
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from repos.cache import platform_key, publish
from repos.prepare import files_key
from repos.runners.controls import Place
from repos.runners.protocol import Runner
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.workspace import Workspace
from repos.scoring.grading import deciding_files, time_limit
from repos.scoring.patches import sections, without_protected
from repos.tasks.records import Task

VERSION = 1
NAME = "lines.json"
SLOWER = 3.0
"""How much longer than a plain run one with coverage may take."""

Lines = Mapping[Place, Mapping[str, frozenset[int]]]
"""Lines by file that each test function runs; what runs while collecting is `COLLECTING`'s."""

COLLECTING: Place = ("", "")


@dataclass(frozen=True)
class Span:
    """The body of a function in the base; decorators and signature run on import.

    Attributes:
        first: Its first line.
        last: Its last line.
        indent: Columns before the function's `def`.
    """

    first: int
    last: int
    indent: int


@dataclass(frozen=True)
class Change:
    """Lines of the base that go, and those that come in their place.

    Attributes:
        first: First line that goes; where none does, the line behind which others come.
        last: Last line that goes; 0 where none does.
        added: What comes.
    """

    first: int
    last: int
    added: tuple[bytes, ...]

    def within(self, span: Span) -> bool:
        """Whether all of it lies in a function's body."""
        if self.last:
            inside = span.first <= self.first and self.last <= span.last
        else:
            inside = span.first - 1 <= self.first <= span.last
        return inside and all(
            len(line) - len(line.lstrip()) > span.indent for line in self.added if line.strip()
        )


def lines_run(task: Task, *, backend: Backend) -> Lines | None:
    """Return the lines that each test function of the deciding files runs on the base.

    Args:
        task: A prepared task.
        backend: Makes the sandbox of the one run.

    Returns:
        The lines; None where the runner can't tell, or the run did not end.

    Raises:
        InfrastructureError: The sandbox is gone.
    """
    runner = get_runner(task.public.runner)
    files = deciding_files(task, runner)
    facts = [VERSION, *task.hidden.removed]
    for name in files:
        path = task.hidden.files / name
        facts += [name, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
    ran = f"lines-{task.public.environment}-{platform_key()}-{digest}"

    def build(folder: Path) -> None:
        rows = [
            [*place, file, sorted(lines)]
            for place, found in _record(task, files, runner, backend).items()
            for file, lines in found.items()
        ]
        (folder / NAME).write_text(json.dumps(rows), encoding="utf-8")
        (folder / NAME).chmod(0o600)

    made = publish(f"tasks/{files_key(task.spec)}/{ran}", build)
    found: dict[Place, dict[str, frozenset[int]]] = defaultdict(dict)
    for file, function, source, lines in json.loads((made / NAME).read_text(encoding="utf-8")):
        found[file, function][source] = frozenset(lines)
    return found or None


def _record(
    task: Task, files: tuple[str, ...], runner: Runner, backend: Backend
) -> dict[Place, dict[str, set[int]]]:
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        for path in sorted(task.hidden.files.rglob("*")):
            if path.is_file():
                name = path.relative_to(task.hidden.files).as_posix()
                workspace.write(name, path.read_bytes())
        for name in task.hidden.removed:
            workspace.remove(name)
        limit = SLOWER * time_limit(task)
        report = runner.run(workspace, files, timeout_s=limit, coverage=True)
    found: dict[Place, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    if report.limit is None and report.complete:
        for test, covered in (report.coverage or {}).items():
            place = runner.split_id(test).place if test else COLLECTING
            for file, lines in covered.items():
                found[place][file].update(lines)
    return found


def touched(task: Task, diff: bytes, lines: Lines) -> frozenset[Place] | None:
    """Return the test functions that run a function that the diff changes.

    Args:
        task: A prepared task.
        diff: A git diff against the base.
        lines: What each test function runs.

    Returns:
        The functions; None where any test may be concerned: files are new, gone, renamed or no
        Python, or something outside of functions changes, or in one that runs on import.
    """
    spans: dict[str, set[Span]] = defaultdict(set)
    runner = get_runner(task.public.runner)
    for paths, text in sections(without_protected(diff, task.spec.test_paths, runner)):
        found = _changed_spans(task.layers.testbed[0], paths, text)
        if found is None:
            return None
        spans[paths[0]] |= found
    bodies = {
        file: {line for span in found for line in range(span.first, span.last + 1)}
        for file, found in spans.items()
    }

    def runs(covered: Mapping[str, Set[int]]) -> bool:
        return any(covered.get(file, frozenset()) & body for file, body in bodies.items())

    if runs(lines.get(COLLECTING, {})):
        return None
    return frozenset(place for place, covered in lines.items() if runs(covered))


_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


def _changed_spans(base: Path, paths: tuple[str, ...], text: bytes) -> set[Span] | None:
    """Return the functions that a file's part of a diff changes, or None; see `touched`."""
    head = text.split(b"\n@@ ", 1)[0]
    odd = rb"^(?:new file|deleted file|old mode|new mode|rename|copy|GIT binary|Binary)"
    if len(paths) != 1 or not paths[0].endswith(".py") or re.search(odd, head, re.MULTILINE):
        return None
    try:
        functions = list(_functions(ast.parse((base / paths[0]).read_bytes())))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    found = set()
    for change in _changes(text):
        span = next((one for one in functions if change.within(one)), None)
        if span is None:
            return None
        found.add(span)
    return found


def _functions(tree: ast.AST) -> Iterator[Span]:
    """Yield the outermost functions of a module, methods among them, but those of one line."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.body[0].lineno, node.body[-1].end_lineno
            if first > node.lineno and last is not None:
                yield Span(first, last, node.col_offset)
        else:
            yield from _functions(node)


def _changes(text: bytes) -> Iterator[Change]:
    """Yield what a file's part of a diff changes."""
    line = 0
    gone: list[int] = []
    added: list[bytes] = []
    for row in [*text.split(b"\n"), b" "]:
        hunk = _HUNK.match(row)
        if line and hunk is None and row[:1] == b"-":
            gone.append(line)
            line += 1
        elif line and hunk is None and row[:1] == b"+":
            added.append(row[1:])
        elif row[:1] != b"\\":  # a line that stays, or the next hunk
            if gone:
                yield Change(gone[0], gone[-1], tuple(added))
            elif added:
                yield Change(line - 1, 0, tuple(added))
            gone, added = [], []
            line += line > 0
            if hunk is not None:
                line = int(hunk[1]) + (hunk[2] == b"0")
