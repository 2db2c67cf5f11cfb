"""Pythons of the machine: found, asked once, shown in sandboxes without their packages."""

import os
import subprocess
import sys

import pytest

from repos.environments import interpreters
from repos.environments.interpreters import (
    NotAvailableError,
    candidates,
    find_python,
    is_installed,
    minor_version,
    running_python,
)
from repos.environments.layers import environment_layers
from repos.errors import RecordError
from repos.runners.registry import get_runner
from repos.sandbox.protocol import ENVIRONMENT, Layers, SandboxSpec
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import Workspace
from repos.tasks.environments import PythonEnvironment, ToolsEnvironment

PACKAGES = get_runner("pytest").packages
MINORS = [f"3.{number}" for number in range(6, 15)]
OTHERS = [m for m in MINORS if m != minor_version() and is_installed(m)]


def test_the_running_interpreter_is_its_own_and_is_not_asked(monkeypatch):
    monkeypatch.setattr(interpreters, "candidates", lambda minor: pytest.fail("searched"))
    found = find_python(minor_version())
    assert found.is_running
    assert found.version == ".".join(str(part) for part in sys.version_info[:3])


def test_a_missing_python_is_one_sentence_with_what_to_do():
    with pytest.raises(NotAvailableError) as caught:
        find_python("3.99")
    said = str(caught.value)
    assert "Python 3.99 is not installed" in said
    assert "uv python install 3.99" in said
    assert "pyenv install 3.99" in said


def test_places_are_searched_in_their_order(tmp_path, monkeypatch):
    places = [
        "pyenv/versions/3.77.10/bin", "pyenv/versions/3.77.9/bin", "uv/cpython-3.77.2-x/bin",
        "path",
    ]  # fmt: skip
    for place in places:
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / "python3.77").write_text("#!/bin/sh\n")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    found = [path.parent.relative_to(tmp_path).as_posix() for path in candidates("3.77")]
    assert found == places


def test_a_launcher_and_a_broken_program_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "python3.77"
    for content in (b"#!/bin/sh\nexit 1\n", b"\x7fELF broken"):
        program.write_bytes(content)
        program.chmod(0o755)
        assert not is_installed("3.77")


@pytest.mark.skipif(not OTHERS, reason="no other Python is installed")
def test_a_program_is_asked_once_a_file(monkeypatch):
    first = find_python(OTHERS[0])
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("asked again"))
    assert find_python(OTHERS[0]) is first


@pytest.mark.skipif(not OTHERS, reason="no other Python is installed")
def test_keys_differ_between_interpreters():
    pythons = [running_python(), *(find_python(minor) for minor in OTHERS)]
    assert len({python.key() for python in pythons}) == len(pythons)


@pytest.mark.parametrize("name", ["auto", "process"])
@pytest.mark.parametrize("minor", OTHERS)
@pytest.mark.index
def test_another_python_runs_in_a_sandbox_without_its_own_packages(minor, name, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "here.py").write_text("import six\n")
    environment = PythonEnvironment(python=minor, requirements=("six==1.16.0",))
    around = environment_layers(environment, base, (".",))
    backend = get_backend(name, allow_unsafe=True)
    try:
        layers = Layers(testbed=(base,), mounts=around.mounts, path=around.path)
        with Workspace(backend.create(layers, SandboxSpec())) as workspace:
            program = "import sys, six, here; print('%d.%d' % sys.version_info[:2], six.__cached__)"
            done = workspace.exec(["python", "-c", program])
            assert done.exit_code == 0, done.text
            assert done.text.split()[0] == minor
            python = find_python(minor)
            packages = f"{python.prefix}/lib/python{minor}/site-packages"
            if name == "auto" and os.path.isdir(packages):  # noqa: PTH112
                assert workspace.exec(["ls", "-A", packages]).text.strip() == ""
            pip = workspace.exec(["python", "-c", "import pip"])
            assert pip.exit_code == 1
    finally:
        backend.close()
    layer = next(m.source for m in around.mounts if m.target == ENVIRONMENT)
    compiled = list(layer.rglob("six.*.pyc"))
    assert len(compiled) == (0 if minor == "3.6" else 1)
    if compiled:
        assert compiled[0].read_bytes()[4:8] == b"\x03\0\0\0"  # hash-based, checked


@pytest.mark.parametrize("minor", [m for m in OTHERS if m in ("3.6", "3.7", "3.8")])
def test_without_requirements_an_old_python_is_refused_with_what_to_do(minor, tmp_path):
    with pytest.raises(RecordError, match=rf"RepoGym's own pytest.*for Python {minor}"):
        environment_layers(PythonEnvironment(python=minor), tmp_path, (".",), PACKAGES)


def test_tools_are_programs_of_the_machine(tmp_path):
    around = environment_layers(ToolsEnvironment(programs=("sh",)), tmp_path, (".",))
    assert (around.mounts, around.path, around.python) == ((), (), None)
    missing = ToolsEnvironment(programs=("sh", "no-such-program"))
    with pytest.raises(NotAvailableError, match="no-such-program not found in"):
        environment_layers(missing, tmp_path, (".",))
