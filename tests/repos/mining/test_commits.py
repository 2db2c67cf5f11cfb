"""Commits that become tasks."""

import json

import pytest

from repos.environments.interpreters import minor_version
from repos.environments.metadata import checkout_scripts, release_metadata
from repos.errors import InputError, RecordError
from repos.mining.batch import Order
from repos.mining.commits import find_commits, mine_repositories
from repos.mining.project import checkout_requirements, project_name
from repos.tasks.environments import python_id
from repos.tasks.sources.git import is_url, message_of, name_of, open_repository
from repos.tasks.sources.isolated import run_git
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.suite import read_manifest
from tests.repositories import commit

PROJECT = """\
[project]
name = "calc"
version = "1.2"

[project.scripts]
calc-count = "calc:main"
"""
CODE = '''\
import sys


def area(width, height):
    """Return the area of a field."""
    return width + height


def half(number):
    return number // 2


def main():
    print(len(sys.argv))
'''
TESTS = """\
import subprocess

from calc import area, half


def test_half():
    assert half(4) == 2


def test_program():
    done = subprocess.run(["calc-count", "1"], capture_output=True, text=True)
    assert done.stdout == "2\\n"
"""
MORE = """

def test_area():
    assert area(371, 402) == 149142


def test_areas():
    assert area(1234, 5679) == 7007886
    assert area(317, 9013) == 2857121
"""


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "calc"
    files = {"pyproject.toml": PROJECT, "calc/__init__.py": CODE, "tests/test_calc.py": TESTS}
    commit(root, files, "First")
    fixed = CODE.replace("width + height", "width * height")
    commit(
        root,
        {"calc/__init__.py": fixed, "tests/test_calc.py": TESTS + MORE},
        "area() added its sides\n\nCo-authored-by: A <a@b.c>",
    )
    quiet = {"calc/__init__.py": fixed + "\n\nLIMIT = 4\n", "tests/test_calc.py": TESTS}
    commit(root, {**quiet, "tests/test_calc.py": TESTS + MORE + "\n\nX = 1\n"}, "A limit for later")
    noise = {"calc/__init__.py": fixed + "\n", "tests/test_calc.py": TESTS + MORE + "\n"}
    commit(root, noise, "style: blank lines")
    commit(root, {"calc/__init__.py": fixed, "tests/test_calc.py": TESTS + MORE}, "Refactor tests")
    commit(root, {"calc/__init__.py": fixed + "\n\nA = 1\n"}, "A without a test")
    return root


def subjects(place, **options):
    lines = []
    repository = open_repository(str(place))
    chosen = {"newest": 99, "since": "", **options}
    return [
        found.subject for found in find_commits(repository, report=lines.append, **chosen)
    ], lines


def test_commits_that_change_source_and_tests_are_found(repository, tmp_path):
    wanted = ["A limit for later", "area() added its sides"]
    assert subjects(repository) == (wanted, [])
    assert subjects(repository, since="2098-01-01") == ([], [])
    assert subjects(repository, newest=4)[0] == wanted[:1]
    run_git("clone", "-q", "--depth=5", f"file://{repository}", str(tmp_path / "shallow"))
    found, lines = subjects(tmp_path / "shallow")
    assert found == wanted[:1]
    assert "is a shallow clone: older commits can't be seen" in lines[0]
    run_git("worktree", "add", "-q", str(tmp_path / "beside"), cwd=repository)
    assert subjects(tmp_path / "beside")[0] == wanted


