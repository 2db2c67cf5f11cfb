"""What a perfect repair of the shown tests reaches: a bound for repair from tests alone.

At assist level `tests` half of the failing test functions stay hidden, and a release often changes
several things at once. Here the reference patch itself is made smaller, hunk by hunk, as long as
the shown tests (and all that passed before) still pass; what is left is a repair of what is shown
and of nothing else, written by the package's authors. Where the hidden tests fail on it, no shown
test speaks of what they ask for.

    python benchmarks/visible_half.py SUITE [--task ID ...] [--quick] [--seed N] [--json FILE]

Printed are, for each task, the hunks of the reference patch, those that the shown tests need, and
whether these resolve the task; then the counts. Patches are only cut and applied, never shown.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from benchmarks.record import write  # noqa: E402
from repos.environments.choosing import available  # noqa: E402
from repos.errors import RepoGymError  # noqa: E402
from repos.prepare import prepare  # noqa: E402
from repos.sandbox.protocol import Backend  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.sandbox.surroundings import varied  # noqa: E402
from repos.scoring.score import run_expected  # noqa: E402
from repos.tasks.records import Task, TaskSpec  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402

QUICK = 3
_FILE = re.compile(rb"^(?=diff --git )", re.MULTILINE)
_HUNK = re.compile(rb"^(?=@@ -)", re.MULTILINE)


def pieces(patch: bytes) -> list[tuple[bytes, list[bytes]]]:
    """Return a patch's files: the header and the hunks, which can be left out one by one.

    A file that is made, removed or no text is a piece of its own.
    """
    found: list[tuple[bytes, list[bytes]]] = []
    for file in filter(None, _FILE.split(patch)):
        header, *hunks = _HUNK.split(file)
        special = re.search(rb"^(new|deleted|old|similarity|GIT binary)", header, re.MULTILINE)
        found.append((b"", [file]) if special or not hunks else (header, hunks))
    return found


def joined(files: Sequence[tuple[bytes, list[bytes]]], left_out: set[tuple[int, int]]) -> bytes:
    """Return the patch without some hunks, which are named by file and place."""
    text = b""
    for number, (header, hunks) in enumerate(files):
        kept = [hunk for place, hunk in enumerate(hunks) if (number, place) not in left_out]
        text += header + b"".join(kept) if kept else b""
    return text


def outcome(task: Task, patch: bytes, shown: Sequence[str], backend: Backend) -> tuple[bool, bool]:
    """Return whether the shown tests pass with a patch, and whether all do; nothing else broken."""
    expected = task.hidden.expected
    run = run_expected(task, patch, backend=backend, surroundings=varied(0))
    if run is None:
        return False, False
    passed = {test for test, one in run.outcomes.items() if one.status == "passed"}
    kept = set(expected.pass_to_pass) <= passed
    return kept and set(shown) <= passed, kept and set(expected.fail_to_pass) <= passed


def examine(spec: TaskSpec, suite: str, seed: int, backend: Backend) -> dict[str, Any]:
    """Return the figures of one task."""
    task = prepare(spec, suite=suite, assist="tests", seed=seed)
    shown = task.public.visible_tests
    files = pieces(task.hidden.reference)
    places = [(number, place) for number, (_, h) in enumerate(files) for place in range(len(h))]
    left_out: set[tuple[int, int]] = set()
    resolved = True
    for place in reversed(places):
        fits, whole = outcome(task, joined(files, left_out | {place}), shown, backend)
        if fits:
            left_out.add(place)
            resolved = whole
    return {
        "task": spec.id,
        "all_shown": task.public.plausible_only,
        "hunks": len(places),
        "needed": len(places) - len(left_out),
        "resolved": resolved,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("suite")
    parser.add_argument("--task", action="append", help="only this task; may be repeated")
    parser.add_argument("--quick", action="store_true", help=f"the first {QUICK} tasks only")
    parser.add_argument("--seed", type=int, default=0, help="chooses the tests that are shown")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    try:
        suite = load_suite(options.suite)
        specs = [suite.spec(name) for name in options.task or [s.id for s in suite.specs]]
        backend = get_backend("auto", report=lambda line: print(line, file=sys.stderr))
    except RepoGymError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_status) from error
    specs = available(specs)
    rows = []
    try:
        for spec in specs[: QUICK if options.quick else None]:
            row = examine(spec, suite.name, options.seed, backend)
            rows.append(row)
            said = "all tests shown" if row["all_shown"] else f"resolved {row['resolved']}"
            print(f"{spec.id:28} {row['needed']:3} of {row['hunks']:3} hunks, {said}", flush=True)
    except RepoGymError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_status) from error
    finally:
        backend.close()
    partly = [row for row in rows if not row["all_shown"]]
    figures = {
        "tasks": len(rows),
        "some_tests_hidden": len(partly),
        "resolved_by_what_shown_tests_need": sum(row["resolved"] for row in partly),
    }
    for key, value in figures.items():
        print(f"{key:36} {value}")
    if options.json:
        write(options.json, figures, tasks=rows)


if __name__ == "__main__":
    main()
