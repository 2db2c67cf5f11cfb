"""Chooses which parts of a release can be removed, before anything runs without them."""

from __future__ import annotations

import ast
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graphdb.graph import CodeGraph
from graphdb.schema import CALLS, EXTERNAL, INHERITS, USES, Node
from graphdb.source import FolderSource
from repos.runners.protocol import Runner
from repos.runners.python.source import function_spans
from repos.tasks.sources.pypi.archives import Tree, write_tree
from repos.tasks.sources.pypi.classify import classify, read_layout
from repos.tasks.sources.removed.records import Level, RemovedPart, TestPart
from repos.tasks.sources.removed.text import Part, part_text, parts

Coverage = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Executed lines by test id and file, as `TestReport.coverage` tells them."""

SHORT = 30
"""Characters below which a text that stands elsewhere too gives nothing away."""


LEVELS: tuple[Level, ...] = ("function", "class", "block", "function", "statement", "expression")
"""The turns in which levels get tasks: functions twice as many as each other one."""


@dataclass(frozen=True)
class RemovalRule:
    """Which parts become tasks; the defaults are the rule of the suite repo-lite.

    Attributes:
        wanted: Tasks of one package at most.
        levels: The levels, in the turns in which they get a task each, again and again.
        tries: Candidates tried in a turn; a level of which none fits gets no other turn.
        tests: Test functions that run the part, at least and at most.
        lines: Lines of the part, at least and at most, by level.
        characters: Least length of a masked expression or statement.
    """

    wanted: int = 12
    levels: tuple[Level, ...] = LEVELS
    tries: int = 4
    tests: tuple[int, int] = (2, 40)
    lines: Mapping[Level, tuple[int, int]] = field(
        default_factory=lambda: {
            "function": (3, 60), "class": (5, 150), "expression": (1, 10), "statement": (1, 10),
            "block": (2, 30),
        }
    )  # fmt: skip
    characters: int = 20


@dataclass(frozen=True)
class Candidate:
    """A part that may become a task.

    Attributes:
        path: Its file.
        part: Its place.
        text: The code.
        tests: Test functions that run it, sorted.
        dependencies: Qualified names of what it uses of the rest of the repository, sorted.
    """

    path: str
    part: Part
    text: bytes
    tests: tuple[TestPart, ...]
    dependencies: tuple[str, ...]


def overlap(one: Candidate, other: Candidate) -> bool:
    """Whether two parts share code."""
    if one.path != other.path:
        return False
    return one.part.start < other.part.end and other.part.start < one.part.end


def covers(task: RemovedPart, one: Candidate) -> bool:
    """Whether a part of the same release shares code with that of a task, and is another."""
    same = (task.start, task.end) == (one.part.start, one.part.end)
    if task.path != one.path or same:
        return False
    return one.part.start < task.end and task.start < one.part.end


def candidates(
    package: str, release: Tree, coverage: Coverage, runner: Runner, rule: RemovalRule, folder: Path
) -> dict[Level, list[Candidate]]:
    """Return the candidates of a release by level, in an order that its name decides.

    Args:
        package: Project name.
        release: Its files.
        coverage: Which lines each passing test runs.
        runner: Splits test ids.
        rule: Which parts are taken.
        folder: An empty folder for the files that the graph is built of.
    """
    write_tree(release, folder)
    graph = CodeGraph.build(FolderSource(folder), None, "networkx")
    layout = read_layout(release, package)
    found: dict[Level, list[Candidate]] = defaultdict(list)
    whole = b"\n".join(m.data for m in release.values() if not m.link)
    squeezed = b" ".join(whole.split())
    for path, member in sorted(release.items()):
        if not path.endswith(".py") or member.link or classify(path, layout) != "source":
            continue
        running = _running(path, coverage, runner)
        if not running:
            continue
        for part in _fitting(member.data, rule):
            text = part_text(member.data, part.start, part.end)
            tests = _tests({t for n in part.lines for t in running.get(n, ())}, release)
            if tests is None or not rule.tests[0] <= len(tests) <= rule.tests[1]:
                continue
            if len(text) >= SHORT and squeezed.count(b" ".join(text.split())) > 1:
                continue  # the same code stands elsewhere
            uses = _dependencies(graph, path, part, text)
            if uses:
                found[part.level].append(Candidate(path, part, text, tests, uses))
    graph.store.close()
    for level, items in found.items():
        random.Random(f"{package}:{level}").shuffle(items)
    return found


def _running(path: str, coverage: Coverage, runner: Runner) -> dict[int, set[tuple[str, str]]]:
    """Return the test functions that run each line of a file."""
    lines: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for test, files in coverage.items():
        if test:
            for line in files.get(path, ()):
                lines[line].add(runner.split_id(test).place)
    return lines


def _fitting(source: bytes, rule: RemovalRule) -> Iterator[Part]:
    try:
        every = list(parts(source))
    except (SyntaxError, ValueError):
        return
    bodies = [part for part in every if part.level in ("function", "class")]
    written = Counter(
        part.name for part in bodies if part_text(source, part.start, part.end) != b"..."
    )  # not those of overloads
    for part in every:
        if part in bodies and written[part.name] > 1:
            continue  # such as a property's getter and setter: the name does not tell which
        least, most = rule.lines[part.level]
        if not least <= len(part.lines) <= most:
            continue
        text = part_text(source, part.start, part.end)
        if part.level in ("expression", "statement") and len(text) < rule.characters:
            continue
        yield part


def _tests(places: set[tuple[str, str]], release: Tree) -> tuple[TestPart, ...] | None:
    """Return where test functions stand; None where one can't be cut out of its file."""
    found = []
    for path, name in sorted(places):
        span = function_spans(release[path].data).get(name) if path in release else None
        if span is None:
            return None
        found.append(TestPart(path=path, name=name, first=span[0], last=span[1]))
    return tuple(found)


def _dependencies(graph: CodeGraph, path: str, part: Part, text: bytes) -> tuple[str, ...]:
    """Return what of the repository, outside of the definition, the removed text names."""
    words = set(re.findall(r"[^\W\d]\w*", text.decode("utf-8", "replace")))
    owner = f"python:{path}::{part.name}"
    inside = [node for node in _nodes(graph, owner) if node is not None]
    found = set()
    for link in graph.store.links(inside, [CALLS, USES, INHERITS], "out"):
        other: Node = link.other
        own = other.id == owner or other.id.startswith(owner + ".")
        if other.label != EXTERNAL and not own and other.name in words:
            found.add(other.qualified_name)
    return tuple(sorted(found))


def _nodes(graph: CodeGraph, owner: str) -> list[Node]:
    """Return the node of a definition and those of the functions in it."""
    names = [i for i in graph.store.ids(("CLASS", "FUNCTION", "METHOD")) if i.startswith(owner)]
    return graph.store.nodes([i for i in names if i == owner or i[len(owner)] in ".#"])


def parses(source: bytes) -> bool:
    """Whether Python can read a file."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True
