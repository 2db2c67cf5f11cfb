"""Going on from a definition that only moved the failure on.

Where a test fails in another way than before, something was missing and is there now: further
definitions, or ordinary changes inside the new code, are joined to it. Such partial progress is
what guides the search where a failing test alone would not (cf. the fitness by test results of
GenProg, Le Goues et al., TSE 2012).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.models.symbolic.absent import proposals
from agents.models.symbolic.absent.missing import Missing, read
from agents.models.symbolic.absent.places import Scene
from agents.models.symbolic.candidates import Candidate, Proposal, value
from agents.models.symbolic.formats import Trial
from agents.models.symbolic.project import Project
from agents.models.symbolic.source import Edit, Module, apply

if TYPE_CHECKING:
    from agents.models.symbolic.knowledge import Knowledge
    from agents.models.symbolic.search import Search

MAX_BASES = 14
"""Definitions that are gone on from in an episode."""

MAX_DEPTH = 5
"""Definitions that are joined at most."""

MAX_FURTHER = 16
MAX_INSIDE = 40
FURTHER = 1.2
"""Factor of a further definition: the one before it was right, or near it."""

INSIDE = 0.75
_BROKEN = re.compile(r"SyntaxError|IndentationError|partially initialized|RecursionError")


def grow(
    search: Search, candidate: Candidate, trial: Trial, done: int
) -> list[tuple[float, Proposal]]:
    """Return what goes on from a candidate that was tried, with scores.

    Args:
        search: The search; results are kept in its pool.
        candidate: What was tried.
        trial: What became of it.
        done: How many candidates were gone on from before.
    """
    proposal = candidate.proposal
    own = proposal.template.startswith("absent-") and not candidate.others
    if not own or done >= MAX_BASES or trial.verdict != "FAIL":
        return []
    if proposal.template.count("+") >= MAX_DEPTH - 1:
        return []
    messages = progress(search.knowledge, trial)
    used = proposal.template.startswith("absent-parameter") and not is_bare(proposal)
    if used and not trial.good:
        # The bare parameter is what uses of it are joined to.
        messages = [message for message in messages if read(message) is not None]
    if "+" in proposal.template:
        # What was joined to a definition may have broken it: only names count as progress.
        wanted = ("name", "member", "keyword")
        messages = [m for m in messages if (one := read(m)) is not None and one.kind in wanted]
    if not messages:
        return []
    key = f"{candidate.key} {sorted(messages)}"
    if key not in search.pool.grown:
        hope = min(1.0, 0.4 + 0.6 * candidate.score) * (1.3 if trial.good else 1.0)
        made = _grown(search.knowledge, proposal, messages)
        search.pool.grown[key] = [(score * hope, one) for score, one in made]
    return search.pool.grown[key]


def is_bare(proposal: Proposal) -> bool:
    """Whether a proposal adds a parameter and nothing else."""
    return proposal.template == "absent-parameter-which"


def progress(know: Knowledge, trial: Trial) -> list[str]:
    """Return the new messages of tests that fail in another way; [] without progress."""
    found = []
    for test, message in trial.errors:
        before = know.baseline.get(test)
        if before is None:
            file = test.partition("::")[0]
            before = know.baseline.get(file)
        if before is None or message == before or _BROKEN.search(message):
            continue
        old, new = read(before), read(message)
        if old is None or (new is not None and _same(old, new)):
            continue
        found.append(message)
    return list(dict.fromkeys(found))


def _known(know: Knowledge, missing: Missing) -> bool:
    """Whether the program had it before: then a definition has only lost it."""
    if missing.kind != "member":
        return False
    pattern = re.compile(rf"\.{missing.name}\s*(?::[^=\n]*)?=[^=]|def {missing.name}\b")
    return any(pattern.search(module.text) for module in know.modules.values())


def _same(old: Missing, new: Missing) -> bool:
    """Whether the same thing is still missing; a parameter may be missing one call further on."""
    further = old.kind == "keyword" and old.owner != new.owner
    return (old.kind, old.name) == (new.kind, new.name) and not further


def _grown(know: Knowledge, base: Proposal, messages: list[str]) -> list[tuple[float, Proposal]]:
    from agents.models.symbolic.templates import propose

    by_path: dict[str, list[Edit]] = {}
    for edit in base.edits:
        by_path.setdefault(edit.path, []).append(edit)
    modules = dict(know.modules)
    for path, edits in by_path.items():
        made = Module.parse(path, apply(know.modules[path].text, tuple(edits)))
        if made is None:
            return []
        modules[path] = made
    project = Project(modules)
    missing: list[Missing] = [
        one for one in map(read, messages) if one is not None and not _known(know, one)
    ]
    found: list[tuple[float, Proposal]] = []
    ahead = FURTHER ** (1 + base.template.count("+"))
    if missing:
        scene = Scene(project, know.facts, know.scene.tests, know.scene.paths)
        for score, further in proposals(scene, missing)[:MAX_FURTHER]:
            joined = rebased(base, further)
            if joined is not None:
                found.append((ahead * score, joined))
    if len(missing) < len(messages):
        name, suspicion = _new_lines(base, by_path, modules)
        inside = []
        for further, score in propose(project, know.facts, suspicion):
            if further.probe or (name and not _mentions(further, name)):
                continue
            inside.append((INSIDE * value(further, score), further))
        inside.sort(key=lambda one: (-one[0], one[1].line, one[1].note))
        for score, further in inside[:MAX_INSIDE]:
            joined = rebased(base, further)
            if joined is not None:
                found.append((score, joined))
    return found


def _mentions(proposal: Proposal, name: str) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", edit.new) for edit in proposal.edits)


def _new_lines(
    base: Proposal, by_path: dict[str, list[Edit]], modules: dict[str, Module]
) -> tuple[str, dict[tuple[str, int], float]]:
    """Return the lines that a definition brought, as suspicious ones.

    Where it only added a parameter, they are those of its function, and the parameter's name
    comes along: changes have to use it.
    """
    found: dict[tuple[str, int], float] = {}
    name = ""
    for path, edits in by_path.items():
        shift = 0
        module = modules[path]
        for edit in sorted(edits, key=lambda e: e.start):
            start = edit.start + shift
            shift += len(edit.new) - (edit.end - edit.start)
            if edit.new.count("\n") > 1:
                body = edit.new.rstrip("\n")
                first = start + len(body) - len(body.lstrip("\n"))
                for number in range(module.line_of(first), module.line_of(start + len(body)) + 1):
                    found[path, number] = 1.0
                continue
            added = re.match(r"[,\s]*(\w+)\s*[:=]", edit.new)
            function = module.function_at(module.line_of(start))
            header = function is not None and module.line_of(start) < function.body[0].lineno
            if header and not is_bare(base):
                continue
            if is_bare(base) and added and function:
                name = added[1]
                for number in range(function.body[0].lineno, (function.end_lineno or 0) + 1):
                    found[path, number] = 0.8
            elif "import" not in module.lines[module.line_of(start) - 1]:
                found[path, module.line_of(start + len(edit.new.rstrip()))] = 0.6
    return name, found


def rebased(base: Proposal, further: Proposal) -> Proposal | None:
    """Join a change of the changed text to the change that made it; None where they clash."""
    by_path: dict[str, list[Edit]] = {}
    for edit in base.edits:
        by_path.setdefault(edit.path, []).append(edit)
    edits: list[Edit] = []
    for path in dict.fromkeys([*by_path, *(edit.path for edit in further.edits)]):
        first = sorted(by_path.get(path, []), key=lambda e: e.start)
        second = [edit for edit in further.edits if edit.path == path]
        joined = _joined(first, second)
        if joined is None:
            return None
        edits += joined
    note = f"{base.note}; {further.note}"
    return Proposal(
        tuple(edits),
        f"{base.template}+",
        further.prior,
        base.line,
        note,
        base.literal or further.literal,
        further.destructive,
    )


def _joined(first: list[Edit], second: list[Edit]) -> list[Edit] | None:
    """Return edits of the original text that do `first` and then `second`."""
    places: list[tuple[int, int]] = []
    shift = 0
    for edit in first:
        start = edit.start + shift
        places.append((start, start + len(edit.new)))
        shift += len(edit.new) - (edit.end - edit.start)
    texts = [edit.new for edit in first]
    kept: list[Edit] = []
    for edit in sorted(second, key=lambda e: e.start, reverse=True):
        shift = 0
        done = False
        for number, (start, end) in enumerate(places):
            if start <= edit.start and edit.end <= end:
                text = texts[number]
                texts[number] = text[: edit.start - start] + edit.new + text[edit.end - start :]
                done = True
                break
            if edit.start < end and start < edit.end:
                return None
            if end <= edit.start:
                old = first[number]
                shift += len(old.new) - (old.end - old.start)
        if not done:
            kept.append(Edit(edit.path, edit.start - shift, edit.end - shift, edit.new))
    made = [
        Edit(edit.path, edit.start, edit.end, text) for edit, text in zip(first, texts, strict=True)
    ]
    return [*made, *kept]