@pytest.mark.index
def test_a_commit_becomes_a_task_and_the_same_command_goes_on(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    lines, output = [], tmp_path / "commits.jsonl"
    order = Order(per_package=9)
    url = f"file://{repository}"
    assert mine_repositories([url], output, order, 99, lines.append) == 1
    (spec,) = read_manifest(output).specs
    assert spec.source.path == url
    expected = spec.expected[python_id(minor_version())]
    assert expected.fail_to_pass == tuple(
        f"tests/test_calc.py::{name}" for name in ("test_area", "test_areas")
    )
    assert "tests/test_calc.py::test_program" in expected.pass_to_pass  # the console script
    assert "area(371, 402)" in spec.symptom
    assert "gives now: `773`" in spec.symptom
    assert spec.labels["check hidden"] == "2 tests"
    refused = [line for line in lines if "no task: " in line]
    assert len(refused) == 1
    assert "no test fails before and passes after" in refused[0]
    kept = [json.loads(line) for line in (tmp_path / "commits.jsonl.journal").open()]
    assert sorted(fact["tasks"] for fact in kept) == [0, 1]
    lines.clear()
    assert mine_repositories([url], output, order, 99, lines.append) == 1
    assert lines == [f"{url}: 1 tasks so far"]


@pytest.mark.index
def test_a_commit_with_one_failing_test_gets_further_assertions(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "calc"
    tests = TESTS.replace("import area, half", "import area, half, main")
    one = "\n\ndef test_area():\n    assert area(371, 402) == 149142\n"
    files = {"pyproject.toml": PROJECT, "calc/__init__.py": CODE, "tests/test_calc.py": tests}
    commit(root, files, "First")
    fixed = CODE.replace("width + height", "width * height")
    commit(
        root, {"calc/__init__.py": fixed, "tests/test_calc.py": tests + one},
        "area() added its sides",
    )  # fmt: skip
    lines, output = [], tmp_path / "commits.jsonl"
    assert mine_repositories([str(root)], output, Order(), 9, lines.append) == 1, lines
    (spec,) = read_manifest(output).specs
    assert spec.source.more_path == "tests/test_repogym_more.py"
    failing = spec.expected[python_id(minor_version())].fail_to_pass
    assert "tests/test_calc.py::test_area" in failing
    made = [test for test in failing if test.startswith("tests/test_repogym_more.py::test_more_")]
    assert len(made) == len(failing) - 1 >= 1
    assert "made tests fail" in spec.labels["check hidden"]
    assert all("371, 402" not in each.body for each in spec.source.more)


def test_what_is_no_repository_is_refused_before_any_work(tmp_path):
    with pytest.raises(RecordError, match="is not a git repository"):
        mine_repositories([str(tmp_path)], tmp_path / "a.jsonl", Order(), 9, print)
    with pytest.raises(InputError, match=r"must end in \.jsonl"):
        mine_repositories([str(tmp_path)], tmp_path / "a.json", Order(), 9, print)


@pytest.mark.parametrize(
    ("place", "url", "name"),
    [
        ("https://host.example/a/b.git", True, "b"),
        ("git@host.example:a/b", True, "b"),
        ("ssh://host.example/b/", True, "b"),
        ("/home/a/my repo", False, "my repo"),
        ("../b.git", False, "b"),
        ("C:\\work\\b", False, "b"),
    ],
)
def test_urls_are_told_from_paths(place, url, name):
    assert (is_url(place), name_of(place)) == (url, name)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Fix #218: Fix cache keys.", "Fix cache keys."),
        ("Keep keys (issue601)", "Keep keys"),
        ("Take None (fixes #401) and more", "Take None and more"),
        ("See https://h.example/a/b/issues/12#x for it", "for it"),
        ("Say a\n\nCloses: #4.\nSigned-off-by: A <a@b.c>", "Say a"),
        ("Say a\n\n* Say b\n* Apply suggestion from @x\n* Update docs\n---\n", "Say a\n\n* Say b"),
        ("Say a\n\nUpdate docs of a too.", "Say a\n\nUpdate docs of a too."),
        ("`http://a.b/c` and x[#] = 1", "`http://a.b/c` and x[#] = 1"),
    ],
)
def test_messages_are_told_without_numbers_of_issues(said, told, tmp_path):
    commit(tmp_path / "r", {"a.py": "1\n"}, said)
    repository = open_repository(str(tmp_path / "r"))
    assert message_of(repository, repository.full_id("HEAD")) == f"{told}\n"


def test_requirements_come_from_the_projects_own_files():
    tree = {
        "setup.py": b"NEED = ['six>=1']\nsetup(name='old', install_requires=NEED,\n"
        b"  tests_require=['mock', 'nose; python_version < \"3\"'],\n"
        b"  extras_require={'test': ['hypothesis'], 'docs': ['sphinx']}, version=read())\n",
        "requirements-test.txt": b"-r other.txt\nfreezegun  # dates\nflake8\npytest-cov\n",
        "requirements/docs.txt": b"furo\n",
    }
    members = {path: Member(data) for path, data in tree.items()}
    assert project_name(members, "x") == "old"
    wanted = ["freezegun", "hypothesis", "mock", "six>=1"]
    assert checkout_requirements(members, "old", "3.11") == wanted
    poetry = b'[tool.poetry]\nname="p"\n[tool.poetry.dependencies]\npython="^3.9"\nsix="^1.2"\n'
    poetry += b'[tool.poetry.group.dev.dependencies]\nmock="*"\nruff="*"\n'
    members = {"pyproject.toml": Member(poetry)}
    assert project_name(members, "x") == "p"
    assert checkout_requirements(members, "p", "3.11") == ["mock", "six"]
    assert project_name({}, "x") == "x"
    assert checkout_requirements({"setup.py": Member(b"def (")}, "x", "3.11") == []


def test_a_checkout_has_metadata_and_programs(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    info = release_metadata(tmp_path)
    assert info["folder"] == "calc-1.2.dist-info"
    assert checkout_scripts(tmp_path) == {"calc-count": "calc:main"}
    (tmp_path / "PKG-INFO").write_text("Name: calc\nVersion: 1.2\n")
    assert checkout_scripts(tmp_path) == {}  # as its tests were measured
    (tmp_path / "PKG-INFO").unlink()
    (tmp_path / "pyproject.toml").unlink()
    assert release_metadata(tmp_path) is None
    (tmp_path / "setup.cfg").write_text(
        "[metadata]\nname = old\nversion = attr: old.V\n"
        "[options.entry_points]\nconsole_scripts =\n    old = old.cli:run\n"
    )
    assert release_metadata(tmp_path)["folder"] == "old-0.dist-info"
    assert checkout_scripts(tmp_path) == {"old": "old.cli:run"}
