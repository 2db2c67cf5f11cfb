from __future__ import annotations

import os
import threading
import time

import pytest

from repos.errors import InfrastructureError
from repos.sandbox.protocol import Sandbox


def sh(sandbox: Sandbox, script: str, **more):
    return sandbox.exec(["sh", "-c", script], **more)


def processes(sandbox: Sandbox, word: str) -> int:
    """How many processes in the sandbox have a word in their command line."""
    found = sh(sandbox, f"grep -lsaz '^{word}$' /proc/[0-9]*/cmdline | wc -l")
    return int(found.stdout)


def test_streams_status_and_signals(sandbox):
    result = sh(sandbox, "echo out; echo err >&2; exit 7")
    assert (result.exit_code, result.stdout, result.stderr) == (7, b"out\n", b"err\n")
    assert sh(sandbox, "kill -11 $$").exit_code == -11
    assert result.limit is None


def test_missing_programs_and_folders_are_results(sandbox):
    missing = sandbox.exec(["no-such-program"])
    assert missing.exit_code == 127
    assert b"no-such-program" in missing.stderr
    assert sandbox.exec(["true"], cwd="/testbed/nowhere").exit_code == 127
    assert sandbox.exec(["/testbed/a.txt"]).exit_code == 126
    assert sandbox.exec(["./run.sh"]).stdout == b"ran\n"


def test_argv_must_be_a_list(sandbox):
    with pytest.raises(ValueError, match="list"):
        sandbox.exec("true")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="list"):
        sandbox.exec([])


def test_stdin_environment_and_folder(sandbox):
    data = os.urandom(3 << 20)
    assert sandbox.exec(["cat"], stdin=data, max_output=8 << 20).stdout == data
    # A program that does not read its input must not block anything.
    assert sandbox.exec(["true"], stdin=data).exit_code == 0
    result = sh(sandbox, "echo $X $HOME; pwd", env={"X": "val"}, cwd="/testbed/pkg")
    assert result.stdout.startswith(b"val ")
    assert result.stdout.endswith(b"/pkg\n")


def test_no_variable_of_the_host_comes_in(sandbox, monkeypatch):
    monkeypatch.setenv("SECRET_API_KEY", "x")
    assert b"SECRET" not in sandbox.exec(["env"]).stdout


def test_output_keeps_head_and_tail(sandbox):
    result = sh(sandbox, "seq 100000; echo end", max_output=1000)
    assert result.stdout.startswith(b"1\n2\n")
    assert result.stdout.endswith(b"100000\nend\n")
    assert result.limit == "output"
    assert result.stdout_dropped == sum(len(str(n)) + 1 for n in range(1, 100001)) + 4 - 1000


def test_an_output_flood_is_ended(sandbox):
    began = time.monotonic()
    result = sandbox.exec(["yes"], max_output=1000, timeout_s=30)
    assert result.limit == "output"
    assert time.monotonic() - began < 25
    assert len(result.stdout) == 1000


def test_a_time_out_ends_the_whole_tree(sandbox):
    began = time.monotonic()
    script = "echo a; (setsid sleep 1077 &) ; sleep 1077 & sleep 1077"
    result = sh(sandbox, script, timeout_s=0.5)
    assert result.limit == "time"
    assert result.stdout == b"a\n"
    assert time.monotonic() - began < 5
    assert processes(sandbox, "1077") == 0
    assert sh(sandbox, "echo still here").stdout == b"still here\n"


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
    sandbox = create()
    result = sh(sandbox, daemon + "\necho done")
    assert result.stdout == b"done\n"
    assert processes(sandbox, "1078") == 0


def test_commands_run_at_the_same_time_without_hurting_each_other(sandbox):
    results: dict[int, bytes] = {}

    def work(number: int) -> None:
        script = f"(setsid sleep 0.{number} &) ; for i in 1 2 3; do sleep 0.1; echo {number}; done"
        results[number] = sh(sandbox, script).stdout

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: b"%d\n" % n * 3 for n in range(8)}
    assert time.monotonic() - began < 8 * 0.3


def test_a_daemon_of_a_running_command_survives_another_commands_end(create):
    sandbox = create()
    done = {}

    def long() -> None:
        script = "(setsid sh -c 'sleep 0.6; echo alive > /testbed/flag' &) ; sleep 1; cat flag"
        done["result"] = sh(sandbox, script)

    thread = threading.Thread(target=long)
    thread.start()
    for _ in range(5):
        time.sleep(0.1)
        assert sh(sandbox, "(setsid sleep 1079 &) ; true").exit_code == 0
    thread.join()
    assert done["result"].stdout == b"alive\n"
    assert processes(sandbox, "1079") == 0


def test_interrupt_ends_running_commands_from_another_thread(sandbox):
    timer = threading.Timer(0.3, sandbox.interrupt)
    timer.start()
    began = time.monotonic()
    assert sandbox.exec(["sleep", "30"]).exit_code == -9
    timer.join()
    assert time.monotonic() - began < 10
    assert sandbox.exec(["true"]).exit_code == 0


