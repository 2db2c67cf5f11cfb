"""A task that needs another Python than the one that runs RepoGym."""

import subprocess

import pytest

from repos.environments.interpreters import is_installed, minor_version
from repos.mining.from_git import task_from_repository
from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from repos.scoring.validation import validate

TEST = "from half import half\n\n\ndef test_two():\n    assert half(2) == 1\n"
MORE = TEST + "\n\ndef test_three():\n    assert half(3) == 1.5\n"
OTHERS = [f"3.{n}" for n in range(8, 15) if f"3.{n}" != minor_version() and is_installed(f"3.{n}")]


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)

    root = tmp_path / "halves"
    (root / "tests").mkdir(parents=True)
    git("init", "-q")
    for body, test in (("n // 2", TEST), ("n / 2", MORE)):
        (root / "half.py").write_text(f"def half(n):\n    return {body}\n")
        (root / "tests" / "test_half.py").write_text(test)
        git("add", "-A")
        git("commit", "-qm", "Halves of odd numbers")
    return str(root)


@pytest.mark.index
@pytest.mark.parametrize("minor", OTHERS)
def test_a_task_on_another_python_is_made_validated_and_scored(minor, repository, backend):
    spec = task_from_repository(
        repository, base="HEAD~1", fix="HEAD", python=minor, requirements=("pytest",)
    )
    name = f"python{minor}"
    assert list(spec.environments) == list(spec.expected) == [name]
    task = prepare(spec)
    assert (task.public.environment, task.public.python) == (name, minor)
    assert validate(task, backend=backend, repetitions=1).valid
    assert score(task, task.hidden.reference, backend=backend)[0].resolved
    assert not score(task, b"", backend=backend)[0].resolved
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        said = workspace.exec(["python", "--version"]).text
    assert said.startswith(f"Python {minor}.")
