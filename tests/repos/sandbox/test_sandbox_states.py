from __future__ import annotations

import random

import pytest

from repos.sandbox.protocol import Sandbox


def sh(sandbox: Sandbox, script: str) -> str:
    result = sandbox.exec(["sh", "-c", script])
    assert result.exit_code == 0, result.text
    return result.stdout.decode()


def content(sandbox: Sandbox) -> dict[str, bytes | str]:
    """Everything below /testbed."""
    return {
        entry.path: sandbox.read(f"/testbed/{entry.path}") if entry.kind == "file" else entry.kind
        for entry in sandbox.list(recursive=True)
    }


def test_reset_leaves_nothing(sandbox):
    start = content(sandbox)
    home = sh(sandbox, "echo $HOME").strip()
    sh(sandbox, "rm -r pkg; echo x > pkg; echo y >> a.txt; echo t > $TMPDIR/t; echo h > $HOME/h")
    process = sandbox.spawn(["sleep", "100"])
    sandbox.reset()
    assert content(sandbox) == start
    assert sh(sandbox, "ls -A $TMPDIR $HOME | grep -v :; true").split() == []
    assert home
    assert process.poll() == -9
    assert process.read() == b""
    with pytest.raises(BrokenPipeError):
        process.write(b"x")
    process.close()


def test_snapshot_and_restore(sandbox):
    start = sandbox.snapshot()
    sandbox.write("/testbed/a.txt", b"1")
    first = sandbox.snapshot()
    was = content(sandbox)
    sh(sandbox, "rm -r pkg; mkdir pkg; echo only > pkg/only; rm a.txt")
    second = sandbox.snapshot()
    later = content(sandbox)
    sandbox.write("/testbed/extra", b"")
    for snapshot, want in ((first, was), (second, later), (first, was), (second, later)):
        sandbox.restore(snapshot)
        assert content(sandbox) == want
        sandbox.write("/testbed/junk", b"after")
    sandbox.restore(start)
    assert sandbox.read("/testbed/a.txt") == b"one\n"


def test_forks_are_independent_both_ways(sandbox):
    sandbox.write("/testbed/before", b"b")
    child = sandbox.fork()
    try:
        assert child.read("/testbed/before") == b"b"
        child.write("/testbed/child", b"c")
        child.remove("/testbed/before")
        sandbox.write("/testbed/parent", b"p")
        assert sandbox.read("/testbed/before") == b"b"
        names = {entry.path for entry in sandbox.list()}
        assert "parent" in names
        assert "child" not in names
        names = {entry.path for entry in child.list()}
        assert "child" in names
        assert not {"parent", "before"} & names
    finally:
        sandbox.close()
    # The parent's end does not matter to the child.
    assert child.read("/testbed/child") == b"c"
    assert child.exec(["cat", "a.txt"]).stdout == b"one\n"
    child.reset()
    assert "child" not in {entry.path for entry in child.list()}
    child.close()


def test_forks_forty_deep(create):
    sandboxes = [create()]
    for depth in range(40):
        sandboxes[-1].write(f"/testbed/depth{depth}", b"%d" % depth)
        if depth % 3 == 0 and depth:
            sandboxes[-1].remove(f"/testbed/depth{depth - 1}")
        sandboxes.append(sandboxes[-1].fork())
    want = {f"depth{d}": b"%d" % d for d in range(40) if (d + 1) % 3 or d + 1 >= 40}
    got = {p: c for p, c in content(sandboxes[-1]).items() if p.startswith("depth")}
    assert got == want
    changed = sandboxes[-1].changed_paths()
    assert set(want) <= set(changed)
    for sandbox in sandboxes[:-1]:
        sandbox.close()
    assert content(sandboxes[-1])["depth39"] == b"39"
    sandboxes[-1].close()


