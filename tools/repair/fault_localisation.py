"""Which lines to suspect: spectrum-based fault localisation with boosts.

The base is Ochiai (R. Abreu, P. Zoeteweij, A. van Gemund, "On the Accuracy of
Spectrum-based Fault Localization", TAIC PART 2007): failed(l) / sqrt(F * (failed(l) +
passed(l))), from which tests ran a line, 0 to 1. It knows nothing of what a failure says, so
lines get factors: where the traceback passes, what the statement names, and how rarely the
code is shared. Factors only reorder; a line that no failing test ran is never suspected.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.records import Frame
from tools.repair.source import Module, first_line

RAISED = 2.0
"""Factor of the line that raised, where it lies in the repository's own source."""

FRAME = 1.5
"""Factor of a line on the way to the failure."""

SLICED = 1.6
"""Factor of assignments of what the failing line, or its condition, reads."""

REFUSAL = 1.8
"""Factor of conditions that guard a raise, where a test expects an exception that did not come."""

NAMED_FUNCTION = 1.6
"""Factor of the lines of a function (or class) that the statement or test names."""

NAMED_PART = 0.25
"""Added to the factor of a function for each word of its name that the statement has."""

TOLD = 0.08
"""Added for each word of the first line of its docstring that the statement has."""

NAMED_WORD = 1.15
"""Factor for each identifier of the statement on a line, at most two of them count."""

IMPORTED = 0.55
"""Share of a user's score that a module-level constant gets: it runs at import only."""

