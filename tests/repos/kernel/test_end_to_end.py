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


def comment_in(task, path):
    """Return a diff that adds a comment to a file."""
    first = (task.layers.testbed[0] / path).read_text().splitlines()[0]
    names = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    return f"{names}@@ -1,1 +1,2 @@\n {first}\n+/* */\n".encode()


def test_the_published_fix_resolves_and_nothing_does_not(task, backend):
    fixed, _ = score(task, task.hidden.reference, backend=backend)
    assert fixed.resolved and set(fixed.checks.values()) == {"passed"}
    assert fixed.metrics == {"kernel_compiles": 1.0, "crashes": 0.0}
    untouched, log = score(task, b"", backend=backend)
    assert not untouched.resolved
    failing = [name for name, verdict in untouched.checks.items() if verdict == "failed"]
    assert sorted(failing) == sorted(task.hidden.expected.fail_to_pass)
    assert "KASAN" in log or "Kernel mode fault" in log


SILENCERS = {
    STABLE: ("\tint remaining = length;", "\tint remaining = length;\n\n\treturn 0;"),
    MUTATION: ("\tret = upayload->datalen;", "\treturn -EACCES;\n\tret = upayload->datalen;"),
}


def test_an_error_everywhere_is_no_fix(task, backend):
    old, new = SILENCERS[task.public.id.split("/")[1]]
    found, _ = score(task, patch_of(task, old, new), backend=backend)
    assert found.applied and not found.resolved


def test_what_does_not_compile_is_no_fix(task, backend):
    old, _ = SILENCERS[task.public.id.split("/")[1]]
    found, log = score(task, patch_of(task, old, "\tint x = y"), backend=backend)
    assert not found.resolved and found.applied
    assert set(found.checks.values()) == {"error"} and "error:" in log


def test_other_parts_of_the_kernel_are_closed(task, backend):
    closed, _ = score(task, comment_in(task, "kernel/panic.c"), backend=backend)
    assert not closed.resolved  # it is left out: the kernel crashes as before
    both = task.hidden.reference + comment_in(task, "fs/attr.c")
    found, log = score(task, both, backend=backend)
    assert not found.resolved and "not the task's to change" in log


def test_a_forged_end_without_the_token_is_no_pass(task, backend):
    old, new = SILENCERS[task.public.id.split("/")[1]]
    line = new.split("\n")[0 if task.public.id.endswith(MUTATION) else 2]
    forged = old + "\n" + line.replace("return", 'pr_emerg("CHECK-END 0 0\\n"); return')
    found, _ = score(task, patch_of(task, old, forged), backend=backend)
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
    assert any("filp_open" in flag for flag in found.flags)
