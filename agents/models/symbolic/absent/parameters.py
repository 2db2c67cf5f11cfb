"""Parameters that do not exist yet: add one with a default, and use it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from agents.models.symbolic.absent.missing import Missing
from agents.models.symbolic.absent.naming import likeness, same
from agents.models.symbolic.absent.places import Scene, bare, behind, into_class, parameter
from agents.models.symbolic.absent.uses import Use, Value, uses
from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import Edit, FunctionNode, Module, nodes
from agents.models.symbolic.templates.arguments import appended, callee

MAX_USES = 60
MAX_CALLEES = 6
MAX_METHODS = 12
MAX_DEEP = 25
IGNORED = 0.12
"""Prior of a parameter that is accepted and ignored: it satisfies the message only."""


def keyword(scene: Scene, missing: Missing) -> Iterator[Proposal]:
    """Yield changes that let a function take a keyword.

    Args:
        scene: The files and tests.
        missing: The keyword and its function.
    """
    values = scene.tests.keyword(missing.name)
    found = False
    for module, function in scene.functions(missing.owner):
        found = True
        yield from added(scene, module, function, missing.name, values)
    owner = missing.owner.split(".")
    holder = owner[-2] if len(owner) > 1 and owner[-1] in ("__init__", "__new__") else owner[-1]
    if not found:
        for module, node in scene.classes(holder):
            yield from _field(scene, module, node, missing.name, values)
            yield from _constructor(scene, module, node, missing.name)


def positional(scene: Scene, missing: Missing) -> Iterator[Proposal]:
    """Yield changes that let a function take one more argument by position."""
    for module, function in scene.functions(missing.owner):
        name = _new_name(scene, function)
        usage = scene.tests.usage(_called_as(module, function))
        values = usage.arguments[-1] if usage.arguments else []
        yield from added(scene, module, function, name, values, positional=True)
        plain = [a.arg for a in function.args.args]
        if function.args.vararg is None and plain and not function.args.kwonlyargs:
            last = function.args.args[-1]
            edit = Edit(module.path, *module.span(last), f"*{last.arg}")
            if not function.args.defaults:
                note = f"{function.name} takes any number of {last.arg}"
                yield Proposal((edit,), "absent-many", 0.3, function.lineno, note)
    if "." not in missing.owner:
        for module, node in scene.classes(missing.owner):
            yield from _constructor(scene, module, node, "value")


def required(scene: Scene, missing: Missing) -> Iterator[Proposal]:
    """Yield changes that give a required parameter a default."""
    for module, function in scene.functions(missing.owner):
        args = [*function.args.posonlyargs, *function.args.args]
        names = [a.arg for a in args]
        if missing.name in names:
            first = len(args) - len(function.args.defaults)
            index = names.index(missing.name)
            if index >= first or any(a.arg == "self" for a in args[index:first]):
                continue
            for text in ("None", "''", "()", "0", "False", "True", "1"):
                edits = [
                    Edit(module.path, module.span(a)[1], module.span(a)[1], _default(a, text))
                    for a in args[index:first]
                ]
                note = f"{missing.name} of {function.name} is {text} by default"
                prior = 0.6 if text == "None" else 0.35
                yield Proposal(tuple(edits), "absent-default", prior, function.lineno, note)


def _default(arg: ast.arg, text: str) -> str:
    return f" = {text}" if arg.annotation is not None else f"={text}"


def _called_as(module: Module, function: FunctionNode) -> str:
    holder = module.class_of(function)
    return holder.name if function.name == "__init__" and holder is not None else function.name


def _new_name(scene: Scene, function: FunctionNode) -> str:
    """Return a name for one more positional parameter: one that siblings have, or a plain one."""
    taken = {a.arg for a in [*function.args.args, *function.args.kwonlyargs]}
    for usual in ("default", "key", "value", "strict", "options", "extra"):
        if usual in scene.facts.words.code and usual not in taken:
            return usual
    return next(n for n in ("default", "value", "other", "extra") if n not in taken)


def added(
    scene: Scene,
    module: Module,
    function: FunctionNode,
    name: str,
    values: list[ast.expr],
    *,
    positional: bool = False,
    deep: bool = True,
) -> Iterator[Proposal]:
    """Yield the additions of a parameter to a function, each with another use of it."""
    site = scene.site(module)
    found: list[Use] = []
    for assumed, factor in _assumed(values):
        value = Value(name, name, assumed)
        made = sorted(uses(site, function, value), key=lambda use: -use.prior)[:MAX_USES]
        made += _stored(scene, module, function, value)
        made.append(Use("which is ignored", (), IGNORED))
        made += _deeper(scene, module, function, value) if deep else []
        found += [
            replace(use, prior=factor * use.prior, default=use.default or value.default)
            for use in made
        ]
    for use in found:
        default = use.default
        head = parameter(module, function, _spelled(function, name, default), positional=positional)
        if head is None:
            continue
        heads = (head, *_overloads(module, function, name, default))
        note = f"{function.name} takes {name}: {use.note}"
        yield Proposal(
            (*heads, *use.edits), f"absent-parameter-{_kind(use)}", use.prior, function.lineno, note
        )
    yield from _renamed(scene, module, function, name)


def _assumed(values: list[ast.expr]) -> list[tuple[list[ast.expr], float]]:
    """Return what to take the tests' values for, with factors: a flag may be on or off before."""
    on: list[ast.expr] = [ast.Constant(True)]
    off: list[ast.expr] = [ast.Constant(False)]
    constants = [v.value for v in values if isinstance(v, ast.Constant)]
    flags = {v for v in constants if isinstance(v, bool)}
    if len(flags) == 2 and len(constants) == len(values):
        return [(on, 1.0), (off, 0.9)]
    if constants or any(not isinstance(v, ast.Name) for v in values):
        return [(values, 1.0)]
    return [(values, 0.9), (on, 0.8), (off, 0.8)]


