"""The unittest runner: outcomes as unittest means them, and a task from end to end."""

import subprocess

import pytest

from repos.mining.from_git import task_from_repository
from repos.prepare import prepare
from repos.runners.protocol import GradeRequest, TestId
from repos.runners.registry import choose_runner, get_runner
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score

BUGGY = "def total(numbers):\n    return sum(numbers[1:])\n\n\ndef count(numbers):\n    return 2\n"
HEAD = "import unittest\n\nfrom calc import count, total\n\n\nclass CalcTest(unittest.TestCase):\n"
TESTS = HEAD + "    def test_count(self):\n        self.assertEqual(count([1, 2]), 2)\n"
MORE = """
    def test_total(self):
        self.assertEqual(total([1, 2]), 3)

    def test_total_of_one(self):
        self.assertEqual(total([7]), 7)
"""


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "calculator"
    (root / "src/calc").mkdir(parents=True)
    (root / "tests").mkdir()

    def git(*args):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args]
        subprocess.run(command, cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (root / "src/calc/__init__.py").write_text(BUGGY)
    (root / "tests/test_calc.py").write_text(TESTS)
    git("add", "-A")
    git("commit", "-qm", "First")
    (root / "src/calc/__init__.py").write_text(BUGGY.replace("numbers[1:]", "numbers"))
    (root / "tests/test_calc.py").write_text(TESTS + MORE)
    git("commit", "-qam", "total() left out the first number")
    return root


def test_a_project_of_test_cases_becomes_a_task_for_unittest(repository, backend):
    spec = task_from_repository(str(repository), base="HEAD^", fix="HEAD")
    assert spec.runner == "unittest"
    (expected,) = spec.expected.values()
    prefix = "tests.test_calc.CalcTest."
    assert expected.fail_to_pass == (f"{prefix}test_total", f"{prefix}test_total_of_one")
    assert expected.pass_to_pass == (f"{prefix}test_count",)
    task = prepare(spec)
    good, log = score(task, task.hidden.reference, backend=backend)
    assert good.resolved, (good, log)
    nothing, _ = score(task, b"", backend=backend)
    assert not nothing.resolved
    assert nothing.fraction == 0.0
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        assert workspace.exec(["python", "-c", "import pytest"]).exit_code == 1
        equal = "class Any(int):\n    __eq__ = lambda s, o: True\n    __hash__ = None\n"
        workspace.write(
            "src/calc/__init__.py", (equal + "total = count = lambda n: Any()").encode()
        )
        forged, _ = score(task, workspace.diff(), backend=backend)
    assert not forged.resolved
    assert forged.asked == 3
    assert not any(forged.checks[test] == "passed" for test in expected.fail_to_pass)


def test_level_tests_cuts_what_stays_hidden_out_of_the_file(repository, backend):
    spec = task_from_repository(str(repository), base="HEAD^", fix="HEAD")
    task = prepare(spec, assist="tests", seed=1)
    (shown,) = task.public.visible_tests
    assert not task.public.plausible_only
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        text = workspace.read("tests/test_calc.py").decode()
        for test in ("test_total", "test_total_of_one"):
            assert (f"def {test}(" in text) == shown.endswith(f".{test}")
        report = get_runner("unittest").run(workspace, [shown])
        assert [outcome.status for outcome in report.outcomes.values()] == ["failed"]


SPECIAL = """\
import unittest


class Plain(unittest.TestCase):
    def test_many(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)

    def test_few(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertLess(n, 3)

    def test_error(self):
        raise KeyError("x")

    @unittest.skip("not today")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

    @unittest.expectedFailure
    def test_surprising(self):
        pass


@unittest.skip("none of it")
class Skipped(unittest.TestCase):
    def test_a(self):
        pass


class Unready(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError("no disk")

    def test_a(self):
        pass

    def test_b(self):
        pass


class Untidy(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        raise OSError("no disk")

    def test_a(self):
        pass

    def test_b(self):
        pass
"""
SPECIAL_STATUSES = {
    "Plain.test_many": "failed",
    "Plain.test_few": "passed",
    "Plain.test_error": "error",
    "Plain.test_skipped": "skipped",
    "Plain.test_expected": "xfailed",
    "Plain.test_surprising": "xpassed",
    "Skipped.test_a": "skipped",
    "Unready.test_a": "error",
    "Unready.test_b": "error",
    "Untidy.test_a": "passed",
    "Untidy.test_b": "error",
}
FILES = {
    "tests/test_special.py": SPECIAL,
    "tests/test_module.py": "import unittest\n\n\ndef setUpModule():\n    raise OSError('no')\n\n\n"
    "class A(unittest.TestCase):\n    def test_a(self):\n        pass\n",
    "tests/test_broken.py": "import nothing_of_that_name\n",
    "tests/test_gone.py": "import unittest\n\nraise unittest.SkipTest('not here')\n",
    "tests/test_load.py": "import unittest\n\n\nclass A(unittest.TestCase):\n"
    "    def __init__(self, n):\n        super().__init__('check')\n        self.n = n\n\n"
    "    def id(self):\n        return super().id() + str(self.n)\n\n"
    "    def check(self):\n        self.assertEqual(self.n, 1)\n\n\n"
    "def load_tests(loader, tests, pattern):\n    return unittest.TestSuite([A(1), A(2)])\n",
    "tests/test_unloadable.py": "def load_tests(loader, tests, pattern):\n"
    "    raise ValueError(1)\n",
    "tests/helper.py": "VALUE = 3\n",
    "tests/test_sibling.py": "import unittest\n\nfrom helper import VALUE\n\n\n"
    "class A(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(VALUE, 3)\n",
    "src/calc/tests/__init__.py": "",
    "src/calc/tests/test_inner.py": "import unittest\n\nfrom .. import count\n\n\n"
    "class A(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(count([]), 2)\n",
}


@pytest.fixture
def workspace(repository, backend):
    task = prepare(task_from_repository(str(repository), base="HEAD^", fix="HEAD"))
    with Workspace(backend.create(task.layers, task.sandbox)) as made:
        for name, text in FILES.items():
            made.write(name, text.encode())
        yield made


def wanted_statuses():
    wanted = {f"tests.test_special.{name}": s for name, s in SPECIAL_STATUSES.items()}
    return wanted | {
        "tests.test_module.A.test_a": "error",
        "tests.test_gone": "skipped",
        "tests.test_load.A.check1": "passed",
        "tests.test_load.A.check2": "failed",
        "tests.test_sibling.A.test_a": "passed",
        "src.calc.tests.test_inner.A.test_a": "passed",
    }


def test_every_kind_of_outcome_is_told_by_all_ways_of_running(workspace):
    runner = get_runner("unittest")
    wanted = wanted_statuses()
    names = tuple(name for name in FILES if "test_" in name)
    request = GradeRequest(names, {}, 60.0)
    for report in (runner.run(workspace, names), runner.grade(workspace, request)):
        statuses = {test: outcome.status for test, outcome in report.outcomes.items()}
        assert statuses == wanted
        assert report.complete
        assert set(report.collection_errors) == {"tests/test_broken.py", "tests/test_unloadable.py"}
        assert "nothing_of_that_name" in report.collection_errors["tests/test_broken.py"]
    many = report.outcomes["tests.test_special.Plain.test_many"]
    assert "(n=1)" in many.message
    assert many.traceback.startswith("tests/test_special.py:8: self.assertNotEqual(n, 1)")
    unready = report.outcomes["tests.test_special.Unready.test_a"]
    assert unready.message == "setUpClass: OSError: no disk"


def test_ids_files_folders_classes_and_nothing_can_be_named(workspace):
    runner = get_runner("unittest")
    warm = runner.warm(workspace)
    whole = warm.run()
    assert "tests.test_calc.CalcTest.test_count" in whole.outcomes
    assert set(wanted_statuses()) < set(whole.outcomes)
    first = "tests.test_special.Untidy.test_b"
    second = "tests.test_calc.CalcTest.test_count"
    assert list(warm.run([first, second, first]).outcomes) == [first, second]
    assert len(warm.run(["tests.test_special.Untidy"]).outcomes) == 2
    assert list(warm.run(["src"]).outcomes) == ["src.calc.tests.test_inner.A.test_a"]
    missing = warm.run(["tests.test_calc.CalcTest.test_nothing"])
    assert missing.outcomes == {}
    assert "test_nothing" in missing.collection_errors["tests/test_calc.py"]
    warm.close()


def test_coverage_is_told_by_test(workspace):
    report = get_runner("unittest").run(workspace, ["tests/test_calc.py"], coverage=True)
    assert report.coverage is not None
    assert report.coverage["tests.test_calc.CalcTest.test_count"]["src/calc/__init__.py"] == (6,)


def test_ids_are_split():
    split = get_runner("unittest").split_id
    assert split("tests.test_a.TestA.test_b") == TestId("tests/test_a.py", "TestA.test_b")
    assert split("tests/test_a.py") == TestId("tests/test_a.py")
    assert split("tests") == TestId("tests")
    split = get_runner("pytest").split_id
    assert split("a/t.py::TestA::test_b[x::y[1]]") == TestId("a/t.py", "TestA.test_b", "x::y[1]")


CASES = {
    "tests/test_a.py": b"import unittest\nclass A(unittest.TestCase):\n  def test_a(self): 0\n"
}


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "unittest"),
        ({"pyproject.toml": b"[project]\nname = 'a'\n"}, "unittest"),
        ({"conftest.py": b""}, "pytest"),
        ({"tox.ini": b"[pytest]\n"}, "pytest"),
        ({"requirements-dev.txt": b"pytest\n"}, "pytest"),
        ({"tests/test_b.py": b"import pytest\n"}, "pytest"),
        ({"tests/test_b.py": b"def test_b(): pass\n"}, "pytest"),
        ({"tests/test_b.py": b"class TestB:\n  def test_b(self): pass\n"}, "pytest"),
        ({"tests/test_a.py": b"VALUE = 1\n"}, "pytest"),
    ],
)
def test_the_project_says_which_runner_it_is_for(more, name):
    assert choose_runner({**CASES, **more}) == name