@pytest.mark.parametrize("seed", range(3))
def test_random_histories_survive_merging(create, seed):
    """Files, folders, links and deletions over 36 layers: merging must not change the view."""
    rng = random.Random(seed)
    sandbox = create()
    names = ["a.txt", "pkg", "pkg/sub", "pkg/m.py", "pkg/sub/n.bin", "x", "x/y", "x/y/z", "q"]
    for step in range(36):
        name = rng.choice(names)
        action = rng.choice(
            [
                f"rm -rf {name}",
                f"rm -rf {name}; mkdir -p {name}",
                f"mkdir -p $(dirname {name}) && rm -rf {name}; echo {step} > {name}",
                f"mkdir -p $(dirname {name}) && rm -rf {name}; ln -s t{step} {name}",
                f"mkdir -p {name} && echo {step} > {name}/f{step}",
                f"test -d {name} && mv {name} moved{step}",
                f"test -e {name} && chmod 755 {name}",
            ]
        )
        sandbox.exec(["sh", "-c", f"({action}) 2>/dev/null; true"])
        before = content(sandbox)
        sandbox.snapshot()
        assert content(sandbox) == before, (step, action)
    start = create()
    differ = {
        path
        for path in {*content(sandbox), *content(start)}
        if content(sandbox).get(path) != content(start).get(path)
        and "dir" not in (content(sandbox).get(path, ""), content(start).get(path, ""))
    }
    assert differ <= set(sandbox.changed_paths())


def test_changed_paths_name_what_changed(create):
    sandbox = create()
    assert sandbox.changed_paths() == []
    sh(sandbox, "echo n > new; echo m >> pkg/m.py; rm a.txt; mkdir e; ln -sf x link")
    assert sandbox.changed_paths() == ["a.txt", "link", "new", "pkg/m.py"]
    sandbox.snapshot()
    assert sandbox.changed_paths() == ["a.txt", "link", "new", "pkg/m.py"]
    sh(sandbox, "rm -r pkg; mkdir pkg; echo z > pkg/z")
    assert set(sandbox.changed_paths()) == {
        "a.txt", "link", "new", "pkg/m.py", "pkg/sub/n.bin", "pkg/z",
    }  # fmt: skip
    sandbox.reset()
    assert sandbox.changed_paths() == []


def test_a_snapshot_of_another_sandbox_is_refused(create):
    one, two = create(), create()
    one.write("/testbed/x", b"")
    with pytest.raises(ValueError, match="another sandbox"):
        two.restore(one.snapshot())


def test_processes_go_on_over_a_snapshot(create):
    sandbox = create()
    process = sandbox.spawn(["cat"])
    sandbox.write("/testbed/x", b"1")
    snapshot = sandbox.snapshot()
    process.write(b"still here")
    assert process.read(timeout_s=10) == b"still here"
    # It sees what happens later by absolute paths, and a later snapshot restores the first.
    sandbox.write("/testbed/x", b"2")
    sandbox.restore(snapshot)
    assert process.poll() == -9
    assert sandbox.read("/testbed/x") == b"1"


def test_a_process_can_not_write_to_what_is_frozen(create):
    sandbox = create()
    # One stays in the old folder, one has a file open for writing: that one has to end.
    stays = sandbox.spawn(["sh", "-c", "read line; echo bad > late; echo $?"])
    sandbox.write("/testbed/x", b"1")
    first = sandbox.snapshot()
    stays.write(b"go\n")
    assert stays.read(timeout_s=10) != b"0\n"
    holds = sandbox.spawn(["sh", "-c", "exec 3>held; echo open; read line; echo bad >&3"])
    assert holds.read(timeout_s=10) == b"open\n"
    sandbox.write("/testbed/x", b"2")
    second = sandbox.snapshot()
    assert holds.poll() is not None
    for snapshot, data in ((first, b"1"), (second, b"2")):
        sandbox.restore(snapshot)
        assert sandbox.read("/testbed/x") == data
        assert "late" not in content(sandbox)
    assert content(sandbox)["held"] == b""


def test_a_child_made_ahead_has_nothing_of_another_sandbox(create):
    one = create()
    sh(one, "echo secret > /tmp/s; echo secret > /dev/shm/s; echo secret > ~/s")
    two = create()
    assert sh(two, "ls -A /tmp /dev/shm ~ | grep -v : | grep -v '^$'; true") == ""
    one.reset()
    assert sh(one, "cat /tmp/s /dev/shm/s ~/s 2>/dev/null; true") == ""
