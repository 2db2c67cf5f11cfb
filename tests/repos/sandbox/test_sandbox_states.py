from __future__ import annotations

import random

import pytest

from repos.sandbox.protocol import Sandbox


def sh(box: Sandbox, script: str) -> str:
    result = box.exec(["sh", "-c", script])
    assert result.exit_code == 0, result.text
    return result.stdout.decode()


def content(box: Sandbox) -> dict[str, bytes | str]:
    """Everything below /testbed."""
    return {
        entry.path: box.read(f"/testbed/{entry.path}") if entry.kind == "file" else entry.kind
        for entry in box.list(recursive=True)
    }


def test_reset_leaves_nothing(box):
    start = content(box)
    home = sh(box, "echo $HOME").strip()
    sh(box, "rm -r pkg; echo x > pkg; echo y >> a.txt; echo t > $TMPDIR/t; echo h > $HOME/h")
    process = box.spawn(["sleep", "100"])
    box.reset()
    assert content(box) == start
    assert sh(box, "ls -A $TMPDIR $HOME | grep -v :; true").split() == []
    assert home
    assert process.poll() == -9
    assert process.read() == b""
    with pytest.raises(BrokenPipeError):
        process.write(b"x")
    process.close()


def test_snapshot_and_restore(box):
    start = box.snapshot()
    box.write("/testbed/a.txt", b"1")
    first = box.snapshot()
    was = content(box)
    sh(box, "rm -r pkg; mkdir pkg; echo only > pkg/only; rm a.txt")
    second = box.snapshot()
    later = content(box)
    box.write("/testbed/extra", b"")
    for snapshot, want in ((first, was), (second, later), (first, was), (second, later)):
        box.restore(snapshot)
        assert content(box) == want
        box.write("/testbed/junk", b"after")
    box.restore(start)
    assert box.read("/testbed/a.txt") == b"one\n"


def test_forks_are_independent_both_ways(box):
    box.write("/testbed/before", b"b")
    child = box.fork()
    try:
        assert child.read("/testbed/before") == b"b"
        child.write("/testbed/child", b"c")
        child.remove("/testbed/before")
        box.write("/testbed/parent", b"p")
        assert box.read("/testbed/before") == b"b"
        names = {entry.path for entry in box.list()}
        assert "parent" in names
        assert "child" not in names
        names = {entry.path for entry in child.list()}
        assert "child" in names
        assert not {"parent", "before"} & names
    finally:
        box.close()
    # The parent's end does not matter to the child.
    assert child.read("/testbed/child") == b"c"
    assert child.exec(["cat", "a.txt"]).stdout == b"one\n"
    child.reset()
    assert "child" not in {entry.path for entry in child.list()}
    child.close()


def test_forks_forty_deep(create):
    boxes = [create()]
    for depth in range(40):
        boxes[-1].write(f"/testbed/depth{depth}", b"%d" % depth)
        if depth % 3 == 0 and depth:
            boxes[-1].remove(f"/testbed/depth{depth - 1}")
        boxes.append(boxes[-1].fork())
    want = {f"depth{d}": b"%d" % d for d in range(40) if (d + 1) % 3 or d + 1 >= 40}
    got = {p: c for p, c in content(boxes[-1]).items() if p.startswith("depth")}
    assert got == want
    changed = boxes[-1].changed_paths()
    assert set(want) <= set(changed)
    for box in boxes[:-1]:
        box.close()
    assert content(boxes[-1])["depth39"] == b"39"
    boxes[-1].close()


@pytest.mark.parametrize("seed", range(3))
def test_random_histories_survive_merging(create, seed):
    """Files, folders, links and deletions over 36 layers: merging must not change the view."""
    rng = random.Random(seed)
    box = create()
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
        box.exec(["sh", "-c", f"({action}) 2>/dev/null; true"])
        before = content(box)
        box.snapshot()
        assert content(box) == before, (step, action)
    start = create()
    differ = {
        path
        for path in {*content(box), *content(start)}
        if content(box).get(path) != content(start).get(path)
        and "dir" not in (content(box).get(path, ""), content(start).get(path, ""))
    }
    assert differ <= set(box.changed_paths())


def test_changed_paths_name_what_changed(create):
    box = create()
    assert box.changed_paths() == []
    sh(box, "echo n > new; echo m >> pkg/m.py; rm a.txt; mkdir e; ln -sf x link")
    assert box.changed_paths() == ["a.txt", "link", "new", "pkg/m.py"]
    box.snapshot()
    assert box.changed_paths() == ["a.txt", "link", "new", "pkg/m.py"]
    sh(box, "rm -r pkg; mkdir pkg; echo z > pkg/z")
    assert set(box.changed_paths()) == {
        "a.txt", "link", "new", "pkg/m.py", "pkg/sub/n.bin", "pkg/z",
    }  # fmt: skip
    box.reset()
    assert box.changed_paths() == []


def test_a_snapshot_of_another_sandbox_is_refused(create):
    one, two = create(), create()
    one.write("/testbed/x", b"")
    with pytest.raises(ValueError, match="another sandbox"):
        two.restore(one.snapshot())


def test_processes_go_on_over_a_snapshot(create):
    box = create()
    process = box.spawn(["cat"])
    box.write("/testbed/x", b"1")
    snapshot = box.snapshot()
    process.write(b"still here")
    assert process.read(timeout_s=10) == b"still here"
    # It sees what happens later by absolute paths, and a later snapshot restores the first.
    box.write("/testbed/x", b"2")
    box.restore(snapshot)
    assert process.poll() == -9
    assert box.read("/testbed/x") == b"1"


def test_a_process_can_not_write_to_what_is_frozen(create):
    box = create()
    # One stays in the old folder, one has a file open for writing: that one has to end.
    stays = box.spawn(["sh", "-c", "read line; echo bad > late; echo $?"])
    box.write("/testbed/x", b"1")
    first = box.snapshot()
    stays.write(b"go\n")
    assert stays.read(timeout_s=10) != b"0\n"
    holds = box.spawn(["sh", "-c", "exec 3>held; echo open; read line; echo bad >&3"])
    assert holds.read(timeout_s=10) == b"open\n"
    box.write("/testbed/x", b"2")
    second = box.snapshot()
    assert holds.poll() is not None
    for snapshot, data in ((first, b"1"), (second, b"2")):
        box.restore(snapshot)
        assert box.read("/testbed/x") == data
        assert "late" not in content(box)
    assert content(box)["held"] == b""


def test_a_child_made_ahead_has_nothing_of_another_sandbox(create):
    one = create()
    sh(one, "echo secret > /tmp/s; echo secret > /dev/shm/s; echo secret > ~/s")
    two = create()
    assert sh(two, "ls -A /tmp /dev/shm ~ | grep -v : | grep -v '^$'; true") == ""
    one.reset()
    assert sh(one, "cat /tmp/s /dev/shm/s ~/s 2>/dev/null; true") == ""
