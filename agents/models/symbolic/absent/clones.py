"""A definition made from the most similar one that is there, with the words of the name exchanged.

New code mostly repeats what the same program has already (Barr et al., "The Plastic Surgery
Hypothesis", FSE 2014).
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from agents.models.symbolic.absent.naming import (
    exchanged,
    exchanges,
    likeness,
    opposite,
    same,
    words,
)
from agents.models.symbolic.absent.usage import Usage
from agents.models.symbolic.source import Module, first_line, parse

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
LONGEST = 60
"""Lines of a definition that may be cloned."""

_FLIPS = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass(frozen=True)
class Clone:
    """A definition's code, without indentation.

    Attributes:
        code: The new definition.
        source: The one that it was made from.
        like: How alike the names are.
        prior: How good the variant is, 0 to 1.
        note: In a few words.
    """

    code: str
    source: ast.stmt
    like: float
    prior: float
    note: str


def code_of(module: Module, node: ast.stmt) -> str:
    """Return a definition's source with its decorators, without indentation."""
    last = node.end_lineno or node.lineno
    return textwrap.dedent("\n".join(module.lines[first_line(node) - 1 : last]))


def clones(
    module: Module, siblings: list[Definition], name: str, usage: Usage, count: int = 5
) -> Iterator[Clone]:
    """Yield definitions of `name` made from its most similar siblings, the likeliest first.

    Args:
        module: The siblings' file.
        siblings: Functions and classes.
        name: What is missing.
        usage: How the tests use it.
        count: Siblings that are taken at most.
    """
    scored = []
    for node in siblings:
        like = likeness(node.name, name)
        if same(node.name, name):
            like = 1.0
        if usage.called and isinstance(node, ast.ClassDef) != name[:1].isupper():
            like *= 0.6
        if (node.end_lineno or 0) - node.lineno > LONGEST:
            like *= 0.5
        if like > 0.2:
            scored.append((like, node))
    scored.sort(key=lambda one: (-one[0], one[1].lineno))
    for like, node in scored[:count]:
        yield from _variants(module, node, name, like, usage)


def _variants(
    module: Module, node: Definition, name: str, like: float, usage: Usage
) -> Iterator[Clone]:
    text = code_of(module, node)
    seen: set[str] = set()
    turned = opposite(node.name, name)
    for rank, table in enumerate(exchanges(node.name, name)):
        # What is done from one end or up to one bound has signs that the words don't tell.
        for flip in (True, False) if turned else (False,):
            code = _named(exchanged(text, table), node, name)
            if code is None:
                continue
            if flip:
                code = _flipped(code)
            code = _awaited(code, node, name, usage)
            if code in seen or parse(code) is None:
                continue
            seen.add(code)
            prior = 1.0 - 0.15 * rank - 0.2 * (turned and not flip)
            note = f"like {node.name}" + (" the other way round" if flip else "")
            yield Clone(code, node, like, prior, note)
    collected = _collected(text, node, name)
    if collected is not None and collected not in seen:
        seen.add(collected)
        yield Clone(collected, node, like, 0.9, f"all that {node.name} looks for")
    if not isinstance(node, ast.ClassDef):
        code = _named(text, node, name)
        if code is not None and code not in seen:
            yield Clone(code, node, like, 0.6, f"a copy of {node.name}")


def _collected(code: str, node: Definition, name: str) -> str | None:
    """Return the code of a search for the first fit as one for all fits, for a plural name."""
    new = words(name)
    several = {"many", "all", "list", "iter", "every"} & set(new) or name.endswith("s")
    if not several or not isinstance(node, ast.FunctionDef):
        return None
    loop = next((n for n in node.body if isinstance(n, ast.For)), None)
    inner = loop.body[0] if loop is not None and len(loop.body) == 1 else None
    if loop is None or not isinstance(inner, ast.If) or not isinstance(inner.body[0], ast.Return):
        return None
    value = inner.body[0].value
    if value is None:
        return None
    parts = [ast.unparse(one) for one in (value, loop.target, loop.iter, inner.test)]
    line = f"    return [{parts[0]} for {parts[1]} in {parts[2]} if {parts[3]}]"
    tree = ast.parse(code).body[0]
    assert isinstance(tree, ast.FunctionDef)
    head = "\n".join(code.split("\n")[: tree.body[0].lineno - 1])
    head = re.sub(r"\) *->[^:\n]*:$", "):", head)
    return _named(f"{head}\n{line}", node, name)


def _named(code: str, node: Definition, name: str) -> str | None:
    """Return the code with its definition called `name`, recursive uses included."""
    head = re.search(r"^(\s*(?:async def|def|class)\s+)(\w+)", code, re.MULTILINE)
    if head is None:
        return None
    old = head[2]
    code = code[: head.start(2)] + name + code[head.end(2) :]
    return re.sub(rf"\b{re.escape(old)}\b", name, code) if old != node.name else code


def _flipped(code: str) -> str:
    """Return the code with comparisons, indices and slices the other way round."""
    code = re.sub(r"(?<=\s)(<=|>=|<|>)(?=\s)", lambda m: _FLIPS[m[0]], code)
    code = re.sub(r"\[(-1|0)\]", lambda m: "[0]" if m[1] == "-1" else "[-1]", code)

    def turned(match: re.Match[str]) -> str:
        start, end = match[1].strip(), match[2].strip()
        if start and not end:
            return f"[: {start[1:]}]" if start.startswith("-") else f"[: -{start}]"
        if end and not start:
            return f"[{end[1:]} :]" if end.startswith("-") else f"[-{end} :]"
        return match[0]

    part = r"((?:[\w.+-]|\([^()\[\]]*\))*)"
    return re.sub(rf"\[\s*{part}\s*:\s*{part}\s*\]", turned, code)


def _awaited(code: str, node: Definition, name: str, usage: Usage) -> str:
    """Make the clone asynchronous, or not, where the name says so."""
    new, old = words(name), words(node.name)
    if "async" in new and "async" not in old and isinstance(node, ast.FunctionDef):
        return re.sub(r"^def ", "async def ", code, flags=re.MULTILINE)
    if usage.awaited and isinstance(node, ast.FunctionDef):
        return re.sub(r"^def ", "async def ", code, flags=re.MULTILINE)
    return code
