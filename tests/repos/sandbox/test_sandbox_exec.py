from __future__ import annotations

import os
import threading
import time

import pytest

from repos.errors import InfrastructureError
from repos.sandbox.protocol import Sandbox


def sh(box: Sandbox, script: str, **more):
    return box.exec(["sh", "-c", script], **more)


def processes(box: Sandbox, word: str) -> int:
    """How many processes in the sandbox have a word in their command line."""
    found = sh(box, f"grep -lsaz '^{word}$' /proc/[0-9]*/cmdline | wc -l")
    return int(found.stdout)


def test_streams_status_and_signals(box):
    result = sh(box, "echo out; echo err >&2; exit 7")
    assert (result.exit_code, result.stdout, result.stderr) == (7, b"out\n", b"err\n")
    assert sh(box, "kill -11 $$").exit_code == -11
    assert result.limit is None


def test_missing_programs_and_folders_are_results(box):
    missing = box.exec(["no-such-program"])
    assert missing.exit_code == 127
    assert b"no-such-program" in missing.stderr
    assert box.exec(["true"], cwd="/testbed/nowhere").exit_code == 127
    assert box.exec(["/testbed/a.txt"]).exit_code == 126
    assert box.exec(["./run.sh"]).stdout == b"ran\n"


def test_argv_must_be_a_list(box):
    with pytest.raises(ValueError, match="list"):
        box.exec("true")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="list"):
        box.exec([])


def test_stdin_environment_and_folder(box):
    data = os.urandom(3 << 20)
    assert box.exec(["cat"], stdin=data, max_output=8 << 20).stdout == data
    # A program that does not read its input must not block anything.
    assert box.exec(["true"], stdin=data).exit_code == 0
    result = sh(box, "echo $X $HOME; pwd", env={"X": "val"}, cwd="/testbed/pkg")
    assert result.stdout.startswith(b"val ")
    assert result.stdout.endswith(b"/pkg\n")


def test_no_variable_of_the_host_comes_in(box, monkeypatch):
    monkeypatch.setenv("SECRET_API_KEY", "x")
    assert b"SECRET" not in box.exec(["env"]).stdout


def test_output_keeps_head_and_tail(box):
    result = sh(box, "seq 100000; echo end", max_output=1000)
    assert result.stdout.startswith(b"1\n2\n")
    assert result.stdout.endswith(b"100000\nend\n")
    assert result.limit == "output"
    assert result.stdout_dropped == sum(len(str(n)) + 1 for n in range(1, 100001)) + 4 - 1000


def test_an_output_flood_is_ended(box):
    began = time.monotonic()
    result = box.exec(["yes"], max_output=1000, timeout_s=30)
    assert result.limit == "output"
    assert time.monotonic() - began < 25
    assert len(result.stdout) == 1000


def test_a_time_out_ends_the_whole_tree(box):
    began = time.monotonic()
    script = "echo a; (setsid sleep 1077 &) ; sleep 1077 & sleep 1077"
    result = sh(box, script, timeout_s=0.5)
    assert result.limit == "time"
    assert result.stdout == b"a\n"
    assert time.monotonic() - began < 5
    assert processes(box, "1077") == 0
    assert sh(box, "echo still here").stdout == b"still here\n"


@pytest.mark.parametrize(
    "daemon",
    [
        "(setsid sleep 1078 >/dev/null 2>&1 &)",
        "(env -i setsid /bin/sh -c 'sleep 1078 & sleep 1078 & wait' &)",
        "sleep 1078 &",
        "(sleep 1078; echo late) &",
    ],
)
def test_nothing_outlives_its_command(create, daemon):
    box = create()
    result = sh(box, daemon + "\necho done")
    assert result.stdout == b"done\n"
    assert processes(box, "1078") == 0


def test_commands_run_at_the_same_time_without_hurting_each_other(box):
    results: dict[int, bytes] = {}

    def work(number: int) -> None:
        script = f"(setsid sleep 0.{number} &) ; for i in 1 2 3; do sleep 0.1; echo {number}; done"
        results[number] = sh(box, script).stdout

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: b"%d\n" % n * 3 for n in range(8)}
    assert time.monotonic() - began < 8 * 0.3


def test_a_daemon_of_a_running_command_survives_another_commands_end(create):
    box = create()
    done = {}

    def long() -> None:
        script = "(setsid sh -c 'sleep 0.6; echo alive > /testbed/flag' &) ; sleep 1; cat flag"
        done["result"] = sh(box, script)

    thread = threading.Thread(target=long)
    thread.start()
    for _ in range(5):
        time.sleep(0.1)
        assert sh(box, "(setsid sleep 1079 &) ; true").exit_code == 0
    thread.join()
    assert done["result"].stdout == b"alive\n"
    assert processes(box, "1079") == 0


def test_interrupt_ends_running_commands_from_another_thread(box):
    timer = threading.Timer(0.3, box.interrupt)
    timer.start()
    began = time.monotonic()
    assert box.exec(["sleep", "30"]).exit_code == -9
    timer.join()
    assert time.monotonic() - began < 10
    assert box.exec(["true"]).exit_code == 0


