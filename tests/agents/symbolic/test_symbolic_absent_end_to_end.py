"""A test file that can't be imported: the model makes what is missing, and the rest of it."""

from __future__ import annotations

import pytest

import envs
from agents.models.symbolic import SymbolicModel
from agents.registry import make_agent
from envs.episode import Episode
from tests.agents.symbolic.recorded import Recorded
from tests.repositories import commit, new_task

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
    before = {
        "src/names/__init__.py": INIT,
        "src/names/core.py": CORE,
        "tests/test_names.py": TESTS,
    }
    commit(root, before, "First")
    imports = "import show, strip_prefix, strip_suffix"
    after = {
        "src/names/__init__.py": INIT.replace("prefix", "prefix, strip_suffix", 1),
        "src/names/core.py": FIXED,
        "tests/test_names.py": TESTS.replace("import show, strip_prefix", imports) + MORE,
    }
    commit(root, after, "Suffixes can be stripped too")
    return new_task(root)


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
