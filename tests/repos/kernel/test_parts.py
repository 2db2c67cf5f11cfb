"""Edits by syntax, archives, images, and what make and a console are read as."""

import shutil
import subprocess

import pytest

from repos.errors import RecordError
from repos.kernel.booting import INIT, read_boot
from repos.kernel.building import read_build
from repos.kernel.edits import SourceEdit, apply_edit
from repos.kernel.images import adfs, squashfs, zisofs
from repos.kernel.initramfs import make_initramfs
from repos.runners.kernel.runner import KernelRunner
from repos.sandbox.protocol import ExecResult

SOURCE = b"""\
static int other(int a)
{
\tif (a > 3)
\t\treturn 1;
\treturn 0;
}

int target(struct thing *t, int a)
{
\tint n = size(t);

\t/* Too large. */
\tif (a > 3)
\t\treturn -1;

\tif (!t || a < 0)
\t\treturn -2;
\tuse(t);
\tput(t);
\treturn copy(n - 1, a);
}
"""


def edited(operator, about, instead=""):
    edit = SourceEdit(
        path="a.c", function="target", operator=operator, about=about, instead=instead
    )
    return apply_edit(SOURCE, edit).decode()


def test_an_if_goes_with_its_comment_and_leaves_no_gap():
    text = edited("drop_if", "a>3")
    assert "Too large" not in text and "return -1" not in text
    assert "\n\n\n" not in text and "\t\n" not in text
    assert text.count("a > 3") == 1  # the other function keeps its own


def test_a_clause_goes():
    assert "if (!t)" in edited("drop_clause", "a < 0")


def test_statements_change_places():
    text = edited("swap", "use(t)")
    assert text.index("put(t)") < text.index("use(t)")


def test_text_is_replaced():
    assert "copy(n, a)" in edited("replace", "n - 1", "n")


@pytest.mark.parametrize(
    ("operator", "about"), [("drop_if", "missing"), ("replace", "a"), ("drop_clause", "a")]
)
def test_what_fits_no_one_place_is_refused(operator, about):
    with pytest.raises(RecordError, match="must be one"):
        edited(operator, about)


def test_an_initramfs_is_read_by_cpio():
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed")
    archive = make_initramfs({"init": b"x" * 5, "token": b"t"})
    done = subprocess.run(["cpio", "-t"], input=archive, capture_output=True, check=True)
    assert done.stdout.split() == [b"dev", b"proc", b"sys", b"mnt", b"dev/console", b"dev/null",
                                   b"init", b"token"]  # fmt: skip


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_a_blind_check_holds_nothing_that_it_expects(tmp_path):
    """Compiled for scoring, the expected side of each comparison is not in the program."""
    text = """
    #include "check.h"
    int check(void)
    {
        char text[14];

        return same(pick(1, 9), 987654321, "a number") |
               same_bytes(word(text, 13), "a-secret-text", 13, "a text");
    }
    """
    (tmp_path / "c.c").write_text(text)
    binaries = {}
    for name, flags in (("open", []), ("blind", ["-DBLIND"])):
        command = ["gcc", "-c", "-O1", "-w", *flags, f"-I{INIT.parent}", "-o", name, "c.c"]
        subprocess.run(command, cwd=tmp_path, check=True)
        binaries[name] = (tmp_path / name).read_bytes()
    wanted = [b"a-secret-text", (987654321).to_bytes(4, "little")]
    assert all(value in binaries["open"] for value in wanted)
    assert not any(value in binaries["blind"] for value in wanted)


def test_images_are_the_same_each_time():
    assert adfs(zones=1) == adfs(zones=1) != adfs(zones=0)
    if shutil.which("mksquashfs") and shutil.which("genisoimage"):
        assert squashfs() == squashfs() != squashfs(offset=-8)
        assert len(zisofs(log2_block=11, empty=1)) % 512 == 0


