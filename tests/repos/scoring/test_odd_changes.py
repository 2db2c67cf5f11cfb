"""What a change makes of names, links and folders is a verdict, never a failure of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repos.prepare import prepare
from repos.runners.registry import get_runner
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import PatchError, Workspace
from repos.scoring.grading import _protected_mounts, files_of
from repos.scoring.score import score
from repos.tasks.suite import load_suite


@pytest.fixture(scope="module")
def backend():
    backend = get_backend("auto")
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def task():
    return prepare(load_suite("swe-mini").specs[0], suite="swe-mini")


def new(name: bytes | str, content: bytes = b"x\n", mode: bytes = b"100644") -> bytes:
    """A diff that makes a file."""
    path = name if isinstance(name, bytes) else name.encode()
    lines = content.splitlines(keepends=True)
    added = b"".join(b"+" + line for line in lines)
    if lines and not lines[-1].endswith(b"\n"):
        added += b"\n\\ No newline at end of file\n"
    return (
        b"diff --git a/%s b/%s\nnew file mode %s\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n"
        % (path, path, mode, path, len(lines))
    ) + added


LINK = b"120000"
REFUSED = {
    "a name of 256 bytes": new("n" * 256),
    "a name of 300 bytes": new("src/" + "n" * 300),
    "a path of 5,000 bytes": new("/".join(["d" * 99] * 50)),
    "a name of 5,000 bytes": new("n" * 5000),
    "1,000 nested folders": new("d/" * 1000 + "f"),
    "2,100 nested folders": new("d/" * 2100 + "f"),
    "a link to nothing": b"diff --git a/l b/l\nnew file mode 120000\nindex 0000000..e69de29\n",
    "a link to NUL": new("l", b"a\0b", LINK),
    "a link of 5,000 bytes": new("l", b"t" * 5000, LINK),
    "a file that is also a folder": new("x") + new("x/y"),
    "a path beyond a link": new("k", b"/etc", LINK) + new("k/zz"),
    "too many files": b"".join(new(f"m/{i}") for i in range(20_001)),
}
APPLIED = {
    "a name of 245 bytes": new("n" * 245),
    "a name of 255 bytes": new("n" * 255),
    "a name that is no UTF-8": new(b"\xff\xfe"),
    "a link of 4,095 bytes": new("l", b"t" * 4095, LINK),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_not_be_made_is_not_applied(what, task, backend):
    result, _ = score(task, REFUSED[what], backend=backend)
    assert not result.applied
    assert not result.resolved


@pytest.mark.parametrize("what", APPLIED)
def test_what_is_odd_is_applied(what, task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.apply(APPLIED[what])
        again = workspace.diff()
    again.decode("utf-8")  # predictions are JSON
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.apply(again)
        assert workspace.diff() == again


MADE = {
    "a file of 100 GB": ("truncate -s 100G big", "too large"),
    "a file of 8 EB": ("truncate -s 7000000T big", "too large"),
    "a full file system": ("dd if=/dev/zero of=fill bs=1M", "too large|bound on disk"),
    "a link to what is no UTF-8": (r"ln -s $(printf '\377') l", "link 'l' is no UTF-8"),
    "many files": ("mkdir m; cd m; seq 20001 | xargs touch", "20001 files changed"),
}
NESTED = """
import os
for _ in range({times}):
    os.mkdir({name!r})
    os.chdir({name!r})
open("f", "w").close()
"""


@pytest.mark.parametrize("what", MADE)
def test_what_is_too_much_to_tell_is_said(what, task, backend):
    command, says = MADE[what]
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.exec(["sh", "-c", command])
        with pytest.raises(PatchError, match=says):
            workspace.diff()


@pytest.mark.parametrize(("times", "name"), [(1000, "d"), (5000, "d" * 100)])
def test_deep_folders_are_no_failure(times, name, task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        code = NESTED.format(times=times, name=name)
        done = workspace.exec(["/opt/repogym/python", "-c", code])
        assert done.exit_code == 0, done.text
        workspace.changes()
        try:
            assert workspace.diff() == b""  # no path can name it
        except PatchError as error:
            assert "recursion" in str(error)
        for _ in range(34):  # more than are kept apart
            workspace.write("x", b"x")
            workspace.snapshot()
        workspace.changes()


def test_a_folder_becomes_a_link(task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        package = workspace.exec(["sh", "-c", "dirname $(git ls-files '*/__init__.py')"]).text
        first = package.split()[0]
        workspace.exec(["sh", "-c", f"mv {first} moved && ln -s /testbed/moved {first}"])
        diff = workspace.diff()
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.exec(["python", "-m", "compileall", "-q", "."])
        workspace.apply(diff)
        assert workspace.diff() == diff


def test_folders_of_tests_are_not_copied_and_stay_as_they_are(task, backend, tmp_path):
    """What a scoring changes of a test folder lies above the base's, which it does not touch."""
    if backend.name != "bubblewrap":
        pytest.skip("other back ends copy")
    base = task.layers.testbed[0]
    before = {p: p.stat().st_mtime_ns for p in base.rglob("*") if p.is_file()}
    files = files_of(task.hidden.expected.fail_to_pass, get_runner(task.public.runner))
    mounts, hashes = _protected_mounts(task, task.hidden.files, tmp_path, files, None, layered=True)
    copied, _ = _protected_mounts(task, task.hidden.files, tmp_path / "2", files, None, False)
    assert [m.target for m in mounts] == [m.target for m in copied]
    assert set(files) == set(hashes)
    shown = []
    for each in (mounts, copied):
        layers = replace(task.layers, mounts=(*task.layers.mounts, *each))
        with Workspace(backend.create(layers, task.sandbox)) as workspace:
            command = "find $(ls) -name '*.py' | sort | xargs sha256sum"
            shown.append(workspace.exec(["sh", "-c", command]).text)
            for mount in each:
                assert workspace.exec(["touch", f"{mount.target}/x"]).exit_code != 0
    assert shown[0] == shown[1]
    assert len(list(tmp_path.rglob("*.py"))) > 0
    assert {p: p.stat().st_mtime_ns for p in base.rglob("*") if p.is_file()} == before
