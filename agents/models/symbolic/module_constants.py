"""Constants of modules and classes that a rehearsal can exchange while the tests run.

A pattern, a table or a number that many functions share is changed as easily as code: its
statement is run again with other text, what is made from it after it, and the names are bound to
the new values until the test has been repeated.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import FunctionNode, Module, nodes

MAX_USERS = 6
"""Functions of the file that lead to a constant."""

MAX_AFTER = 6
"""Other constants that are made from one."""

_CALLS = frozenset(
    "frozenset set tuple dict list str int float bytes range sorted reversed zip enumerate len "
    "OrderedDict namedtuple compile escape join split format strip lower upper replace "
    "union difference intersection keys values items get chain Fraction Decimal timedelta".split()
)


@dataclass(frozen=True)
class Constant:
    """An assignment outside of functions.

    Attributes:
        path: Its file.
        name: What is assigned.
        owner: Its class, "" for one of the module.
        statement: The assignment.
        after: Later constants that are made from it, in order.
        users: Functions of the file that read it: where they run, the constant matters.
    """

    path: str
    name: str
    owner: str
    statement: ast.stmt
    after: tuple[tuple[str, ast.stmt], ...]
    users: tuple[FunctionNode, ...]

    @property
    def mark(self) -> str:
        """What plans call it: its file and line."""
        return f"{self.path}:{self.statement.lineno}"

    def about(self, module: Module, marks: list[str]) -> dict[str, Any]:
        """Return what a plan has to say of it.

        Args:
            module: Its file.
            marks: What the plan calls its users.
        """
        after = [[name, module.text[slice(*module.span(one))]] for name, one in self.after]
        text = module.text[slice(*module.span(self.statement))]
        return {
            "text": text,
            "name": self.name,
            "owner": self.owner,
            "after": after,
            "users": marks,
        }


def constant_of(module: Module, proposal: Proposal) -> Constant | None:
    """Return the constant whose value holds all edits of a proposal; None where none does."""
    if any(edit.path != module.path for edit in proposal.edits):
        return None
    first = min(edit.start for edit in proposal.edits)
    last = max(edit.end for edit in proposal.edits)
    for constant in _constants(module):
        start, end = module.span(_value(constant.statement))
        if start <= first and last <= end:
            return constant
    return None


@lru_cache(maxsize=16)
def _constants(module: Module) -> tuple[Constant, ...]:
    return tuple(_found(module))


def _found(module: Module) -> Iterator[Constant]:
    bodies: list[tuple[str, list[ast.stmt]]] = [("", module.tree.body)]
    bodies += [(n.name, n.body) for n in module.tree.body if isinstance(n, ast.ClassDef)]
    for owner, body in bodies:
        plain = [(name, one) for one in body if (name := _name(one)) and _harmless(one)]
        for number, (name, one) in enumerate(plain):
            after: list[tuple[str, ast.stmt]] = []
            known = {name}
            for later, other in plain[number + 1 :] if not owner else ():
                if len(after) < MAX_AFTER and known & _read(_value(other)):
                    after.append((later, other))
                    known.add(later)
            users = _users(module, known, owner)
            if users:
                kept = tuple(users[:MAX_USERS])
                yield Constant(module.path, name, owner, one, tuple(after), kept)


def _name(statement: ast.stmt) -> str:
    """Return the one name that a statement assigns, "" where it is another statement."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target = statement.target
    else:
        return ""
    return target.id if isinstance(target, ast.Name) and not target.id.startswith("__") else ""


def _value(statement: ast.stmt) -> ast.expr:
    assert isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None
    return statement.value


def _harmless(statement: ast.stmt) -> bool:
    """Whether a value can be made again: no code of the project runs for it."""
    for node in ast.walk(_value(statement)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called not in _CALLS:
                return False
        elif isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Lambda):
            return False
    return True


def _read(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _users(module: Module, names: set[str], owner: str) -> list[FunctionNode]:
    """Return functions that read one of the names, as a name or as an attribute."""
    found: dict[FunctionNode, None] = {}
    for node in nodes(module.tree):
        mine = isinstance(node, ast.Name) and node.id in names
        mine = mine or (isinstance(node, ast.Attribute) and node.attr in names and bool(owner))
        if mine and isinstance(node, ast.expr):
            function = module.outermost.get(node.lineno)
            if function is not None:
                found[function] = None
    return list(found)