def _kind(use: Use) -> str:
    return use.note.split(" ")[0]


def _spelled(function: FunctionNode, name: str, default: str) -> str:
    """Return a parameter with its default, annotated where the others are."""
    others = [a for a in function.args.args if a.arg not in ("self", "cls")]
    typed = others and all(a.annotation is not None for a in others)
    kind = {"True": "bool", "False": "bool"}.get(default, "")
    if not kind and default[:1] in "\"'":
        kind = "str"
    if not kind and default.lstrip("-").isdigit():
        kind = "int"
    return f"{name}: {kind} = {default}" if typed and kind else f"{name}={default}"


def _overloads(module: Module, function: FunctionNode, name: str, default: str) -> list[Edit]:
    """Return the same parameter for the overloads of a function."""
    found = []
    for other in module.functions:
        same_name = other is not function and other.name == function.name
        if same_name and any(bare(d) == "overload" for d in other.decorator_list):
            edit = parameter(module, other, _spelled(other, name, default))
            found += [edit] if edit is not None else []
    return found


def _stored(scene: Scene, module: Module, function: FunctionNode, value: Value) -> Iterator[Use]:
    """A constructor keeps the value in a field, which methods use."""
    holder = module.class_of(function)
    if function.name != "__init__" or holder is None or not function.args.args:
        return
    site = scene.site(module)
    own = function.args.args[0].arg
    kept = [
        (node, target)
        for node in function.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and bare(target.value) == own
    ]
    private = sum(t.attr.startswith("_") for _, t in kept) > len(kept) / 2
    public = value.name in scene.tests.fields()
    field = f"_{value.name}" if private and not public else value.name
    line = f"{own}.{field} = {value.name}"
    where = kept[-1][0] if kept else None
    edit = site.after(where, line) if where is not None else None
    if edit is None:
        edit = behind(module, function.body[-1], f"\n{module.indent(function.body[-1])}{line}")
    yield Use(f"kept as {own}.{field}", (edit,), 0.5 if public else 0.22)
    if not public:
        yield from _empty(site, function, value, edit)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    methods = [n for n in holder.body if isinstance(n, kinds) and n is not function]
    found: list[Use] = []
    for method in methods[:MAX_METHODS]:
        if not method.args.args or method.args.args[0].arg != own:
            continue
        inner = Value(value.name, f"{own}.{field}", value.values)
        for use in uses(site, method, inner):
            note = f"kept and, in {method.name}, {use.note}"
            found.append(Use(note, (edit, *use.edits), 0.8 * use.prior, use.default))
    found.sort(key=lambda use: -use.prior)
    yield from found[:MAX_USES]


def _empty(site: object, function: FunctionNode, value: Value, edit: Edit) -> Iterator[Use]:
    """Nothing further: a place for fields that start as an empty collection."""
    kinds = {type(v).__name__ for v in value.values}
    empty = {"Dict": "{}", "List": "[]", "Tuple": "()", "Set": "set()"}
    for kind, text in empty.items():
        if kind in kinds:
            new = edit.new.replace(f"= {value.name}", f"= {value.name} or {text}")
            yield Use(f"kept, else {text}", (Edit(edit.path, edit.start, edit.end, new),), 0.3)