def test_an_interrupted_caller_leaves_nothing_running(create, monkeypatch):
    box = create()
    channel = box._channel
    take = channel.take

    def interrupted(ident, timeout_s=None):
        monkeypatch.setattr(channel, "take", take)
        raise KeyboardInterrupt

    monkeypatch.setattr(channel, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        box.exec(["sleep", "1080"])
    for _ in range(50):
        if processes(box, "1080") == 0:
            break
        time.sleep(0.05)
    assert processes(box, "1080") == 0


def test_killing_everything_does_not_kill_the_sandbox(create):
    box = create()
    assert sh(box, "kill -9 -1; kill -9 1; echo here").exit_code in (0, -9)
    assert sh(box, "echo here").stdout == b"here\n"


def test_spawned_processes_talk_until_closed(box):
    process = box.spawn(["cat"])
    for size in (1, 100_000):
        data = os.urandom(size)
        process.write(data)
        got = b""
        while len(got) < size:
            piece = process.read(timeout_s=10)
            assert piece
            got += piece
        assert got == data
    with pytest.raises(TimeoutError):
        process.read(timeout_s=0.05)
    # Commands beside it end, and their sweeping leaves it alone.
    assert sh(box, "(setsid sleep 5 &); echo x").stdout == b"x\n"
    process.write(b"more")
    assert process.read(timeout_s=10) == b"more"
    assert process.poll() is None
    process.close()
    assert process.poll() is not None
    process.close()


def test_a_spawned_process_that_ends_is_seen(box):
    process = box.spawn(["sh", "-c", "echo bye; echo why >&2; exit 3"])
    data = b""
    while piece := process.read(timeout_s=10):
        data += piece
    assert (data, process.poll()) == (b"bye\n", 3)
    assert process.stderr == b"why\n"
    with pytest.raises(FileNotFoundError):
        box.spawn(["no-such-program"])


def test_a_spawned_flood_is_held_back_and_nothing_is_lost(box):
    process = box.spawn(["sh", "-c", "seq 600000; sleep 100"])
    time.sleep(0.3)
    assert sh(box, "echo free").stdout == b"free\n"
    want = b"".join(b"%d\n" % n for n in range(1, 600001))
    got = b""
    while len(got) < len(want):
        piece = process.read(1 << 20, timeout_s=20)
        assert piece
        got += piece
    assert got == want
    process.close()


def test_files_are_read_written_removed_and_listed(box):
    assert box.read("/testbed/pkg/sub/n.bin") == bytes(range(256))
    assert box.read("/testbed/link") == b"one\n"
    big = os.urandom(5 << 20)
    box.write("/testbed/new/deep/file", big)
    assert box.read("/testbed/new/deep/file") == big
    box.write("/testbed/run.sh", b"#!/bin/sh\necho new\n")
    assert box.exec(["./run.sh"]).stdout == b"new\n"
    box.write("/testbed/tool", b"#!/bin/sh\necho tool\n", executable=True)
    assert box.exec(["./tool"]).stdout == b"tool\n"
    box.write("/testbed/link", b"two\n")
    assert box.read("/testbed/a.txt") == b"two\n"
    box.remove("/testbed/new")
    names = [entry.path for entry in box.list("/testbed", recursive=True)]
    assert names == sorted(names)
    assert "pkg/sub/n.bin" in names
    assert not [name for name in names if name.startswith("new")]
    kinds = {entry.path: entry for entry in box.list("/testbed")}
    assert kinds["link"].kind == "symlink"
    assert kinds["pkg"].kind == "dir"
    assert kinds["run.sh"].executable
    assert kinds["a.txt"].size == 4


def test_file_errors_are_those_of_open(box):
    with pytest.raises(FileNotFoundError):
        box.read("/testbed/none")
    with pytest.raises(IsADirectoryError):
        box.read("/testbed/pkg")
    with pytest.raises(IsADirectoryError):
        box.write("/testbed/pkg", b"")
    with pytest.raises(OSError, match="larger"):
        box.read("/testbed/pkg/sub/n.bin", max_bytes=10)
    with pytest.raises(NotADirectoryError):
        box.list("/testbed/a.txt")
    with pytest.raises(OSError, match="regular"):
        box.exec(["mkfifo", "pipe"])
        box.read("/testbed/pipe")
    with pytest.raises(FileNotFoundError):
        box.remove("/testbed/none")
    with pytest.raises(OSError):
        box.read("/testbed/a\0b")


def test_odd_file_names(box):
    for name in ("ünïcode", "with space", "new\nline", "quo\"te'", os.fsdecode(b"\xff\xfe")):
        box.write("/testbed/odd/" + name, name.encode("utf-8", "surrogateescape"))
        assert box.read("/testbed/odd/" + name) == name.encode("utf-8", "surrogateescape")
    assert len(box.list("/testbed/odd")) == 5


def test_a_closed_sandbox_says_so(any_backend, layer):
    from repos.sandbox.protocol import Layers, SandboxSpec

    box = any_backend.create(Layers((layer,)), SandboxSpec())
    box.close()
    box.close()
    with pytest.raises(InfrastructureError):
        box.exec(["true"])
    with pytest.raises(InfrastructureError):
        box.reset()
