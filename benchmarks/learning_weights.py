"""Trains the weights by which `symbolic` orders candidate repairs, and writes their file.

    python benchmarks/learning_weights.py [--bugs N] [--minutes M] [--save FILE] [--json FILE]

Training sees bugs (`learning_bugs.py`) of the packages of swe-releases's training split alone, N a
package, as far as M minutes reach or they are kept already. Candidates are all that the templates
propose for a bug and not only the 64 of `repogym/repair-choice-v1`, because `symbolic` ranks them
all; the reward is 1 for what undoes the bug. `train_*` are figures of these bugs and `other_*` of
those that are kept of packages that training never saw: how many have their undoing among the
candidates (`cases`), the share of those where it comes first (`first`) and among the first 40
(`first40`, as many as `symbolic` tries), in the hand-made order and in the learned one. The same
bugs give the same weights.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from agents.training.repair_policy import Example, train  # noqa: E402
from benchmarks.learning import SUITES, collect  # noqa: E402
from benchmarks.learning_bugs import Bug, packages  # noqa: E402
from benchmarks.record import write  # noqa: E402
from repos.errors import InputError  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402
from tools.repair.candidates import Proposal  # noqa: E402
from tools.repair.features import candidate_features  # noqa: E402
from tools.repair.learned import WEIGHTS, ChoicePolicy  # noqa: E402
from tools.repair.ranking import ranked_proposals  # noqa: E402
from tools.repair.source import Module, Snippet, apply, parse  # noqa: E402

TRIED = 40
WINDOW = 4_000
"""Characters within which an edit that undoes a bug and the bug itself lie."""

_LOOSE = str.maketrans("", "", "() \n\t")
"""Without these characters, texts of equal syntax trees are equal, nearly always."""


def example_of(bug: Bug) -> Example | None:
    """Return all candidates of a bug with their rewards; None where none undoes it."""
    evidence = bug.observation.evidence()
    module = evidence.modules.get(bug.change.path)
    place = _place(module.text, bug.change) if module is not None else None
    if module is None or place is None:
        return None
    ranked = ranked_proposals(evidence, 0)
    real = [number for number, (_, proposal) in enumerate(ranked) if not proposal.probe]
    rewards = np.array([float(_undoes(module, bug.change, place, ranked[n][1])) for n in real])
    if not rewards.any():
        return None
    return Example(candidate_features(evidence, ranked)[real].astype(np.float64), rewards)


def _place(text: str, change: Snippet) -> int | None:
    """Return where the bug stands; None where that may be several places."""
    found, at = [], text.find(change.new)
    while at >= 0:
        if _mended(text, change, at).count(change.old) == 1:  # as it was when it was made
            found.append(at)
        at = text.find(change.new, at + 1)
    return found[0] if len(found) == 1 else None


def _mended(text: str, change: Snippet, place: int) -> str:
    return text[:place] + change.old + text[place + len(change.new) :]


def _undoes(module: Module, change: Snippet, place: int, proposal: Proposal) -> bool:
    """Whether a proposal gives the program as it was before the bug, by its syntax tree."""
    if proposal.path != module.path:
        return False
    first = min(place, *(edit.start for edit in proposal.edits))
    last = max(place + len(change.new), *(edit.end for edit in proposal.edits))
    window = module.text[first:last]
    moved = [replace(e, start=e.start - first, end=e.end - first) for e in proposal.edits]
    made = apply(window, tuple(moved)).translate(_LOOSE)
    if len(window) > WINDOW or made != _mended(window, change, place - first).translate(_LOOSE):
        return False
    trees = [
        parse(apply(module.text, proposal.edits)),
        parse(_mended(module.text, change, place)),
    ]
    first_tree, second_tree = (ast.dump(tree) if tree is not None else "" for tree in trees)
    return bool(first_tree) and first_tree == second_tree


def figures_of(name: str, examples: Sequence[Example], policy: ChoicePolicy) -> dict[str, float]:
    """Return the figures of some bugs."""
    found: dict[str, float] = {f"{name}_cases": len(examples)}
    for order in ("handmade", "learned"):
        places = []
        for one in examples:
            numbers = range(len(one.rewards))
            tried = numbers if order == "handmade" else policy.order(one.features)
            places.append(next(p for p, n in enumerate(tried) if one.rewards[n]))
        for key, most in (("first", 1), (f"first{TRIED}", TRIED)):
            share = sum(place < most for place in places) / max(1, len(places))
            found[f"{name}_{order}_{key}"] = round(share, 3)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="The weights of symbolic.")
    parser.add_argument("--bugs", type=int, default=12, help="bugs a package")
    parser.add_argument("--minutes", type=float, default=60.0, help="time for making bugs")
    parser.add_argument("--save", type=Path, help=f"for example {WEIGHTS.name}")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.save and not options.save.parent.is_dir():
        raise InputError(f"--save {options.save}: there is no folder {options.save.parent}.")
    specs, training = {}, set()
    for suite in map(load_suite, SUITES):
        for spec in suite.specs:
            name = spec.id.rpartition("/")[2].rpartition("-")[0]
            specs.setdefault(name, spec)
            if suite.split(spec) == "train":
                training.add(name)
    backend = get_backend("auto")
    try:
        known = packages(specs, backend)
        seen = [package for package in known if package.name in training]
        others = [package for package in known if package.name not in training]
        bugs = collect(seen, options.bugs, options.minutes, run=True)
        unseen = collect(others, options.bugs, 0.0, run=False)
    finally:
        backend.close()
    examples = {name: _examples(found) for name, found in sorted(bugs.items())}
    policy, _ = train([one for found in examples.values() for one in found])
    figures = figures_of("train", [e for found in examples.values() for e in found], policy)
    figures |= figures_of("other", [e for f in unseen.values() for e in _examples(f)], policy)
    for name, value in figures.items():
        print(f"{name} {value}")
    if options.save:
        policy.save(
            options.save,
            f"python benchmarks/learning_weights.py --bugs {options.bugs} "
            "--save tools/repair/data/weights.json",
            bugs=sum(map(len, bugs.values())),
            cases={name: len(found) for name, found in examples.items() if found},
        )
    if options.json:
        write(options.json, figures)


def _examples(bugs: Sequence[Bug]) -> list[Example]:
    return [one for one in map(example_of, bugs) if one is not None]


if __name__ == "__main__":
    main()