def test_an_interrupted_caller_leaves_nothing_running(create, monkeypatch):
    sandbox = create()
    channel = sandbox._channel
    take = channel.take

    def interrupted(ident, timeout_s=None):
        monkeypatch.setattr(channel, "take", take)
        raise KeyboardInterrupt

    monkeypatch.setattr(channel, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sandbox.exec(["sleep", "1080"])
    for _ in range(50):
        if processes(sandbox, "1080") == 0:
            break
        time.sleep(0.05)
    assert processes(sandbox, "1080") == 0


def test_killing_everything_does_not_kill_the_sandbox(create):
    sandbox = create()
    assert sh(sandbox, "kill -9 -1; kill -9 1; echo here").exit_code in (0, -9)
    assert sh(sandbox, "echo here").stdout == b"here\n"


def test_spawned_processes_talk_until_closed(sandbox):
    process = sandbox.spawn(["cat"])
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
    assert sh(sandbox, "(setsid sleep 5 &); echo x").stdout == b"x\n"
    process.write(b"more")
    assert process.read(timeout_s=10) == b"more"
    assert process.poll() is None
    process.close()
    assert process.poll() is not None
    process.close()


def test_a_spawned_process_that_ends_is_seen(sandbox):
    process = sandbox.spawn(["sh", "-c", "echo bye; echo why >&2; exit 3"])
    data = b""
    while piece := process.read(timeout_s=10):
        data += piece
    assert (data, process.poll()) == (b"bye\n", 3)
    assert process.stderr == b"why\n"
    with pytest.raises(FileNotFoundError):
        sandbox.spawn(["no-such-program"])


def test_a_spawned_flood_is_held_back_and_nothing_is_lost(sandbox):
    process = sandbox.spawn(["sh", "-c", "seq 600000; sleep 100"])
    time.sleep(0.3)
    assert sh(sandbox, "echo free").stdout == b"free\n"
    want = b"".join(b"%d\n" % n for n in range(1, 600001))
    got = b""
    while len(got) < len(want):
        piece = process.read(1 << 20, timeout_s=20)
        assert piece
        got += piece
    assert got == want
    process.close()


def test_files_are_read_written_removed_and_listed(sandbox):
    assert sandbox.read("/testbed/pkg/sub/n.bin") == bytes(range(256))
    assert sandbox.read("/testbed/link") == b"one\n"
    big = os.urandom(5 << 20)
    sandbox.write("/testbed/new/deep/file", big)
    assert sandbox.read("/testbed/new/deep/file") == big
    sandbox.write("/testbed/run.sh", b"#!/bin/sh\necho new\n")
    assert sandbox.exec(["./run.sh"]).stdout == b"new\n"
    sandbox.write("/testbed/tool", b"#!/bin/sh\necho tool\n", executable=True)
    assert sandbox.exec(["./tool"]).stdout == b"tool\n"
    sandbox.write("/testbed/link", b"two\n")
    assert sandbox.read("/testbed/a.txt") == b"two\n"
    sandbox.remove("/testbed/new")
    names = [entry.path for entry in sandbox.list("/testbed", recursive=True)]
    assert names == sorted(names)
    assert "pkg/sub/n.bin" in names
    assert not [name for name in names if name.startswith("new")]
    kinds = {entry.path: entry for entry in sandbox.list("/testbed")}
    assert kinds["link"].kind == "symlink"
    assert kinds["pkg"].kind == "dir"
    assert kinds["run.sh"].executable
    assert kinds["a.txt"].size == 4


def test_file_errors_are_those_of_open(sandbox):
    with pytest.raises(FileNotFoundError):
        sandbox.read("/testbed/none")
    with pytest.raises(IsADirectoryError):
        sandbox.read("/testbed/pkg")
    with pytest.raises(IsADirectoryError):
        sandbox.write("/testbed/pkg", b"")
    with pytest.raises(OSError, match="larger"):
        sandbox.read("/testbed/pkg/sub/n.bin", max_bytes=10)
    with pytest.raises(NotADirectoryError):
        sandbox.list("/testbed/a.txt")
    with pytest.raises(OSError, match="regular"):
        sandbox.exec(["mkfifo", "pipe"])
        sandbox.read("/testbed/pipe")
    with pytest.raises(FileNotFoundError):
        sandbox.remove("/testbed/none")
    with pytest.raises(OSError):
        sandbox.read("/testbed/a\0b")


def test_odd_file_names(sandbox):
    for name in ("ünïcode", "with space", "new\nline", "quo\"te'", os.fsdecode(b"\xff\xfe")):
        sandbox.write("/testbed/odd/" + name, name.encode("utf-8", "surrogateescape"))
        assert sandbox.read("/testbed/odd/" + name) == name.encode("utf-8", "surrogateescape")
    assert len(sandbox.list("/testbed/odd")) == 5


def test_a_closed_sandbox_says_so(any_backend, layer):
    from repos.sandbox.protocol import Layers, SandboxSpec

    sandbox = any_backend.create(Layers((layer,)), SandboxSpec())
    sandbox.close()
    sandbox.close()
    with pytest.raises(InfrastructureError):
        sandbox.exec(["true"])
    with pytest.raises(InfrastructureError):
        sandbox.reset()


def test_joined_streams_come_in_the_order_of_writing(sandbox: Sandbox):
    script = "echo one; echo two >&2; echo three; echo four >&2"
    done = sandbox.exec(["sh", "-c", script], join=True)
    assert done.stdout == b"one\ntwo\nthree\nfour\n"
    assert done.stderr == b""
    apart = sandbox.exec(["sh", "-c", script])
    assert (apart.stdout, apart.stderr) == (b"one\nthree\n", b"two\nfour\n")
