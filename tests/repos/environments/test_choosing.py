"""Which environment of a task is played: the named, the running Python's, the newest here."""

import pytest

from repos.environments import choosing
from repos.environments.choosing import available, choose_environment, is_available
from repos.environments.interpreters import NotAvailableError, minor_version
from repos.errors import UnknownNameError
from repos.tasks.environments import PythonEnvironment, ToolsEnvironment, python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.bundled import BundledSource

OWN = python_id(minor_version())


def spec(*minors, **more):
    environments = {python_id(m): PythonEnvironment(python=m) for m in minors} | more
    return TaskSpec(
        id="a",
        source=BundledSource(folder="x"),
        environments=environments,
        expected=dict.fromkeys(environments, Expected(fail_to_pass=("t.py::a",))),
    )


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(choosing, "is_installed", lambda m: m in ("3.8", "3.10", minor_version()))


@pytest.mark.usefixtures("installed")
def test_the_running_python_comes_before_newer_ones():
    assert choose_environment(spec("3.8", minor_version(), "3.99")) == OWN


@pytest.mark.usefixtures("installed")
def test_the_newest_that_is_installed_comes_next_by_number():
    assert choose_environment(spec("3.8", "3.10", "3.99")) == "python3.10"


@pytest.mark.usefixtures("installed")
def test_tools_come_last():
    assert choose_environment(spec("3.8", cc=ToolsEnvironment(programs=("sh",)))) == "python3.8"
    assert choose_environment(spec("3.99", cc=ToolsEnvironment(programs=("sh",)))) == "cc"


def test_the_named_one_is_played_or_refused():
    assert choose_environment(spec("3.99", minor_version()), OWN) == OWN
    with pytest.raises(UnknownNameError, match=r"Unknown environment of a 'python3\.1'"):
        choose_environment(spec("3.99"), "python3.1")
    with pytest.raises(NotAvailableError, match=r"Task a is not.*uv python install 3\.99"):
        choose_environment(spec("3.99", minor_version()), "python3.99")


def test_what_is_available_here():
    here, gone = spec(minor_version()), spec("3.99")
    assert available([gone, here]) == (here,)
    assert not is_available(here, "python3.99")
    with pytest.raises(NotAvailableError, match=r"Python 3\.99 is not installed"):
        choose_environment(gone)
