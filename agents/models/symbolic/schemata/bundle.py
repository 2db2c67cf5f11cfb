"""The source that a schema brings along, so that it runs inside the tests."""

from __future__ import annotations

import ast
import base64
import inspect
import json
import zlib
from functools import cache
from typing import Any

from agents.models.symbolic.schemata import runtime
from repos.syntax import parse

CALLER = """\
def repogym_mutate(mark):
    import builtins
    getattr(builtins, "repogym_mutate", len)(mark)
"""


@cache
def runtime_source() -> str:
    """Return the source that runs in the tests, without its docstrings."""
    tree = parse(inspect.getsource(runtime))
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            continue
        if isinstance(getattr(node.body[0], "value", None), ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def epilogue(plan: dict[str, Any]) -> str:
    """Return the end of the main file: the source that runs in the tests and its plan.

    Both are packed: a conversation is bounded in length.
    """
    packed = [
        base64.b85encode(zlib.compress(text.encode(), 9)).decode()
        for text in (runtime_source(), json.dumps(plan, separators=(",", ":")))
    ]
    return (
        "def repogym_read(text):\n"
        "    import base64, zlib\n"
        "    return zlib.decompress(base64.b85decode(text)).decode()\n"
        'repogym_space = {"__name__": "repogym"}\n'
        f'exec(repogym_read("{packed[0]}"), repogym_space)\n'
        f'repogym_mutate = repogym_space["begin"](repogym_read("{packed[1]}"))\n'
        "import builtins as repogym_builtins\n"
        "repogym_builtins.repogym_mutate = repogym_mutate\n"
    )
