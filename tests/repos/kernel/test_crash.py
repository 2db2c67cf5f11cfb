"""The crash parser, on consoles that kernels of our own tasks printed, and on broken ones."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repos.kernel.crash import PATTERNS, crashes

CONSOLES = Path(__file__).parent / "consoles"
TITLES = json.loads((CONSOLES / "titles.json").read_text())
LOGS = {name: (CONSOLES / f"{name}.log").read_bytes() for name in TITLES}


@pytest.mark.parametrize("name", TITLES)
def test_a_recorded_console_has_its_title(name):
    found = crashes(LOGS[name])
    assert [crash.title for crash in found] == TITLES[name]
    for crash in found:
        assert crash.report.splitlines()


def test_a_report_has_its_frames():
    crash = crashes(LOGS["binfmt-misc-delimiter"])[-1]
    functions = [frame.function for frame in crash.frames]
    assert "bm_register_write" in functions
    assert functions.index("bm_register_write") < functions.index("vfs_write")


def test_a_baseline_is_left_out():
    found = crashes(LOGS["binfmt-misc-delimiter"], baseline=TITLES["clean"])
    assert [crash.title for crash in found] == ["KASAN: slab-out-of-bounds in bm_register_write"]
    assert crashes(LOGS["clean"], baseline=TITLES["clean"]) == []


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("general protection fault, probably for 0x5: 0000 [#1]", "general protection fault in f"),
        ("BUG: unable to handle page fault for address: ffff", None),
        ("WARNING: possible circular locking dependency detected", "possible deadlock in f"),
        ("WARNING: possible recursive locking detected", "possible deadlock in f"),
        ("WARNING: inconsistent lock state", "inconsistent lock state in f"),
        ("WARNING: bad unlock balance detected!", "bad unlock balance detected in f"),
        ("WARNING: suspicious RCU usage", "suspicious RCU usage in f"),
        ("INFO: task syz:12 blocked for more than 20 seconds.", "INFO: task hung in f"),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", "BUG: soft lockup in f"),
        ("rcu: INFO: rcu_sched self-detected stall on CPU", "INFO: rcu detected stall in f"),
        ("unreferenced object 0xffff888 (size 32):", "memory leak in f"),
        ("refcount_t: underflow; use-after-free.", "refcount: underflow in f"),
        ("list_add corruption. prev->next should be next", "list corruption in f"),
        ("kernel BUG at fs/inode.c:612!", "kernel BUG in f"),
        ("UBSAN: shift-out-of-bounds in /testbed/fs/a.c:3:4", "UBSAN: shift-out-of-bounds in f"),
        ("WARNING: CPU: 0 PID: 1 at fs/a.c:3 g+0x10/0x20", "WARNING in g"),
        ("Kernel panic - not syncing: VFS: Unable to mount", None),
        ("Kernel panic - not syncing: kernel: panic_on_warn set ...", None),
    ],
)
def test_each_kind_of_header(line, title):
    trace = "Call Trace:\n [<60>] dump_stack+0x1/0x2\n [<60>] f+0x1/0x2\n [<60>] g+0x1/0x2\n"
    found = crashes(f"[    1.000000] {line}\n{trace}")
    assert len(found) == 1
    if title:
        assert found[0].title == title


def test_what_follows_a_report_is_no_second_one():
    log = "BUG: KASAN: slab-out-of-bounds in f+0x1/0x2\nKernel panic - not syncing: panic_on_warn"
    assert [crash.title for crash in crashes(log)] == ["KASAN: slab-out-of-bounds in f"]


@given(
    name=st.sampled_from(sorted(LOGS)),
    start=st.integers(0, 20_000),
    length=st.integers(0, 20_000),
)
def test_cut_consoles_never_raise(name, start, length):
    for crash in crashes(LOGS[name][start : start + length]):
        assert crash.title and crash.line >= 0


@given(st.binary(max_size=3000))
def test_any_bytes_never_raise(data):
    for crash in crashes(data):
        assert "\n" not in crash.title


@given(first=st.sampled_from(sorted(LOGS)), second=st.sampled_from(sorted(LOGS)), seed=st.randoms())
def test_interleaved_consoles_never_raise(first, second, seed):
    lines = LOGS[first].split(b"\n") + LOGS[second].split(b"\n")
    seed.shuffle(lines)
    for crash in crashes(b"\n".join(lines)):
        assert crash.kind in {pattern.kind for pattern in PATTERNS}
