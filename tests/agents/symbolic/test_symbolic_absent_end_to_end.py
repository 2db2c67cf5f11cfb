"""A test file that can't be imported: the model makes what is missing, and the rest of it."""

from __future__ import annotations

import subprocess

import pytest
from typer.testing import CliRunner

import envs
from agents.models.symbolic import SymbolicModel
from agents.registry import make_agent
from envs.episode import Episode
from repos.cli import app

CORE = '''\
"""Names."""


def strip_prefix(text, prefix):
    """Return text without a prefix."""
    if text.startswith(prefix):
        return text[len(prefix) :]
    return text


def show(text, sep=", "):
    """Return words, separated."""
    return sep.join(text.strip().split())
'''
FIXED = (
    CORE.replace('sep=", "):', 'sep=", ", upper=False):').replace(
        "return sep.join(text.strip().split())",
        "done = sep.join(text.strip().split())\n    return done.upper() if upper else done",
    )
    + '''

def strip_suffix(text, suffix):
    """Return text without a suffix."""
    if text.endswith(suffix):
        return text[: -len(suffix)]
    return text
'''
)
INIT = 'from .core import show, strip_prefix\n\n__all__ = ["show", "strip_prefix"]\n'
TESTS = """\
from names import show, strip_prefix


def test_prefix():
    assert strip_prefix("ab", "a") == "b"


def test_show():
    assert show(" a b") == "a, b"
"""
MORE = """

def test_suffix():
    assert strip_suffix("a.py", ".py") == "a"


def test_other_suffix():
    assert strip_suffix("a.py", ".md") == "a.py"


def test_longer_suffix():
    assert strip_suffix("abc", "bc") == "a"
"""


@pytest.fixture
def manifest(tmp_path):
    """A task of a small repository of two commits."""
    root = tmp_path / "names"
    (root / "src/names").mkdir(parents=True)
    (root / "tests").mkdir()

    def git(*args):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args]
        subprocess.run(command, cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (root / "src/names/__init__.py").write_text(INIT)
    (root / "src/names/core.py").write_text(CORE)
    (root / "tests/test_names.py").write_text(TESTS)
    git("add", "-A")
    git("commit", "-qm", "First")
    (root / "src/names/__init__.py").write_text(INIT.replace("prefix", "prefix, strip_suffix", 1))
    (root / "src/names/core.py").write_text(FIXED)
    imports = "import show, strip_prefix, strip_suffix"
    text = TESTS.replace("import show, strip_prefix", imports) + MORE
    (root / "tests/test_names.py").write_text(text)
    git("commit", "-qam", "Suffixes can be stripped too")
    path = tmp_path / "own.jsonl"
    done = CliRunner().invoke(app, ["tasks", "new", str(root), "--fix", "HEAD", "--out", str(path)])
    assert done.exit_code == 0, done.output
    return path


class Recorded:
    """Keeps each request and reply of a model."""

    name = "symbolic"

    def __init__(self, model):
        self.model = model
        self.turns = []

    def complete(self, messages, tools=(), **settings):
        reply = self.model.complete(messages, tools, **settings)
        self.turns.append((tuple(messages), tuple(tools), reply))
        return reply


def test_a_name_that_does_not_exist_is_defined(manifest):
    env = envs.make(str(manifest), assist="tests")
    try:
        model = Recorded(SymbolicModel(candidates=60))
        episode = Episode(env, seed=0)
        make_agent("planner", model=model).run(episode)
        assert episode.info["score"]["resolved"], env.unwrapped.diff().decode()
        diff = env.unwrapped.diff().decode()
        assert "def strip_suffix(text, suffix):" in diff and "endswith" in diff
        # Every reply follows from the messages alone, partial successes included.
        for messages, tools, reply in model.turns:
            assert SymbolicModel(candidates=60).complete(messages, tools) == reply
    finally:
        env.close()
