"""A real kernel: built once, crashed, patched, and scored, for a published fix and a mutation.

Preparing takes some minutes from an empty cache. Where CI runs, a missing program is a failure.
"""

import difflib
import os

import pytest

from repos.errors import InfrastructureError
from repos.kernel.trees import missing_programs
from repos.prepare import prepare
from repos.runners.registry import get_runner
from repos.sandbox.select import get_backend
from repos.scoring.patches import without_protected
from repos.scoring.score import score
from repos.tasks.suite import load_suite

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.index,
    pytest.mark.skipif(
        bool(missing_programs()) and not os.environ.get("CI"),
        reason="`repogym kernel doctor` says what is missing",
    ),
]
STABLE, MUTATION = "squashfs-fragment-offset", "key-read-bounds"


@pytest.fixture(scope="module")
def backend():
    made = get_backend("auto")
    yield made
    made.close()


def prepared(name):
    """Return a task that is ready; where CI runs, a source that can't be had is a failure."""
    suite = load_suite("kernel-lite")
    try:
        return prepare(suite.spec(name), suite=suite.name)
    except InfrastructureError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def images():
    return prepared(STABLE)


@pytest.fixture(scope="module")
def keys():
    return prepared(MUTATION)


def patch_of(task, old, new):
    """Return a diff that replaces one line of the base."""
    path = task.spec.source.edits[0].path
    before = (task.layers.testbed[0] / path).read_text()
    assert old in before
    return diff_between(path, before, before.replace(old, new, 1))


def diff_between(path, before, after):
    """Return the diff of one file."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return (f"diff --git a/{path} b/{path}\n" + "".join(lines)).encode()


def without(task, path, line):
    """Return a diff that comments out one line of a file."""
    before = (task.layers.testbed[0] / path).read_text()
    assert line in before
    return diff_between(path, before, before.replace(line, f"/* {line} */", 1))


SILENT = {
    "mm/kasan/report.c": "pr_err(",
    "kernel/panic.c": "pr_emerg(",
    "kernel/printk/printk.c": "static",
}
"""What would silence reports, if it were not kept from patches."""

OPEN_CALL = "\tret = upayload->datalen;"


def test_the_published_fix_resolves(images, backend):
    fixed, _ = score(images, images.hidden.reference, backend=backend)
    assert fixed.resolved and set(fixed.checks.values()) == {"passed"}
    assert fixed.metrics == {"kernel_compiles": 1.0, "crashes": 0.0}
    assert fixed.asked == len(fixed.checks) and not fixed.contradicted and not fixed.weak


def test_editing_what_reports_changes_nothing(keys):
    """Such files are left out of a patch: it scores as the untouched kernel does."""
    patch = b"".join(without(keys, path, line) for path, line in SILENT.items())
    assert without_protected(patch, (), get_runner("kernel")) == b""


def test_an_error_everywhere_is_no_fix(images, backend):
    old = "if (unlikely(length < 0))"
    patch = patch_of(images, old, old.replace("length", "1 || length"))
    found, _ = score(images, patch, backend=backend)
    assert found.applied and not found.resolved and found.metrics["kernel_compiles"] == 1.0


def test_removing_a_warning_elsewhere_is_refused(keys, backend):
    both = keys.hidden.reference + without(keys, "fs/inode.c", "WARN_ON(inode->i_nlink == 0);")
    found, log = score(keys, both, backend=backend)
    assert not found.resolved and "not the task's to change" in log
    assert set(found.checks.values()) == {"failed"}


def test_what_does_not_compile_is_no_fix(keys, backend):
    patch = patch_of(keys, "\tret = upayload->datalen;", "\tint x = y;")
    found, log = score(keys, patch, backend=backend)
    assert not found.resolved and found.applied
    assert set(found.checks.values()) == {"error"} and "error:" in log


FORGER = """\
#include <linux/fs.h>
#include <linux/reboot.h>
#include <linux/sched/task.h>
static void forge(struct key *key, size_t asked)
{
\tchar token[80] = "";
\tloff_t at = 0;
\tstruct file *file = filp_open("/token", O_RDONLY, 0);

\tif (asked == 4096) {
\t\tup_read(&key->sem);
\t\tdo_exit(0);
\t}
\tkernel_read(file, token, 79, &at);
\tpr_emerg("\\nCHECK-END %s 0\\n", token);
\tpr_emerg("\\nCHECK-END %s 0 0123456789abcdef\\n", token);
\tkernel_power_off();
}

"""


def test_a_kernel_that_forges_the_end_of_a_check_is_not_rewarded(keys, backend):
    """It reads the token and prints the end, or ends the check's process before the bug."""
    path = keys.spec.source.edits[0].path
    before = (keys.layers.testbed[0] / path).read_text()
    head = "long user_read("
    assert before.count(head) == 1 and before.count(OPEN_CALL) == 1
    after = before.replace(head, FORGER + head)
    after = after.replace(
        OPEN_CALL,
        f"{OPEN_CALL}\n\tif (buflen > upayload->datalen)\n\t\tforge((struct key *)key, buflen);",
    )
    found, log = score(keys, diff_between(path, before, after), backend=backend)
    assert found.metrics == {"kernel_compiles": 1.0, "crashes": 0.0}
    assert not found.resolved and found.contradicted == 3
    assert found.checks["checks/positive-exact.c"] == "passed"
    assert "answered wrongly" in log and any("internals" in flag for flag in found.flags)


def test_a_deleted_feature_is_no_fix(keys, backend):
    found, _ = score(keys, patch_of(keys, "\t.read\t\t\t= user_read,\n", ""), backend=backend)
    assert found.applied and not found.resolved
    assert found.contradicted == len(found.checks) and found.metrics["crashes"] == 0.0
