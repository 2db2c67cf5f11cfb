"""The source that travels in a candidate change, so that it runs inside the tests."""

from __future__ import annotations

import ast
import base64
import json
import zlib
from functools import cache
from typing import Any

CALLER = """\
def repogym_rehearse(mark):
    import builtins
    getattr(builtins, "repogym_rehearse", len)(mark)
"""


@cache
def inside_text(values: bool) -> str:
    """Return the source that runs in the tests, without its docstrings and imports of ours."""
    import inspect

    from agents.models.symbolic import inside, inside_operations, inside_repeat, inside_values

    parts = []
    for module in (inside_repeat, inside, inside_operations, inside_values):
        if module is inside_operations and not values:
            continue
        tree = ast.parse(inspect.getsource(module))
        tree.body = [n for n in tree.body if not _own_import(n)]
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                continue
            if isinstance(getattr(node.body[0], "value", None), ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
        if module is inside_values and not values:
            kept = [n for n in tree.body if getattr(n, "name", "") == "begin"]
            tree.body = [*ast.parse("Values = Rehearsal").body, *kept]
        parts.append(ast.unparse(tree))
    return "\n".join(parts) + "\n"


def _own_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agents.")


def tail(values: bool, plan: dict[str, Any]) -> str:
    """Return the end of the main file: the source that runs in the tests and its plan.

    Both are packed: a conversation is bounded in length.
    """
    packed = [
        base64.b85encode(zlib.compress(text.encode(), 9)).decode()
        for text in (inside_text(values), json.dumps(plan, separators=(",", ":")))
    ]
    return (
        "def repogym_read(text):\n"
        "    import base64, zlib\n"
        "    return zlib.decompress(base64.b85decode(text)).decode()\n"
        'repogym_space = {"__name__": "repogym"}\n'
        f'exec(repogym_read("{packed[0]}"), repogym_space)\n'
        f'repogym_rehearse = repogym_space["begin"](repogym_read("{packed[1]}"))\n'
        "import builtins as repogym_builtins\n"
        "repogym_builtins.repogym_rehearse = repogym_rehearse\n"
    )
