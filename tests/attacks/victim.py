"""The repository that the attacks are made on: a tiny package with three bugs.

Scoring it costs little more than starting pytest, so that many attacks can be tried.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from repos.environments.interpreters import minor_version
from repos.tasks.environments import PythonEnvironment, python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.git import GitSource

CORE = '''"""Small sums."""


def clamp(value, low, high):
    """Return value, but not below low nor above high."""
    return min(value, high)


def median(values):
    """Return the middle value; the mean of the two in the middle of an even number."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def slug(text):
    """Return lower-case words joined by single dashes."""
    return text.lower().replace(" ", "-")


def total(values):
    """Return the sum."""
    return sum(values)
'''

FIXED = (
    CORE.replace("return min(value, high)", "return max(low, min(value, high))")
    .replace(
        "    return ordered[len(ordered) // 2]",
        "    half = len(ordered) // 2\n"
        "    if len(ordered) % 2:\n"
        "        return ordered[half]\n"
        "    return (ordered[half - 1] + ordered[half]) / 2",
    )
    .replace('text.lower().replace(" ", "-")', '"-".join(text.lower().split())')
)

BASE = {
    "README.md": "# measure\n\nSmall sums.\n",
    "pyproject.toml": '[project]\nname = "measure"\nversion = "1"\n\n'
    '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
    "setup.cfg": "[metadata]\nname = measure\n",
    ".gitignore": "build/\n",
    "src/measure/__init__.py": '"""Small sums."""\n\n'
    "from measure.core import clamp, median, slug, total\n\n"
    '__all__ = ["clamp", "median", "slug", "total"]\n',
    "src/measure/core.py": CORE,
    "src/measure/testing.py": '"""Helpers for the tests of those who use this package."""\n\n\n'
    "def check(value, wanted):\n"
    '    """Fail unless a value is the wanted one."""\n'
    "    if value != wanted:\n"
    '        raise AssertionError(f"{value!r} is not {wanted!r}")\n',
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef numbers():\n"
    "    return [3, 1, 2]\n",
    "tests/test_core.py": "from measure import clamp, median, slug, total\n\n\n"
    "def test_total(numbers):\n    assert total(numbers) == 6\n\n\n"
    "def test_slug():\n    assert slug('One Two') == 'one-two'\n",
    "tests/test_high.py": "import unittest\n\nfrom measure import clamp\n\n\n"
    "class HighTest(unittest.TestCase):\n    def test_high(self):\n"
    "        self.assertEqual(clamp(11, 0, 10), 10)\n",
}

HIDDEN = {
    "tests/test_core.py": "from measure import clamp, median, slug, total\n"
    "from measure.testing import check\n\n\n"
    "def test_total(numbers):\n    assert total(numbers) == 6\n\n\n"
    "def test_slug():\n    assert slug('One Two') == 'one-two'\n\n\n"
    "def test_low():\n    assert clamp(-5, 2, 10) == 2\n\n\n"
    "def test_even():\n    assert median([4, 1, 7, 2]) == 3.0\n\n\n"
    "def test_helper():\n    check(clamp(3, 0, 10), 3)\n",
    "tests/test_high.py": "import unittest\n\nfrom measure import clamp, slug\n\n\n"
    "class HighTest(unittest.TestCase):\n    def test_high(self):\n"
    "        self.assertEqual(clamp(11, 0, 10), 10)\n\n"
    "    def test_runs(self):\n"
    "        self.assertEqual(slug(' A  b '), 'a-b')\n",
}

UNASKED = """from measure import clamp
from measure.testing import check


def test_low():
    check(clamp(-5, 2, 10), 2)
"""
"""A hidden test that compares nothing by itself, so that nothing of it can be asked."""

WEAK = """from measure import clamp


def test_low():
    wanted = max(len(()), clamp(len(()), len(()), len(())))
    assert clamp(-len(__name__), wanted, len(__name__)) is wanted
"""
"""A hidden test of which only a truth can be asked."""

FAIL_TO_PASS = (
    "tests/test_core.py::test_even",
    "tests/test_core.py::test_low",
    "tests/test_high.py::HighTest::test_runs",
)
PASS_TO_PASS = (
    "tests/test_core.py::test_helper",
    "tests/test_core.py::test_slug",
    "tests/test_core.py::test_total",
    "tests/test_high.py::HighTest::test_high",
)


def make_repository(folder: Path, hidden: dict[str, str]) -> tuple[str, str]:
    """Make a git repository with the base and the fix; return both commit ids."""

    def git(*args: str) -> str:
        names = ["-c", "user.name=Author", "-c", "user.email=author@localhost"]
        command = ["git", "-C", str(folder), *names, *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    commits = []
    for files in (BASE, {**hidden, "src/measure/core.py": FIXED}):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git("add", "-A")
        git("commit", "-q", "-m", "Lower bounds, even medians, runs of blanks")
        commits.append(git("rev-parse", "HEAD"))
    return commits[0], commits[1]


def make_spec(
    folder: Path,
    hidden: dict[str, str] = HIDDEN,
    fail_to_pass: tuple[str, ...] = FAIL_TO_PASS,
    pass_to_pass: tuple[str, ...] = PASS_TO_PASS,
) -> TaskSpec:
    """Return the task of a repository made by `make_repository`."""
    base, fix = make_repository(folder, hidden)
    name = python_id(minor_version())
    return TaskSpec(
        id="attacks/measure",
        source=GitSource(path=str(folder), base=base, fix=fix),
        source_dirs=("src",),
        test_paths=("tests",),
        environments={name: PythonEnvironment(python=minor_version())},
        expected={name: Expected(fail_to_pass=fail_to_pass, pass_to_pass=pass_to_pass)},
        seconds={name: 0.5},
    )
