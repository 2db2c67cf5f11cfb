"""Parsing in many threads at once."""

import ast
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repos.syntax import literal, parse, parse_expression

ROOT = Path(__file__).parents[2]


def test_threads_parse_at_the_same_time():
    sources = [path.read_bytes() for path in sorted((ROOT / "repos").rglob("*.py"))][:60]
    before = threading.active_count()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            trees = list(pool.map(parse, sources * 4))
    finally:
        sys.setswitchinterval(interval)
    assert all(isinstance(tree, ast.Module) for tree in trees)
    assert threading.active_count() <= before


def test_what_is_parsed_and_what_is_not():
    assert isinstance(parse_expression("a + 1"), ast.BinOp)
    assert literal("(1, 'x')") == (1, "x")
    with pytest.raises(SyntaxError):
        parse("def f(:")
    with pytest.raises(ValueError):
        literal("f()")
