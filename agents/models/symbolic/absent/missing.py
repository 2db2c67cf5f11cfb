"""Reading failures that say what does not exist yet: a name, a member, a parameter, an operator."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass

OPERATORS: dict[str, str] = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod",
    "** or pow()": "pow", "@": "matmul", "|": "or", "&": "and", "^": "xor",
    "<<": "lshift", ">>": "rshift", "divmod()": "divmod",
}  # fmt: skip
COMPARISONS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_UNARY = {"-": "neg", "+": "pos", "~": "invert", "abs()": "abs"}
_NAME = r"[A-Za-z_]\w*"


@dataclass(frozen=True)
class Missing:
    """Something that a failing test needs and that is not there.

    Attributes:
        kind: "name" (of a module), "member" (of a class or its objects), "keyword",
            "positional" (more arguments than are taken), "required" (an argument that the
            test does not give) or "special" (a method of the language's protocols).
        name: What is missing; for "positional" how many more arguments came.
        owner: Dotted module, class, or qualified function.
        path: The module's file, where the message has it.
        others: Further names that would do: the reflected method's class.
    """

    kind: str
    name: str
    owner: str
    path: str = ""
    others: tuple[str, ...] = ()


_INTERNAL = frozenset(
    "NoneType function method generator coroutine module builtin_function_or_method ellipsis "
    "dict_keys dict_values dict_items Match Pattern".split()
)


def is_own(owner: str) -> bool:
    """Whether a type can be the repository's own: it is no built-in one."""
    own = owner.rpartition(".")[2]
    return not hasattr(builtins, own) and own not in _INTERNAL


def _import(m: re.Match[str]) -> Missing:
    path = m["path"].removeprefix("/testbed/") if m["path"] else ""
    return Missing("name", m["name"], m["owner"], path if path.endswith(".py") else "")


def _special(*names: str) -> str:
    return " ".join(f"__{name}__" for name in names)


_TYPE = r"'(?P<owner>[\w.]+)'"
_OBJECT = (
    (r"cannot unpack non-iterable (?P<owner>[\w.]+) object", "iter"),
    (rf"{_TYPE} object is not iterable", "iter"),
    (rf"argument of type {_TYPE} is not (?:iterable|a container)", "contains"),
    (rf"{_TYPE} object is not subscriptable", "getitem"),
    (rf"{_TYPE} object is not an iterator", "next"),
    (rf"{_TYPE} object is not callable", "call"),
    (rf"{_TYPE} object is not reversible", "reversed"),
    (rf"{_TYPE} object does not support item assignment", "setitem"),
    (rf"{_TYPE} object (?:does not|doesn't) support item deletion", "delitem"),
    (rf"{_TYPE} object does not support the context manager protocol", "enter exit"),
    (rf"{_TYPE} object does not support the asynchronous context manager protocol", "aenter aexit"),
    (rf"object of type {_TYPE} has no len\(\)", "len"),
    (rf"unhashable type: {_TYPE}", "hash"),
    (r"requires an object with __aiter__ method, got (?P<owner>\w+)", "aiter"),
    (r"type (?P<owner>\w+) doesn't define __(?P<own>\w+)__ method", ""),
    (rf"(?:int|index)\(\) argument must be .* not {_TYPE}", "int"),
    (rf"float\(\) argument must be .* not {_TYPE}", "float"),
    (rf"object {_TYPE} can't be used in 'await' expression", "await"),
)  # fmt: skip


def read(message: str) -> Missing | None:
    """Return what a failure's message says to be missing; None where it says nothing of it."""
    m = re.search(
        rf"cannot import name '(?P<name>{_NAME})' from (?:partially initialized module )?"
        r"'(?P<owner>[\w.]+)'(?: \([^()]*\))*? ?(?:\((?P<path>/[^()]*)\))?",
        message,
    )
    if m:
        return _import(m)
    m = re.search(rf"module '(?P<owner>[\w.]+)' has no attribute '(?P<name>{_NAME})'", message)
    if m:
        return Missing("name", m["name"], m["owner"])
    m = re.search(
        rf"<module '(?P<owner>[\w.]+)' from '(?P<path>[^']*)'> does not have the attribute "
        rf"'(?P<name>{_NAME})'",
        message,
    )
    if m:
        return _import(m)
    m = re.search(
        rf"'module' object at (?P<owner>[\w.]+) has no attribute '(?P<name>{_NAME})'"
        rf"|<module '(?P<o2>[\w.]+)' from '[^']*'> has no attribute '(?P<n2>{_NAME})'",
        message,
    )
    if m:
        return Missing("name", m["name"] or m["n2"], m["owner"] or m["o2"])
    m = re.search(
        rf"'(?P<owner>[\w.]+)' object has no attribute '(?P<name>{_NAME})'"
        rf"|type object '(?P<o2>[\w.]+)' has no attribute '(?P<n2>{_NAME})'",
        message,
    )
    if m:
        owner, name = m["owner"] or m["o2"], m["name"] or m["n2"]
        if not is_own(owner) or owner == "super":
            return None
        special = name.startswith("__") and name.endswith("__")
        return Missing("special" if special else "member", name, owner)
    m = re.search(
        rf"(?P<owner>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<name>{_NAME})'", message
    )
    if m:
        return Missing("keyword", m["name"], m["owner"].replace("<locals>.", ""))
    m = re.search(
        r"(?P<owner>[\w.]+)\(\) takes (?:from \d+ to )?(?P<max>\d+) positional arguments? but "
        r"(?P<given>\d+) (?:was|were) given",
        message,
    )
    if m:
        return Missing("positional", str(int(m["given"]) - int(m["max"])), m["owner"])
    m = re.search(r"(?P<owner>\w+)\(\) takes no arguments", message)
    if m:
        return Missing("positional", "1", m["owner"])
    m = re.search(
        rf"(?P<owner>[\w.]+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: "
        rf"'(?P<name>{_NAME})'",
        message,
    )
    if m:
        return Missing("required", m["name"], m["owner"])
    m = re.search(rf"NameError: name '(?P<name>{_NAME})' is not defined", message)
    if m:
        return Missing("name", m["name"], "")
    return _operator(message) or _protocol(message)


def _operator(message: str) -> Missing | None:
    m = re.search(
        r"unsupported operand type\(s\) for (?P<op>[^:]+): '(?P<a>[\w.]+)' and '(?P<b>[\w.]+)'",
        message,
    )
    if m:
        op = m["op"].strip()
        base = OPERATORS.get(op) or OPERATORS.get(op.removesuffix("="))
        if base is None:
            return None
        if is_own(m["a"]):
            name = f"__i{base}__" if op.endswith("=") else f"__{base}__"
            return Missing("special", name, m["a"], others=(m["b"],))
        return Missing("special", f"__r{base}__", m["b"]) if is_own(m["b"]) else None
    m = re.search(
        r"'(?P<op>[<>]=?)' not supported between instances of '(?P<a>[\w.]+)' and '(?P<b>[\w.]+)'",
        message,
    )
    if m and is_own(m["a"]):
        return Missing("special", f"__{COMPARISONS[m['op']]}__", m["a"])
    if m and is_own(m["b"]):
        other = {"<": "gt", ">": "lt", "<=": "ge", ">=": "le"}[m["op"]]
        return Missing("special", f"__{other}__", m["b"])
    m = re.search(r"bad operand type for (?:unary )?(?P<op>[^:]+): '(?P<a>[\w.]+)'", message)
    if m and m["op"] in _UNARY and is_own(m["a"]):
        return Missing("special", f"__{_UNARY[m['op']]}__", m["a"])
    return None


def _protocol(message: str) -> Missing | None:
    for pattern, names in _OBJECT:
        m = re.search(pattern, message)
        if m:
            found = m.groupdict()
            owner = found.get("owner") or ""
            name = found.get("own") or names
            if is_own(owner):
                return Missing("special", _special(*name.split()), owner)
    m = re.search(r"assert '?<(?P<a>[\w.]+) object at 0x", message)
    if m and is_own(m["a"].rpartition(".")[2]):
        kind = "__repr__" if "assert '<" in message else "__eq__"
        return Missing("special", kind, m["a"].rpartition(".")[2])
    return None
