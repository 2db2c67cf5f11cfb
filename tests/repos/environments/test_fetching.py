"""Interpreters that are not here are asked of uv, once, and a failure is one sentence."""

import pytest

from repos.environments import fetching
from repos.environments.fetching import fetch_pythons
from repos.environments.interpreters import minor_version
from tests.repos.environments.test_choosing import spec


@pytest.fixture(autouse=True)
def forgotten():
    fetching._fetch.cache_clear()
    yield
    fetching._fetch.cache_clear()


def test_what_uv_does_not_have_is_told_in_one_sentence():
    (problem,) = fetch_pythons([spec("3.99"), spec("3.99"), spec(minor_version(), "3.98")])
    assert problem.startswith("Python 3.99 is not installed here and uv could not fetch it (")
    assert "cpython-3.99" in problem and "pyenv install 3.99" in problem
    assert len(fetch_pythons([spec("3.97", minor_version())], "python3.97")) == 1


def test_nothing_is_fetched_offline(monkeypatch):
    monkeypatch.setenv("REPOGYM_OFFLINE", "1")
    (problem,) = fetch_pythons([spec("3.99")])
    assert problem == "Python 3.99 is not installed here, and REPOGYM_OFFLINE is set."