HEADER = 0.6
"""Share of a function's best score that its header (parameters, defaults) gets."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
_CODE = re.compile(r"`+([^`]+)`+")
_COMMON = frozenset(
    "the and for not are with this that from has have was but can will now when should which "
    "test tests value values error list dict str int string return returns none true false "
    "self def class import assert file files name names line lines type types code bug fix "
    "fixed issue use used using one two all any its into than then also only after before "
    "does did been fail fails pass change changes source hidden problem submit call tool "
    "repository working testbed solved count done".split()
)


@dataclass(frozen=True)
class Words:
    """Identifiers that the statement and the failing tests speak of.

    Attributes:
        code: Written as code: in backticks, called, dotted, with underscores or inner capitals.
        plain: All other words.
        counts: How often each word comes, in the singular too.
    """

    code: frozenset[str]
    plain: frozenset[str]
    counts: Mapping[str, int] = field(default_factory=dict, compare=False)

    def often(self, name: str) -> float:
        """Return how much is said of an identifier: 1 for nothing, more by the logarithm."""
        parts = {part for part in name.lower().split("_") if len(part) > 2}
        return 1.0 + 0.3 * math.log2(1 + max((self.counts.get(p, 0) for p in parts), default=0))


def words_of(statement: str, extra: Iterable[str] = ()) -> Words:
    """Return the words of a statement that may be identifiers.

    Args:
        statement: Prose.
        extra: Text that counts as code (names of failing tests).
    """
    code: set[str] = set()
    for part in [*_CODE.findall(statement), *extra]:
        code.update(_WORD.findall(part))
    for word in _WORD.findall(statement):
        if "_" in word or re.search(r"[a-z][A-Z]", word):
            code.add(word)
    code.update(re.findall(r"\b([A-Za-z_]\w{2,})(?=\()", statement))
    said = [word.lower() for word in _WORD.findall(statement)]
    plain = {form for word in said for form in (word, singular(word))}
    counts = Counter(form for word in said for form in {word, singular(word)})
    code = {word for word in code if word.lower() not in _COMMON}
    return Words(frozenset(code), frozenset(plain - _COMMON), counts)


def ochiai(failed: int, passed: int, total_failed: int) -> float:
    """Return Ochiai's suspiciousness of a line, 0 to 1.

    Args:
        failed: Failing tests that ran it.
        passed: Passing tests that ran it.
        total_failed: All failing tests.
    """
    if failed <= 0 or total_failed <= 0:
        return 0.0
    return failed / math.sqrt(total_failed * (failed + passed))


def base_scores(
    covers: Mapping[str, Mapping[str, Iterable[int]]],
    failing: Sequence[str],
    passed: Mapping[str, Mapping[int, int]],
) -> dict[tuple[str, int], float]:
    """Return Ochiai's score of each line that a failing test ran.

    Args:
        covers: By test id, the executed lines by file.
        failing: The tests whose failure is to be explained.
        passed: By file and line, how many passing tests of the whole run ran it.
    """
    seen = [test for test in failing if test in covers]
    counts: dict[tuple[str, int], int] = {}
    for test in seen:
        for path, lines in covers[test].items():
            for line in lines:
                counts[path, line] = counts.get((path, line), 0) + 1
    return {
        (path, line): ochiai(count, passed.get(path, {}).get(line, 0), len(seen))
        for (path, line), count in counts.items()
        if path in passed
    }


def boosted(
    base: Mapping[tuple[str, int], float],
    modules: Mapping[str, Module],
    tracebacks: Sequence[Sequence[Frame]],
    words: Words,
    *,
    did_not_raise: bool = False,
) -> dict[tuple[str, int], float]:
    """Return the scores of all lines that may be changed.

    Args:
        base: Ochiai's scores.
        modules: Parsed files by path.
        tracebacks: Frames of each failing test, outermost first.
        words: What the statement names.
        did_not_raise: Whether a failing test waited in vain for an exception.
    """
    raised, passed_by = set(), set()
    blamed: dict[tuple[str, int], float] = {}
    for frames in tracebacks:
        own = [frame for frame in frames if frame.path in modules]
        passed_by.update((frame.path, frame.line) for frame in own)
        if own:
            path, line = own[-1].path, own[-1].line
            found = _causes(modules[path], line)
            for number, factor in found.items():
                blamed[path, number] = max(blamed.get((path, number), 0.0), factor)
            if line not in found:
                raised.add((path, line))
    scores: dict[tuple[str, int], float] = {}
    for (path, line), score in base.items():
        module = modules.get(path)
        if module is None:
            continue
        place = (path, line)
        factor = RAISED if place in raised else FRAME if place in passed_by else 1.0
        factor = blamed.get(place, factor)
        text = module.lines[line - 1] if line <= len(module.lines) else ""
        hits = sum(word in words.code for word in set(_WORD.findall(text)))
        factor *= NAMED_WORD ** min(hits, 2)
        factor *= _named(module, line, words)
        scores[place] = score * factor
    if did_not_raise:
        for path, module in modules.items():
            for node in ast.walk(module.tree):
                if isinstance(node, ast.If) and any(isinstance(n, ast.Raise) for n in node.body):
                    place = (path, node.lineno)
                    if place in scores:
                        scores[place] *= REFUSAL
    _spread(modules, scores)
    return scores


def _causes(module: Module, line: int) -> dict[int, float]:
    """Return factors of the lines that decide what a failing line did (a backward slice).

    Where the line raises by itself, the conditions around it are to blame rather than it, and
    the assignments of what they read; else the assignments of what the line itself reads.
    """
    function = module.function_at(line)
    nodes = [n for n in ast.walk(function) if isinstance(n, ast.stmt)] if function else []
    inside = [n for n in nodes if n.lineno <= line <= (n.end_lineno or n.lineno)]
    here = max(inside, key=lambda n: n.lineno, default=None)
    if function is None or here is None:
        return {}
    factors: dict[int, float] = {}
    read: set[str] = set()
    if isinstance(here, ast.Raise):
        factors[line] = 0.6
        for above in module.ancestors(here):
            if isinstance(above, ast.If | ast.While):
                factors[above.lineno] = RAISED
                read |= _read(above.test)
            elif isinstance(above, ast.Try):
                factors.update((n.lineno, RAISED) for n in above.body)
            if above is function:
                break
    elif not isinstance(here, ast.FunctionDef | ast.AsyncFunctionDef):
        read = _read(here)
    for node in nodes:
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        stored = {name for target in targets if target is not None for name in _read(target)}
        if stored & read and node.lineno != line:
            factors.setdefault(node.lineno, SLICED)
    return factors


def _read(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _named(module: Module, line: int, words: Words) -> float:
    function = module.function_at(line)
    if function is None:
        return 1.0
    names = set(module.qualified(function).split("."))
    if function.name in words.code or function.name.strip("_") in words.code:
        return NAMED_FUNCTION
    if names & words.code:
        return 1.0 + (NAMED_FUNCTION - 1.0) / 2
    parts = {singular(part) for part in function.name.lower().split("_") if len(part) > 3}
    summary = (ast.get_docstring(function) or "").lower().partition("\n")[0]
    told = {singular(word) for word in _WORD.findall(summary) if len(word) > 3}
    named = NAMED_PART * min(2, len(parts & words.plain))
    return 1.0 + named + TOLD * min(3, len((told - parts) & words.plain))


def singular(word: str) -> str:
    """Return a word without a plural ending, roughly."""
    return word[:-1] if len(word) > 4 and word.endswith("s") and word[-2] not in "su" else word


def _spread(modules: Mapping[str, Module], scores: dict[tuple[str, int], float]) -> None:
    """Give scores to lines that run at import only: headers and module or class constants."""
    users: dict[str, float] = {}
    for path, module in modules.items():
        for function in module.functions:
            first, last = function.body[0].lineno, function.end_lineno or function.lineno
            best = max((scores.get((path, n), 0.0) for n in range(first, last + 1)), default=0.0)
            if best <= 0.0:
                continue
            for number in range(first_line(function), first):
                place = (path, number)
                scores[place] = max(scores.get(place, 0.0), HEADER * best)
            for node in ast.walk(function):
                score = scores.get((path, getattr(node, "lineno", 0)), 0.0)
                name = getattr(node, "id", None) or getattr(node, "attr", None)
                if isinstance(name, str) and score > users.get(name, 0.0):
                    users[name] = score
    for path, module in modules.items():
        blocks = [module.tree.body]
        blocks += [node.body for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
        for statement in (statement for block in blocks for statement in block):
            best = max((users.get(name, 0.0) for name in _targets(statement)), default=0.0)
            if best <= 0.0:
                continue
            for number in range(statement.lineno, (statement.end_lineno or 0) + 1):
                place = (path, number)
                scores[place] = max(scores.get(place, 0.0), IMPORTED * best)


def _targets(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        return [t.id for t in statement.targets if isinstance(t, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def statement_score(
    module: Module, node: ast.stmt, scores: Mapping[tuple[str, int], float]
) -> float:
    """Return the suspiciousness of a statement: the best of its lines, without its body."""
    body = getattr(node, "body", None)
    last = node.end_lineno or node.lineno
    if isinstance(body, list) and body:
        last = max(node.lineno, min(last, body[0].lineno - 1))
    lines = range(first_line(node), last + 1)
    return max((scores.get((module.path, line), 0.0) for line in lines), default=0.0)
