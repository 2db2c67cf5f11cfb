from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from repos.sandbox.backends.bubblewrap.backend import own_layer
from repos.sandbox.namespaces import seccomp
from repos.sandbox.protocol import Layers, Mount, SandboxSpec

PYTHON = ["/opt/repogym/python", "-I", "-S", "-c"]


def sh(sandbox, script, **more):
    return sandbox.exec(["sh", "-c", script], **more)


def test_it_runs_as_nobody_in_particular(create):
    sandbox = create()
    status = sandbox.exec(["cat", "/proc/self/status"]).text
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "60923\t60923\t60923\t60923" in facts["Uid"]
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    if os.geteuid() == 0:
        assert int(facts["CapBnd"], 16) == 0
    assert sandbox.exec(["id", "-un"]).stdout == b"agent\n"


def test_the_server_can_not_be_looked_into(create):
    sandbox = create()
    for path in ("/proc/1/mem", "/proc/1/environ", "/proc/1/maps", "/proc/1/fd/10"):
        assert sh(sandbox, f"head -c 1 {path}").exit_code != 0, path
        with pytest.raises(OSError):
            sandbox.read(path)
    assert sh(sandbox, "ls /proc/1/fd").exit_code != 0
    assert sh(sandbox, "echo x > /proc/1/fd/10").exit_code != 0
    with pytest.raises(OSError):
        sandbox.write("/proc/self/mem", b"x")
    assert sh(sandbox, "echo ok").stdout == b"ok\n"


@pytest.mark.parametrize(
    "path",
    ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
     "/proc/sys/kernel/hostname", "/sys/kernel/mm/ksm/run", "/usr/x", "/etc/x", "/x", "/dev/x",
     "/opt/repogym/x", "/opt/repogym/git.pyz"],
)  # fmt: skip
def test_what_may_not_be_written(create, path):
    assert sh(create(), f"echo x > {path}").exit_code != 0


def test_proc_sys_is_mounted_read_only(create):
    mounts = create().exec(["cat", "/proc/mounts"]).text.splitlines()
    line = next(line for line in mounts if line.split()[1] == "/proc/sys")
    assert "ro" in line.split()[3].split(",")


def test_the_host_is_invisible(create, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s")
    sandbox = create()
    for path in (secret, Path.home(), Path(__file__), "/sys/class", "/boot", "/var/lib", "/mnt"):
        hidden = sh(sandbox, f"ls -A {path}").stdout
        assert hidden in (b"", b".pyenv\n"), path
    assert sh(sandbox, "ls /home").stdout == b"agent\n"
    accounts = sh(sandbox, "cut -d: -f1 /etc/passwd").stdout.split()
    assert accounts == [b"root", b"agent", b"nobody"]
    assert int(sh(sandbox, "ls -d /proc/[0-9]* | wc -l").stdout) <= 6
    assert sandbox.exec(["hostname"]).stdout in (b"sandbox\n", b"")


def test_installed_packages_are_hidden(create):
    sandbox = create()
    search = "find / -path /proc -prune -o -name site-packages -print -o -name dist-packages -print"
    assert sh(sandbox, f"{search} | while read at; do ls -A $at; done").stdout == b""
    code = "import sys; print([p for p in sys.path if 'packages' in p])"
    assert sandbox.exec(["/opt/repogym/python", "-c", code]).exit_code == 0
    assert sandbox.exec(["/opt/repogym/python", "-c", "import pytest"]).exit_code != 0


def test_there_is_no_network_but_the_loopback(create):
    sandbox = create()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
    assert b"refused" in sandbox.exec([*PYTHON, code]).stderr
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    assert b"unreachable" in sandbox.exec([*PYTHON, code]).stderr
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(s.getsockname(), 2); print('ok')"
    )
    assert sandbox.exec([*PYTHON, code]).stdout == b"ok\n"
    listener.close()


def test_preparing_may_use_the_network(create):
    sandbox = create(SandboxSpec(network=True))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('ok')"
    assert sandbox.exec([*PYTHON, code]).stdout == b"ok\n"
    listener.close()


@pytest.mark.parametrize(
    ("number", "args", "refusal"),
    [
        (272, "0x10000000", 1),  # unshare(CLONE_NEWUSER)
        (101, "0, 0, 0, 0", 1),  # ptrace(TRACEME)
        (435, "0, 0", 38),  # clone3
        (425, "1, 0", 1),  # io_uring_setup
        (321, "0, 0, 0", 1),  # bpf
        (250, "0, 0, 0", 1),  # keyctl
        (41, "40, 1, 0", 97),  # socket(AF_VSOCK)
        (41, "38, 5, 0", 97),  # socket(AF_ALG)
        (56, "0x10000011, 0, 0, 0, 0", 1),  # clone(CLONE_NEWUSER | SIGCHLD)
        (165, "0, 0, 0, 0, 0", 1),  # mount
    ],
)
def test_system_calls_that_are_refused(create, number, args, refusal):
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    code = (
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); "
        f"print(libc.syscall({number}, {args}), ctypes.get_errno())"
    )
    assert create().exec([*PYTHON, code]).stdout == b"-1 %d\n" % refusal


