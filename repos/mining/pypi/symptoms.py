"""Tells in a task's record how the failure shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from repos.runners.protocol import TestOutcome
from repos.sandbox.protocol import TESTBED
from repos.syntax import parse_expression

MAX_SYMPTOMS = 6
MAX_MESSAGE = 200
WRONG_RESULT = "a wrong result"
NOT_RAISED = "an exception that should be raised is not"
FRAME = re.compile(
    r"""^\s*(?:File\ "(?P<file>[^"]+)",\ line\ (?P<line>\d+)(?:,\ in\ (?P<where>\S+))?"""
    r"""|(?P<file2>[^\s:]+\.py):(?P<line2>\d+):?(?:\s+in\s+(?P<where2>\S+))?.*)""",
    re.VERBOSE,
)


def describe_symptoms(
    failures: Mapping[str, TestOutcome], packages: Iterable[str], limit: int = MAX_SYMPTOMS
) -> str:
    """Return a Markdown list of how the base fails: exception, message, the package's frames.

    Nothing of a test's own code goes in: of a failed assertion only a comparison of two
    plain values is told, and frames outside the package are left out.

    Args:
        failures: Outcomes of the failing tests on the base, by id.
        packages: Paths of the package's folders and modules, relative to the repository.
        limit: How many different symptoms at most.
    """
    roots = tuple(packages)
    seen: dict[str, None] = {}
    for ident in sorted(failures):
        outcome = failures[ident]
        line = _message(outcome.message)
        if not line:
            continue
        frames = _frames(outcome.traceback, roots)
        if frames:
            line += " (raised through " + ", ".join(frames) + ")"
        seen.setdefault(line)
    # The same failure with other values says nothing new: one of a kind comes first.
    kinds: dict[str, list[str]] = {}
    for line in seen:
        kinds.setdefault(re.sub(r"`[^`]*`", "`…`", line), []).append(line)
    ordered = [lines[0] for lines in kinds.values()]
    ordered += [line for lines in kinds.values() for line in lines[1:]]
    shown = ordered[:limit]
    if len(seen) > limit:
        shown.append(f"and {len(seen) - limit} more of these kinds")
    return "\n".join(f"- {line}" for line in shown)


def tells(symptom: str) -> bool:
    """Whether a symptom alone says something of what is wrong."""
    lines = [line.removeprefix("- ") for line in symptom.splitlines()]
    return any(
        line and line != WRONG_RESULT and not line.startswith((NOT_RAISED, "and "))
        for line in lines
    )


def _message(message: str) -> str:
    text = _scrub(message.strip().splitlines()[0] if message.strip() else "")
    kind, _, rest = text.partition(":")
    kind = kind.strip()
    if not kind:
        return ""
    if text.startswith("assert ") or kind.rsplit(".", 1)[-1] == "AssertionError":
        values = _plain_comparison(text.removeprefix("AssertionError:").strip())
        return f"a wrong result: {values}" if values else WRONG_RESULT
    if kind.startswith("Failed") or not re.fullmatch(r"[A-Za-z_][\w.]*", kind):
        missing = re.search(r"DID NOT RAISE (?:any of )?(.*)", text)
        if missing:
            names = re.findall(r"'([\w.]+)'", missing.group(1)) or [missing.group(1)]
            return f"{NOT_RAISED}: " + ", ".join(f"`{name.rsplit('.', 1)[-1]}`" for name in names)
        return ""
    rest = rest.strip()
    if len(rest) > MAX_MESSAGE:
        rest = rest[:MAX_MESSAGE] + "…"
    rest = rest.replace("`", "'")
    return f"`{kind}: {rest}`" if rest else f"`{kind}`"


def _plain_comparison(text: str) -> str:
    """Return a failed comparison of two plain values as a phrase, else "".

    pytest says what was asserted (`assert 1 == 2`), unittest what is the case (`1 != 2`).
    Values that name tests or hold addresses are not told, nor are two that look alike
    because they were cut.
    """
    asserted = text.startswith("assert ")
    text = text.removeprefix("assert ")
    if len(text) > MAX_MESSAGE or re.search(r"`|test_|tests?/|Test[A-Z]|[0-9a-f]{10}|0x", text):
        return ""
    try:
        tree = parse_expression(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if not isinstance(tree, ast.Compare) or len(tree.comparators) != 1:
        return ""
    for side in (tree.left, tree.comparators[0]):
        try:
            ast.literal_eval(side)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return ""
    if ast.dump(tree.left) == ast.dump(tree.comparators[0]):
        return ""
    return f"`{text}` does not hold" if asserted else f"`{text}`"


def _frames(traceback: str, packages: tuple[str, ...]) -> list[str]:
    """Return `file:line in function` of the package's frames, outermost first, at most four."""
    found: list[str] = []
    for line in traceback.splitlines():
        match = FRAME.match(line)
        if not match:
            continue
        path = (match["file"] or match["file2"]).removeprefix(TESTBED + "/").removeprefix("./")
        if not any(path == root or path.startswith(root + "/") for root in packages):
            continue
        if re.search(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|conftest)\.py$", path):
            continue
        where = match["where"] or match["where2"]
        named = where and re.fullmatch(r"[\w<>.]+", where)
        text = f"`{path}:{match['line'] or match['line2']}" + (f" in {where}`" if named else "`")
        if text not in found:
            found.append(text)
    return found[-4:]


def _scrub(text: str) -> str:
    """Take out addresses, temporary paths and the names of test functions."""
    text = re.sub(r"\b0x[0-9a-fA-F]{6,}\b", "0x…", text)
    text = re.sub(r"\b\w*[Tt]est\w*(\.\w+)*\.<locals>\.", "", text)
    return re.sub(r"/tmp/[\w./-]+", "/tmp/…", text)
