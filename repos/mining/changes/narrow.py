"""Whether failing tests ask for more of the reference than anything tells: it is altered."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from repos.syntax import parse
from repos.tasks.sources.removed.text import offsets
from repos.tasks.sources.reverted.hunks import Texts, bare
from repos.tasks.sources.reverted.records import Hunk

MOST = 6
"""Constants that are altered at most."""

PLAIN = (0, 1, -1, 2, "")
OTHER_WORDS = "other words stand here"


@dataclass(frozen=True)
class Constant:
    """A constant that a change brings.

    Attributes:
        path: Its file.
        value: Its value.
        message: Whether it belongs to the message of an exception or a warning.
        span: Its bytes in the file, first and one after the last. Of a message that is put
            together, they are the whole message's, and the value is its longest part.
    """

    path: str
    value: str | int | float
    message: bool
    span: tuple[int, int]

    def altered(self, text: bytes) -> bytes:
        """Return the file's text with another value."""
        if isinstance(self.value, str):
            other = repr(OTHER_WORDS if self.message else self.value + "qq")
        else:
            other = repr(self.value + 1)
        first, last = self.span
        return text[:first] + other.encode() + text[last:]


def new_constants(old: Texts, new: Texts, hunks: Sequence[Hunk]) -> Iterator[Constant]:
    """Yield the constants that hunks bring; documentation and parts of f-strings are left out."""
    for path in sorted({hunk.path for hunk in hunks}):
        tree, before = parse(new[path]), parse(old[path])
        known = Counter(
            node.value for node in ast.walk(before)
            if isinstance(node, ast.Constant) and type(node.value) in (str, int, float)
        )  # fmt: skip
        messages: set[int] = set()
        left_out: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) or (
                isinstance(node, ast.Call) and "warn" in ast.unparse(node.func)
            ):
                messages |= {id(inner) for inner in ast.walk(node)}
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                left_out.add(id(node.value))
            if isinstance(node, ast.JoinedStr):
                left_out |= {id(inner) for inner in ast.walk(node)}
        spans = [(h.new[0] + 1, sum(h.new)) for h in hunks if h.path == path]
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr) and id(node) in messages:
                found = _put_together(node, new[path], spans)
                if found is not None and found.value not in known:
                    yield replace(found, path=path)
                continue
            if not isinstance(node, ast.Constant) or type(node.value) not in (str, int, float):
                continue
            assert isinstance(node.value, str | int | float)
            inside = any(first <= node.lineno <= last for first, last in spans)
            if not inside or id(node) in left_out or node.value in PLAIN or node.value in known:
                continue
            end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
            span = offsets(new[path], (node.lineno, node.col_offset), end)
            yield Constant(path, node.value, id(node) in messages, span)


def _put_together(
    node: ast.JoinedStr, text: bytes, spans: Sequence[tuple[int, int]]
) -> Constant | None:
    parts = [v.value for v in node.values if isinstance(v, ast.Constant)]
    texts = [part for part in parts if isinstance(part, str)]
    last = node.end_lineno or node.lineno
    if not texts or not any(node.lineno <= end and last >= first for first, end in spans):
        return None
    span = offsets(text, (node.lineno, node.col_offset), (last, node.end_col_offset or 0))
    return Constant("", max(texts, key=len), True, span)


def binding_constants(
    constants: Sequence[Constant], new: Texts, failing: Callable[[Texts], Collection[str]]
) -> list[Constant]:
    """Return the constants without which the tests fail.

    Args:
        constants: As `new_constants` yields them.
        new: The new release's texts.
        failing: Returns the tests that fail with other texts of some files.
    """
    found = []
    for constant in constants[:MOST]:
        text = constant.altered(new[constant.path])
        if bare(text) is not None and failing({constant.path: text}):
            found.append(constant)
    return found


def untold_constants(
    binding: Collection[Constant], asked: Collection[str], base: str, statement: str
) -> list[str]:
    """Return binding constants that expected values hold and that neither base nor statement tells.

    Args:
        binding: As `binding_constants` returns them.
        asked: Text of the failing tests, with the values of their variables.
        base: The base's source and documentation.
        statement: What the agent reads.
    """
    expected = "\n".join(asked)
    found = []
    for constant in binding:
        text = str(constant.value).strip()
        told = text in statement or text in base
        if not told and (constant.message or text in expected):
            found.append(text)
    return found


def private_names(old: Texts, new: Texts, hunks: Sequence[Hunk]) -> dict[str, set[str]]:
    """Return private functions and methods that hunks define anew, by file."""
    found: dict[str, set[str]] = {}
    for path in sorted({hunk.path for hunk in hunks}):
        known = set(re.findall(r"[A-Za-z_]\w+", old[path].decode("utf-8", "replace")))
        spans = [(h.new[0] + 1, sum(h.new)) for h in hunks if h.path == path]
        for node in ast.walk(parse(new[path])):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and re.match(r"_[^_]", node.name)
                and node.name not in known
                and any(first <= node.lineno <= last for first, last in spans)
            ):
                found.setdefault(path, set()).add(node.name)
    return found


def renamed(new: Texts, names: dict[str, set[str]]) -> dict[str, bytes]:
    """Return all files in which private names stand, with other names."""
    every = sorted(set().union(*names.values(), set()))
    if not every:
        return {}
    pattern = re.compile(rb"\b(" + b"|".join(name.encode() for name in every) + rb")\b")
    changed = {path: pattern.sub(rb"\1_other", text) for path, text in new.items()}
    return {path: text for path, text in changed.items() if text != new[path]}