def test_the_filter_is_built_for_both_architectures():
    for machine in ("x86_64", "aarch64"):
        program = seccomp.program("default", machine)
        assert program is not None
        assert len(program) % 8 == 0
        count = len(program) // 8
        for at in range(count):  # every jump stays inside the program
            code = int.from_bytes(program[8 * at : 8 * at + 2], "little")
            if code & 7 == 5:
                assert at + 1 + max(program[8 * at + 2], program[8 * at + 3]) < count
    assert seccomp.program("default", "riscv64") is None
    assert seccomp.program("none") is None
    with pytest.raises(ValueError, match="unknown seccomp profile"):
        seccomp.program("nonsense")


def test_layers_stay_as_they_are(create, layer):
    before = {p: p.read_bytes() for p in layer.rglob("*") if p.is_file()}
    sandbox = create()
    sh(sandbox, "for f in $(find . -type f); do echo x >> $f; done; rm -rf pkg; chmod 777 a.txt")
    sandbox.fork().close()
    assert {p: p.read_bytes() for p in layer.rglob("*") if p.is_file()} == before


def test_layers_lie_above_each_other_and_mounts_are_read_only(backend, layer, tmp_path):
    upper, tool, other = tmp_path / "upper", tmp_path / "tool", tmp_path / "other"
    for folder in (upper, tool, other):
        folder.mkdir()
    (upper / "a.txt").write_text("upper\n")
    (tool / "prog").write_text("#!/bin/sh\necho prog\n")
    (tool / "prog").chmod(0o755)
    for folder in (upper, tool, other):
        own_layer(folder)
    layers = Layers(
        (layer, upper),
        (Mount(tool, "/env/bin"), Mount(other, "/build", writable=True)),
        path=("/env/bin",),
    )
    sandbox = backend.create(layers, SandboxSpec())
    try:
        assert sandbox.read("/testbed/a.txt") == b"upper\n"
        assert sandbox.read("/testbed/pkg/m.py") == b"print('m')\n"
        assert sandbox.exec(["prog"]).stdout == b"prog\n"
        assert sh(sandbox, "echo x > /env/bin/prog").exit_code != 0
        sandbox.write("/build/out", b"made")
        assert (other / "out").read_bytes() == b"made"
    finally:
        sandbox.close()


def test_what_is_mounted_below_the_workspace_is_protected(backend, layer, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("protected")
    (tmp_path / "ini").write_text("ini")
    own_layer(tmp_path / "tests")
    mounts = (
        Mount(tmp_path / "tests", "/testbed/pkg/new/tests"),
        Mount(tmp_path / "ini", "/testbed/a.txt"),
    )
    sandbox = backend.create(Layers((layer,), mounts), SandboxSpec())
    try:
        for _ in range(2):
            assert sandbox.read("/testbed/pkg/new/tests/test_x.py") == b"protected"
            assert sandbox.read("/testbed/a.txt") == b"ini"
            for path in ("pkg/new/tests/test_x.py", "pkg/new/tests/y", "a.txt"):
                assert sh(sandbox, f"echo x > {path}").exit_code != 0
            assert sh(sandbox, "rm -rf pkg a.txt").exit_code != 0
            sandbox.snapshot()
        assert (tmp_path / "tests" / "test_x.py").read_text() == "protected"
    finally:
        sandbox.close()


def test_links_are_followed_inside_only(create, tmp_path):
    (tmp_path / "host").write_text("host")
    sandbox = create()
    sh(sandbox, f"ln -s {tmp_path} out; ln -s /etc/passwd pw")
    with pytest.raises(OSError):
        sandbox.read("/testbed/out/host")
    assert b"agent" in sandbox.read("/testbed/pw")
    with pytest.raises(OSError):
        sandbox.write("/testbed/pw", b"x")
    sandbox.write("/testbed/out/new", b"x")  # into the sandbox's own /tmp
    assert not (tmp_path / "new").exists()


def test_ripgrep_and_the_interpreter_are_there(create):
    sandbox = create()
    assert sandbox.exec([*PYTHON, "print(6*7)"]).stdout == b"42\n"
    assert sandbox.exec(["rg", "-l", "print"]).stdout == b"pkg/m.py\n"
