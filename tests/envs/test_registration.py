"""Suites of one's own as Gymnasium environments: by their manifest, and by an id."""

import json
import os
import re
import subprocess
import sys

import gymnasium
import pytest

import repogym
from repos.errors import InputError, UnknownNameError
from repos.tasks.suite import load_suite, write_manifest

TASK = load_suite("swe-mini").spec("warmcache-refresh")
CALL = {"name": "bash", "arguments": json.dumps({"command": "ls pyproject.toml"})}


@pytest.fixture
def manifest(tmp_path, request):
    """A manifest of one task; the suite's name is the test's."""
    name = re.sub(r"[^a-z]+", "-", request.node.name).strip("-")
    path = tmp_path / "own.jsonl"
    write_manifest(path, {"suite": name, "version": "3"}, [TASK])
    return path


def test_make_of_a_manifest_has_a_spec_that_makes_it_again(manifest, monkeypatch):
    monkeypatch.chdir(manifest.parent)
    made = repogym.make("own.jsonl", max_steps=7, max_episode_steps=2)
    assert made.spec.id == f"repogym/{load_suite(str(manifest)).name}-v3"
    spec = gymnasium.envs.registration.EnvSpec.from_json(made.spec.to_json())
    made.close()
    monkeypatch.chdir("/")
    for again in (gymnasium.make(spec), gymnasium.make(made.spec)):
        observation, info = again.reset(seed=0)
        assert (observation["step"], info["task"]) == (0, TASK.id)
        assert again.unwrapped.max_steps == 7
        assert again.unwrapped.budget.steps == 2
        again.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_registered_suite_is_made_by_its_id(manifest, mode, monkeypatch):
    monkeypatch.chdir(manifest.parent)
    name = repogym.register("own.jsonl")
    assert name == f"repogym/test-a-registered-suite-is-made-by-its-id-{mode}-v3"
    monkeypatch.chdir("/")
    assert load_suite(name).digest == load_suite(str(manifest)).digest
    options = {"shared_memory": False, "context": "spawn"} if mode == "async" else {}
    vector = gymnasium.make_vec(name, 2, mode, vector_kwargs=options)
    try:
        vector.reset(seed=1)
        observations, *_ = vector.step((CALL, CALL))
        assert [text.split()[0] for text in observations["text"]] == ["pyproject.toml"] * 2
    finally:
        vector.close(terminate=True)


def test_a_module_that_registers_goes_before_the_id(manifest):
    folder = manifest.parent
    module = "import repogym\nfrom pathlib import Path\n"
    module += "repogym.register(Path(__file__).with_name('own.jsonl'))\n"
    (folder / "registers.py").write_text(module)
    name = f"registers:repogym/{load_suite(str(manifest)).name}-v3"
    code = "import sys, gymnasium; from repos.tasks.suite import load_suite\n"
    code += f"print(load_suite({name!r}).name); gymnasium.make({name!r}).close()"
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.split()) == (0, [load_suite(str(manifest)).name])


def test_registering_twice_is_no_other_suite(manifest, tmp_path):
    assert repogym.register(manifest) == repogym.register(str(manifest))
    other = tmp_path / "other.jsonl"
    other.write_bytes(manifest.read_bytes())
    with pytest.raises(InputError, match="already stands for"):
        repogym.register(other)


@pytest.mark.parametrize(
    ("suite", "version", "says"),
    [
        ("swe-mini", "1", "a suite of RepoGym itself"),
        ("my tasks", "1", "its version is a whole number"),
        ("mine", "1.2", "its version is a whole number"),
    ],
)
def test_what_can_be_no_id_is_refused_but_made(tmp_path, suite, version, says):
    path = tmp_path / "own.jsonl"
    write_manifest(path, {"suite": suite, "version": version}, [TASK])
    with pytest.raises(InputError, match=says):
        repogym.register(path)
    made = repogym.make(path)
    assert made.unwrapped.suite.name == suite
    assert load_suite("swe-mini").spec(TASK.id) == TASK
    made.close()


def test_unknown_ids_and_modules_are_told():
    with pytest.raises(UnknownNameError, match="environment id 'repogym/nowhere-v1'"):
        load_suite("repogym/nowhere-v1")
    with pytest.raises(InputError, match="there is no module 'nobody'"):
        load_suite("nobody:repogym/mine-v1")
