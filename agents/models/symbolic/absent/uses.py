"""What a new parameter may be for: each use is a change of a function's body.

The forms are those that releases add: the value takes the place of one that was fixed, is
passed on, decides whether a step is done, or widens or narrows a condition.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.models.symbolic.absent.naming import words
from agents.models.symbolic.absent.places import bare
from agents.models.symbolic.source import Edit, FunctionNode, nodes
from agents.models.symbolic.templates.arguments import appended, callee
from agents.models.symbolic.templates.site import Site, is_docstring

OPTIONS: dict[str, frozenset[str]] = {
    "encoding": frozenset("open read_text write_text encode decode str bytes".split()),
    "errors": frozenset("open read_text write_text encode decode str bytes".split()),
    "newline": frozenset({"open", "write_text"}),
    "key": frozenset("sorted sort min max groupby".split()),
    "reverse": frozenset("sorted sort".split()),
    "indent": frozenset({"dumps", "dump"}),
    "sort_keys": frozenset({"dumps", "dump"}),
    "ensure_ascii": frozenset({"dumps", "dump"}),
    "separators": frozenset({"dumps", "dump"}),
    "cls": frozenset("dumps dump loads load".split()),
    "object_hook": frozenset("loads load".split()),
    "maxsplit": frozenset("split rsplit".split()),
    "keepends": frozenset({"splitlines"}),
    "count": frozenset({"sub", "replace"}),
    "flags": frozenset("compile match search sub split findall finditer fullmatch".split()),
    "strict": frozenset({"zip"}),
    "default": frozenset("get pop getattr next dumps dump min max".split()),
    "start": frozenset({"enumerate", "sum"}),
    "base": frozenset({"int"}),
    "ndigits": frozenset({"round"}),
    "exist_ok": frozenset("makedirs mkdir".split()),
    "fold": frozenset({"replace"}),
    "tzinfo": frozenset("replace now".split()),
    "tz": frozenset({"now", "fromtimestamp"}),
    "width": frozenset("wrap fill shorten".split()),
    "stacklevel": frozenset({"warn"}),
    "repl": frozenset({"sub"}),
    "convert_charrefs": frozenset({"__init__"}),
}
"""Options of the standard library, with the functions that take them."""

_METHODS = {
    "strip": ".strip()", "lower": ".lower()", "lowercase": ".lower()", "upper": ".upper()",
    "uppercase": ".upper()", "rstrip": ".rstrip()", "lstrip": ".lstrip()", "title": ".title()",
    "casefold": ".casefold()", "copy": ".copy()",
}  # fmt: skip
_FUNCTIONS = {
    "sort": "sorted", "sorted": "sorted", "reverse": "reversed", "unique": "set", "list": "list",
    "abs": "abs", "tuple": "tuple",
}  # fmt: skip
MAX_STATEMENTS = 30
MAX_CONSTANTS = 14
_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.For, ast.Raise, ast.While, ast.With)


@dataclass(frozen=True)
class Use:
    """One use.

    Attributes:
        note: In a few words.
        edits: Of the body.
        prior: How often it is the right one, relative to others.
        default: What the parameter's default has to be; "" leaves it open.
    """

    note: str
    edits: tuple[Edit, ...]
    prior: float
    default: str = ""


@dataclass(frozen=True)
class Value:
    """The new parameter, as a body reads it.

    Attributes:
        name: Its name.
        text: How it is read: the name, or `self.name`.
        values: What the tests give it.
    """

    name: str
    text: str
    values: Sequence[ast.expr]

    @property
    def kinds(self) -> set[str]:
        """The types of the constants that the tests give."""
        return {type(v.value).__name__ for v in self.values if isinstance(v, ast.Constant)}

    @property
    def flag(self) -> bool | None:
        """What a flag is set to by the tests; None where it is no flag."""
        given = {v.value for v in self.values if isinstance(v, ast.Constant)}
        if given and given <= {True, False} and self.kinds == {"bool"}:
            return True in given
        return None

    @property
    def default(self) -> str:
        """The likeliest default: what the tests don't set."""
        return "None" if self.flag is None else str(not self.flag)

    def on(self) -> str:
        """The condition that holds where it is given."""
        if self.flag is None:
            return f"{self.text} is not None"
        return self.text if self.flag else f"not {self.text}"

    def off(self) -> str:
        """The condition that holds where it is left out."""
        if self.flag is None:
            return f"{self.text} is None"
        return f"not {self.text}" if self.flag else self.text


