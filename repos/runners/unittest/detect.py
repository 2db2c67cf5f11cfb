"""Whether a project's tests are for unittest alone."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator, Mapping

from repos.runners.pytest.config import find_options
from repos.syntax import parse

PATTERNS = ("test*.py", "*_test.py")
"""Names of test modules: what `unittest discover` looks for, and the other common form."""

DECLARING = re.compile(
    r"(^|/)(pyproject\.toml|setup\.(py|cfg)|tox\.ini|noxfile\.py|Pipfile|PKG-INFO|requires\.txt"
    r"|environment\.ya?ml|[^/]*requirements[^/]*\.(txt|in))$"
)
"""Files that name what a project depends on."""

PYTEST = re.compile(rb"\bpytest\b|\bpy\.test\b")


def is_test_file(path: str) -> bool:
    """Whether a file's name is that of a test module."""
    return any(fnmatch.fnmatch(path.rpartition("/")[2], pattern) for pattern in PATTERNS)


def only_unittest(files: Mapping[str, bytes]) -> bool:
    """Whether a project's tests are unittest's, and it neither configures nor needs pytest.

    Args:
        files: The project's files, content by path.
    """
    if any(path.rpartition("/")[2] == "conftest.py" for path in files):
        return False
    if find_options(files) is not None:
        return False
    if any(DECLARING.search(path) and PYTEST.search(files[path]) for path in files):
        return False
    cases = 0
    for path in files:
        if is_test_file(path):
            found = _test_cases(files[path])
            if found is None:
                return False
            cases += found
    return cases > 0


def _test_cases(source: bytes) -> int | None:
    """Return how many classes of a file hold tests; None where some are written for pytest."""
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return 0
    if any(name.partition(".")[0] == "pytest" for name in _imported(tree)):
        return None
    cases = 0
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test"):
                return None
        elif isinstance(node, ast.ClassDef) and _holds_tests(node):
            if not node.bases and node.name.startswith("Test"):
                return None
            cases += bool(node.bases)
    return cases


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _holds_tests(node: ast.ClassDef) -> bool:
    return any(
        isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test")
        for n in node.body
    )