def test_what_compilers_say_becomes_records():
    text = (
        b"  CC      fs/a.o\n/testbed/fs/a.c:7:3: error: 'x' undeclared\n../x: warning\nmake: ***\n"
    )
    built = read_build(ExecResult(2, text, b"", 1.0))
    assert not built.ok and built.compiled == ("fs/a.o",)
    assert [str(d) for d in built.errors] == ["fs/a.c:7:3: error: 'x' undeclared"]


ANSWER = "0123456789abcdef"


def booted(console, **fields):
    return read_boot(ExecResult(0, console.encode(), b"", 1.0, **fields), "secret")


def test_only_the_token_of_this_boot_ends_a_check():
    done = booted(f"USERSPACE-UP\nCHECK-END secret 0 {ANSWER}\n")
    assert done.passed and done.answer == ANSWER
    assert not booted(f"USERSPACE-UP\nCHECK-END guessed 0 {ANSWER}\n").passed
    assert not booted(f"USERSPACE-UP\nCHECK-END secret 1 {ANSWER}\n").passed
    assert not booted("USERSPACE-UP\nCHECK-END secret 0\n").passed
    twice = booted(f"CHECK-END secret 0 {ANSWER}\nCHECK-END secret 0 {ANSWER}\n")
    assert not twice.passed and not twice.answer


def test_a_crash_counts_although_the_check_ended():
    done = booted(f"BUG: KASAN: use-after-free in f+0x1/0x2\nCHECK-END secret 0 {ANSWER}\n")
    assert done.verdict == "reproduced" and not done.passed


def test_a_boot_without_an_end_is_a_timeout():
    assert booted("USERSPACE-UP\n", limit="time").verdict == "timeout"


@pytest.mark.parametrize(
    "path",
    [
        "arch/um/kernel/trap.c", "lib/vsprintf.c", "mm/kasan/report.c", "kernel/panic.c",
        "kernel/printk/printk.c", "scripts/mod/modpost.c", "fs/Makefile", "fs/ext4/Kconfig",
        "include/linux/bug.h", "Makefile", "fs/../lib/list_debug.c", "init/main.c", "mm/slub.c",
    ],
)  # fmt: skip
def test_what_reports_and_builds_is_closed(path):
    assert KernelRunner().protects(path)


@pytest.mark.parametrize("path", ["fs/squashfs/cache.c", "net/unix/af_unix.c", "fs/adfs/adfs.h"])
def test_the_kernels_own_parts_are_open(path):
    assert not KernelRunner().protects(path)


def test_level_tests_shows_positives_and_one_variant():
    failing = [f"checks/{n}.c" for n in ("reproducer", "variant-a", "variant-b", "variant-c")]
    files = [*failing, "checks/variant-a.img", "checks/variant-b.img", "checks/positive.c"]
    for seed in range(5):
        shown, kept = KernelRunner().shown(files, failing, seed)
        assert len(shown) == 2 and "checks/reproducer.c" in {*shown} & {*kept}
        assert "checks/positive.c" in kept
        hidden = [name for name in failing if name not in shown]
        assert not any(name.startswith(h.removesuffix(".c")) for name in kept for h in hidden)
    assert KernelRunner().shown(files, failing[:2], 0)[0] == ("checks/reproducer.c",)


def test_noise_of_every_boot_hides_no_crash():
    noise = "WARNING: suspicious RCU usage\n"
    console = f"{noise}Kernel panic - not syncing: Kernel mode fault at addr 0x10, ip 0x6\n"
    baseline = ["suspicious RCU usage in core_kernel_text"]
    done = read_boot(ExecResult(0, console.encode(), b"", 1.0), "secret", baseline)
    assert done.crash is not None and done.crash.title.startswith("kernel mode fault")
    quiet = f"{noise}CHECK-END secret 0 {ANSWER}\n".encode()
    assert read_boot(ExecResult(0, quiet, b"", 1.0), "secret", baseline).passed
