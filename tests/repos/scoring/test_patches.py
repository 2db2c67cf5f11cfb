import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repos.runners.registry import get_runner
from repos.scoring.patches import flag_diff, incomplete, sections, steering, without_protected

PYTEST = get_runner("pytest")


def patch(path, body="+x\n"):
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    return f"{head}@@ -1 +1,2 @@\n a\n{body}".encode()


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_a.py",
        "tests/deep/data.json",
        "conftest.py",
        "pkg/conftest.py",
        "pytest.ini",
        "sitecustomize.py",
        "src/evil.pth",
        "pkg/__pycache__/a.cpython-311.pyc",
        "pkg/a.pyc",
        ".git/hooks/post-checkout",
        "sub/.git/config",
        "../outside.py",
        "a/../../outside.py",
        "TESTS/test_a.py",
        "tests/./test_a.py",
        "Conftest.py",
        "\uff54ests/test_a.py",
        "evil.dist-info/entry_points.txt",
        "src/evil.egg-info/entry_points.txt",
        "src/evil.egg-link",
    ],
)
def test_what_belongs_to_the_harness_is_left_out(path):
    assert without_protected(patch(path) + patch("src/a.py"), ("tests",), PYTEST) == patch(
        "src/a.py"
    )


@pytest.mark.parametrize(
    "path", ["src/a.py", "setup.cfg", "pyproject.toml", "mytests/a.py", "testing.py"]
)
def test_the_rest_is_kept(path):
    assert without_protected(patch(path), ("tests",), PYTEST) == patch(path)


def test_renames_out_of_the_tests_are_left_out():
    moved = (
        b"diff --git a/tests/test_a.py b/src/t.py\nsimilarity index 100%\n"
        b"rename from tests/test_a.py\nrename to src/t.py\n"
    )
    assert without_protected(moved, ("tests",), PYTEST) == b""


def test_a_link_in_the_place_of_a_test_folder_is_left_out():
    link = (
        b"diff --git a/pkg b/pkg\nnew file mode 120000\n--- /dev/null\n+++ b/pkg\n"
        b"@@ -0,0 +1 @@\n+/tmp\n\\ No newline at end of file\n"
    )
    assert without_protected(link, ("pkg/tests",), PYTEST) == b""


def test_submodules_are_left_out():
    module = (
        b"diff --git a/sub b/sub\nnew file mode 160000\nindex 0000000..1234567\n"
        b"--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n+Subproject commit 1234567\n"
    )
    assert without_protected(module, (), PYTEST) == b""


names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]),
    min_size=1,
    max_size=12,
).filter(lambda n: n not in (".", "..", ".git") and not n.lower().startswith(".git"))


@settings(max_examples=60, deadline=None)
@given(files=st.dictionaries(names, st.binary(max_size=60), min_size=1, max_size=4))
def test_sections_find_each_path_that_git_writes(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("r")
    git = ["git", "-c", "core.autocrlf=false", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", "."], cwd=folder, check=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    subprocess.run([*git, "add", "-A"], cwd=folder, check=True)
    staged = subprocess.run(
        [*git, "diff", "--cached", "--name-only", "-z"], cwd=folder, check=True, capture_output=True
    ).stdout.decode("utf-8", "surrogateescape")
    diff = subprocess.run(
        [*git, "diff", "--cached", "--binary", "--no-renames"],
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout
    found = sections(diff)
    assert b"".join(text for _, text in found) == diff
    assert sorted(p for paths, _ in found for p in paths) == sorted(
        filter(None, staged.split("\0"))
    )


@pytest.mark.parametrize("diff", [b"", b"\n", b"no diff at all\n"])
def test_no_diff_has_no_sections(diff):
    assert sections(diff) == []
    assert without_protected(diff, ("tests",), PYTEST) == b""


def test_flags_name_what_looks_odd_and_nothing_else():
    assert flag_diff(patch("src/a.py", "+import os; os._exit(0)\n"), PYTEST) == ("calls os._exit",)
    assert flag_diff(patch("src/a.py", "-os._exit(0)\n+return 1\n"), PYTEST) == ()
    assert flag_diff(patch("conftest.py"), PYTEST) == ("touches conftest.py",)


HIDDEN_PATCH = b"--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1 @@\n+x\n"


@pytest.mark.parametrize("tail", [HIDDEN_PATCH, b"\n" + HIDDEN_PATCH, b"junk\n" + HIDDEN_PATCH])
def test_a_patch_behind_the_last_hunk_is_dropped(tail):
    assert without_protected(patch("src/a.py") + tail, ("tests",), PYTEST) == patch("src/a.py")
    assert without_protected(tail + patch("src/a.py"), ("tests",), PYTEST) == patch("src/a.py")


def test_a_header_inside_a_hunk_starts_no_section():
    body = "+x\n" * 2 + "+diff --git a/conftest.py b/conftest.py\n"
    text = patch("src/a.py", body).replace(b"+1,2 @@", b"+1,4 @@")
    assert sections(text) == [(("src/a.py",), text)]


def test_a_section_with_wrong_counts_reaches_to_the_next_header():
    broken = patch("src/a.py").replace(b"+1,2 @@", b"+1,7 @@")
    assert sections(broken + patch("src/b.py")) == [
        (("src/a.py",), broken),
        (("src/b.py",), patch("src/b.py")),
    ]


@pytest.mark.parametrize(
    "path",
    ["src/sitecustomize/__init__.py", "usercustomize.cpython-311-x86_64-linux-gnu.so",
     "a/b/conftest.py", "x.pth", ".git/config"],
)  # fmt: skip
def test_start_up_modules_steer_in_any_form(path):
    assert steering(path, PYTEST)
    assert not steering("src/measure/site.py", PYTEST)


PART = b"--- a/m/core.py\n+++ b/m/core.py\n@@ -1 +1 @@\n-a\n+b\n"
HEADED = (
    b"diff --git a/R b/R\nnew file mode 100644\n--- /dev/null\n+++ b/R\n@@ -0,0 +1 @@\n+hello\n"
)


@pytest.mark.parametrize(
    ("diff", "says"),
    [
        (b"", ""),
        (HEADED, ""),
        (b"From 1 Mon\n\n- a point\n---\n R | 1 +\n\n" + HEADED + b"-- \n2.39\n\n", ""),
        (PART, "no git diff"),
        (b"hello\n", "no git diff"),
        (HEADED + PART, "line 7 begins a part without a `diff --git` line"),
        (PART + HEADED, "line 1 begins a part without"),
        (HEADED + b"@@ -9 +9 @@\n-a\n+b\n" + HEADED, ""),
        (HEADED + b"+uncounted\n", "lines that no hunk counts"),
    ],
)
def test_a_diff_that_can_not_be_applied_whole_says_why(diff, says):
    why = incomplete(diff)
    assert says in why and bool(why) == bool(says)
