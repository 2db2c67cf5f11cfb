"""Assist level "tests": which failing tests an agent may see, and the files that show them."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from repos.runners.protocol import Runner


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


def shown_tests(hidden: Path, fail_to_pass: tuple[str, ...], seed: int, runner: Runner) -> Shown:
    """Show half of the failing test functions; at least one stays hidden where there are two.

    All parameters of one function go together, since a file shows or hides a function whole.
    Where a function can't be cut out of its file (it comes from a base class), it counts as
    shown: better a merely plausible success than a leak that is called resolved.

    Args:
        hidden: Folder with the hidden test files.
        fail_to_pass: All failing test ids.
        seed: Chooses.
        runner: Splits ids and cuts files.
    """
    files = {
        path.relative_to(hidden).as_posix(): path.read_bytes()
        for path in hidden.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    own = runner.shown(files, fail_to_pass, seed)
    if own is not None:
        kept = {name: files[name] for name in own[1]}
        return Shown(own[0], kept, _digest(kept))
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for test in fail_to_pass:
        groups[runner.split_id(test).place].append(test)
    removable = [
        (name, function)
        for name, function in sorted(groups)
        if name in files and runner.cut(name, files[name], (function,)) is not None
    ]
    order = random.Random(f"{seed}:{len(groups)}").sample(removable, len(removable))
    wanted = max(1, len(groups) // 2)
    chosen = set(groups) - set(removable)
    for group in order:
        if len(chosen) < wanted:
            chosen.add(group)
    cuts: dict[str, list[str]] = defaultdict(list)
    for name, function in removable:
        if (name, function) not in chosen:
            cuts[name].append(function)
    for name, functions in cuts.items():
        without = runner.cut(name, files[name], functions)
        assert without is not None  # each of them could be cut alone
        files[name] = without
    shown = tuple(t for g in sorted(chosen) for t in groups[g])
    return Shown(shown, files, _digest(files))


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(name.encode() + b"\0" + data)
    return digest.hexdigest()[:16]
