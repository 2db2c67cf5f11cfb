"""What a statement says of a change, and what its failing tests ask for beyond it."""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from repos.mining.changes.heads import NoSliceError
from repos.mining.changes.runs import Failed
from repos.mining.changes.slices import find_function
from repos.mining.changes.units import WORD
from repos.syntax import literal, parse
from repos.tasks.sources.reverted.hunks import Texts, lines_of
from repos.tasks.sources.reverted.records import Hunk

STOP = frozenset(
    "the and for with from that this not are was now when into also been has have will can use used"
    " using fix fixed fixes add added adds support new all any which its return returns self none"
    " true false def class import instead only test tests assert value values name names".split()
)
SURE = 2.0
"""Score from which the best item of a changelog was the right one in every reading."""

AHEAD = 1.6
"""How many times the second score the best one must have."""

TOKENS = 5
"""A run of so many code tokens of the fix gives it away."""


def stems(text: str) -> set[str]:
    """Return the words of a text, those inside of identifiers too, without endings."""
    found = set()
    for word in WORD.findall(text):
        for part in (word, *re.findall(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}", word)):
            if part.lower() not in STOP:
                found.add(re.sub(r"(ing|ed|es|s)$", "", part.lower()))
    return found


def match_bullet(items: list[str], change: str, tests: str) -> tuple[int | None, float]:
    """Return which item of a changelog entry tells of a change, and its score.

    Shared identifiers count by their rarity among the items, those of the change and of its tests
    apart; a long item needs more of them.

    Args:
        items: The entry's items.
        change: Changed lines and names of changed functions.
        tests: Names of failing tests and their messages.

    Returns:
        Number and score; None as number where it is not sure.
    """
    strong, weak = stems(change), stems(tests)
    counts = Counter(word for item in items for word in stems(item))
    ranked = []
    for number, item in enumerate(items):
        own = stems(item)
        score = sum(
            math.log(1 + len(items) / counts[word]) * ((word in strong) + (word in weak))
            for word in own
        )
        ranked.append((round(score / math.sqrt(3 + len(own)), 2), -number))
    ranked.sort(reverse=True)
    if not ranked:
        return None, 0.0
    best = ranked[0][0]
    second = ranked[1][0] if len(ranked) > 1 else 0.0
    sure = best >= SURE and best >= AHEAD * second
    return (-ranked[0][1] if sure else None), best


def asked_names(failures: Iterable[Failed], sources: Mapping[str, bytes]) -> set[str]:
    """Return attributes, names and keywords that failing tests use, their own names left out."""
    failures = list(failures)
    names: set[str] = set()
    own = _made_by_tests(failures, sources)
    for function in _functions(failures, sources):
        own |= {
            node.id for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }  # fmt: skip
        own |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Name) and node.id not in own:
                names.add(node.id)
            elif isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
            elif isinstance(node, ast.ImportFrom):
                names |= {alias.name for alias in node.names}
    return names


def _made_by_tests(failures: Iterable[Failed], sources: Mapping[str, bytes]) -> set[str]:
    """Return functions, classes and variables of the test files themselves."""
    found: set[str] = set()
    for path in {failed.file for failed in failures} & set(sources):
        try:
            tree = parse(sources[path])
        except (SyntaxError, ValueError):
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign):
                found |= {n.id for n in node.targets if isinstance(n, ast.Name)}
    return found


