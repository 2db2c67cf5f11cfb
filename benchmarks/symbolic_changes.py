"""Which small changes of real packages the model `symbolic` can make, and at which rank.

Reads consecutive releases of packages from the package index, takes the functions and constants
that changed in at most six lines, and asks the templates for candidates with the same suspicion
on all lines of the function. Nothing runs; no task of a suite is read: name packages that no
suite has.

    python benchmarks/symbolic_changes.py PACKAGE ... [--releases N] [--lines N] [--quick]
        [--json FILE]

Printed are the share of changes that are among the candidates, the rank of the right one, and by
template its proposals and hits.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import difflib
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from agents.models.symbolic.candidates import Proposal, ranked  # noqa: E402
from agents.models.symbolic.facts import Facts  # noqa: E402
from agents.models.symbolic.pool import twins  # noqa: E402
from agents.models.symbolic.project import Project  # noqa: E402
from agents.models.symbolic.source import (  # noqa: E402
    Edit,
    Module,
    apply,
    first_line,
    overlapping,
)
from agents.models.symbolic.templates import propose  # noqa: E402
from benchmarks.record import write  # noqa: E402
from benchmarks.symbolic_equal import normal  # noqa: E402
from repos.errors import RecordError, RepoGymError  # noqa: E402
from repos.mining.pypi.selection import Rule, candidates  # noqa: E402
from repos.tasks.sources.pypi.archives import read_archive  # noqa: E402
from repos.tasks.sources.pypi.index import PackageIndex  # noqa: E402
from repos.tasks.sources.pypi.pairs import sort_pair  # noqa: E402

PER_PACKAGE = 10
REPEATED = 2
"""A change of the same words in more functions of a release is a renaming, no repair."""

MAX_CHECKED = 500
_WORD = re.compile(r"[A-Za-z_]\w*|\d+")
_NEUTRAL = frozenset("not and or is None True False if else elif return in pass as from".split())


@dataclasses.dataclass(frozen=True)
class Change:
    """One function or constant before and after."""

    pair: str
    path: str
    key: tuple[str, int]
    old: str
    new: str


def units(text: str) -> dict[tuple[str, int], ast.stmt]:
    """Return functions, methods and constants of a file by name and number."""
    found: dict[tuple[str, int], ast.stmt] = {}
    for node in ast.parse(text).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        for part in inside:
            name = getattr(part, "name", None) or ""
            if isinstance(part, ast.Assign):
                name = ast.unparse(part.targets[0])
            if isinstance(part, ast.ClassDef) or not name or "version" in name.lower():
                continue
            full = f"{node.name}.{name}" if isinstance(node, ast.ClassDef) else name
            found[full, sum(key[0] == full for key in found)] = part
    return found


def changes(name: str, old: str, new: str, path: str, most: int) -> Iterator[Change]:
    """Yield the small changes of one file."""
    try:
        before, after = units(old), units(new)
    except (SyntaxError, ValueError, RecursionError):
        return
    for key in before.keys() & after.keys():
        if normal(before[key]) == normal(after[key]):
            continue
        lines = [ast.unparse(unit[key]).split("\n") for unit in (before, after)]
        marks = Counter(line[0] for line in difflib.ndiff(lines[0], lines[1]))
        if max(marks["-"], marks["+"]) <= most:
            yield Change(name, path, key, old, new)


def words(text: str) -> Counter[str]:
    """Return the words of source text that a change adds or removes for sure."""
    return Counter(word for word in _WORD.findall(text) if word not in _NEUTRAL)


def difference(old: str, new: str) -> dict[str, int]:
    """Return how often each word is added, or removed."""
    counts = words(new)
    counts.subtract(words(old))
    return {word: count for word, count in counts.items() if count}


def of_package(package: str, releases: int, most: int, cache: Path) -> list[Change]:
    """Return the small changes between a package's newest releases."""
    index = PackageIndex()
    rule = dataclasses.replace(Rule(), newest_releases=releases)
    found: list[Change] = []
    for one in candidates(package, index, rule):
        try:
            old = read_archive(index.fetch(package, one.old.archive, cache))
            new = read_archive(index.fetch(package, one.new.archive, cache))
        except RecordError as error:
            print(f"{package}: {error}", file=sys.stderr)
            continue
        pair = sort_pair(package, old, new, one.old.version, one.new.version)
        name = f"{package}:{one.old.version}:{one.new.version}"
        here: list[Change] = []
        for path in pair.changed("source"):
            if path.endswith(".py") and path in pair.old and path in pair.new:
                texts = [
                    tree[path].data.decode("utf-8", "replace").replace("\r\n", "\n")
                    for tree in (pair.old, pair.new)
                ]
                here += changes(name, texts[0], texts[1], path, most)
        kinds = Counter(_kind(change) for change in here)
        found += [c for c in here if kinds[_kind(c)] <= REPEATED]
    return sorted(found, key=lambda c: (c.pair, c.path, c.key))[:PER_PACKAGE]


