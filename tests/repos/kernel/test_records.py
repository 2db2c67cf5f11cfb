"""Bug records become tasks; the record is our own, in kBench's form."""

import shutil
import subprocess

import pytest

from repos.errors import InputError, RecordError
from repos.kernel.git_tree import GitTree, unpack_commit
from repos.mining.kernel_records import import_record
from repos.tasks.sources.kernel import fitting

PROGRAM = """\
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>
int main(void)
{
  for (;;)
    sleep(1);
}
"""
PATCH = """\
diff --git a/Documentation/toy.rst b/Documentation/toy.rst
--- a/Documentation/toy.rst
+++ b/Documentation/toy.rst
@@ -1 +1 @@
-old
+new
diff --git a/fs/toyfs/file.c b/fs/toyfs/file.c
--- a/fs/toyfs/file.c
+++ b/fs/toyfs/file.c
@@ -1,3 +1,4 @@
 int toy(int at)
 {
+\tif (at < 0) return -1;
 \treturn data[at];
"""


@pytest.fixture
def tree(tmp_path):
    """A git repository with one commit that looks like a kernel's."""
    root = tmp_path / "linux"
    for name, text in {
        "Makefile": "VERSION = 6\n",
        "fs/toyfs/file.c": "int toy(int at)\n{\n\treturn data[at];\n}\n",
        "Documentation/toy.rst": "old\n",
        "sound/toy.c": "int x;\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return root, done.stdout.strip()


def record(commit, **more):
    return {
        "title": "KASAN: slab-out-of-bounds Read in toy", "id": "0a1b", "status": "fixed",
        "parentOfFixCommit": commit, "patch": PATCH, "cleanCrashReport": "BUG: KASAN: in toy",
        "crashes": [{"cReproducer": PROGRAM, "kernelConfig": "# Linux/x86_64\n"}], **more,
    }  # fmt: skip


def test_a_record_becomes_a_task(tree):
    root, commit = tree
    more = {"positive-reads": "int check(void) { return 0; }\n"}
    spec = import_record(record(commit), root, checks=more)
    assert spec.id == "kernel-records/kasan-slab-out-of-bounds-read-in-toy"
    (expected,) = spec.expected.values()
    assert expected.fail_to_pass == ("checks/reproducer.c",)
    assert expected.pass_to_pass == ("checks/positive-reads.c",)
    assert spec.source.allowed == ("fs/toyfs/",) and spec.labels["bug"] == "0a1b"
    assert spec.runner == "kernel" and "BUG: KASAN: in toy" in spec.symptom


def test_a_program_becomes_a_check_that_ends(tree, tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    root, commit = tree
    text = import_record(record(commit), root).source.checks["reproducer"]
    (tmp_path / "r.c").write_text(text)
    (tmp_path / "m.c").write_text("int check(void); int main(void) { return check(); }\n")
    subprocess.run(["gcc", "-w", "-o", "r", "r.c", "m.c"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "r"], timeout=60).returncode == 0


def test_source_and_patch_are_what_a_build_reads(tree, tmp_path):
    root, commit = tree
    dest = tmp_path / "dest"
    dest.mkdir()
    assert unpack_commit(GitTree(commit=commit, folder=str(root)), dest) == 2
    assert sorted(p.name for p in dest.iterdir()) == ["Makefile", "fs"]
    patch = fitting(PATCH, dest)
    assert b"toyfs" in patch and b"toy.rst" not in patch
    subprocess.run(["git", "apply"], cwd=dest, input=patch, check=True)
    with pytest.raises(RecordError, match="no file"):
        fitting(PATCH.replace("fs/toyfs", "fs/others"), dest)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patch": ""}, "no patch"),
        ({"parentOfFixCommit": None}, "no parentOfFixCommit"),
        ({"crashes": [{"c-reproducer": "/text?tag=ReproC&x=1"}]}, "links are not followed"),
        ({"patch": PATCH.replace("fs/toyfs", "tools/x")}, "no file that a task may open"),
    ],
)
def test_what_a_record_lacks_is_named(tree, change, words):
    root, commit = tree
    with pytest.raises(RecordError, match=words):
        import_record(record(commit, **change), root)


def test_what_this_machine_lacks_is_named(tree):
    root, commit = tree
    with pytest.raises(InputError, match="no git repository with the commit"):
        import_record(record("0" * 40), root)
    if shutil.which("syz-prog2c") is None:
        with pytest.raises(InputError, match="syz-prog2c"):
            import_record(record(commit, crashes=[{"syzReproducer": "open()\nclose()\n"}]), root)
