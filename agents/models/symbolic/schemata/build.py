"""Builds mutant schemata: candidates that carry hundreds of changes and are never kept.

Each function that some change touches calls `repogym_mutate` first; the file's end brings the
source of `runtime` and the plan: the functions' texts, the changes of them, and which tests are
run again with each change.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.models.symbolic.condition_synthesis import conditioned
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.schemata.bundle import CALLER, epilogue
from agents.models.symbolic.schemata.results import MutantResult
from tools.repair.candidates import Candidate, Proposal, Scored, value
from tools.repair.source import Edit, FunctionNode, Module, first_line, snippets

SCHEMA = "schema"
"""Template name of schemata."""

MUTANTS = 800
"""Changes in one schema."""

ROOM = 80_000
"""Characters of one schema."""

MAX_SCHEMATA = 2
"""Schemata with changes of the templates."""

MAX_READ = 4_000
"""Proposals of the pool that are looked at for them."""

CONDITION_SCHEMATA = 2
"""Schemata with conditional forms."""

UNNEEDED = 0.4
"""Factor of conditions for changes that broke nothing."""

MAX_CONDITIONED = 24
"""Changes that conditions are looked for."""

MAX_AT_PLACE = 3
"""Of them, on one line."""

SECONDS = 6.0
"""Time that one schema takes for repeating tests."""


@dataclass(frozen=True)
class Schema:
    """A candidate that carries many changes.

    Attributes:
        proposal: The candidate; it is never kept.
        mutants: The changes that it tries, with their scores, in its own order.
    """

    proposal: Proposal
    mutants: tuple[Scored, ...]


def first_schemata(know: Knowledge, ordered: Sequence[Scored]) -> list[Schema]:
    """Return the schemata of a pool, the most promising changes first."""
    return _schemata(know, ordered[:MAX_READ], MAX_SCHEMATA)


def conditional_schemata(know: Knowledge, found: Sequence[MutantResult]) -> list[Schema]:
    """Return the schemata of the conditional forms of changes that repair but are too much."""
    made: list[Scored] = []
    doubtful = [one for one in found if one.proposal.probe or one.broken]
    places: Counter[tuple[str, int]] = Counter()
    # What breaks little is nearer to a repair, wherever it stands.
    for one in sorted(doubtful, key=lambda r: (-r.fixed, -r.score / (1 + r.broken))):
        place = (one.proposal.path, one.proposal.line)
        if places[place] >= MAX_AT_PLACE or places.total() >= MAX_CONDITIONED:
            continue
        places[place] += 1
        # A form has the score of its change, times what it is worth beside it at the same place.
        scale = one.score / max(1e-9, value(one.proposal, 1.0))
        # Where nothing speaks against the change itself, a condition only dresses it up.
        scale *= 1.0 if one.broken else UNNEEDED
        forms = conditioned(know.project, know.facts, one.proposal)
        made += [(value(form, scale), form) for form in forms]
    return _schemata(know, sorted(made, key=lambda one: -one[0]), CONDITION_SCHEMATA)


def _schemata(know: Knowledge, ordered: Iterable[Scored], most: int) -> list[Schema]:
    """Return at most so many schemata of proposals, in their order."""
    waiting: list[tuple[float, Proposal, FunctionNode]] = []
    for score, proposal in ordered:
        target = _function_of(know.modules[proposal.path], proposal)
        if target is not None:
            waiting.append((score, proposal, target))
    found: list[Schema] = []
    while waiting and len(found) < most:
        chunk = waiting[:MUTANTS]
        made = _schema(know, chunk)
        while made is not None and _length(made) > ROOM and len(chunk) > 1:
            chunk = chunk[: int(len(chunk) * min(0.8, ROOM / _length(made)))]
            made = _schema(know, chunk) if chunk else None
        if made is None:
            break
        found.append(Schema(made, tuple((score, proposal) for score, proposal, _ in chunk)))
        waiting = waiting[len(chunk) :]
    return found


def _length(proposal: Proposal) -> int:
    return sum(len(edit.new) for edit in proposal.edits)


# -- functions that can be exchanged -------------------------------------------------------


def _entry(module: Module, function: FunctionNode) -> ast.stmt | None:
    """Return the first statement behind the docstring, where a line can stand in front of it."""
    body = list(function.body)
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if isinstance(function, ast.AsyncFunctionDef) or not body:
        return None
    return body[0] if module.begins_line(body[0]) and body[0].lineno > function.lineno else None


def _function_of(module: Module, proposal: Proposal) -> FunctionNode | None:
    """Return the function whose body holds all edits of a proposal; None where none does."""
    function = module.outermost.get(module.line_of(proposal.edits[0].start))
    entry = _entry(module, function) if function is not None else None
    if function is None or entry is None:
        return None
    start, end = module.line_start(first_line(entry)), module.span(function)[1]
    return function if all(start <= e.start and e.end <= end for e in proposal.edits) else None


def _about(module: Module, function: FunctionNode) -> dict[str, Any]:
    """Return what the plan has to say of a function: its text and its surroundings."""
    classes = [n for n in module.ancestors(function) if isinstance(n, ast.ClassDef)][::-1]
    head = "".join(f"{' ' * node.col_offset}class {node.name}:\n" for node in classes)
    start = module.line_start(function.lineno)
    text = module.text[start : module.span(function)[1]]
    return {"head": head, "text": text, "names": [*(n.name for n in classes), function.name]}


def _mark(path: str, function: FunctionNode) -> str:
    """Return what a function is called in plans: its file and line."""
    return f"{path}:{function.lineno}"


# -- one schema ----------------------------------------------------------------------------


def _schema(know: Knowledge, chunk: list[tuple[float, Proposal, FunctionNode]]) -> Proposal | None:
    """Return the candidate for some changes; None where no failing test comes by."""
    functions = dict.fromkeys((proposal.path, function) for _, proposal, function in chunk)
    plan = _plan(know, chunk, list(functions))
    if not plan["failing"]:
        return None
    edits = []
    for path, function in functions:
        module = know.modules[path]
        entry = _entry(module, function)
        assert entry is not None
        at = module.line_start(first_line(entry))
        call = f'globals().get("repogym_mutate", len)("{_mark(path, function)}")'
        edits.append(Edit(path, at, at, f"{module.indent(entry)}{call}\n"))
    for number, path in enumerate(dict.fromkeys(path for path, _ in functions)):
        text = know.modules[path].text
        lead = "" if text.endswith("\n") else "\n"
        end = CALLER if number else epilogue(plan)
        edits.append(Edit(path, len(text), len(text), lead + end))
    line = next(iter(functions))[1].lineno
    note = f"schema of {len(chunk)} changes"
    return Proposal(tuple(edits), SCHEMA, 1.0, line, note, probe=True)


def _plan(
    know: Knowledge,
    chunk: list[tuple[float, Proposal, FunctionNode]],
    functions: list[tuple[str, FunctionNode]],
) -> dict[str, Any]:
    mutants = []
    for _, proposal, function in chunk:
        start = know.modules[proposal.path].line_start(function.lineno)
        edits = [[e.start - start, e.end - start, e.new] for e in proposal.edits]
        mutants.append([_mark(proposal.path, function), edits])
    lines: dict[str, set[int]] = {}
    for path, f in functions:
        lines.setdefault(path, set()).update(range(f.body[0].lineno, (f.end_lineno or 0) + 1))
    failing = [test for test in know.search_tests if _reaches(know, test, lines)]
    passing = [test for test in know.near_suspicious() if _reaches(know, test, lines)]
    return {
        "mutants": mutants,
        "functions": {_mark(path, f): _about(know.modules[path], f) for path, f in functions},
        "failing": failing,
        "passing": passing,
        "reporters": [*failing[-1:], *passing[-2:]],
        "seconds": SECONDS,
    }


def schema_candidate(modules: Mapping[str, Module], proposal: Proposal) -> Candidate:
    """Write a schema, which may have edits in several files."""
    paths = dict.fromkeys(edit.path for edit in proposal.edits)
    parts = [
        snippet
        for path in paths
        for snippet in snippets(modules[path], tuple(e for e in proposal.edits if e.path == path))
    ]
    return Candidate(proposal, 1.0, tuple(parts))


def _reaches(know: Knowledge, test: str, lines: dict[str, set[int]]) -> bool:
    run = know.spectrum_run
    covered = run.covers.get(test, {}) if run else {}
    return any(wanted & covered.get(path, frozenset()) for path, wanted in lines.items())
