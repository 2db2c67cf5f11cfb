"""Conditions over what is in scope at a place, the likeliest first.

The forms are those of SPR (Long and Rinard, FSE 2015) and ACS (Xiong et al., ICSE 2017), in
Python's idiom: truth, None, emptiness, type, comparison with literals that the file uses,
membership, and two values of one kind against each other. Names count by how near they are
used (ACS's dependency locality) and by whether the statement speaks of them.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from repos.syntax import parse_expression
from tools.repair.source import nodes
from tools.repair.templates.kinds import kind_of
from tools.repair.templates.site import Site, reads
from tools.repair.templates.types import class_of, fields_of

MAX_VALUES = 14
MAX_CONDITIONS = 110
_SKIPPED = frozenset({"self", "cls", "_"})
_TYPES = ("str", "bytes", "int", "list", "tuple", "dict", "bool")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Atom:
    """A value that conditions may be about.

    Attributes:
        text: Its source.
        weight: How likely a condition is about it, relative to others.
        kind: Its kind as far as the source tells, "" if unknown.
    """

    text: str
    weight: float
    kind: str = ""


def scope_names(site: Site, node: ast.AST) -> list[str]:
    """Return the local names in reach of a node, those of comprehensions around it included."""
    names = list(site.names(node))
    for above in site.module.ancestors(node):
        if isinstance(above, _COMPREHENSIONS):
            names += [
                n.id
                for part in above.generators
                for n in nodes(part.target)
                if isinstance(n, ast.Name)
            ]
        elif isinstance(above, _FUNCTIONS) and isinstance(above, ast.Lambda):
            names += [arg.arg for arg in above.args.args]
        elif isinstance(above, ast.stmt):
            break
    if isinstance(node, ast.For | ast.AsyncFor):
        targets = {n.id for n in nodes(node.target) if isinstance(n, ast.Name)}
        names = [name for name in names if name not in targets]
    return [name for name in dict.fromkeys(names) if name not in _SKIPPED]


def values(site: Site, node: ast.AST) -> list[Atom]:
    """Return the values that conditions at a node may be about, the likeliest first."""
    function = site.function(node)
    if function is None:
        return []
    line = getattr(node, "lineno", function.lineno)
    nearness = _nearness(site, function, line)
    parameters = {a.arg for a in [*function.args.args, *function.args.kwonlyargs]}
    found: dict[str, float] = {}
    names = scope_names(site, node)
    for name in names:
        found[name] = 0.6 + nearness.get(name, 0.0) + (0.25 if name in parameters else 0.0)
    owners = [*names, *(["self"] if site.fields(node) else [])]
    for owner, attr in _attributes(site, function, owners):
        text = f"{owner}.{attr}"
        found[text] = max(found.get(text, 0.0), 0.35 + nearness.get(text, 0.0))
    for text in list(found):
        parts = {part for part in re.split(r"[._]", text.lower()) if len(part) > 2}
        found[text] *= 1.0 + 0.3 * min(2, len(parts & site.facts.words.plain))
        if text.rpartition(".")[2] in site.facts.words.code:
            found[text] *= 1.5
    kinds = {text: _kind(site, node, text) for text in found}
    atoms = [Atom(t, w, kinds[t]) for t, w in found.items() if kinds[t] != "function"]
    return sorted(atoms, key=lambda a: (-a.weight, a.text))[:MAX_VALUES]


def _nearness(site: Site, function: ast.AST, line: int) -> dict[str, float]:
    """Return how near each name or attribute is read: 1 on the line itself, less further off."""
    found: dict[str, float] = {}
    for child in nodes(function):
        if not isinstance(child, ast.Name | ast.Attribute):
            continue
        text = ast.unparse(child)
        if text.count(".") > 1:
            continue
        near = 1.0 / (1.0 + 0.25 * abs(child.lineno - line))
        found[text] = max(found.get(text, 0.0), near)
    return found


def _attributes(site: Site, function: ast.AST, owners: list[str]) -> Iterator[tuple[str, str]]:
    """Yield attributes that the file reads of values of the same names; no methods."""
    used: Counter[tuple[str, str]] = Counter()
    called: set[str] = set()
    key = "attributes-read"
    cached = site.notes.get(key)
    if cached is None:
        for child in nodes(site.module.tree):
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
                called.add(child.func.attr)
            if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
                used[child.value.id, child.attr] += 1
        cached = [pair for pair, _ in used.most_common() if pair[1] not in called]
        site.notes[key] = cached
    wanted = set(owners)
    seen: Counter[str] = Counter()
    # Names that are alike in kind, such as two operands, have the attributes of one another.
    shared = {attr for owner, attr in cached if owner in wanted and owner != "self"}
    for owner, attr in cached:
        if owner in wanted and not attr.startswith("__") and seen[owner] < 8:
            seen[owner] += 1
            yield owner, attr
    if "other" in wanted:
        for attr in sorted(shared | {a for o, a in cached if o == "self"})[:8]:
            yield "other", attr


def _kind(site: Site, node: ast.AST, text: str) -> str:
    parsed = parse_expression(text)
    # A node of its own has no surroundings: look for one of the file that says the same.
    function = site.function(node)
    for child in nodes(function) if function else ():
        if isinstance(child, type(parsed)) and ast.unparse(child) == text:
            return kind_of(site, child)
    return ""


def conditions(site: Site, node: ast.AST) -> list[tuple[str, float]]:
    """Return conditions at a node with weights, 0 to about 2, the likeliest first."""
    atoms = values(site, node)
    found: dict[str, float] = {}
    literals = _literals(site)
    for atom in atoms:
        for text, weight in _unary(site, atom, literals):
            found[text] = max(found.get(text, 0.0), weight * atom.weight)
    for text, weight in [*_binary(site, node, atoms), *field_pairs(site, node, atoms)]:
        found[text] = max(found.get(text, 0.0), weight)
    ordered = sorted(found.items(), key=lambda one: (-one[1], len(one[0]), one[0]))
    return ordered[:MAX_CONDITIONS]


def _unary(site: Site, atom: Atom, literals: dict[str, list[str]]) -> Iterator[tuple[str, float]]:
    text, kind = atom.text, atom.kind
    yield text, 1.0
    yield f"not {text}", 1.0
    if kind not in ("bool", "int", "float"):
        yield f"{text} is None", 0.8 if not kind else 0.3
        yield f"{text} is not None", 0.75 if not kind else 0.3
    bare = text.rpartition(".")[2]
    for literal in literals.get(bare, [])[:4]:
        yield f"{text} == {literal}", 0.8
        yield f"{text} != {literal}", 0.7
    if kind in ("int", "float", ""):
        numeric = 1.0 if kind else 0.35
        if kind or bare in literals.get("<", []):
            for operator, number in (("==", 0), ("<", 0), (">", 0), ("==", 1), (">", 1)):
                yield f"{text} {operator} {number}", 0.6 * numeric + 0.05
    checked = _checked(site).get(bare, [])
    for name in checked[:4]:
        yield f"isinstance({text}, {name})", 0.7
        yield f"not isinstance({text}, {name})", 0.65
    if not kind:
        for name in _TYPES:
            if name not in checked:
                yield f"isinstance({text}, {name})", 0.14
                yield f"not isinstance({text}, {name})", 0.11
    if kind in ("str", "list", "tuple", "dict", "set"):
        yield f"len({text}) == 1", 0.45
        yield f"len({text}) > 1", 0.45
    if kind == "str":
        yield f"{text}.isspace()", 0.25
        yield f"{text}.isdigit()", 0.2


def _binary(site: Site, node: ast.AST, atoms: list[Atom]) -> Iterator[tuple[str, float]]:
    for one in atoms:
        for two in atoms:
            if one.text == two.text or two.text.startswith(f"{one.text}."):
                continue
            weight = 0.35 * math.sqrt(one.weight * two.weight)
            a, b = one.text, two.text
            tails = a.rpartition(".")[2], b.rpartition(".")[2]
            same = tails[0] == tails[1]
            alike = same or (one.kind == two.kind and one.kind != "")
            if a < b and (alike or not (one.kind or two.kind)):
                gain = 3.5 if same else 1.5 if alike else 1.0
                yield f"{a} == {b}", weight * gain
                yield f"{a} != {b}", weight * gain
                if not one.kind:
                    yield f"{a} is {b}", 0.6 * weight * gain
                    yield f"{a} is not {b}", 0.6 * weight * gain
            many = two.kind in ("list", "dict", "set", "tuple", "str") or (
                not two.kind and b.endswith("s")
            )
            if many and one.kind not in ("list", "dict", "set", "bool"):
                yield f"{a} in {b}", 1.3 * weight
                yield f"{a} not in {b}", 1.3 * weight
            if one.kind in ("int", "float") and two.kind in ("int", "float"):
                for operator in ("<", "<=", ">", ">="):
                    yield f"{a} {operator} {b}", weight


def field_pairs(
    site: Site, node: ast.AST, atoms: list[Atom] | None = None
) -> list[tuple[str, float]]:
    """Return comparisons of the same field of two objects of one class, with weights."""
    atoms = values(site, node) if atoms is None else atoms
    classes = {atom.text: class_of(site, node, atom.text) for atom in atoms}
    found: list[tuple[str, float]] = []
    for place, one in enumerate(atoms):
        for two in atoms[place + 1 :]:
            holder = classes[one.text]
            if holder is None or classes[two.text] is not holder:
                continue
            a, b = sorted((one.text, two.text))
            weight = 0.9 * math.sqrt(one.weight * two.weight)
            for field in fields_of(holder):
                likely = weight * site.facts.words.often(field)
                for sign in ("==", "!="):
                    found.append((f"{a}.{field} {sign} {b}.{field}", likely))
    return sorted(found, key=lambda pair: -pair[1])


def _literals(site: Site) -> dict[str, list[str]]:
    """Return the literals that the file compares each bare name with; "<": names with an order."""
    cached = site.notes.get("compared")
    if cached is None:
        counts: dict[str, Counter[str]] = {}
        ordered: set[str] = set()
        for child in nodes(site.module.tree):
            if not isinstance(child, ast.Compare):
                continue
            name = (reads(child.left) or [""])[-1].rpartition(".")[2]
            for operator, right in zip(child.ops, child.comparators, strict=True):
                if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                    ordered.add(name)
                options = (
                    right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else [right]
                )
                for option in options:
                    constant = isinstance(option, ast.Constant) and option.value is not None
                    if constant or getattr(option, "id", "").isupper():
                        counts.setdefault(name, Counter())[ast.unparse(option)] += 1
        cached = {name: [text for text, _ in c.most_common()] for name, c in counts.items()}
        cached["<"] = sorted(ordered)
        site.notes["compared"] = cached
    return cached


def _checked(site: Site) -> dict[str, list[str]]:
    """Return the types that the project checks values of each bare name for."""
    cached = site.notes.get("checked")
    if cached is None:
        counts: dict[str, Counter[str]] = {}
        for child in nodes(site.module.tree):
            named = isinstance(child, ast.Call) and getattr(child.func, "id", "") == "isinstance"
            if named and isinstance(child, ast.Call) and len(child.args) == 2:
                name = (reads(child.args[0]) or [""])[-1].rpartition(".")[2]
                counts.setdefault(name, Counter())[ast.unparse(child.args[1])] += 1
        cached = {name: [text for text, _ in c.most_common()] for name, c in counts.items()}
        site.notes["checked"] = cached
    return cached