def uses(site: Site, function: FunctionNode, value: Value) -> Iterator[Use]:
    """Yield the uses in a function's body."""
    yield from _same_name(site, function, value)
    yield from _passed(site, function, value)
    yield from _constants(site, function, value)
    yield from _conditions(site, function, value)
    yield from _skipped(site, function, value)
    yield from _results(site, function, value)


def _body(function: FunctionNode) -> Iterator[ast.AST]:
    for statement in function.body:
        yield from nodes(statement)


def _common(value: Value, text: str) -> float:
    """Return a factor for code that shares words with the parameter's name."""
    own = {w for w in words(value.name) if len(w) > 2}
    there = set(words(text))
    hits = sum(
        any(w == t or (len(w) > 3 and w in t) or (len(t) > 2 and w.startswith(t)) for t in there)
        for w in own
    )
    return 1.0 + 0.8 * min(2, hits)


def _same_name(site: Site, function: FunctionNode, value: Value) -> Iterator[Use]:
    """The value takes the place of something of the same name."""
    module = site.module
    for node in _body(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            name = bare(target).lstrip("_")
            if name != value.name or isinstance(target, ast.Subscript):
                continue
            old = site.text(node.value)
            constant = isinstance(node.value, ast.Constant) or old.isupper()
            if isinstance(target, ast.Name) and target.id == value.text:
                if constant and module.stands_alone(node):
                    start, end = site.lines_of(node)
                    edit = Edit(module.path, start, end + 1, "")
                    yield Use(f"instead of {name} = {old}", (edit,), 1.0, old)
                elif module.stands_alone(node):
                    edit = site.before(node, f"if {value.text} is None:")
                    lines = site.reindented(node, module.indent(node) + "    ")
                    if edit is not None and lines:
                        begin, end = site.lines_of(node)
                        text = f"{module.indent(node)}if {value.text} is None:\n{lines}"
                        yield Use(
                            f"{name} unless given", (site.edit(begin, end, text),), 0.8, "None"
                        )
            elif constant:
                yield Use(f"for {old}", (site.put(node.value, value.text),), 1.0, old)
            else:
                text = f"{old} if {value.text} is None else {value.text}"
                yield Use(f"or else {old[:30]}", (site.put(node.value, text),), 0.7, "None")
        elif isinstance(node, ast.Attribute) and node.attr.lstrip("_") == value.name:
            if isinstance(node.ctx, ast.Load) and site.text(node) != value.text:
                old = site.text(node)
                text = f"({value.text} if {value.text} is not None else {old})"
                yield Use(f"before {old}", (site.put(node, text),), 0.6, "None")
        elif isinstance(node, ast.keyword) and node.arg == value.name:
            old = site.text(node.value)
            constant = isinstance(node.value, ast.Constant) or old.isupper()
            text = value.text if constant else f"{old} if {value.text} is None else {value.text}"
            default = old if constant else "None"
            yield Use(f"{node.arg}={value.text}", (site.put(node.value, text),), 1.0, default)


def _passed(site: Site, function: FunctionNode, value: Value) -> Iterator[Use]:
    """The value is passed on to what takes it."""
    known: list[Edit] = []
    default = ""
    for node in _body(function):
        if not isinstance(node, ast.Call) or any(
            k.arg in (None, value.name) for k in node.keywords
        ):
            continue
        name = callee(node)
        edit = appended(site, node, f"{value.name}={value.text}")
        signatures = site.project.signatures.get(name, ())
        if any(value.name in s.names for s in signatures):
            known.append(edit)
            default = default or _default_at(site, name, value.name)
            yield Use(f"pass it to {name}", (edit,), 0.9, default)
        elif name in OPTIONS.get(value.name, ()):
            yield Use(f"pass it to {name}", (edit,), 0.8)
        elif name == "__init__" and "super()" in site.text(node.func):
            yield Use("pass it to super().__init__", (edit,), 0.55)
        elif not signatures and name and name.islower():
            factor = _common(value, site.flat(node))
            yield Use(f"pass it to {name}", (edit,), 0.12 * factor)
    if len(known) > 1:
        yield Use(f"pass it on at {len(known)} places", tuple(known), 1.0, default)


def _default_at(site: Site, name: str, parameter: str) -> str:
    for module in site.project.modules.values():
        for other in module.functions:
            holder = module.class_of(other)
            named = other.name == name or (
                other.name == "__init__" and holder is not None and holder.name == name
            )
            if named:
                found = default_of(other, parameter)
                if found is not None and isinstance(found, ast.Constant):
                    return module.segment(found)
    return ""


def default_of(function: FunctionNode, parameter: str) -> ast.expr | None:
    """Return the default of a parameter; None where it has none."""
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    tail = plain[len(plain) - len(args.defaults) :]
    pairs = [
        *zip(tail, args.defaults, strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]
    return next((value for arg, value in pairs if arg.arg == parameter), None)


def _constants(site: Site, function: FunctionNode, value: Value) -> Iterator[Use]:
    """The value takes the place of a constant, which becomes its default."""
    kinds = value.kinds
    seen: dict[str, list[tuple[ast.AST, float]]] = {}
    for node in _body(function):
        parent = site.parent(node)
        if isinstance(parent, ast.FormattedValue | ast.JoinedStr):
            continue
        if isinstance(node, ast.Constant) and not is_docstring(site.module, node):
            kind = type(node.value).__name__
            if (
                kinds
                and kind not in kinds
                and not (kind in ("int", "float") and kinds & {"int", "float"})
            ):
                continue
            if kind in ("NoneType", "ellipsis"):
                continue
            prior = 0.4 if kind in kinds else 0.15
        elif isinstance(node, ast.Name) and node.id.isupper() and isinstance(node.ctx, ast.Load):
            prior = 0.35
        elif isinstance(node, ast.Attribute) and node.attr.isupper():
            if not isinstance(node.value, ast.Name) or node.value.id in ("self", "cls"):
                continue
            prior = 0.25
        else:
            continue
        around = parent if parent is not None else node
        near = isinstance(around, ast.keyword) and _common(value, around.arg or "") > 1.0
        statement = site.module.statement(node)
        context = site.flat(statement)[:160] if isinstance(statement, _SIMPLE[:3]) else ""
        factor = 1.5 if near else _common(value, f"{site.flat(node)} {context}") ** 0.5
        seen.setdefault(site.text(node), []).append((node, prior * factor))
    for number, (text, places) in enumerate(list(seen.items())[:MAX_CONSTANTS]):
        best = max(prior for _, prior in places) * 0.97**number
        if len(places) > 1:
            edits = tuple(site.put(node, value.text) for node, _ in places)
            yield Use(f"for {text[:30]}, at {len(places)} places", edits, best, text)
        for node, prior in places[:3]:
            edits = (site.put(node, value.text),)
            yield Use(f"for {text[:30]}", edits, 0.95 * prior * 0.97**number, text)


def _conditions(site: Site, function: FunctionNode, value: Value) -> Iterator[Use]:
    """The value widens or narrows a condition."""
    for node in _body(function):
        if not isinstance(node, ast.expr) or not site.is_test(node):
            continue
        if isinstance(site.parent(node), ast.BoolOp | ast.UnaryOp):
            continue
        test = (
            site.operand(node)
            if isinstance(node, ast.BoolOp | ast.IfExp | ast.Lambda)
            else site.text(node)
        )
        factor = _common(value, site.flat(node))
        body = getattr(site.parent(node), "body", None)
        if isinstance(body, list) and body:
            factor = max(factor, _common(value, site.flat(body[0])[:120]))
        default = value.default
        note = site.flat(node)[:30]
        narrow = site.put(node, f"{value.off()} and {test}", loose=True)
        yield Use(f"{value.off()} and {note}", (narrow,), 0.34 * factor, default)
        bare_test = site.text(node) if not isinstance(node, ast.IfExp | ast.Lambda) else test
        wide = site.put(node, f"{value.on()} or {bare_test}", loose=True)
        yield Use(f"{value.on()} or {note}", (wide,), 0.22 * factor, default)
        narrow = site.put(node, f"{value.on()} and {test}", loose=True)
        yield Use(f"{value.on()} and {note}", (narrow,), 0.12 * factor, default)


def _skipped(site: Site, function: FunctionNode, value: Value) -> Iterator[Use]:
    """The value decides whether a step is done, or the function goes on at all."""
    steps = [n for n in _body(function) if isinstance(n, _SIMPLE) and n is not function.body[0]]
    if function.body and isinstance(function.body[0], _SIMPLE):
        first = function.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        steps = steps if documented else [first, *steps]
    module = site.module
    steps.sort(key=lambda n: -_common(value, site.flat(n)[:200]))
    for node in steps[:MAX_STATEMENTS]:
        if not module.stands_alone(node):
            continue
        lines = site.reindented(node, module.indent(node) + "    ")
        if lines is None:
            continue
        factor = _common(value, site.flat(node)[:200])
        start, end = site.lines_of(node)
        if isinstance(node, ast.If) and module.lines[node.lineno - 1].strip().startswith("elif"):
            continue
        text = f"{module.indent(node)}if {value.off()}:\n{lines}"
        edit = (site.edit(start, end, text),)
        note = site.flat(node).split("\n")[0][:40]
        prior = 0.3 if not isinstance(node, ast.Raise) else 0.36
        if function.name == "__init__" and isinstance(node, ast.Assign):
            # Fields are read elsewhere: without them other things break.
            prior *= 0.3
        yield Use(f"if {value.off()}: {note}", edit, prior * factor, value.default)
    parameters = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
    body = function.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if documented and len(body) > 1 else body[0]
    for text in ([f"return {parameters[0]}"] if parameters else []) + ["return None"]:
        if value.flag is not None:
            edit = site.before(first, f"if {value.on()}:", f"    {text}")
            if edit is not None:
                yield Use(f"if {value.on()}: {text}", (edit,), 0.1, value.default)


def _results(site: Site, function: FunctionNode, value: Value) -> Iterator[Use]:
    """The value names what is done with the result, or is itself a function for it."""
    named = [w for w in words(value.name) if w in _METHODS or w in _FUNCTIONS]
    calls = any(isinstance(v, ast.Lambda | ast.Name | ast.Attribute) for v in value.values)
    for node in _body(function):
        if not isinstance(node, ast.Return | ast.Yield) or node.value is None:
            continue
        old = site.operand(node.value)
        plain = site.text(node.value)
        loose = isinstance(node.value, ast.IfExp | ast.Lambda | ast.Tuple)
        plain = f"({plain})" if loose else plain
        changed = [old + _METHODS[w] for w in named if w in _METHODS]
        changed += [f"{_FUNCTIONS[w]}({site.text(node.value)})" for w in named if w in _FUNCTIONS]
        if calls and value.flag is None:
            changed.append(f"{value.text}({site.text(node.value)})")
        for new in changed:
            text = f"{new} if {value.on()} else {plain}"
            yield Use(
                f"{new[:30]} if {value.on()}", (site.put(node.value, text),), 0.6, value.default
            )
        flag = "bool" in value.kinds
        if flag and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
            yield Use(f"return {value.text}", (site.put(node.value, value.text),), 0.2)