def _kind(change: Change) -> str:
    old, new = (ast.unparse(units(text)[change.key]) for text in (change.old, change.new))
    return repr(sorted(difference(old, new).items()))


def examine(change: Change) -> dict[str, Any]:
    """Return how many candidates there are, the rank of the right one, and all by template."""
    module = Module.parse(change.path, change.old)
    assert module is not None
    node = units(change.old)[change.key]
    wanted = units(change.new)[change.key]
    first, last = first_line(node), node.end_lineno or node.lineno
    span = (module.line_start(first), module.line_start(last) + len(module.lines[last - 1]))
    suspicion = {(change.path, line): 1.0 for line in range(first, last + 1)}
    made = list(propose(Project({change.path: module}), Facts(), suspicion))
    ordered = [p for _, p in ranked(made + twins(made, {change.path: module}), 0)]
    changed = difference(ast.unparse(node), ast.unparse(wanted))
    target = normal(wanted)
    proposals: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    rank = None
    checked = 0
    for number, proposal in enumerate(ordered, 1):
        proposals[proposal.template] += 1
        if proposal.probe or checked >= MAX_CHECKED or not _near(module, proposal, changed):
            continue
        checked += 1
        if _done(module, proposal, span) == target:
            hits[proposal.template] += 1
            rank = rank or number
    return {"pair": change.pair, "unit": change.key[0], "candidates": len(ordered), "rank": rank,
            "proposals": proposals, "hits": hits}  # fmt: skip


def _near(module: Module, proposal: Proposal, changed: dict[str, int]) -> bool:
    """Whether a proposal adds and removes the same words as the change."""
    old = "\n".join(module.text[edit.start : edit.end] for edit in proposal.edits)
    return difference(old, "\n".join(edit.new for edit in proposal.edits)) == changed


def _done(module: Module, proposal: Proposal, span: tuple[int, int]) -> str | None:
    """Return the normal form of the unit after a proposal; None where it is no Python."""
    start, end = span
    inside = [edit for edit in proposal.edits if start <= edit.start and edit.end <= end + 1]
    if overlapping(proposal.edits):
        return None
    moved = tuple(Edit(e.path, e.start - start, min(e.end, end) - start, e.new) for e in inside)
    text = apply(module.text[start:end], moved)
    head = "if 1:\n" if text[:1] in " \t" else ""
    try:
        body = ast.parse(f"{head}{text}\n").body
    except (SyntaxError, ValueError):
        return None
    if head and isinstance(body[0], ast.If):
        body = body[0].body
    return normal(body[0]) if len(body) == 1 else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--releases", type=int, default=16, help="newest releases of each package")
    parser.add_argument("--lines", type=int, default=6, help="changed lines of a function at most")
    parser.add_argument("--quick", action="store_true", help="the two newest release pairs only")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    releases = min(options.releases, 3) if options.quick else options.releases
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for package in options.packages:
            try:
                found = of_package(package, releases, options.lines, Path(folder))
            except RepoGymError as error:
                print(f"{package}: {error}", file=sys.stderr)
                raise SystemExit(error.exit_status) from error
            results += [examine(change) for change in found]
    figures = summary(results)
    for key, value in figures.items():
        if key != "templates":
            print(f"{key:16} {value}")
    for template, (hits, proposals) in figures["templates"].items():
        print(f"{template:20} {hits:4} hits {proposals:7} proposals")
    if options.json:
        write(options.json, figures, changes=results)


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many changes are among the candidates, their ranks, and hits by template."""
    ranks = sorted(result["rank"] for result in results if result["rank"])
    proposals: Counter[str] = sum((result["proposals"] for result in results), Counter())
    hits: Counter[str] = sum((result["hits"] for result in results), Counter())
    order = sorted(proposals, key=lambda name: (-hits[name], proposals[name]))
    return {
        "changes": len(results),
        "among_candidates": len(ranks),
        "median_rank": statistics.median(ranks) if ranks else None,
        **{f"in_first_{n}": sum(rank <= n for rank in ranks) for n in (50, 150, 240)},
        "templates": {name: (hits[name], proposals[name]) for name in order},
    }


if __name__ == "__main__":
    main()
