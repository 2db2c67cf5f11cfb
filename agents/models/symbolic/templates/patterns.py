"""Regular expressions: quantifiers, classes, anchors, flags."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.templates.arguments import appended, callee
from agents.models.symbolic.templates.site import Site, is_docstring, on

_FUNCTIONS = frozenset("compile match fullmatch search sub subn split findall finditer".split())
_LOOKS_LIKE = re.compile(r"\\[dwsbDWSB]|\[[^\]]+\][+*?]|\(\?|[.)][+*?]|\^|\$\Z")
_TOKEN = re.compile(
    r"(?P<escape>\\.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<quantifier>[+*?]\??|\{\d*,?\d*\}\??)"
    r"|(?P<anchor>[\^$])|(?P<dot>\.)"
)
MAX_CHARACTERS = 5


def is_pattern(site: Site, node: ast.Constant) -> bool:
    """Whether a string constant is a regular expression."""
    if not isinstance(node.value, str) or is_docstring(site.module, node):
        return False
    above = site.parent(node)
    used = isinstance(above, ast.Call) and callee(above) in _FUNCTIONS
    return bool(_LOOKS_LIKE.search(node.value)) or (used and above.args[:1] == [node])  # type: ignore[union-attr]


@on(ast.Constant)
def pattern(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Change one element of a pattern."""
    assert isinstance(node, ast.Constant)
    if not is_pattern(site, node):
        return
    found = inside_of(site, node)
    if found is None:
        return
    start, inside = found
    changes: list[tuple[int, int, str, float]] = []
    for token in _TOKEN.finditer(inside):
        changes += [(token.start(), token.end(), *c) for c in _changes(site, token)]
    changes.append((len(inside), len(inside), "$", 0.25))
    changes.append((len(inside), len(inside), r"\Z", 0.2))
    changes.append((0, 0, "^", 0.2))
    for first, last, new, prior in changes:
        shown = inside[first:last] or "end" if first else inside[first:last]
        note = f"pattern: {shown or 'start'} -> {new or 'nothing'}"
        edit = site.edit(start + first, start + last, new)
        valid = inside[:first] + new + inside[last:]
        if compiles(valid):
            yield from site.proposal(node, "pattern", prior, note, edit)


def inside_of(site: Site, node: ast.Constant) -> tuple[int, str] | None:
    """Return the offset and text between the quotes of a pattern; None where escapes differ."""
    old = site.text(node)
    head = re.match(r"[rRbBuU]*('''|\"\"\"|'|\")", old)
    if head is None or (not re.search("[rR]", head[0]) and "\\" in old):
        return None
    inside = old[head.end() : len(old) - len(head[1])]
    return (site.module.span(node)[0] + head.end(), inside) if inside == node.value else None


def compiles(text: str) -> bool:
    """Whether a text is a valid pattern."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _changes(site: Site, token: re.Match[str]) -> list[tuple[str, float]]:
    text = token[0]
    if token["quantifier"]:
        others = {"+": ("*", "+?"), "*": ("+", "*?"), "?": ("*", "")}.get(text, ())
        if text in ("+?", "*?"):
            others = (text[0],)
        if text.startswith("{"):
            others = ("+", "*")
        return [(other, 0.45) for other in others]
    if token["anchor"]:
        return [("", 0.3)] + ([(r"\Z", 0.4)] if text == "$" else [])
    if token["dot"]:
        return [(r"\.", 0.4), (r"[\s\S]", 0.2)]
    if token["escape"]:
        named = {
            r"\d": (r"\d+", r"\w", r"\d*", r"-?\d"),
            r"\w": (r"[\w-]", r"[\w.]", r"\w+", r"[^\W_]"),
            r"\s": (r"\s*", r"\s+", r"[ \t]", " "),
            r"\b": ("",),
            r"\S": (r"\S+", "."),
            r"\.": (r"\.?", "."),
        }.get(text, (f"{text}?",))
        return [(other, 0.35) for other in named]
    changes: list[tuple[str, float]] = []
    body = text[1:-1]
    seen = {c for s in site.facts.strings for c in s if not c.isalnum() and c not in body}
    for character in sorted(seen)[:MAX_CHARACTERS]:
        escaped = re.escape(character) if character in r"]\^-" else character
        if character in ("'", '"', "\n"):
            continue
        changes.append((f"[{body}{escaped}]", 0.42))
    for small, more in (("a-z", "a-zA-Z"), ("A-Z", "a-zA-Z"), ("0-9", r"0-9a-zA-Z")):
        if small in body and more not in body:
            changes.append((f"[{body.replace(small, more)}]", 0.4))
    if r"\w" not in body and not body.startswith("^"):
        changes.append((f"[{body}\\w]", 0.2))
        changes.append((f"[{body}0-9]", 0.25))
    if r"\s" not in body:
        changes.append((f"[{body}\\s]", 0.2))
    return changes


@on(ast.Call)
def flags(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Add a flag to a pattern, or take one away."""
    assert isinstance(node, ast.Call)
    if callee(node) not in _FUNCTIONS or not isinstance(node.func, ast.Attribute):
        return
    if getattr(node.func.value, "id", "") != "re":
        return
    given = any(k.arg == "flags" for k in node.keywords)
    most = {"compile": 1, "sub": 3, "subn": 3}.get(callee(node), 2)
    if given or len(node.args) > most:
        last = next((k.value for k in node.keywords if k.arg == "flags"), None) or node.args[-1]
        for name in ("re.IGNORECASE", "re.DOTALL", "re.MULTILINE"):
            if name not in site.text(last):
                yield from site.swap(last, f"{site.text(last)} | {name}", "flags", 0.3)
        return
    for name in ("re.IGNORECASE", "re.DOTALL", "re.MULTILINE", "re.ASCII"):
        note = f"add {name}"
        edit = appended(site, node, f"flags={name}")
        yield from site.proposal(node, "flags", 0.35, note, edit)
