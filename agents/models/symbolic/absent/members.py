"""Members that a class does not have yet: properties, methods, fields, values of an enumeration."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.models.symbolic.absent.clones import Definition, clones
from agents.models.symbolic.absent.missing import Missing
from agents.models.symbolic.absent.naming import exchanged, exchanges, likeness, same, words
from agents.models.symbolic.absent.places import Scene, bare, behind, into_class
from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import Edit, Module, nodes

_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
MAX_FIELDS = 6


def member(scene: Scene, missing: Missing) -> Iterator[Proposal]:
    """Yield changes that give a class a member.

    Args:
        scene: The files and tests.
        missing: The member and its class.
    """
    family = scene.family(missing.owner)
    own = [(m, n) for m, n in family if n.name == missing.owner.rpartition(".")[2]]
    for module, node in own[:2]:
        yield from _of_enum(scene, module, node, missing.name)
        yield from _of_field(scene, module, node, family, missing.name)
        yield from _alias(scene, module, node, family, missing.name)
        yield from _delegated(scene, module, node, missing.name)
        yield from _set(scene, module, node, missing.name)
    usage = scene.tests.usage(missing.name)
    for number, (module, node) in enumerate(family):
        siblings: list[Definition] = [
            n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        for clone in clones(module, siblings, missing.name, usage):
            indent = module.indent(clone.source)
            code = "\n".join(indent + x if x.strip() else x for x in clone.code.split("\n"))
            edit = behind(module, clone.source, f"\n\n{code}")
            prior = 1.1 * clone.like * clone.prior * 0.95**number
            note = f"{node.name}.{missing.name}, {clone.note}"
            yield Proposal((edit,), "absent-method", prior, clone.source.lineno, note)
    yield from _functions(scene, own, missing.name)


def _add(
    module: Module, node: ast.ClassDef, template: str, prior: float, note: str, code: str
) -> Proposal:
    edit = into_class(module, node, code)
    return Proposal((edit,), f"absent-{template}", prior, node.lineno, f"{node.name}: {note}")


def _of_enum(scene: Scene, module: Module, node: ast.ClassDef, name: str) -> Iterator[Proposal]:
    """A further value of an enumeration, or of a class of constants."""
    assigned = [n for n in node.body if isinstance(n, ast.Assign) and len(n.targets) == 1]
    members = [n for n in assigned if bare(n.targets[0]).isupper() == name.isupper()]
    enum = any(bare(base) in _ENUMS for base in node.bases)
    if not members or not (enum or name.isupper()):
        return
    last = members[-1]
    values = [n.value.value for n in members if isinstance(n.value, ast.Constant)]
    texts: dict[str, float] = {}
    if isinstance(last.value, ast.Call) and bare(last.value.func) == "auto":
        texts[module.segment(last.value)] = 0.8
    if values and all(isinstance(v, str) for v in values):
        for old in members[-3:]:
            like = bare(old.targets[0])
            for table in exchanges(like, name)[-1:]:
                texts[exchanged(module.segment(old.value), table)] = 0.5
        texts.setdefault(repr(name.lower()), 0.6)
        texts.setdefault(repr(name.lower().replace("_", "-")), 0.4)
        texts.setdefault(repr(name), 0.3)
    whole = [v for v in values if isinstance(v, int) and not isinstance(v, bool)]
    if whole and len(whole) == len(values):
        texts[str(max(whole) + 1)] = 0.6
        if all(v & (v - 1) == 0 for v in whole):
            texts[str(2 * max(whole))] = 0.55
    for text, prior in texts.items():
        edit = behind(module, last, f"\n{module.indent(last)}{name} = {text}")
        note = f"{node.name}.{name} is {text}"
        yield Proposal((edit,), "absent-value", prior, last.lineno, note)


def fields_of(node: ast.ClassDef) -> dict[str, ast.expr | None]:
    """Return the fields that a class sets in its methods, with their first values."""
    found: dict[str, ast.expr | None] = {}
    for child in nodes(node):
        if isinstance(child, ast.Assign | ast.AnnAssign):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and bare(target.value) == "self":
                    found.setdefault(target.attr, child.value)
    slots = next((n for n in node.body if isinstance(n, ast.AnnAssign)), None)
    if slots is not None:
        for child in node.body:
            if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
                found.setdefault(child.target.id, child.value)
    return found


def _of_field(
    scene: Scene,
    module: Module,
    node: ast.ClassDef,
    family: list[tuple[Module, ast.ClassDef]],
    name: str,
) -> Iterator[Proposal]:
    """A property, or a method, that returns a field."""
    usage = scene.tests.usage(name)
    fields = [field for _, one in family for field in fields_of(one)]
    scored = []
    for field in dict.fromkeys(fields):
        like = 1.2 if same(field, name) else likeness(field, name)
        asked = likeness(field, re.sub(r"^(get|is|has)_", "", name))
        like = max(like, 1.0 if field.lstrip("_") == name.removeprefix("get_") else asked)
        if like > 0.25:
            scored.append((like, field))
    scored.sort(key=lambda one: -one[0])
    for like, field in scored[:MAX_FIELDS]:
        bodies = [f"self.{field}"]
        bodies += [f"len(self.{field})"] if re.search(r"count|num|len|size", name) else []
        bodies += (
            [f"bool(self.{field})", f"not self.{field}"] if re.match(r"is_|has_", name) else []
        )
        for number, body in enumerate(bodies):
            code = f"def {name}(self):\n    return {body}"
            if not usage.called:
                code = f"@property\n{code}"
            prior = 0.9 * like * 0.8**number
            yield _add(module, node, "property", prior, f"{name} returns {body}", code)


def _alias(
    scene: Scene,
    module: Module,
    node: ast.ClassDef,
    family: list[tuple[Module, ast.ClassDef]],
    name: str,
) -> Iterator[Proposal]:
    """Another name for a method that is called the same, or alike."""
    for home, one in family:
        for child in one.body:
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            like = 1.0 if same(child.name, name) else 0.0
            if not like and likeness(child.name, name) > 0.5:
                like = 0.3 * likeness(child.name, name)
            if like:
                indent = home.indent(child)
                edit = behind(home, child, f"\n\n{indent}{name} = {child.name}")
                note = f"{one.name}.{name} is {child.name}"
                yield Proposal((edit,), "absent-alias", 0.8 * like, child.lineno, note)


def _delegated(scene: Scene, module: Module, node: ast.ClassDef, name: str) -> Iterator[Proposal]:
    """Ask a field for its member of that name."""
    usage = scene.tests.usage(name)
    fields = fields_of(node)
    known = {cls: names for cls, names in scene.project.attributes.items() if name in names}
    for number, (field, value) in enumerate(list(fields.items())[: MAX_FIELDS + 2]):
        fits = _has(value, name) or any(
            same(field, c) or field.strip("_") in words(c) for c in known
        )
        prior = (0.75 if fits else 0.22) * 0.93**number
        text = f"self.{field}.{name}"
        if usage.called:
            code = f"def {name}(self, *args, **kwargs):\n    return {text}(*args, **kwargs)"
        else:
            code = f"@property\ndef {name}(self):\n    return {text}"
        yield _add(module, node, "delegate", prior, f"{name} is {text}", code)


def _has(value: ast.expr | None, name: str) -> bool:
    """Whether a value is of a built-in type with a member."""
    kinds = {
        "Dict": dict, "List": list, "Set": set, "Tuple": tuple, "JoinedStr": str,
        "DictComp": dict, "ListComp": list, "SetComp": set,
        "dict": dict, "list": list, "set": set, "tuple": tuple, "str": str, "bytes": bytes,
        "OrderedDict": dict, "defaultdict": dict, "deque": list,
    }  # fmt: skip
    key = type(value).__name__
    if isinstance(value, ast.Call):
        key = bare(value.func)
    kind = kinds.get(key)
    return kind is not None and hasattr(kind, name)


def _set(scene: Scene, module: Module, node: ast.ClassDef, name: str) -> Iterator[Proposal]:
    """A field with a plain value, of the class or of each object."""
    usage = scene.tests.usage(name)
    if usage.called:
        return
    init = next(
        (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
    )
    parameters = {a.arg for a in [*init.args.args, *init.args.kwonlyargs]} if init else set()
    if init is not None:
        alike = [p for p in parameters if p == name or same(p, name)]
        for parameter in alike:
            edit = behind(
                module, init.body[-1], f"\n{module.indent(init.body[-1])}self.{name} = {parameter}"
            )
            note = f"{node.name} keeps {parameter} as {name}"
            yield Proposal((edit,), "absent-kept", 1.1, init.lineno, note)
    for number, text in enumerate(("None", "False", "True", "''", "0", "()")):
        first = node.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        indent = module.indent(first)
        if documented:
            edit = behind(module, first, f"\n\n{indent}{name} = {text}")
        else:
            at = module.line_start(node.body[0].lineno) if first.lineno > node.lineno else 0
            if not at or getattr(first, "decorator_list", []):
                edit = into_class(module, node, f"{name} = {text}")
            else:
                edit = Edit(module.path, at, at, f"{indent}{name} = {text}\n\n")
        note = f"{node.name}.{name} is {text}"
        prior = 0.25 * 0.85**number
        yield Proposal((edit,), "absent-set", prior, node.lineno, note)


def _functions(
    scene: Scene, own: list[tuple[Module, ast.ClassDef]], name: str
) -> Iterator[Proposal]:
    """A method for a function of the module by that name."""
    for module, node in own[:2]:
        for child in module.tree.body:
            if isinstance(child, ast.FunctionDef) and child.name == name:
                code = (
                    f"def {name}(self, *args, **kwargs):\n    return {name}(self, *args, **kwargs)"
                )
                yield _add(module, node, "delegate", 0.7, f"{name} of the module", code)


__all__ = ["fields_of", "member"]
