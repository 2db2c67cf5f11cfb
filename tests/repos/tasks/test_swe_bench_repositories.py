"""Repositories of instances: found among mirrors, exported without their history."""

import subprocess

import pytest

from repos.errors import InputError, NotPreparedError, RecordError
from repos.prepare import build_files, prepare
from repos.sandbox.workspace import Workspace
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.options import MIRRORS
from repos.tasks.sources.swe_bench.repositories import describe, export, find_repository
from tests.repositories import commit

SECRET = "the fix of tomorrow"
BASE = {
    "shop.py": "def total(n):\n    return n - 1\n",
    "tests/test_shop.py": "from shop import total\n",
    ".gitattributes": "docs.txt export-ignore\nnote.txt export-subst\n",
    "docs.txt": "kept\n",
    "note.txt": "$Format:%H$\n",
}


def git(root, *args):
    command = ["git", "-C", str(root), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror whose later history holds a secret, in files, messages and tags."""
    work = tmp_path / "work"
    commit(work, BASE, "base")
    git(work, "tag", "1.4.2")
    base = git(work, "rev-parse", "HEAD").strip()
    fixed = "def total(n):\n    return n + 1\n"
    test = "from shop import total\n\n\ndef test_total():\n    assert total(1) == 2\n"
    commit(work, {"shop.py": fixed, "tests/test_shop.py": test}, SECRET)
    patch = git(work, "diff", base, "HEAD", "--", "shop.py")
    test_patch = git(work, "diff", base, "HEAD", "--", "tests")
    commit(work, {"secret.txt": SECRET}, SECRET)
    git(work, "tag", "-a", "-m", SECRET, "9.9")
    mirrors = tmp_path / "mirrors"
    mirrors.mkdir()
    git(tmp_path, "clone", "-q", "--mirror", str(work), str(mirrors / "somebody__shop"))
    monkeypatch.setenv(MIRRORS, str(mirrors))
    return {
        "repo": "somebody/shop", "instance_id": "somebody__shop-1", "base_commit": base,
        "patch": patch, "test_patch": test_patch, "problem_statement": "Totals are wrong.",
        "version": "1.4", "FAIL_TO_PASS": ["tests/test_shop.py::test_total"], "PASS_TO_PASS": [],
        "install_config": {"python": "3.11", "test_cmd": "pytest -rA"},
        "requirements": "pytest==8.3.5\niniconfig==2.1.0\npackaging==25.0\npluggy==1.5.0",
    }  # fmt: skip


def test_later_history_never_reaches_a_workspace(mirror, backend):
    (spec,) = read_instances([{**mirror, "requirements": "", "install_config": None}], "rows")
    # A task for the Python that runs this, with the test framework that is here.
    from repos.environments.interpreters import minor_version
    from repos.tasks.environments import PythonEnvironment
    from repos.tasks.records import Expected

    spec = spec.model_copy(
        update={
            "environments": {"here": PythonEnvironment(python=minor_version())},
            "expected": {"here": Expected(fail_to_pass=("tests/test_shop.py::test_total",))},
        }
    )
    task = prepare(spec)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        search = (
            "cat $(find / -xdev -name packed-refs 2>/dev/null) /dev/null;"
            "git log --all --format=%s; git reflog; git tag; git remote -v; git stash list;"
            "git fsck --unreachable --no-reflogs --lost-found;"
            "git cat-file --batch-all-objects --batch;"
            "git --git-dir /opt/repogym/base.git log --all --format=%s;"
            "git --git-dir /opt/repogym/base.git cat-file --batch-all-objects --batch;"
            "grep -rl 'test_total' / --include=*.py 2>/dev/null"
        )
        found = workspace.exec(["bash", "-c", search], timeout_s=120.0)
        assert b"return n - 1" in found.stdout  # the search does read objects
        for word in (SECRET, "return n + 1", "test_total", "9.9", "1.4.2", "dangling", "unreach"):
            assert word not in found.text, word
        assert workspace.exec(["git", "rev-list", "--all", "--count"]).stdout.strip() == b"1"
        assert workspace.read("docs.txt") == b"kept\n"
        assert workspace.read("note.txt") == b"$Format:%H$\n"


def test_the_files_of_an_instance(mirror):
    (spec,) = read_instances([mirror], "rows")
    files = build_files(spec)
    assert b"def test_total" in (files.hidden / "tests/test_shop.py").read_bytes()
    assert not (files.base / ".git").exists() and files.base_revision == mirror["base_commit"][:12]
    assert "Version: 1.4.2" in (files.base / "shop.egg-info" / "PKG-INFO").read_text()


def test_a_test_patch_that_does_not_fit_is_refused(mirror):
    bad = mirror["test_patch"].replace(" from shop import total", " from shop import nothing")
    (spec,) = read_instances([{**mirror, "test_patch": bad}], "rows")
    with pytest.raises(RecordError, match="test patch of somebody__shop-1"):
        build_files(spec)


@pytest.mark.parametrize(
    "place",
    ["somebody/shop", "somebody+shop/repo", "shop.git", "fork+shop/repo", "somebody-shop/.git"],
)
def test_mirrors_are_found_under_several_names(mirror, tmp_path, monkeypatch, place):
    other = tmp_path / "other"
    (other / place).parent.mkdir(parents=True)
    (other / "shop-tools").mkdir()
    (tmp_path / "mirrors" / "somebody__shop").rename(other / place)
    monkeypatch.setenv(MIRRORS, str(other))
    assert find_repository("somebody/shop", mirror["base_commit"]) == other / place


def test_a_missing_mirror_is_told(mirror, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no mirror of somebody/shop that holds the commit"):
        find_repository("somebody/shop", "0" * 40)
    monkeypatch.setenv(MIRRORS, str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no folder"):
        find_repository("somebody/shop", mirror["base_commit"])
    monkeypatch.delenv(MIRRORS)
    monkeypatch.setenv("REPOGYM_OFFLINE", "1")
    with pytest.raises(NotPreparedError, match="--repos-from"):
        find_repository("nobody/nothing", mirror["base_commit"])


def test_versions_are_those_of_setuptools_scm(mirror, tmp_path):
    path = find_repository("somebody/shop", mirror["base_commit"])
    assert describe(path, mirror["base_commit"]) == "1.4.2"
    later = git(path, "rev-parse", f"{'main'}~1").strip()
    assert describe(path, later) == f"1.4.3.dev1+g{later[:7]}"
    (tmp_path / "scratch").mkdir()
    export(path, later, tmp_path / "out", tmp_path / "scratch")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        {name.partition("/")[0] for name in BASE}
    )
