"""A small repository with a bug, prepared and opened the way an episode opens a task."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CALC = """\
def add(a, b):
    return a - b


def scale(values, by):
    result = []
    for value in values:
        if by < 0:
            raise ValueError("negative scale")
        result.append(value * by)
    return result
"""

TEST_CALC = """\
import pytest

from calc import core


def test_add():
    assert core.add(1, 2) == 3


def test_add_zero():
    assert core.add(1, 0) == 1


def test_scale():
    assert core.scale([1, 2], 3) == [3, 6]


def test_negative():
    with pytest.raises(ValueError):
        core.scale([1], -1)


@pytest.mark.skip(reason="not today")
def test_skipped():
    pass


@pytest.mark.parametrize("name", ["a b", "c-d"])
def test_names(name):
    assert core.scale([], 1) == [], repr(object())
"""


def _write_tree(root: Path) -> None:
    files: dict[str, bytes] = {
        "README.md": b"# calc\n",
        "calc/__init__.py": b"",
        "calc/core.py": CALC.encode(),
        "calc/crlf.py": b"FIRST = 1\r\nSECOND = 2\r\n",
        "calc/latin.py": "# -*- coding: latin-1 -*-\nNAME = 'caf\u00e9'\n".encode("latin-1"),
        "calc/bare.py": b"LAST = 1",
        "data/blob.bin": bytes(range(256)) * 4,
        "data/long.txt": b"x" * 10_000 + b"\nend\n",
        "data/many.txt": "".join(f"row {n}\n" for n in range(1, 2_001)).encode(),
        "data/\u00fcml\u00e4ut.txt": "gr\u00fc\u00dfe\n".encode(),
        "tests/test_calc.py": TEST_CALC.encode(),
        "run.sh": b"#!/bin/sh\necho run\n",
        ".gitignore": b"ignored/\n*.log\n",
    }
    for name, data in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (root / "run.sh").chmod(0o755)
    (root / "link.py").symlink_to("calc/core.py")
    (root / "outside").symlink_to("/tmp")


def _git(root: Path, *args: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(
        ["git", *identity, *args], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory):
    from repos.environments.interpreters import minor_version
    from repos.prepare import prepare
    from repos.tasks.environments import PythonEnvironment, python_id
    from repos.tasks.records import Expected, TaskSpec
    from repos.tasks.sources.git import GitSource

    folder = tmp_path_factory.mktemp("tools")
    root = folder / "calc"
    root.mkdir()
    _write_tree(root)
    _git(root, "init", "-q")
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "Base")
    (root / "calc/core.py").write_text(CALC.replace("a - b", "a + b"))
    _git(root, "commit", "-qam", "Add instead of subtracting")
    name = python_id(minor_version())
    spec = TaskSpec(
        id="calc",
        source=GitSource(path=str(root), base="HEAD~1", fix="HEAD"),
        test_paths=("tests",),
        environments={name: PythonEnvironment(python=minor_version())},
        expected={name: Expected(fail_to_pass=("tests/test_calc.py::test_add",))},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPOGYM_CACHE", str(folder / "cache"))
        yield prepare(spec)


@pytest.fixture(scope="session")
def shared(task, backend):
    from repos.sandbox.workspace import Workspace

    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        yield workspace


@pytest.fixture
def workspace(shared):
    shared.reset()
    return shared


@pytest.fixture
def ctx(workspace, task):
    from repos.runners.registry import get_runner
    from tools.context import ToolContext

    context = ToolContext(workspace, task.public, get_runner(task.public.runner))
    yield context
    context.close()


@pytest.fixture
def call(ctx) -> Callable:
    """Call a tool with Python values, through JSON, as a model would."""
    import json

    from tools.registry import ToolSet

    tools = ToolSet()
    return lambda name, /, **arguments: tools.call(ctx, name, json.dumps(arguments))
