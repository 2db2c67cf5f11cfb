"""Assist level "tests": which failing tests an agent may see, and the files that show them."""

from __future__ import annotations

import ast
import hashlib
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shown:
    """The choice of one seed.

    Attributes:
        shown: Ids of the failing tests that are shown.
        files: Test files to lay over the base, without the tests that stay hidden.
        key: Hash of the choice, for caching.
    """

    shown: tuple[str, ...]
    files: dict[str, bytes]
    key: str


def function_of(test_id: str) -> str:
    """Return a test id without its parameters: the function that a file can show or not."""
    head, _, tail = test_id.partition("::")
    return f"{head}::{tail.partition('[')[0]}"


def shown_tests(hidden: Path, fail_to_pass: tuple[str, ...], seed: int) -> Shown:
    """Show half of the failing test functions; at least one stays hidden where there are two.

    All parameters of one function go together, since a file shows or hides a function whole.
    Where a function can't be cut out of its file (it comes from a base class), it counts as
    shown: better a merely plausible success than a leak that is called resolved.

    Args:
        hidden: Folder with the hidden test files.
        fail_to_pass: All failing test ids.
        seed: Chooses.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for test in fail_to_pass:
        groups[function_of(test)].append(test)
    sources = {p.relative_to(hidden).as_posix(): p for p in hidden.rglob("*") if p.is_file()}
    spans = {
        name: function_spans(path.read_bytes())
        for name, path in sources.items()
        if name.endswith(".py")
    }
    removable = [g for g in sorted(groups) if _span(g, spans) is not None]
    fixed = [g for g in sorted(groups) if g not in set(removable)]
    order = random.Random(f"{seed}:{len(groups)}").sample(removable, len(removable))
    wanted = max(1, len(groups) // 2)
    chosen = set(fixed)
    for group in order:
        if len(chosen) < wanted:
            chosen.add(group)
    cut: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
    for group in removable:
        if group not in chosen:
            span = _span(group, spans)
            assert span is not None
            cut[group.split("::")[0]].append(span)
    files = {
        name: _without(path.read_bytes(), cut[name]) if name in cut else path.read_bytes()
        for name, path in sources.items()
        if not name.endswith(".pyc")
    }
    shown = tuple(t for g in sorted(chosen) for t in groups[g])
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(name.encode() + b"\0" + data)
    return Shown(shown, files, digest.hexdigest()[:16])


def function_spans(source: bytes) -> dict[str, tuple[int, int, bool]]:
    """Return first line, last line and "stands alone in its block" by `Class::function`."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    spans: dict[str, tuple[int, int, bool]] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        alone = len(body) == 1
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                spans[prefix + node.name] = (first, node.end_lineno or first, alone)
            elif isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}::")

    visit(tree.body, "")
    return spans


def _span(
    group: str, spans: dict[str, dict[str, tuple[int, int, bool]]]
) -> tuple[int, int, bool] | None:
    path, _, name = group.partition("::")
    return spans.get(path, {}).get(name)


def _without(source: bytes, cuts: list[tuple[int, int, bool]]) -> bytes:
    """Return the source with the spans' lines removed; an emptied class keeps a `pass`."""
    lines = source.splitlines(keepends=True)
    gone: set[int] = set()
    for first, last, _ in cuts:
        gone.update(range(first - 1, last))
    kept = b"".join(line for number, line in enumerate(lines) if number not in gone)
    try:
        ast.parse(kept)
    except SyntaxError:
        for first, last, _ in cuts:
            indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
            lines[first - 1] = indent + b"pass\n"
            for number in range(first, last):
                lines[number] = b""
        kept = b"".join(lines)
    return kept
