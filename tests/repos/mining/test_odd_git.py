"""Repositories as they are in the wild: other owners, settings, attributes, shallow clones."""

import os
import subprocess
from pathlib import Path

import pytest

from repos.errors import RecordError
from repos.tasks.sources.git import GitSource, build_git
from repos.tasks.sources.isolated import IsolatedRepository
from tests.repositories import commit

FIRST = {
    "m/core.py": "def add(a, b):\n    return a - b\n",
    "m/dev.py": "ON = 0\n",
    "m/note.txt": "one\ntwo\n",
    "m/id.py": "# $Format:%H$\n",
    "tests/test_core.py": "def test_a():\n    pass\n",
}
SECOND = {
    "m/core.py": "def add(a, b):\n    return a + b\n",
    "m/dev.py": "ON = 1\n",
    "m/note.txt": "one\nTWO\n",
    "tests/test_core.py": "def test_b():\n    pass\n",
}
ATTRIBUTES = (
    "/tests export-ignore",
    "m/dev.py export-ignore",
    "m/*.txt text eol=crlf",
    "m/*.txt text working-tree-encoding=utf-16",
    "m/id.py export-subst",
)
SETTINGS = (
    "diff.noprefix=true",
    "diff.external=echo",
    "color.ui=always",
    "diff.mnemonicPrefix=true",
    "core.autocrlf=true",
    "core.attributesFile=ATTRIBUTES",
)


def made(root, attributes=""):
    first: dict[str, str | bytes] = {**FIRST, ".gitattributes": attributes + "\n"}
    second: dict[str, str | bytes] = {**SECOND}
    if "utf-16" in attributes:  # git takes the file in this encoding only
        first["m/note.txt"] = FIRST["m/note.txt"].encode("utf-16")
        second["m/note.txt"] = SECOND["m/note.txt"].encode("utf-16")
    commit(root, first, "one")
    commit(root, second, "two")
    return root


def check(root, tmp_path, base="HEAD^", fix="HEAD"):
    """Build a task and see that its reference makes the base what a checkout of the fix is."""
    dest = tmp_path / "built"
    dest.mkdir()
    built = build_git(GitSource(path=str(root), base=base, fix=fix), ("tests",), dest)
    subprocess.run(["git", "apply", "-"], input=built.reference, cwd=built.base, check=True,
                   env={"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(tmp_path),
                        "GIT_CONFIG_GLOBAL": "/dev/null"})  # fmt: skip
    return built


@pytest.mark.parametrize("line", ATTRIBUTES)
def test_attributes_give_what_a_checkout_has(tmp_path, line):
    root = made(tmp_path / "own", line)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(root), str(clone)], check=True)
    built = check(root, tmp_path)
    for name in (*SECOND, "m/id.py"):
        if not name.startswith("tests/"):
            assert (built.base / name).read_bytes() == (clone / name).read_bytes(), name
    hidden = built.hidden / "tests/test_core.py"
    assert hidden.read_bytes() == (clone / "tests/test_core.py").read_bytes()
    assert (built.base / "tests/test_core.py").is_file()


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_users_settings_have_no_effect(tmp_path, setting, monkeypatch):
    plain = made(tmp_path / "plain")
    wanted = check(plain, tmp_path).reference
    root = made(tmp_path / "own")
    attributes = tmp_path / "attributes"
    attributes.write_text("*.py diff=foo\n")
    key, _, value = setting.replace("ATTRIBUTES", str(attributes)).partition("=")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for place in (["--global"], []):
        for pair in ((key, value), ("diff.foo.command", "echo hi")):
            subprocess.run(["git", "config", *place, *pair], cwd=root, check=True)
    (tmp_path / "built").rename(tmp_path / "before")
    assert check(root, tmp_path).reference == wanted


def test_another_users_repository_is_read(tmp_path):
    if os.getuid():
        pytest.skip("only root can give files away")
    root = made(tmp_path / "own")
    for folder, _, files in os.walk(root):
        for name in (".", *files):
            os.chown(Path(folder, name), 12345, 12345)
    assert b"+    return a + b" in check(root, tmp_path).reference


def test_a_folder_with_a_space_and_a_bare_repository(tmp_path):
    root = made(tmp_path / "my work # 1")
    assert check(root, tmp_path).repository == "my work # 1"
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(bare)], check=True)
    (tmp_path / "built").rename(tmp_path / "before")
    assert check(bare, tmp_path).repository == "bare.git"


def test_a_shallow_clone_works_or_says_what_is_missing(tmp_path):
    root = made(tmp_path / "own")
    shallow = tmp_path / "shallow"
    for depth in ("1", "2"):
        command = ["git", "clone", "-q", "--depth", depth, f"file://{root}", f"{shallow}{depth}"]
        subprocess.run(command, check=True)
    assert check(tmp_path / "shallow2", tmp_path).reference
    with pytest.raises(RecordError, match=r"no revision 'HEAD\^'. It is a shallow clone"):
        IsolatedRepository(str(tmp_path / "shallow1")).full_id("HEAD^")


def test_a_folder_inside_a_repository_names_it(tmp_path):
    root = made(tmp_path / "own")
    with pytest.raises(RecordError, match=f"a folder in {root}"):
        IsolatedRepository(str(root / "m"))