def asked_texts(failures: Iterable[Failed], sources: Mapping[str, bytes]) -> set[str]:
    """Return text literals of failing tests, those of their parameters too."""
    failures = list(failures)
    texts = {
        node.value
        for function in _functions(failures, sources)
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for failed in failures:
        for name in failed.arguments:
            text = failed.variables.get(name)
            if text and text[0] in "'\"":
                value = literal(text)
                if isinstance(value, str):
                    texts.add(value)
    return texts


def _functions(failures: Iterable[Failed], sources: Mapping[str, bytes]) -> list[ast.AST]:
    found: list[ast.AST] = []
    for failed in failures:
        try:
            found.append(find_function(parse(sources[failed.file]), failed))
        except (NoSliceError, KeyError, SyntaxError, ValueError):
            continue
    return found


def declared(new: Texts, hunks: Sequence[Hunk]) -> set[str]:
    """Return the names that hunks set: functions, classes, arguments, variables, attributes.

    Words of their texts count, since names may be set by them. What a hunk only uses, such as a
    method of the standard library, is not the package's to tell.
    """
    found: set[str] = set()
    for path in sorted({hunk.path for hunk in hunks}):
        spans = [(h.new[0] + 1, sum(h.new)) for h in hunks if h.path == path]
        for node in ast.walk(parse(new[path])):
            line = getattr(node, "lineno", 0)
            if not any(first <= line <= last for first, last in spans):
                continue
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found.add(name)
                case ast.ClassDef(name=name) | ast.arg(arg=name):
                    found.add(name)
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    found.add(name)
                case ast.alias(name=name, asname=other):
                    found.add(other or name)
                case ast.Constant(value=str() as text):
                    found |= set(re.findall(r"[A-Za-z_]\w*", text))
    return found


def code_added(new: Texts, hunks: Sequence[Hunk]) -> str:
    """Return the lines that hunks add, those of documentation strings left out."""
    lines: list[str] = []
    for path in sorted({hunk.path for hunk in hunks}):
        told: set[int] = set()
        for node in ast.walk(parse(new[path])):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                told |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        every = lines_of(new[path])
        for hunk in (h for h in hunks if h.path == path):
            for number in range(hunk.new[0], sum(hunk.new)):
                if number + 1 not in told:
                    lines.append(every[number].decode("utf-8", "replace").rstrip("\n"))
    return "\n".join(lines)


def untold_names(
    asked: Collection[str], brought: Collection[str], base: str, statement: str
) -> set[str]:
    """Return names that tests ask for, that only the fix brings and that nothing tells.

    Args:
        asked: Names that the failing tests use.
        brought: The names that the fix sets.
        base: The base's source and documentation.
        statement: What the agent reads.
    """
    word = r"[A-Za-z_]\w*"
    new = set(brought) - set(re.findall(word, base))
    return (new & set(asked)) - set(re.findall(word, statement))


def untold_texts(
    asked: Collection[str], constants: Collection[str], base: str, statement: str
) -> set[str]:
    """Return texts that only the fix brings, that tests ask for and that nothing tells."""
    return {
        text
        for text in constants
        if len(text.strip()) > TOKENS
        and text not in base
        and text.strip() not in statement
        and any(t.strip() and (text.strip() in t or (len(t) > TOKENS and t in text)) for t in asked)
    }


def given_away(brought: str, removed: str, statement: str) -> list[str]:
    """Return runs of code tokens that the fix adds and the statement holds.

    Declarations of functions and classes, which a statement has to name, are left out.
    """
    lines = [
        line for line in brought.splitlines() if not re.match(r"\s*(async |def |class |@)", line)
    ]
    new = set().union(*(_runs(line.strip()) for line in lines), set())
    old = set().union(*(_runs(line.strip()) for line in removed.splitlines()), set())
    said = _runs(" ".join(re.findall(r"\w+|[^\w\s]", statement)))
    found = (new - old) & said
    return sorted(" ".join(run) for run in found if sum(t[0].isalnum() for t in run) >= 3)


def _runs(text: str) -> set[tuple[str, ...]]:
    try:
        tokens = [
            token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.string.strip() and token.type != tokenize.COMMENT
        ]
    except (tokenize.TokenError, IndentationError, SyntaxError):
        tokens = re.findall(r"\w+|[^\w\s]", re.sub(r"(^|\s)#.*$", "", text))
    return {tuple(tokens[k : k + TOKENS]) for k in range(len(tokens) - TOKENS + 1)}
