"""Methods of the language's protocols that a class does not have yet."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agents.models.symbolic.absent.members import fields_of
from agents.models.symbolic.absent.missing import Missing
from agents.models.symbolic.absent.places import Scene, bare, into_class
from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import FunctionNode

_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "matmul": "@", "or": "|", "and": "&", "xor": "^", "lshift": "<<", "rshift": ">>",
}  # fmt: skip
_ORDER = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_NAMED = {
    "or": ("union", "update", "merge"), "and": ("intersection",), "sub": ("difference", "subtract"),
    "xor": ("symmetric_difference",), "add": ("add", "extend", "append", "concat", "join"),
    "mul": ("multiply", "repeat"), "truediv": ("divide", "joinpath"), "iadd": ("extend", "add"),
    "call": ("run", "execute", "apply", "parse", "process"), "contains": ("has", "contains"),
    "getitem": ("get", "find", "item"), "setitem": ("set", "put", "add"), "iter": ("items", "walk"),
    "delitem": ("remove", "delete", "discard", "pop"), "len": ("count", "size"),
    "str": ("format", "render", "to_string"), "enter": ("open", "start", "connect", "acquire"),
    "exit": ("close", "stop", "disconnect", "release", "shutdown"),
    "lt": ("compare",), "int": ("to_int",), "float": ("to_float",),
}  # fmt: skip
_CONTAINERS = frozenset("list dict set tuple deque OrderedDict defaultdict Counter".split())
_LIKELY = frozenset(
    "items data values elements entries children nodes contents store storage cache dict".split()
)


@dataclass(frozen=True)
class Request:
    """One method that a class should have.

    Attributes:
        name: The method, without underscores.
        node: The class.
        fields: Its fields, those of its bases included, with their first values.
        methods: Its methods, those of its bases included.
    """

    name: str
    node: ast.ClassDef
    fields: dict[str, ast.expr | None]
    methods: dict[str, FunctionNode]

    @property
    def head(self) -> str:
        """The line with `def`."""
        other = _PARAMETERS.get(self.name, "")
        return f"def __{self.name}__(self{', ' if other else ''}{other}):"

    @property
    def check(self) -> str:
        """The lines that leave other types to other classes."""
        return f"    if not isinstance(other, {self.node.name}):\n        return NotImplemented\n"


def special(scene: Scene, missing: Missing) -> Iterator[Proposal]:
    """Yield changes that give a class the methods of a protocol.

    Args:
        scene: The files and tests.
        missing: The methods' names, and the class.
    """
    names = missing.name.split()
    family = scene.family(missing.owner)
    if not family:
        return
    module, node = family[0]
    fields = {name: value for _, one in reversed(family) for name, value in fields_of(one).items()}
    methods = {
        child.name: child
        for _, one in reversed(family)
        for child in one.body
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    if all(name in methods for name in names):
        return
    lists = [list(_bodies(Request(name.strip("_"), node, fields, methods))) for name in names]
    if not all(lists):
        return
    for number in range(max(map(len, lists))):
        parts = [made[min(number, len(made) - 1)] for made in lists]
        code = "\n\n".join(code for code, _ in parts)
        prior = min(prior for _, prior in parts)
        if "eq" in names[0] and "__hash__" not in methods:
            prior *= 0.98
        note = f"{node.name} gets {' and '.join(names)}"
        edit = into_class(module, node, code)
        yield Proposal((edit,), f"absent-{names[0].strip('_')}", prior, node.lineno, note)


def _containers(fields: dict[str, ast.expr | None]) -> list[tuple[str, float]]:
    """Return the fields by how likely they hold what the object is about."""
    scored = []
    for number, (name, value) in enumerate(fields.items()):
        score = 0.35
        called = bare(value.func) if isinstance(value, ast.Call) else ""
        if (
            isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp)
            or called in _CONTAINERS
        ):
            score = 0.8
        if name.strip("_") in _LIKELY or name.endswith("s"):
            score += 0.2
        scored.append((name, score * 0.97**number))
    return sorted(scored, key=lambda one: -one[1])[:5]


def _bodies(wanted: Request) -> Iterator[tuple[str, float]]:
    """Yield definitions of one method, with their priors."""
    name, node, fields, methods = wanted.name, wanted.node, wanted.fields, wanted.methods
    head, other = wanted.head, _PARAMETERS.get(name, "")
    for usual in _NAMED.get(name, ()):
        for method in methods:
            if method.lstrip("_") == usual or (len(usual) > 3 and method.startswith(usual)):
                given = "" if name in ("enter", "exit") else other
                ending = "\n    return self" if name == "enter" else ""
                result = "" if name in ("exit", "enter", "setitem", "delitem") else "return "
                yield f"{head}\n    {result}self.{method}({given}){ending}", 0.8
    reflected = name[1:] if name.startswith("r") and name[1:] in _SIGNS else ""
    inplace = name[1:] if name.startswith("i") and name[1:] in _SIGNS else ""
    if reflected:
        yield f"{head}\n    return self.__{reflected}__(other)", 0.8
        yield f"{head}\n    return self {_SIGNS[reflected]} other", 0.6
        yield f"{head}\n    return {node.name}(other) {_SIGNS[reflected]} self", 0.7
    if inplace:
        yield f"{head}\n    return self.__{inplace}__(other)", 0.5
        yield f"{head}\n    self.update(other)\n    return self", 0.7
    if name in _SIGNS:
        yield from _arithmetic(wanted)
    if name in _ORDER:
        yield from _ordering(wanted)
    if name in ("eq", "hash"):
        yield from _identity(wanted)
    if name in ("repr", "str"):
        yield from _shown(wanted)
    if name == "bool":
        for field, score in _containers(fields):
            yield f"{head}\n    return bool(self.{field})", score
    if name == "next":
        yield "def __next__(self):\n    return next(iter(self))", 0.3
    if name == "enter":
        yield "def __enter__(self):\n    return self", 0.7
    if name == "exit":
        yield "def __exit__(self, exc_type, exc, traceback):\n    return None", 0.5
    if name == "aenter":
        yield "async def __aenter__(self):\n    return self", 0.7
        yield "async def __aenter__(self):\n    return self.__enter__()", 0.8
    if name == "aexit":
        closing = next((m for m in methods if m in ("aclose", "close", "stop")), "")
        wait = isinstance(methods.get(closing), ast.AsyncFunctionDef)
        text = f"{'await ' if wait else ''}self.{closing}()" if closing else "return None"
        yield f"async def __aexit__(self, exc_type, exc, traceback):\n    {text}", 0.6
        yield (
            (
                "async def __aexit__(self, exc_type, exc, traceback):\n"
                "    return self.__exit__(exc_type, exc, traceback)"
            ),
            0.8,
        )
    if name in ("getstate", "reduce", "copy", "deepcopy", "fspath", "index"):
        for field, score in _containers(fields):
            if name in ("fspath", "index"):
                yield f"{head}\n    return self.{field}", score
    for field, score in _containers(fields):
        for text, factor in _delegations(name, field):
            yield text, score * factor


_PARAMETERS = {
    "contains": "item", "getitem": "key", "setitem": "key, value", "delitem": "key", "eq": "other",
    "exit": "exc_type, exc, traceback", "call": "*args, **kwargs", "format": "spec", "get": "key",
    **dict.fromkeys(_SIGNS, "other"), **dict.fromkeys(_ORDER, "other"),
    **dict.fromkeys((f"r{n}" for n in _SIGNS), "other"),
    **dict.fromkeys((f"i{n}" for n in _SIGNS), "other"),
}  # fmt: skip


def _delegations(name: str, field: str) -> Iterator[tuple[str, float]]:
    own = f"self.{field}"
    table: dict[str, tuple[str, ...]] = {
        "iter": tuple(f"return iter({own}{way})" for way in ("", ".values()", ".items()")),
        "aiter": (f"return {own}.__aiter__()",),
        "len": (f"return len({own})",),
        "contains": (f"return item in {own}",),
        "getitem": (f"return {own}[key]", "return getattr(self, key)"),
        "setitem": (f"{own}[key] = value",),
        "delitem": (f"del {own}[key]",),
        "reversed": (f"return reversed({own})",),
        "call": (f"return {own}(*args, **kwargs)",),
        "await": (f"return {own}.__await__()",),
        "int": (f"return int({own})",),
        "float": (f"return float({own})",),
        "bytes": (f"return bytes({own})",),
    }  # fmt: skip
    other = _PARAMETERS.get(name, "")
    for number, body in enumerate(table.get(name, ())):
        head = f"def __{name}__(self{', ' if other else ''}{other}):"
        yield f"{head}\n    {body}", 0.8**number


def _arithmetic(wanted: Request) -> Iterator[tuple[str, float]]:
    name, fields, head = wanted.name, wanted.fields, wanted.head
    sign = _SIGNS[name]
    check = wanted.check
    if f"__r{name}__" in wanted.methods:
        yield f"{head}\n    return self.__r{name}__(other)", 0.5
    updatable = name == "or"
    if updatable:
        yield (
            (f"{head}\n    new = self.__class__(self)\n    new.update(other)\n    return new"),
            0.9,
        )
        yield f"{head}\n    new = self.copy()\n    new.update(other)\n    return new", 0.7
    for field, score in _containers(fields):
        mine, its = f"self.{field}", f"other.{field}"
        yield f"{head}\n{check}    return self.__class__({mine} {sign} {its})", 0.8 * score
        yield f"{head}\n    return self.__class__({mine} {sign} other)", 0.5 * score
        yield f"{head}\n    return {mine} {sign} other", 0.4 * score
    names = list(fields)
    if 2 <= len(names) <= 4:
        parts = ", ".join(f"self.{f} {sign} other.{f}" for f in names)
        yield f"{head}\n{check}    return self.__class__({parts})", 0.7
        parts = ", ".join(f"self.{f} {sign} other" for f in names)
        yield f"{head}\n    return self.__class__({parts})", 0.5


def _key(fields: dict[str, ast.expr | None], owner: str) -> str:
    names = list(fields)
    if len(names) == 1:
        return f"{owner}.{names[0]}"
    return f"({', '.join(f'{owner}.{name}' for name in names)})"


def _ordering(wanted: Request) -> Iterator[tuple[str, float]]:
    name, fields, methods, head = wanted.name, wanted.fields, wanted.methods, wanted.head
    sign = _ORDER[name]
    check = wanted.check
    others = {"le": "self < other or self == other", "ge": "not self < other",
              "gt": "not (self < other or self == other)", "lt": "other > self"}  # fmt: skip
    if "__lt__" in methods or (name == "lt" and "__gt__" in methods):
        yield f"{head}\n    return {others[name]}", 0.8
    if not fields:
        return
    yield f"{head}\n{check}    return {_key(fields, 'self')} {sign} {_key(fields, 'other')}", 0.7
    for field, score in _containers(fields):
        yield f"{head}\n{check}    return self.{field} {sign} other.{field}", 0.7 * score
        yield f"{head}\n    return self.{field} {sign} other", 0.4 * score


def _identity(wanted: Request) -> Iterator[tuple[str, float]]:
    name, fields, methods, head = wanted.name, wanted.fields, wanted.methods, wanted.head
    if not fields:
        return
    if name == "hash":
        equal = methods.get("__eq__")
        used = [
            n.attr
            for n in (ast.walk(equal) if equal else ())
            if isinstance(n, ast.Attribute) and bare(n.value) == "self" and n.attr in fields
        ]
        keys = dict.fromkeys(dict.fromkeys(used)) or fields
        yield f"def __hash__(self):\n    return hash({_key(dict(keys), 'self')})", 0.9
        yield f"def __hash__(self):\n    return hash({_key(fields, 'self')})", 0.6
        for field, score in _containers(fields):
            yield f"def __hash__(self):\n    return hash(self.{field})", 0.6 * score
        yield "def __hash__(self):\n    return id(self)", 0.2
        return
    check = wanted.check
    yield f"{head}\n{check}    return {_key(fields, 'self')} == {_key(fields, 'other')}", 0.9
    yield f"{head}\n{check}    return self.__dict__ == other.__dict__", 0.6
    for field, score in _containers(fields):
        yield f"{head}\n{check}    return self.{field} == other.{field}", 0.6 * score


def _shown(wanted: Request) -> Iterator[tuple[str, float]]:
    node, fields = wanted.node, wanted.fields
    names = [f for f in fields if not f.startswith("_")] or list(fields)
    head = wanted.head
    plain = ", ".join(f"{{self.{f}!r}}" for f in names)
    keyed = ", ".join(f"{f}={{self.{f}!r}}" for f in names)
    quote = '"'
    for text, prior in ((plain, 0.5), (keyed, 0.6)):
        yield f"{head}\n    return f{quote}{node.name}({text}){quote}", prior
        yield f"{head}\n    return f{quote}<{node.name} {text}>{quote}", 0.7 * prior
        yield f"{head}\n    return f{quote}<{node.name}({text})>{quote}", 0.6 * prior
    for field, score in _containers(fields):
        yield f"{head}\n    return str(self.{field})", 0.4 * score
        yield f"{head}\n    return {node.name!r} + repr(self.{field})", 0.2 * score
