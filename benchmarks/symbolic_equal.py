"""When two versions of a function count as the same change: a normal form of syntax trees.

Two repairs rarely agree to the letter. The normal form forgets annotations, docstrings, messages
of exceptions, the order of operands of `and` and `or`, `not a == b` against `a != b`, an `else`
behind a `return`, nested `if`s against `and`, and the like.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.Is: ast.IsNot, ast.In: ast.NotIn, ast.Lt: ast.GtE, ast.Gt: ast.LtE,
    ast.NotEq: ast.Eq, ast.IsNot: ast.Is, ast.NotIn: ast.In, ast.GtE: ast.Lt, ast.LtE: ast.Gt,
}  # fmt: skip
_NEGATIVE = (ast.NotEq, ast.IsNot, ast.NotIn)


def normal(node: ast.AST) -> str:
    """Return the normal form of a statement; the node itself is left as it is."""
    return ast.dump(_Normal().visit(copy.deepcopy(node)))


def _sorted(elements: Sequence[ast.expr]) -> list[ast.expr]:
    return sorted(elements, key=ast.dump)


def _leaves(block: Sequence[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def _negated(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(ast.Compare(node.left, [_OPPOSITE[type(node.ops[0])]()], node.comparators))
    if isinstance(node, ast.BoolOp):
        op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return _joined(ast.BoolOp(op, [_negated(value) for value in node.values]))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return node.operand
    return ast.UnaryOp(ast.Not(), node)


def _compared(node: ast.Compare) -> ast.Compare:
    if len(node.ops) != 1:
        return node
    op, left, right = node.ops[0], node.left, node.comparators[0]
    if isinstance(right, ast.Constant) and right.value is None:
        op = ast.Is() if isinstance(op, ast.Eq) else op
        op = ast.IsNot() if isinstance(op, ast.NotEq) else op
    if isinstance(op, ast.Gt | ast.GtE):
        left, right, op = right, left, ast.Lt() if isinstance(op, ast.Gt) else ast.LtE()
    if isinstance(op, ast.Eq | ast.NotEq) and ast.dump(left) > ast.dump(right):
        left, right = right, left
    if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.List | ast.Tuple | ast.Set):
        right = ast.Tuple(_sorted(right.elts), ast.Load())
    return ast.Compare(left, [op], [right])


def _joined(node: ast.BoolOp) -> ast.BoolOp:
    values: list[ast.expr] = []
    for value in node.values:
        same = isinstance(value, ast.BoolOp) and type(value.op) is type(node.op)
        values += value.values if same and isinstance(value, ast.BoolOp) else [value]
    return ast.BoolOp(node.op, _sorted(values))


class _Normal(ast.NodeTransformer):
    """Rewrites a copy of a statement."""

    def __init__(self) -> None:
        self._raising = 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, name, self._block(block))
        if isinstance(node, _FUNCTIONS):
            node.returns = None
            last = node.body[-1]
            if len(node.body) > 1 and isinstance(last, ast.Return) and last.value is None:
                node.body.pop()
        return node

    def _block(self, block: list[ast.stmt]) -> list[ast.stmt]:
        kept: list[ast.stmt] = []
        for node in block:
            constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if constant or isinstance(node, ast.Pass):
                continue
            kept.append(node)
            if isinstance(node, ast.If) and node.orelse and _leaves(node.body):
                rest, node.orelse = node.orelse, []
                kept += self._block(rest)
        return kept or [ast.Pass()]

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        return ast.Assign([node.target], node.value) if node.value is not None else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        node.kind = None
        if self._raising and isinstance(node.value, str):
            node.value = ""
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.Constant("") if self._raising else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        self._raising += 1
        self.generic_visit(node)
        self._raising -= 1
        if isinstance(node.exc, ast.Call):
            told = ast.Constant | ast.BinOp
            node.exc.args = [arg for arg in node.exc.args if not isinstance(arg, told)]
            if not node.exc.args and not node.exc.keywords:
                node.exc = node.exc.func
        node.cause = None
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Constant) and node.value.value is None:
            node.value = None
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return _negated(node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        return _compared(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        return _joined(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        while not node.orelse and len(node.body) == 1:
            inner = node.body[0]
            if not isinstance(inner, ast.If) or inner.orelse:
                break
            node = ast.If(_joined(ast.BoolOp(ast.And(), [node.test, inner.test])), inner.body, [])
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        test = node.test
        compared = isinstance(test, ast.Compare) and isinstance(test.ops[0], _NEGATIVE)
        if compared or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            return ast.IfExp(_negated(test), node.orelse, node.body)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = getattr(node.func, "id", "")
        if name == "super":
            node.args = []
        if name == "isinstance" and len(node.args) == 2 and isinstance(node.args[1], ast.Tuple):
            node.args[1].elts = _sorted(node.args[1].elts)
        if name in ("dict", "list") and not node.args and not node.keywords:
            return ast.Dict([], []) if name == "dict" else ast.List([], ast.Load())
        if all(keyword.arg for keyword in node.keywords):
            node.keywords.sort(key=lambda keyword: str(keyword.arg))
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.type, ast.Tuple):
            node.type.elts = _sorted(node.type.elts)
        read = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
        if node.name not in read:
            node.name = None
        return node
