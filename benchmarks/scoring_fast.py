"""How often fast scoring disagrees with full scoring: on references and on wrong patches.

Wrong patches are made of each task's reference: nothing at all, the reference without one of its
hunks, its first half, its second half, and the reference with one synthetic bug, in a function that
it changes (a neighbour) or in another one of the same file. Some of them are right all the same;
what is counted is only whether both ways of scoring say the same.

    python benchmarks/scoring_fast.py [--quick] [--suite NAME]... [--task ID]... [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import record  # noqa: E402

from repos.errors import InfrastructureError  # noqa: E402
from repos.prepare import prepare  # noqa: E402
from repos.sandbox.protocol import Backend  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.sandbox.workspace import Workspace  # noqa: E402
from repos.scoring.patches import sections  # noqa: E402
from repos.scoring.verdicts import score_once  # noqa: E402
from repos.tasks.records import Task  # noqa: E402
from repos.tasks.sources.mutants.operators import mutations, pick  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402

HUNKS = 4
"""Hunks that are left out one at a time, at most."""

BUGS = 3
"""Synthetic bugs of a task, near and far each, at most."""


def hunks_of(diff: bytes) -> list[tuple[bytes, bytes]]:
    """Return the head of the file and the text of each hunk of a diff."""
    found = []
    for _, text in sections(diff):
        head, *rest = text.split(b"\n@@ ")
        found += [(head, b"\n@@ " + hunk.removesuffix(b"\n")) for hunk in rest]
    return found


def joined(hunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return the diff of some hunks, in their order."""
    text, last = b"", None
    for head, hunk in hunks:
        text += (b"" if head == last else (b"\n" * bool(text)) + head) + hunk
        last = head
    return text + b"\n" if text else b""


def wrong_patches(task: Task, backend: Backend) -> Iterator[tuple[str, bytes]]:
    """Yield the kind and the diff of each wrong patch of a task."""
    yield "empty", b""
    hunks = hunks_of(task.hidden.reference)
    if len(hunks) > 1:
        for at in range(min(HUNKS, len(hunks))):
            yield "hunk reverted", joined(hunks[:at] + hunks[at + 1 :])
    if len(hunks) > 3:
        half = len(hunks) // 2
        yield "first half", joined(hunks[:half])
        yield "second half", joined(hunks[half:])
    yield from buggy(task, backend)


def buggy(task: Task, backend: Backend) -> Iterator[tuple[str, bytes]]:
    """Yield the reference with one synthetic bug beside it."""
    random = Random(task.id)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.apply(task.hidden.reference)
        names = [p for p in workspace.changes() if p.endswith(".py")]
        near, far = [], []
        for name in names:
            try:
                source = workspace.read(name)
            except FileNotFoundError:
                continue
            base = task.layers.testbed[0] / name
            old = {*base.read_bytes().split(b"\n")} if base.is_file() else set()
            lines = source.split(b"\n")
            found = mutations(source)
            changed = {
                m.function
                for m in found
                if any(x not in old for x in lines[m.start[0] - 1 : m.end[0]])
            }
            near += [(name, source, m) for m in found if m.function in changed]
            far += [(name, source, m) for m in found if m.function not in changed]
        for kind, some in (("bug near", near), ("bug elsewhere", far)):
            chosen = pick([m for _, _, m in some], BUGS, random)
            for name, source, mutation in [row for row in some if row[2] in chosen][:BUGS]:
                workspace.write(name, mutation.apply(source))
                yield kind, workspace.diff()
                workspace.write(name, source)


def compare(task: Task, backend: Backend) -> list[dict[str, Any]]:
    """Return what both ways of scoring say of each patch of a task."""
    rows = []
    for kind, diff in [("reference", task.hidden.reference), *wrong_patches(task, backend)]:
        fast, _ = score_once(task, diff, backend=backend, fast=True)
        if fast.scoring != "fast":
            return []
        full, _ = score_once(task, diff, backend=backend)
        broken = [t for t in task.hidden.expected.pass_to_pass if full.checks[t] != "passed"]
        rows.append(
            {
                "task": task.id,
                "kind": kind,
                "applied": full.applied,
                "full": full.resolved,
                "fast": fast.resolved,
                "fraction": full.fraction,
                "fast_fraction": fast.fraction,
                "asked": fast.asked,
                "broken_unseen": [] if full.resolved or not fast.resolved else broken[:5],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Fast scoring beside full scoring.")
    parser.add_argument("--quick", action="store_true", help="two tasks of swe-mini")
    parser.add_argument("--suite", action="append", help="swe-mini and swe-lite by default")
    parser.add_argument("--task", action="append", default=[], help="only this task")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    backend = get_backend("auto")
    rows: list[dict[str, Any]] = []
    left: list[str] = []
    try:
        for suite in options.suite or (["swe-mini"] if options.quick else ["swe-mini", "swe-lite"]):
            specs = [s for s in load_suite(suite).specs if not options.task or s.id in options.task]
            for spec in specs[:2] if options.quick else specs:
                try:
                    found = compare(prepare(spec, suite=suite), backend)
                except InfrastructureError as error:
                    print(f"{spec.id}: {error}", flush=True)
                    left.append(spec.id)
                    continue
                rows += found
                if not found:
                    left.append(spec.id)
                odd = [r for r in found if r["full"] != r["fast"]]
                print(f"{spec.id:34} {len(found):3} patches, {len(odd)} disagree", flush=True)
                for row in odd:
                    said = f"full {row['full']}, fast {row['fast']}"
                    print(f"    {row['kind']}: {said} {row['broken_unseen']}")
    finally:
        backend.close()
    kinds = Counter(row["kind"] for row in rows)
    for kind, count in kinds.items():
        own = [r for r in rows if r["kind"] == kind]
        alone = [
            sum(r[a] and not r[b] for r in own) for a, b in (("fast", "full"), ("full", "fast"))
        ]
        print(
            f"{kind:16} {count:4} patches, {sum(r['full'] for r in own):4} resolved, "
            f"by fast scoring alone {alone[0]}, by full scoring alone {alone[1]}"
        )
    figures = {
        "patches": len(rows),
        "tasks": len({row["task"] for row in rows}),
        "tasks_without": len(left),
        "references": kinds["reference"],
        "fast_disagreements_references": sum(
            r["full"] != r["fast"] for r in rows if r["kind"] == "reference"
        ),
        "fast_disagreements": sum(r["full"] != r["fast"] for r in rows),
        "fast_alone_resolved": sum(r["fast"] and not r["full"] for r in rows),
        "unresolved": sum(not r["full"] for r in rows),
    }
    for key, value in figures.items():
        print(f"{key:32} {value}")
    if options.json:
        record.write(options.json, figures, patches=rows, left_out=left)


if __name__ == "__main__":
    main()
