"""The programs inside run on old interpreters, with the pytest of their time."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from repos.environments.interpreters import NotAvailableError, find_python
from repos.environments.layers import EnvironmentLayers
from repos.runners.protocol import GradeRequest
from repos.runners.registry import get_runner
from repos.sandbox.backends.bubblewrap.backend import own_layer
from repos.sandbox.interpreter import package_folders
from repos.sandbox.protocol import ENVIRONMENT, TESTBED, Layers, Mount, SandboxSpec
from repos.sandbox.workspace import BASE_GIT, Workspace, make_base_git

OLD = ("3.6", "3.7", "3.8")
RELEASES = {
    "3.6": ("pytest==3.10.1", "pytest==4.6.11", "pytest==6.2.5"),
    "3.7": ("pytest==4.6.11", "pytest==7.4.4"),
    "3.8": ("pytest==5.4.3", "pytest==8.3.5"),
}

LAST_FOR_36 = (
    *("atomicwrites<1.5", "attrs<22", "importlib-metadata<5", "importlib-resources<6"),
    *("iniconfig<2", "more-itertools<8.15", "packaging<21.4", "pluggy<1", "py<1.12"),
    *("pyparsing<3.1", "setuptools<60", "toml<0.11", "typing-extensions<4.2", "wcwidth<0.2.10"),
    *("zipp<3.7",),
)
"""The pip of CPython 3.6 does not see which releases are for later versions."""

PYTEST_TESTS = """\
import unittest

import pytest

import calc


@pytest.mark.parametrize("a, b", [(1, 2), (0, 0)])
def test_add(a, b):
    assert calc.add(a, b) == a + b


def test_fixture(numbers):
    assert calc.add(*numbers) == 3


@pytest.mark.skip(reason="not today")
def test_skipped():
    pass


@pytest.mark.xfail
def test_expected():
    assert 0


class TestOld(unittest.TestCase):
    def test_method(self):
        self.assertEqual(calc.add(1, 1), 3)
"""
PYTEST_STATUSES = {
    "tests/test_calc.py::test_add[1-2]": "passed",
    "tests/test_calc.py::test_add[0-0]": "passed",
    "tests/test_calc.py::test_fixture": "passed",
    "tests/test_calc.py::test_skipped": "skipped",
    "tests/test_calc.py::test_expected": "xfailed",
    "tests/test_calc.py::TestOld::test_method": "failed",
}
UNITTEST_TESTS = """\
import unittest

import calc


class AddTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(calc.add(1, 2), 3)

    def test_many(self):
        for a in (1, 2):
            with self.subTest(a=a):
                self.assertEqual(calc.add(a, 1), 2)

    @unittest.skip("not today")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.assertEqual(calc.add(1, 1), 3)
"""
UNITTEST_STATUSES = {
    "tests.test_calc.AddTest.test_add": "passed",
    "tests.test_calc.AddTest.test_expected": "xfailed",
    "tests.test_calc.AddTest.test_many": "failed",
    "tests.test_calc.AddTest.test_skipped": "skipped",
}


def installed(minor):
    """Return the installed Python of a minor version; None where there is none."""
    try:
        return find_python(minor)
    except NotAvailableError:
        return None


PYTHONS = {minor: python for minor in OLD if (python := installed(minor))}
CASES = [(minor, release) for minor in PYTHONS for release in RELEASES[minor]]


def make_environment(folder, minor, requirements):
    """Make a virtual environment, and return it with the mounts that its interpreter needs."""
    python = PYTHONS[minor]
    subprocess.run([python.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    if requirements:
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join(LAST_FOR_36 if minor == "3.6" else ()))
        done = subprocess.run(
            [str(folder / "bin" / "pip"), "install", "-q", "-c", str(constraints), *requirements],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "testbed.pth").write_text(f"{TESTBED}\n")
    empty = folder.parent / "empty"
    empty.mkdir()
    own_layer(folder)
    prefix = python.prefix
    mounts = [Mount(folder, ENVIRONMENT)]
    if not prefix.startswith("/usr"):
        mounts.append(Mount(Path(prefix), prefix))
        mounts += [Mount(empty, path) for path in package_folders(prefix)]
    return mounts


def open_workspace(backend, folder, tests, runner, minor, mounts):
    tree = folder / "tree"
    (tree / "tests").mkdir(parents=True)
    (tree / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    (tree / "tests/test_calc.py").write_text(tests)
    (tree / "tests/conftest.py").write_text(
        "try:\n    import pytest\nexcept ImportError:\n    pass\nelse:\n"
        "    @pytest.fixture\n    def numbers():\n        return 1, 2\n"
    )
    make_base_git(tree, folder / "base.git")
    own_layer(tree)
    environment = EnvironmentLayers(python=PYTHONS[minor], layer=mounts[0].source)
    layers = Layers(
        testbed=(tree,),
        mounts=(
            *mounts,
            *runner.layers(tree, environment),
            Mount(folder / "base.git", BASE_GIT),
        ),
        path=(f"{ENVIRONMENT}/bin",),
    )
    return Workspace(backend.create(layers, SandboxSpec()))


def check_all_ways(workspace, runner, wanted, tmp_path):
    def statuses(report):
        return {test: outcome.status for test, outcome in report.outcomes.items()}

    report = runner.run(workspace, ["tests"], coverage=True)
    assert statuses(report) == wanted, report
    assert report.complete
    passed = next(test for test, status in wanted.items() if status == "passed")
    assert report.coverage is not None
    assert report.coverage[passed]["calc.py"] == (2,)
    warm = runner.warm(workspace)
    assert statuses(warm.run(["tests"])) == wanted
    workspace.write("calc.py", b"def add(a, b):\n    return 7\n")
    broken = warm.run([passed])
    assert statuses(broken) == {passed: "failed"}
    assert "tests/test_calc.py:" in broken.outcomes[passed].traceback
    warm.close()
    workspace.reset()
    data = (tmp_path / "tree/tests/test_calc.py").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    for brief in (False, True):
        request = GradeRequest(
            ("tests/test_calc.py",), {"tests/test_calc.py": digest}, 60.0, 3, brief
        )
        run = runner.grade(workspace, request)
        assert statuses(run) == wanted, run
        assert run.complete
        assert run.tampered == ()
    other = GradeRequest(("tests/test_calc.py",), {"tests/test_calc.py": "0" * 64}, 60.0)
    assert runner.grade(workspace, other).tampered


@pytest.mark.index
@pytest.mark.skipif(not PYTHONS, reason="there is no old Python on this machine")
@pytest.mark.parametrize(("minor", "release"), CASES)
def test_pytest_of_its_time_runs_on_an_old_python(minor, release, backend, tmp_path):
    runner = get_runner("pytest")
    mounts = make_environment(tmp_path / "env", minor, [release])
    with open_workspace(backend, tmp_path, PYTEST_TESTS, runner, minor, mounts) as workspace:
        check_all_ways(workspace, runner, PYTEST_STATUSES, tmp_path)


@pytest.mark.index
@pytest.mark.skipif(not PYTHONS, reason="there is no old Python on this machine")
@pytest.mark.parametrize("minor", PYTHONS)
def test_unittest_runs_on_an_old_python(minor, backend, tmp_path):
    runner = get_runner("unittest")
    mounts = make_environment(tmp_path / "env", minor, [])
    with open_workspace(backend, tmp_path, UNITTEST_TESTS, runner, minor, mounts) as workspace:
        check_all_ways(workspace, runner, UNITTEST_STATUSES, tmp_path)