def _deeper(scene: Scene, module: Module, function: FunctionNode, value: Value) -> list[Use]:
    """Pass the value on to functions that have to learn the parameter too."""
    site = scene.site(module)
    calls: dict[str, list[ast.Call]] = {}
    for node in nodes(function):
        if isinstance(node, ast.Call) and not any(k.arg is None for k in node.keywords):
            calls.setdefault(callee(node), []).append(node)
    found: list[Use] = []
    for name, places in list(calls.items()):
        targets = _targets(scene, module, function, name, places[0])
        if not targets or len(found) > MAX_CALLEES * MAX_DEEP:
            continue
        other, inner = targets[0]
        if inner is function or value.name in [a.arg for a in inner.args.args]:
            continue
        passed = tuple(appended(site, call, f"{value.name}={value.name}") for call in places)
        inside = Value(value.name, value.name, value.values)
        deeper = [*uses(scene.site(other), inner, inside), *_stored(scene, other, inner, inside)]
        deeper = sorted(deeper, key=lambda use: -use.prior)[: 2 * MAX_DEEP]
        for use in deeper:
            default = use.default or value.default
            head = parameter(other, inner, _spelled(inner, value.name, default))
            if head is not None:
                note = f"pass it to {name}, which takes it: {use.note}"
                found.append(Use(note, (*passed, head, *use.edits), 0.7 * use.prior, default))
    return found


def _targets(
    scene: Scene, module: Module, function: FunctionNode, name: str, call: ast.Call
) -> list[tuple[Module, FunctionNode]]:
    """Return the functions that a call of a bare name may mean; constructors of classes too."""
    if name == "__init__":
        holder = module.class_of(function)
        family = scene.family(holder.name)[1:] if holder is not None else []
        return [
            (other, child)
            for other, node in family
            for child in node.body
            if isinstance(child, ast.FunctionDef) and child.name == "__init__"
        ]
    found: list[tuple[Module, FunctionNode]] = [
        (other, child)
        for other in scene.modules.values()
        for child in other.functions
        if child.name == name
    ]
    if not found:
        found = [
            (other, child)
            for other, node in scene.classes(name)
            for child in node.body
            if isinstance(child, ast.FunctionDef) and child.name == "__init__"
        ]
    return found if len(found) == 1 else []


def _renamed(scene: Scene, module: Module, function: FunctionNode, name: str) -> Iterator[Proposal]:
    """Rename a parameter that is called alike."""
    for arg in [*function.args.args, *function.args.kwonlyargs]:
        like = 1.0 if same(arg.arg, name) else likeness(arg.arg, name)
        if like < 0.3 or arg.arg in ("self", "cls"):
            continue
        edits = [Edit(module.path, module.span(arg)[0], module.span(arg)[0] + len(arg.arg), name)]
        for node in nodes(function):
            if isinstance(node, ast.Name) and node.id == arg.arg:
                edits.append(Edit(module.path, *module.span(node), name))
        note = f"{arg.arg} of {function.name} is called {name}"
        yield Proposal(tuple(edits), "absent-renamed", 0.5 * like, function.lineno, note)


def _field(
    scene: Scene, module: Module, node: ast.ClassDef, name: str, values: list[ast.expr]
) -> Iterator[Proposal]:
    """Add a field to a class whose constructor is made from its fields."""
    made = any("dataclass" in bare(getattr(d, "func", d)) for d in node.decorator_list)
    made = made or any(
        bare(getattr(d, "func", d)) in ("s", "attrs", "define", "frozen", "attr")
        for d in node.decorator_list
    )
    made = made or any(
        bare(base) in ("NamedTuple", "TypedDict", "BaseModel") for base in node.bases
    )
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign | ast.Assign)]
    if not made or not fields:
        return
    value = Value(name, name, values)
    kind = "bool" if value.flag is not None else "object"
    last = fields[-1]
    indent = module.indent(last)
    for text in dict.fromkeys([value.default, "None", "''", "0"]):
        code = f"\n{indent}{name}: {kind} = {text}"
        if isinstance(last, ast.Assign):
            function = module.segment(last.value).partition("(")[0]
            code = f"\n{indent}{name} = {function}(default={text})"
        note = f"{node.name} has the field {name}, {text} by default"
        edit = behind(module, last, code)
        yield Proposal((edit,), "absent-field", 0.5, node.lineno, note)


def _constructor(scene: Scene, module: Module, node: ast.ClassDef, name: str) -> Iterator[Proposal]:
    """Give a class a constructor that keeps a value."""
    if any(isinstance(n, ast.FunctionDef) and n.name == "__init__" for n in node.body):
        return
    for call in ("", "\n    super().__init__()"):
        code = f"def __init__(self, {name}=None):{call}\n    self.{name} = {name}"
        note = f"{node.name} keeps {name}"
        edit = into_class(module, node, code)
        prior = 0.3 if bool(call) == bool(node.bases) else 0.15
        yield Proposal((edit,), "absent-constructor", prior, node.lineno, note)


__all__ = ["added", "keyword", "positional", "required"]
