"""What a Python expression may stand for, followed through scopes, imports and class hierarchies.

A value is a tuple whose first item tells its kind:

* ``("C", path, dotted)`` a class, ``("I", path, dotted)`` an instance of it
* ``("F", path, dotted)`` a function, ``("B", path, dotted, receiver)`` a bound method,
  ``("P", path, dotted, receiver)`` a property
* ``("G", path, name)`` a variable of a module, ``("D", path, class, name, receiver)`` a field;
  both stand for the place, :meth:`Inference.values` gives what is in it
* ``("M", path)`` a module, ``("N", dotted)`` a namespace package
* ``("X", dotted)`` something outside of the repository, ``("Y", dotted)`` what calling that gives
* ``("L", path, scope, expr)`` an iterable of such, ``("K", ...)`` its ``__enter__``,
  ``("R", ...)`` something that gives such when called
* ``("S", path, class, receiver)`` what ``super()`` gives

Every answer that crosses a top-level name is kept together with the names it rests on, so an
edit invalidates exactly what it can change.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from graphdb.facts import FileFacts
from graphdb.languages.python.definitions import is_accessor, seen, standing
from graphdb.languages.python.memo import Memo, Value, Values
from graphdb.languages.python.modules import ModuleTable
from graphdb.languages.python.mro import c3
from graphdb.languages.python.scopes import CLASS_SCOPE, FUNCTION_SCOPE, Scope, split

_BUILTINS = frozenset(dir(builtins))
_MAX_VALUES = 6


class Inference(Memo):
    """Answers questions about expressions over a fixed set of files.

    Args:
        files: Facts of all Python files, by path.
        modules: Their names.
    """

    def __init__(self, files: Mapping[str, FileFacts], modules: ModuleTable) -> None:
        super().__init__()
        self.files = files
        self.modules = modules
        self._scopes: dict[str, dict[str, Scope]] = {}

    def scopes(self, path: str) -> dict[str, Scope]:
        """Scopes of a file by dotted name."""
        found = self._scopes.get(path)
        if found is None:
            data = self.files[path].data
            found = self._scopes[path] = {name: Scope(*row) for name, row in data.items()}
        return found

    def _need(self, path: str, dotted: str) -> None:
        self.needs.add(path + "\0" + dotted.partition(".")[0].partition("#")[0])

    # -- expressions ---------------------------------------------------------------------------

    def evaluate(self, path: str, scope: str, expr: str, receiver: Value | None = None) -> Values:
        """Places and values that `expr` may stand for in `scope` of `path`."""
        head, trailers = split(expr)
        if head == "super" and trailers and trailers[0] == "()":
            found = self._super(path, scope, receiver)
            trailers = trailers[1:]
        else:
            found = self._head(path, scope, head, receiver)
        for trailer in trailers:
            if not found:
                return ()
            found = self._trail(found, trailer)
        return found

    def _head(self, path: str, scope: str, head: str, receiver: Value | None) -> Values:
        mark = head[0]
        if mark == "#":
            dotted = head[1:]
            inner = self.scopes(path)[dotted]
            return (("C" if inner.kind == CLASS_SCOPE else "F", path, dotted),)
        if mark == "@":
            return self.imported(path, head)
        if mark == "%":
            if head[1] in "LR":
                return ((head[1], path, scope, head[2:]),)
            return self._first_parameter(path, scope, head, receiver)
        if mark in '?"':
            return ()
        return self.lookup(path, scope, head, receiver)

    def _first_parameter(self, path: str, scope: str, head: str, receiver: Value | None) -> Values:
        holder = self.scopes(path)[scope].parent
        if receiver is None:
            receiver = ("I" if head == "%self" else "C", path, holder)
        elif head == "%cls" and receiver[0] == "I":
            receiver = ("C", *receiver[1:])
        return (receiver,)

    def lookup(self, path: str, scope: str, name: str, receiver: Value | None = None) -> Values:
        """What a plain name stands for, by Python's scope rules."""
        scopes = self.scopes(path)
        place, first = scope, True
        while place:
            here = scopes[place]
            if name in here.bindings and (first or here.kind == FUNCTION_SCOPE):
                if here.kind == CLASS_SCOPE:
                    return self._class_own(path, place, name, None)
                return self._local(path, place, name, receiver)
            place, first = here.parent, False
        found = self.member(path, name)
        if not found and name in _BUILTINS and name not in scopes[""].bindings:
            return (("X", "builtins." + name),)
        return found

    def _local(self, path: str, scope: str, name: str, receiver: Value | None) -> Values:
        held = self.scopes(path)[scope].bindings[name]
        return self._kept(
            ("l", path, scope, name, receiver), lambda: self._union(path, scope, held, receiver)
        )

    def _union(
        self, path: str, scope: str, exprs: list[str], receiver: Value | None = None
    ) -> Values:
        found: dict[Value, None] = {}
        scopes = self.scopes(path)
        last = standing(scopes, exprs)
        accessed = bool(last) and is_accessor(scopes, last[-1])
        for expr in exprs:
            if expr[0] == "#" and expr not in last and not accessed:
                continue  # a later definition of the name replaces an earlier one
            if expr[0] == "#" and expr != exprs[0] and is_accessor(scopes, expr):
                continue  # the setter of a property; the getter says what reading gives
            found.update(dict.fromkeys(self.evaluate(path, scope, expr, receiver)))
            if len(found) > _MAX_VALUES:
                return ()
        return tuple(found)

    def member(self, path: str, name: str) -> Values:
        """What ``module.name`` stands for, `path` being the module."""
        return self._kept(("m", path, name), lambda: self._member(path, name))

    def _member(self, path: str, name: str) -> Values:
        self._need(path, name)
        top = self.scopes(path)[""]
        held = top.bindings.get(name)
        starred = self._starred(path, name, only_over=held is not None)
        if starred:
            return starred
        if held is not None:
            named = [value for value in held if value[0] in "@#"]
            found = self._union(path, "", named) if named else ()
            return found or ((("G", path, name),) if len(named) < len(held) else ())
        below = self.modules.submodule(path, name)
        if path.endswith(("__init__.py", "__init__.pyi")):
            self.needs.add("?/" + path.rpartition("/")[0] + "/" + name)
        return (("M", below),) if below else ()

    def _starred(self, path: str, name: str, *, only_over: bool) -> Values:
        """What the last star import that brings in a name gives it; those before do not count.

        Args:
            path: The importing module.
            name: The name.
            only_over: Only star imports that come after the name's own bindings.
        """
        self.needs.add(path + "\0*")
        for star in reversed(self.scopes(path)[""].stars):
            module, *over = star.split(" ")
            if only_over and name not in over:
                continue
            for kind, *rest in self.imported(path, "@" + module):
                if kind == "M" and rest[0] != path and self._exported(rest[0], name):
                    found = self.member(rest[0], name)
                    if found:
                        return found
        return ()

    def _exported(self, path: str, name: str) -> bool:
        """Whether a star import of a module brings in a name, by its `__all__` where it has one."""
        self.needs.add(path + "\0*all")
        names = self.scopes(path)[""].bindings.get("*all")
        if names is None or names == ["*"]:
            return not name.startswith("_")
        return name in names

    def imported(self, path: str, expr: str) -> Values:
        """What an import expression brings in."""
        module, _, name = expr[1:].partition(":")
        origin = self.module(path, module)
        if not name:
            return (origin,)
        if origin[0] == "X":
            return (("X", f"{origin[1]}.{name}"),)
        return self._attribute(origin, name)

    def module(self, path: str, dotted: str) -> Value:
        """The module that `dotted` (with leading dots when relative) means in `path`."""
        if dotted.startswith("."):
            rest = dotted.lstrip(".")
            folder = path.split("/")[: -(len(dotted) - len(rest))]
            place = "/".join([*folder, *rest.split(".")] if rest else folder)
            self.needs.add("?/" + place)
            found = self.modules.beside(place)
            if found is None and not rest:
                return ("N", place.replace("/", "."))
            return ("M", found) if found else ("X", dotted)
        self.needs.add("?" + dotted)
        found = self.modules.find(dotted, path)
        if found:
            return ("M", found)
        return ("N", dotted) if self.modules.is_namespace(dotted) else ("X", dotted)

    # -- trailers ------------------------------------------------------------------------------

    def values(self, found: Values) -> Values:
        """What is in the places among `found`, values as they are."""
        if all(value[0] not in "GDP" for value in found):
            return found
        held: dict[Value, None] = {}
        for value in found:
            held.update(dict.fromkeys(self._held(value)))
        return tuple(held) if len(held) <= _MAX_VALUES else ()

    def _held(self, value: Value) -> Values:
        kind = value[0]
        if kind == "P":
            return self.values(self._returned(*value[1:]))
        if kind == "G":
            return self._kept(("g", *value), lambda: self._variable(value[1], value[2]))
        if kind == "D":
            return self._kept(value, lambda: self._field(*value[1:]))
        return (value,)

    def _variable(self, path: str, name: str) -> Values:
        self._need(path, name)
        return self.values(self._union(path, "", self.scopes(path)[""].bindings.get(name, [])))

    def _field(self, path: str, dotted: str, name: str, receiver: Value | None) -> Values:
        self._need(path, dotted)
        scope = self.scopes(path)[dotted]
        found = dict.fromkeys(self._union(path, dotted, scope.bindings.get(name, [])))
        for method, expr in scope.attributes.get(name, ()):
            found.update(dict.fromkeys(self.evaluate(path, method, expr, receiver)))
        return self.values(tuple(found)) if len(found) <= _MAX_VALUES else ()

    def _trail(self, found: Values, trailer: str) -> Values:
        result: dict[Value, None] = {}
        for value in self.values(found):
            if trailer == "()":
                result.update(dict.fromkeys(self._call(value)))
            elif trailer == "[]":
                result.update(dict.fromkeys(self._subscript(value)))
            else:
                result.update(dict.fromkeys(self._attribute(value, trailer[1:])))
        return tuple(result) if len(result) <= _MAX_VALUES else ()

    def _attribute(self, value: Value, name: str) -> Values:
        kind = value[0]
        if kind == "I":
            if name == "__class__":
                return (("C", *value[1:]),)
            return self.class_member(value[1], value[2], name, value)
        if kind == "C":
            return self.class_member(value[1], value[2], name, value)
        if kind == "M":
            return self.member(value[1], name)
        if kind == "X":
            return (("X", f"{value[1]}.{name}"),)
        if kind == "N":
            inner = self.module("", f"{value[1]}.{name}")
            return (inner,) if inner[0] != "X" else ()
        if kind == "S":
            return self._after(value, name)
        if kind == "L" and name in ("__enter__", "__aenter__"):
            return (("K", *value[1:]),)
        return ()

    def _call(self, value: Value) -> Values:
        kind = value[0]
        if kind == "C":
            return (("I", *value[1:]),)
        if kind == "F":
            return self._returned(value[1], value[2], None)
        if kind == "B":
            return self._returned(*value[1:])
        if kind == "X":
            return (("Y", value[1]),)
        if kind == "I":
            methods = tuple(v for v in self._attribute(value, "__call__") if v[0] == "B")
            return self._trail(methods, "()")
        if kind in "KR":
            return self._kept(value, lambda: self.evaluate(*value[1:]))
        return ()

    def _subscript(self, value: Value) -> Values:
        kind = value[0]
        if kind == "L":
            return self._kept(value, lambda: self.evaluate(*value[1:]))
        if kind == "C":
            return (value,)
        if kind == "I":
            return self._kept(("[]", value), lambda: self._item(value))
        return ()

    def _item(self, value: Value) -> Values:
        found = self._trail(self._attribute(value, "__getitem__"), "()")
        return found or self._trail(self._trail(self._attribute(value, "__iter__"), "()"), "[]")

    def _returned(self, path: str, dotted: str, receiver: Value | None) -> Values:
        return self._kept(
            ("r", path, dotted, receiver), lambda: self._return(path, dotted, receiver)
        )

    def _return(self, path: str, dotted: str, receiver: Value | None) -> Values:
        self._need(path, dotted)
        scope = self.scopes(path)[dotted]
        found: dict[Value, None] = {}
        for expr in scope.annotated or scope.returns:
            if receiver is not None and expr in ("Self()", "typing.Self()", "t.Self()"):
                found[receiver if receiver[0] == "I" else ("I", *receiver[1:])] = None
            else:
                found.update(dict.fromkeys(self.evaluate(path, dotted, expr, receiver)))
        return self.values(tuple(found)) if len(found) <= _MAX_VALUES else ()

    # -- classes -------------------------------------------------------------------------------

    def _super(self, path: str, scope: str, receiver: Value | None) -> Values:
        scopes = self.scopes(path)
        while scope and scopes[scope].kind != CLASS_SCOPE:
            scope = scopes[scope].parent
        return (("S", path, scope, receiver),) if scope else ()

    def bases(self, path: str, dotted: str) -> Values:
        """Base classes as written: ``C`` or ``X`` values, nothing for an unknown one."""
        return self._kept(("b", path, dotted), lambda: self._bases(path, dotted))

    def _bases(self, path: str, dotted: str) -> Values:
        self._need(path, dotted)
        scope = self.scopes(path)[dotted]
        found = []
        for expr in scope.bases:
            values = self.values(self.evaluate(path, scope.parent, expr))
            found += [v for v in values if v[0] in "CX" and v[1:] != (path, dotted)][:1]
        return tuple(found)

    def mro(self, path: str, dotted: str) -> Values:
        """Method resolution order, the class itself first; external classes stay in place."""
        return self._kept(("o", path, dotted), lambda: self._mro(path, dotted))

    def _mro(self, path: str, dotted: str) -> Values:
        own = ("C", path, dotted)
        bases = self.bases(path, dotted)
        if not bases:
            return (own,)
        orders = [list(self.mro(b[1], b[2])) if b[0] == "C" else [b] for b in bases]
        return tuple(c3(own, [order for order in orders if order], list(bases)))

    def class_member(self, path: str, dotted: str, name: str, receiver: Value) -> Values:
        """What ``receiver.name`` stands for, by the method resolution order of its class."""
        return self._first(self.mro(path, dotted), name, receiver)

    def _first(self, order: Values, name: str, receiver: Value | None) -> Values:
        for entry in order:
            if entry[0] == "C":
                found = self._class_own(entry[1], entry[2], name, receiver)
                if found:
                    return found
        return ()

    def _after(self, value: Value, name: str) -> Values:
        _, path, dotted, receiver = value
        order = self.mro(path, dotted)
        if receiver is None:
            receiver = ("I", path, dotted)
        return self._first(order[1:], name, receiver)

    def _class_own(self, path: str, dotted: str, name: str, receiver: Value | None) -> Values:
        self._need(path, dotted)
        scope = self.scopes(path)[dotted]
        held = scope.bindings.get(name)
        if held is None:
            is_field = name in scope.attributes
            return (("D", path, dotted, name, receiver),) if is_field else ()
        plain = [value for value in held if value[0] == "#"]
        if not plain:
            return (("D", path, dotted, name, receiver),)
        scopes = self.scopes(path)
        chosen = plain[:1] if is_accessor(scopes, plain[-1]) else standing(scopes, plain)
        return tuple(seen(scopes, path, expr[1:], receiver) for expr in chosen)

    def class_member_after(self, order: Values, name: str) -> Values:
        """What `name` is in the first class of `order` that has it, seen from no instance."""
        return self._first(order, name, None)
