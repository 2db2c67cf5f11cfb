"""A real kernel: built once, crashed, patched, and scored, for a published fix and a mutation.

Preparing takes some minutes from an empty cache. Where CI runs, a missing program is a failure.
"""

import difflib
import os

import pytest

from repos.errors import InfrastructureError
from repos.kernel.trees import missing_programs
from repos.prepare import prepare
from repos.sandbox.select import get_backend
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


@pytest.fixture(scope="module", params=[STABLE, MUTATION])
def task(request):
    suite = load_suite("kernel-lite")
    try:
        return prepare(suite.spec(request.param), suite=suite.name)
    except InfrastructureError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def keys():
    suite = load_suite("kernel-lite")
    return prepare(suite.spec(MUTATION), suite=suite.name)


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

SILENCERS = {
    # An error everywhere, and a feature that is deleted.
    STABLE: ("if (unlikely(length < 0))", "if (1 || unlikely(length < 0))"),
    MUTATION: ("\t.read\t\t\t= user_read,\n", ""),
}


def test_the_published_fix_resolves(task, backend):
    fixed, _ = score(task, task.hidden.reference, backend=backend)
    assert fixed.resolved and set(fixed.checks.values()) == {"passed"}
    assert fixed.metrics == {"kernel_compiles": 1.0, "crashes": 0.0}
    assert not fixed.weak


def test_editing_what_reports_changes_nothing(task, backend):
    """Such files are left out of a patch: it scores as the untouched kernel does."""
    patch = b"".join(without(task, path, line) for path, line in SILENT.items())
    untouched, log = score(task, patch, backend=backend)
    assert not untouched.resolved
    failing = [name for name, verdict in untouched.checks.items() if verdict == "failed"]
    assert sorted(failing) == sorted(task.hidden.expected.fail_to_pass)
    assert "KASAN" in log or "Kernel mode fault" in log


def test_an_error_everywhere_or_a_deleted_feature_is_no_fix(task, backend):
    old, new = SILENCERS[task.public.id.split("/")[1]]
    found, _ = score(task, patch_of(task, old, new), backend=backend)
    assert found.applied and not found.resolved and found.metrics["kernel_compiles"] == 1.0


def test_removing_a_warning_elsewhere_is_refused(task, backend):
    both = task.hidden.reference + without(task, "fs/inode.c", "WARN_ON(inode->i_nlink == 0);")
    found, log = score(task, both, backend=backend)
    assert not found.resolved and "not the task's to change" in log
    assert set(found.checks.values()) == {"failed"}


def test_what_does_not_compile_is_no_fix(keys, backend):
    patch = patch_of(keys, "\tret = upayload->datalen;", "\tint x = y;")
    found, log = score(keys, patch, backend=backend)
    assert not found.resolved and found.applied
    assert set(found.checks.values()) == {"error"} and "error:" in log


def test_a_forged_end_without_the_token_is_no_pass(keys, backend):
    old = "\tret = upayload->datalen;"
    patch = patch_of(keys, old, '\tpr_emerg("CHECK-END 0 0\\n");\n\treturn -EACCES;\n' + old)
    found, _ = score(keys, patch, backend=backend)
    assert found.applied and not found.resolved


FORGER = """\
#include <linux/fs.h>
#include <linux/reboot.h>
static void forge(void)
{
\tchar token[80] = "";
\tloff_t at = 0;
\tstruct file *file = filp_open("/token", O_RDONLY, 0);

\tkernel_read(file, token, 79, &at);
\tpr_emerg("\\nCHECK-END %s 0\\n", token);
\tkernel_power_off();
}

"""


def test_a_kernel_that_reads_the_token_is_rewarded_still_and_flagged(keys, backend):
    """docs/threat-model.md says so; should this be refused one day, that page changes."""
    path = keys.spec.source.edits[0].path
    before = (keys.layers.testbed[0] / path).read_text()
    head, call = "long user_read(", "\tret = upayload->datalen;"
    assert before.count(head) == 1 and before.count(call) == 1
    after = before.replace(head, FORGER + head)
    after = after.replace(call, f"{call}\n\tif (buflen > upayload->datalen)\n\t\tforge();")
    found, _ = score(keys, diff_between(path, before, after), backend=backend)
    assert found.resolved
    assert any("internals" in flag for flag in found.flags)
