"""What every back end does in the same way; one file, since a back end is started once for it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repos.sandbox.backends.bubblewrap.backend import own_layer
from repos.sandbox.protocol import Backend, Layers, Mount, Sandbox, SandboxSpec
from repos.sandbox.workspace import BASE_GIT, PatchError, Workspace, make_base_git

NAMES = ("bubblewrap", "docker", "podman", "process")
ISOLATED = ("bubblewrap", "docker", "podman")
SMALL = SandboxSpec(memory_mb=512, processes=64, disk_mb=32, tmp_mb=16)
PYTHON = ["/opt/repogym/python", "-I", "-S", "-c"]
Create = Callable[..., Sandbox]


@pytest.fixture(scope="module", params=NAMES)
def backend(request: pytest.FixtureRequest, real_backend) -> Backend:
    return real_backend(request.param)


@pytest.fixture
def isolated(backend: Backend) -> Backend:
    if backend.name not in ISOLATED:
        pytest.skip(f"{backend.name} does not isolate")
    return backend


@pytest.fixture(scope="module")
def shared_sandbox(backend: Backend, layer: Path) -> Iterator[Sandbox]:
    """One sandbox of each back end for the tests that leave nothing behind."""
    made = backend.create(Layers((layer,)), SMALL)
    yield made
    made.close()


def sh(sandbox: Sandbox, script: str, **more):
    return sandbox.exec(["sh", "-c", script], **more)


def content(sandbox: Sandbox) -> dict[str, bytes | str]:
    return {
        entry.path: sandbox.read(f"/testbed/{entry.path}") if entry.kind == "file" else entry.kind
        for entry in sandbox.list(recursive=True)
    }


def sleeping(sandbox: Sandbox, word: str) -> int:
    script = (
        "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f 2>/dev/null; echo; done"
        f" | grep -c '^sleep {word}'"
    )
    return int(sh(sandbox, script).stdout or b"0")


# ---- commands
def test_a_command_and_what_it_says(shared_sandbox):
    result = sh(
        shared_sandbox, "cat; echo $WORD; echo why >&2; exit 3", stdin=b"in\n", env={"WORD": "w"}
    )
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"in\nw\n", b"why\n")
    assert result.limit is None
    assert sh(shared_sandbox, "kill -TERM $$").exit_code == -15
    missing = shared_sandbox.exec(["no-such-program"])
    assert missing.exit_code == 127
    assert b"no-such-program" in missing.stderr
    assert shared_sandbox.exec(["cat", "m.py"], cwd="/testbed/pkg").stdout == b"print('m')\n"
    assert shared_sandbox.exec(["pwd"]).stdout == b"/testbed\n"
    assert shared_sandbox.exec(["/testbed/run.sh"]).stdout == b"ran\n"


def test_the_tools_are_there(shared_sandbox):
    assert shared_sandbox.exec(["rg", "-l", "print", "/testbed"]).stdout == b"/testbed/pkg/m.py\n"
    assert shared_sandbox.exec([*PYTHON, "print(6 * 7)"]).stdout == b"42\n"
    assert shared_sandbox.exec(["git", "--version"]).exit_code == 0


def test_big_and_binary_output(shared_sandbox):
    code = (
        "import os,sys; d=bytes(range(256))*40960; sys.stdout.buffer.write(d); "
        "sys.stderr.write('e'*300000)"
    )
    result = shared_sandbox.exec([*PYTHON, code], max_output=32 << 20)
    assert result.stdout == bytes(range(256)) * 40960
    assert result.stderr == b"e" * 300000
    cut = shared_sandbox.exec([*PYTHON, code], max_output=1000)
    assert (len(cut.stdout), cut.limit) == (1000, "output")
    assert cut.stdout_dropped == 256 * 40960 - 1000
    flood = sh(shared_sandbox, "yes", timeout_s=60, max_output=1000)
    assert flood.limit == "output"
    assert flood.seconds < 60


def test_big_input(shared_sandbox):
    data = os.urandom(5 << 20)
    assert shared_sandbox.exec(["cat"], stdin=data, max_output=16 << 20).stdout == data


def test_commands_run_at_the_same_time(shared_sandbox):
    results: dict[int, bytes] = {}

    def work(number: int) -> None:
        results[number] = sh(shared_sandbox, f"sleep 0.3; echo {number}").stdout

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: b"%d\n" % n for n in range(12)}
    assert time.monotonic() - began < 12 * 0.3


def test_a_time_out_kills_the_whole_tree(shared_sandbox):
    script = (
        "setsid sh -c 'sleep 20161 & sleep 20161' & (setsid setsid sleep 20161 &) ; "
        "nohup sleep 20161 & sleep 20161"
    )
    result = sh(shared_sandbox, script, timeout_s=0.5)
    assert result.limit == "time"
    assert result.exit_code == -9
    assert 0.4 < result.seconds < 8
    assert sleeping(shared_sandbox, "20161") == 0


def test_a_daemon_ends_with_its_command(shared_sandbox):
    code = (
        "import os\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.closerange(0, 3)\n"
        "        os.execvp('sleep', ['sleep', '20162'])\n"
        "    os._exit(0)\n"
    )
    assert shared_sandbox.exec([*PYTHON, code]).exit_code == 0
    assert sleeping(shared_sandbox, "20162") == 0


def test_commands_are_cancelled(shared_sandbox):
    timer = threading.Timer(0.3, shared_sandbox.interrupt)
    timer.start()
    began = time.monotonic()
    result = sh(shared_sandbox, "(setsid sleep 20163 &) ; sleep 20163")
    timer.join()
    assert result.exit_code == -9
    assert time.monotonic() - began < 10
    assert sleeping(shared_sandbox, "20163") == 0


def test_a_process_that_lives_until_closed(shared_sandbox):
    process = shared_sandbox.spawn(["cat"])
    data = os.urandom(300_000)
    process.write(data)
    got = b""
    while len(got) < len(data):
        got += process.read(timeout_s=10)
    assert got == data
    assert sh(shared_sandbox, "echo beside").stdout == b"beside\n"
    assert process.poll() is None
    process.close()
    assert process.poll() is not None


def test_files(shared_sandbox):
    big = os.urandom(3 << 20)
    shared_sandbox.write("/testbed/new/deep/f", big, executable=True)
    assert shared_sandbox.read("/testbed/new/deep/f") == big
    entry = next(
        e for e in shared_sandbox.list("/testbed/new", recursive=True) if e.path == "deep/f"
    )
    assert (entry.size, entry.executable) == (len(big), True)
    shared_sandbox.remove("/testbed/new")
    with pytest.raises(FileNotFoundError):
        shared_sandbox.read("/testbed/new/deep/f")
    with pytest.raises(IsADirectoryError):
        shared_sandbox.read("/testbed/pkg")
    assert {e.path: e.kind for e in shared_sandbox.list()}["link"] == "symlink"


# ---- bounds
def test_a_memory_bomb(isolated, create):
    sandbox = create(SandboxSpec(memory_mb=200, processes=64, disk_mb=8, tmp_mb=8))
    code = "b = bytearray(100 << 20); c = bytearray(400 << 20); import time; time.sleep(3)"
    result = sandbox.exec([*PYTHON, code], timeout_s=30)
    assert result.limit == "memory"
    assert result.exit_code != 0
    fine = sandbox.exec([*PYTHON, "b = bytearray(100 << 20); print(len(b))"])
    assert (fine.stdout, fine.limit) == (b"104857600\n", None)


def test_a_fork_bomb(isolated, create):
    sandbox = create(SandboxSpec(processes=40, disk_mb=8, tmp_mb=8))
    result = sandbox.exec(["bash", "-c", ":(){ :|:& };:; sleep 2; exit 1"], timeout_s=10)
    assert result.limit in ("processes", "time")
    assert sh(sandbox, "echo alive").stdout == b"alive\n"
    assert int(sh(sandbox, "ls -d /proc/[0-9]* | wc -l").stdout) <= 5


def test_a_disk_bomb(isolated, create):
    sandbox = create(SandboxSpec(disk_mb=16, tmp_mb=8))
    for folder, size in (("/testbed", 24), ("/tmp", 8)):
        result = sandbox.exec(["dd", "if=/dev/zero", f"of={folder}/big", "bs=1M", "count=64"])
        assert result.exit_code != 0
        assert result.limit == "disk"
        assert int(sandbox.exec(["stat", "-c", "%s", f"{folder}/big"]).stdout) <= size << 20
        sandbox.remove(f"{folder}/big")
    sandbox.write("/testbed/more", b"x" * (1 << 20))


# ---- isolation
def test_no_network(isolated, shared_sandbox):
    assert shared_sandbox.exec(["ls", "/proc/self/net"]).exit_code == 0
    names = sh(shared_sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1").text.split()
    assert set(names) <= {"lo"}
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    result = shared_sandbox.exec(["/opt/repogym/python", "-I", "-c", code])
    assert b"unreachable" in result.stderr


def test_no_rights(isolated, shared_sandbox):
    status = shared_sandbox.exec(["cat", "/proc/self/status"]).text
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert facts["Uid"].split()[0] == "60923"
    for path in ("/x", "/usr/x", "/etc/x", "/opt/repogym/x", "/proc/sys/kernel/core_pattern"):
        assert sh(shared_sandbox, f"echo x > {path}").exit_code != 0, path
    for path in ("/proc/1/mem", "/proc/1/environ", "/proc/1/fd/0"):
        assert sh(shared_sandbox, f"head -c 1 {path}").exit_code != 0, path
    assert sh(shared_sandbox, "unshare -Ur true").exit_code != 0
    assert sh(shared_sandbox, "mount -t tmpfs none /tmp").exit_code != 0


def test_nothing_of_the_host_is_seen(isolated, shared_sandbox):
    assert sorted(sh(shared_sandbox, "ls -A /home").text.split()) == ["agent"]
    accounts = sh(shared_sandbox, "cut -d: -f1 /etc/passwd").text.split()
    assert set(accounts) <= {"root", "agent", "nobody"}
    hosts = sh(shared_sandbox, "cat /etc/hosts").text.split()
    assert set(hosts) <= {"127.0.0.1", "::1", "localhost", "sandbox"}
    pids = [int(name) for name in sh(shared_sandbox, "ls /proc").text.split() if name.isdigit()]
    assert len(pids) < 8


def test_killing_everything_does_not_kill_the_sandbox(isolated, shared_sandbox):
    sh(shared_sandbox, "kill -9 -1; kill -9 1; echo here")
    assert sh(shared_sandbox, "echo here").stdout == b"here\n"


def test_no_signal_reaches_the_server(isolated, shared_sandbox):
    # SIGINT among them: a Python program has a handler for it from its start.
    sh(shared_sandbox, "for n in $(seq 1 31) 34 64; do kill -$n 1; done; sleep 0.2")
    assert sh(shared_sandbox, "echo here").stdout == b"here\n"


# ---- states
CHANGE = (
    "rm -r pkg; mkdir -p pkg/new; echo 1 > pkg/new/f; echo more >> a.txt; ln -sfn pkg/new link; "
    "rm run.sh; mkdir empty; printf '#!/bin/sh\\necho x\\n' > tool; chmod 755 tool; mkfifo pipe; "
    "mkdir closed; echo s > closed/s; chmod 400 closed/s; chmod 500 closed"
)


def test_reset_leaves_nothing(create):
    sandbox = create()
    start = content(sandbox)
    assert sh(sandbox, f"{CHANGE}; echo t > $TMPDIR/t; echo h > $HOME/h").exit_code == 0
    process = sandbox.spawn(["sleep", "20164"])
    sandbox.reset()
    assert content(sandbox) == start
    assert sh(sandbox, "ls -A $TMPDIR $HOME | grep -v :; true").text.split() == []
    assert process.poll() == -9
    assert sleeping(sandbox, "20164") == 0
    assert not sandbox.changed_paths()


def facts(sandbox: Sandbox) -> str:
    """Every path with its mode, link target and content."""
    return sh(
        sandbox,
        "find . -mindepth 1 -printf '%P %y %m %l\\n' | sort; "
        "find . -type f | sort | xargs cat | sha256sum",
    ).text


def test_snapshot_and_restore(create):
    sandbox = create()
    start, first_facts = sandbox.snapshot(), facts(sandbox)
    assert sh(sandbox, CHANGE).exit_code == 0
    sandbox.write("/testbed/large", os.urandom(9 << 20))
    changed = sandbox.snapshot()
    after = facts(sandbox)
    expected = {"a.txt", "large", "link", "pkg/m.py", "pkg/new/f", "run.sh"}
    assert expected <= set(sandbox.changed_paths())
    for snapshot, want in ((start, first_facts), (changed, after), (start, first_facts)):
        sandbox.restore(snapshot)
        assert facts(sandbox) == want
        sandbox.write("/testbed/junk", b"after")
    other = create()
    with pytest.raises(ValueError, match="another sandbox"):
        other.restore(start)


def test_forks_are_independent_both_ways(create):
    sandbox = create()
    sh(sandbox, CHANGE)
    want = facts(sandbox)
    child = sandbox.fork()
    try:
        assert facts(child) == want
        child.write("/testbed/child", b"c")
        child.remove("/testbed/tool")
        sandbox.write("/testbed/parent", b"p")
        assert "tool" in content_names(sandbox)
        assert "child" not in content_names(sandbox)
        sandbox.close()
        assert not {"parent", "tool"} & content_names(child)
        assert child.exec(["cat", "child"]).stdout == b"c"
        grandchild = child.fork()
        assert "child" in content_names(grandchild)
        grandchild.reset()
        assert "child" not in content_names(grandchild)
        grandchild.close()
    finally:
        child.close()


def content_names(sandbox: Sandbox) -> set[str]:
    return {entry.path for entry in sandbox.list()}


def test_many_forks_deep_and_wide(backend, create):
    many = {"bubblewrap": 200}.get(backend.name, 4)
    sandbox, line = create(), []
    try:
        for depth in range(many):
            sandbox.write(f"/testbed/d{depth}", b"%d" % depth)
            line.append(sandbox)
            sandbox = sandbox.fork()
        names = content_names(sandbox)
        assert {f"d{depth}" for depth in range(many)} <= names
        wide = []
        for number in range(many):
            wide.append(line[1].fork())
            wide[-1].write("/testbed/w", b"%d" % number)
        assert [int(child.read("/testbed/w")) for child in wide] == list(range(many))
        assert all("d2" not in content_names(child) for child in wide[:: max(1, many // 10)])
        line += wide
    finally:
        for each in [*line, sandbox]:
            each.close()


# ---- workspaces
@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Layers:
    folder = tmp_path_factory.mktemp("repository")
    tree = folder / "tree"
    (tree / "pkg").mkdir(parents=True)
    (tree / "a.py").write_text("one\ntwo\n")
    (tree / "pkg" / "data.bin").write_bytes(bytes(range(256)))
    (tree / "old.txt").write_text("old\n")
    make_base_git(tree, folder / "base.git")
    make_base_git(tree, tree / ".git", worktree=True)
    own_layer(tree)
    own_layer(folder / "base.git")
    return Layers((tree,), (Mount(folder / "base.git", BASE_GIT),))


def test_a_diff_goes_from_one_workspace_to_another(create, repository):
    with Workspace(create(SMALL, repository)) as one, Workspace(create(SMALL, repository)) as two:
        assert one.diff() == b""
        mark = one.mark()
        one.write("a.py", b"one\n2\n")
        one.write("pkg/data.bin", bytes(range(255, -1, -1)))
        one.write("tool", b"#!/bin/sh\n", executable=True)
        one.remove("old.txt")
        assert one.exec(["ln", "-s", "a.py", "link"]).exit_code == 0
        assert {"a.py", "link", "old.txt", "pkg/data.bin", "tool"} <= set(one.changes(mark))
        diff = one.diff()
        two.apply(diff)
        assert two.diff() == diff
        assert two.read("pkg/data.bin") == bytes(range(255, -1, -1))
        with pytest.raises(PatchError):
            two.apply(diff)
        status = one.exec(["git", "status", "--porcelain"])
        assert status.exit_code == 0, status.text
        assert b" M a.py" in status.stdout


def test_mounts_below_the_workspace_are_read_only(isolated, create, repository, tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "t.py").write_text("hidden\n")
    single = tmp_path / "conf.py"
    single.write_text("conf\n")
    tmp_path.chmod(0o755)
    layers = Layers(
        repository.testbed,
        (
            *repository.mounts,
            Mount(tests, "/testbed/pkg/deep/tests"),
            Mount(single, "/testbed/pkg/conf.py"),
        ),
    )
    sandbox = create(SMALL, layers)
    assert sandbox.read("/testbed/pkg/deep/tests/t.py") == b"hidden\n"
    assert sandbox.read("/testbed/pkg/conf.py") == b"conf\n"
    for script in (
        "echo x > pkg/deep/tests/t.py", "rm pkg/deep/tests/t.py", "rm -r pkg/deep/tests",
        "mv pkg/deep/tests pkg/deep/other", "echo x > pkg/conf.py",
        "rm -f pkg/conf.py && ! test -e pkg/conf.py",
    ):  # fmt: skip
        assert sh(sandbox, script).exit_code != 0, script
    # What is beside them stays writable.
    assert sh(sandbox, "echo x > pkg/new && rm pkg/data.bin").exit_code == 0
