"""Very many changes tried in one run of the tests: which of them are worth a trial of their own.

A trial costs a start of the tests and a part of the budget; calling a test function again costs
a millisecond. So a few candidates that are never kept carry hundreds of changes each, as mutant
schemata do (Untch, Offutt and Harrold, ISSTA 1993), put one after the other into the running
functions and repeat the failing test (`inside`). Others enumerate expressions over the values at
suspicious places (`inside_values`), which no template needs to know. What repaired a test there
is tried first, as an ordinary candidate; what did not hardly gets a trial.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.models.symbolic.candidates import Candidate, Proposal, value
from agents.models.symbolic.hearing import Hit
from agents.models.symbolic.module_constants import Constant, constant_of
from agents.models.symbolic.source import Edit, FunctionNode, Module, first_line, snippets
from agents.models.symbolic.travelling import CALLER, tail

if TYPE_CHECKING:
    from agents.models.symbolic.knowledge import Knowledge

REHEARSE = "rehearse"

CHANGES = 800
"""Changes that one candidate carries."""

ROOM = 80_000
"""Characters of one candidate."""

MAX_CARRIERS = 2
"""Candidates that carry changes of the templates at first."""

MORE_CARRIERS = 3
"""Candidates that carry the next changes where the first ones repair nothing."""

UNNEEDED = 0.4
"""Factor of conditions for changes that broke nothing."""

MAX_CONDITIONED = 24
"""Changes that conditions are rehearsed for."""

MAX_AT_PLACE = 3
"""Of them, on one line."""

CONDITION_CARRIERS = 2
"""Candidates that carry such conditional forms."""

MAX_READ = 4_000
"""Proposals of the pool that are looked at for them."""

EQUAL = 60
"""Expressions with equal values in the failing test that face the others, the second time."""

VARIANTS = 1_500
"""Expressions that are tried at one place then."""

SECONDS = 8.0
"""Time that one candidate takes for repeating tests."""

DEAD = 0.08
"""Factor of changes that repaired nothing when they were rehearsed."""

MAX_PASSING = 30
"""Passing tests that a candidate repeats with what repaired a failing one."""


@dataclass(frozen=True)
class Place:
    """An expression that others are looked for."""

    path: str
    start: int
    end: int
    line: int
    score: float


@dataclass(frozen=True)
class Carrier:
    """A candidate that carries many changes.

    Attributes:
        proposal: The candidate; it is never kept.
        changes: The changes of templates that it tries, in its own order.
        places: The places where it looks for expressions.
    """

    proposal: Proposal
    changes: tuple[tuple[float, Proposal], ...] = ()
    places: tuple[Place, ...] = ()


# -- functions that can be exchanged -------------------------------------------------------


def outermost(module: Module, line: int) -> FunctionNode | None:
    """Return the function of a module or of its classes that holds a line, if it is swappable."""
    function = module.outermost.get(line)
    return function if function is not None and _first(module, function) is not None else None


def _first(module: Module, function: FunctionNode) -> ast.stmt | None:
    """Return the first statement behind the docstring, where a line can stand in front of it."""
    body = list(function.body)
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if isinstance(function, ast.AsyncFunctionDef) or not body:
        return None
    return body[0] if module.begins_line(body[0]) and body[0].lineno > function.lineno else None


def swappable(module: Module, proposal: Proposal) -> FunctionNode | None:
    """Return the function whose body holds all edits of a proposal; None where none does."""
    function = outermost(module, module.line_of(proposal.edits[0].start))
    if function is None:
        return None
    first = _first(module, function)
    assert first is not None
    start, end = module.line_start(first_line(first)), module.span(function)[1]
    if all(e.path == module.path and start <= e.start and e.end <= end for e in proposal.edits):
        return function
    return None


def _about(module: Module, function: FunctionNode) -> dict[str, Any]:
    """Return what the plan has to say of a function: its text and its surroundings."""
    classes = [n for n in module.ancestors(function) if isinstance(n, ast.ClassDef)][::-1]
    head = "".join(f"{' ' * node.col_offset}class {node.name}:\n" for node in classes)
    start = module.line_start(function.lineno)
    text = module.text[start : module.span(function)[1]]
    return {"head": head, "text": text, "names": [*(n.name for n in classes), function.name]}


def mark_of(path: str, function: FunctionNode) -> str:
    """Return what a function is called in plans: its file and line."""
    return f"{path}:{function.lineno}"


# -- carriers ------------------------------------------------------------------------------


def carriers(know: Knowledge, ordered: Sequence[tuple[float, Proposal]]) -> list[Carrier]:
    """Return the candidates that carry the changes of a pool, the most promising first."""
    from agents.models.symbolic.places import place_plans

    found = swaps(know, ordered[:MAX_READ], MAX_CARRIERS, ROOM)
    places, plan, functions = place_plans(know)
    if places:
        made = _carrier(know, functions, plan, True)
        fits = made is not None and _length(made) <= ROOM
        found += [Carrier(made, places=tuple(places))] if made is not None and fits else []
    return found


def further(know: Knowledge, rest: Sequence[tuple[float, Proposal]]) -> list[Carrier]:
    """Return the candidates that carry the next changes of a pool."""
    return swaps(know, rest, MORE_CARRIERS, ROOM)


def _length(proposal: Proposal) -> int:
    return sum(len(edit.new) for edit in proposal.edits)


def swaps(
    know: Knowledge,
    ordered: Sequence[tuple[float, Proposal]],
    most: int,
    room: int,
    tests: Sequence[str] = (),
) -> list[Carrier]:
    """Return at most so many candidates that carry proposals, in their order.

    Args:
        know: What is known.
        ordered: The proposals with their scores.
        most: How many candidates at most.
        room: Characters that each may have.
        tests: Passing tests that they face before others.
    """
    chosen: list[tuple[float, Proposal, FunctionNode | Constant]] = []
    for score, proposal in ordered:
        module = know.modules[proposal.path]
        target = swappable(module, proposal) or constant_of(module, proposal)
        if target is not None:
            chosen.append((score, proposal, target))
    found: list[Carrier] = []
    while chosen and len(found) < most:
        chunk = chosen[:CHANGES]
        made = _swaps(know, chunk, tests)
        while made is not None and _length(made) > room and len(chunk) > 1:
            chunk = chunk[: int(len(chunk) * min(0.8, room / _length(made)))]
            made = _swaps(know, chunk, tests) if chunk else None
        if made is None:
            break
        found.append(Carrier(made, tuple((s, p) for s, p, _ in chunk)))
        chosen = chosen[len(chunk) :]
    return found


def conditional(know: Knowledge, found: Sequence[Hit]) -> list[Carrier]:
    """Return what carries the conditional forms of changes that repair but are too much."""
    return swaps(know, _forms(know, found), CONDITION_CARRIERS, ROOM)


def confirming(know: Knowledge, found: Sequence[Hit], tests: Sequence[str]) -> list[Carrier]:
    """Return what carries changes that repair, and their conditional forms, once more.

    Expressions are looked for again too, at the same lines: of those with equal values in the
    failing test more are kept, since another test tells them apart now.

    Args:
        know: What is known.
        found: What repaired a test; what broke others in a validation counts as breaking.
        tests: Passing tests that survivors broke: the changes face them too.
    """
    from agents.models.symbolic.places import place_plans

    again = [
        (hit.score, hit.proposal) for hit in found if not hit.proposal.probe and not hit.broken
    ]
    fresh = [one for one in _forms(know, found) if one[1] not in {p for _, p in again}]
    made = swaps(know, [*again[: CHANGES // 2], *fresh], CONDITION_CARRIERS, ROOM, tests)
    lines = {(hit.proposal.path, hit.proposal.line) for hit in found}
    places, plan, functions = place_plans(know, lines)
    if places:
        plan = {**plan, "equal": EQUAL, "variants": VARIANTS}
        carrier = _carrier(know, functions, plan, True, tests)
        if carrier is not None and _length(carrier) <= ROOM:
            made.append(Carrier(carrier, places=tuple(places)))
    return made


def _forms(know: Knowledge, found: Sequence[Hit]) -> list[tuple[float, Proposal]]:
    from agents.models.symbolic.synthesis import conditioned

    made: list[tuple[float, Proposal]] = []
    doubtful = [h for h in found if h.proposal.probe or h.proposal.destructive or h.broken]
    places: Counter[tuple[str, int]] = Counter()
    # What breaks little is nearer to a repair, wherever it stands.
    for hit in sorted(doubtful, key=lambda h: (-h.fixed, -h.score / (1 + h.broken))):
        place = (hit.proposal.path, hit.proposal.line)
        if places[place] >= MAX_AT_PLACE or places.total() >= MAX_CONDITIONED:
            continue
        places[place] += 1
        suspicion = hit.score / max(1e-9, value(hit.proposal, 1.0))
        # Where nothing speaks against the change itself, a condition only dresses it up.
        suspicion *= 1.0 if hit.broken else UNNEEDED
        forms = conditioned(know.project, know.facts, hit.proposal)
        made += [(value(form, suspicion), form) for form in forms]
    return sorted(made, key=lambda one: -one[0])


def _swaps(
    know: Knowledge,
    chunk: list[tuple[float, Proposal, FunctionNode | Constant]],
    tests: Sequence[str],
) -> Proposal | None:
    changes = []
    functions: dict[tuple[str, FunctionNode], None] = {}
    constants: dict[str, dict[str, Any]] = {}
    for _, proposal, target in chunk:
        path, module = proposal.path, know.modules[proposal.path]
        if isinstance(target, Constant):
            users = [one for one in target.users if _first(module, one) is not None]
            functions.update(dict.fromkeys((path, one) for one in users))
            mark, start = target.mark, module.span(target.statement)[0]
            constants[mark] = target.about(module, [mark_of(path, one) for one in users])
        else:
            functions[path, target] = None
            mark, start = mark_of(path, target), module.line_start(target.lineno)
        edits = [[e.start - start, e.end - start, e.new] for e in proposal.edits]
        changes.append([mark, edits])
    if not functions:
        return None
    plan = {"changes": changes, "constants": constants}
    return _carrier(know, list(functions), plan, False, tests)


def _carrier(
    know: Knowledge,
    functions: list[tuple[str, FunctionNode]],
    plan: dict[str, Any],
    values: bool,
    tests: Sequence[str] = (),
) -> Proposal | None:
    """Return the candidate for a plan; None where no failing test comes by."""
    lines: dict[str, set[int]] = {}
    for path, f in functions:
        lines.setdefault(path, set()).update(range(f.body[0].lineno, (f.end_lineno or 0) + 1))
    failing = [test for test in know.search_tests if _reaches(know, test, lines)]
    near = [t for t in bystanders(know) if _reaches(know, t, lines)]
    # What survivors broke runs the functions, whatever is known of its coverage.
    passing = list(dict.fromkeys([*tests, *near]))[:MAX_PASSING]
    if not failing:
        return None
    plan = {
        **plan,
        "functions": {mark_of(p, f): _about(know.modules[p], f) for p, f in functions},
        "failing": failing,
        "passing": passing,
        "reporters": [*failing[-1:], *passing[-2:]],
        "seconds": SECONDS,
    }
    edits = []
    for path, function in functions:
        module = know.modules[path]
        first = _first(module, function)
        if first is None:
            return None
        at = module.line_start(first_line(first))
        call = f'globals().get("repogym_rehearse", len)("{mark_of(path, function)}")'
        call = f"{module.indent(first)}{call}\n"
        edits.append(Edit(path, at, at, call))
    main = functions[0][0]
    for path in lines:
        text = know.modules[path].text
        lead = "" if text.endswith("\n") else "\n"
        end = tail(values, plan) if path == main else CALLER
        edits.append(Edit(path, len(text), len(text), lead + end))
    count = len(plan["places"] if values else plan["changes"])
    note = f"rehearse {count} {'places' if values else 'changes'}"
    line = functions[0][1].lineno
    return Proposal(tuple(edits), REHEARSE, 1.0, line, note, probe=True)


def carried(modules: Mapping[str, Module], proposal: Proposal) -> Candidate:
    """Write a carrier, which may have edits in several files."""
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


def bystanders(know: Knowledge) -> list[str]:
    """Return passing tests that run the suspicious lines: what repairs must not break."""
    found: dict[str, None] = {}
    for (path, line), _ in sorted(know.suspicion.items(), key=lambda one: (-one[1], one[0]))[:60]:
        found.update(dict.fromkeys(know.passing_at(path, line, 5)))
    return list(found)[:MAX_PASSING]
