"""What a sandbox forked into a template must have, though no bwrap sets it up for each.

Everything is looked at from inside, or in `/proc` from outside, of sandboxes that run.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from repos.sandbox.backends.bubblewrap.backend import BubblewrapBackend
from repos.sandbox.protocol import Layers, SandboxSpec

PYTHON = ["/opt/repogym/python", "-I", "-S", "-c"]
NAMESPACES = ("pid", "net", "ipc", "uts", "mnt", "cgroup", "time", "user")
OWN = 60923


def pointed(path):
    """What a link of /proc says; None where that may not be asked or has gone."""
    try:
        return str(Path(path).readlink())
    except OSError:
        return None


def processes_in(namespace):
    """The processes of this machine that are in a process namespace."""
    folders = [f for f in Path("/proc").iterdir() if f.name.isdigit()]
    return [f for f in folders if pointed(f / "ns" / "pid") == namespace]


def ask(sandbox, code):
    done = sandbox.exec([*PYTHON, code])
    assert done.exit_code == 0, done.text
    return json.loads(done.stdout)


def status(sandbox):
    text = sandbox.exec(["cat", "/proc/self/status"]).text
    return {k: v.strip() for k, _, v in (line.partition(":") for line in text.splitlines())}


def namespaces(sandbox):
    code = "import os, json; print(json.dumps({n: os.readlink('/proc/self/ns/' + n) for n in %r}))"
    return ask(sandbox, code % (list(NAMESPACES),))


@pytest.fixture
def two(backend, layer):
    """Two sandboxes of one kind: both forked into the same template."""
    sandboxes = [backend.create(Layers((layer,)), SandboxSpec()) for _ in range(2)]
    yield sandboxes
    for sandbox in sandboxes:
        sandbox.close()


def test_every_namespace_is_its_own(two):
    first, second = map(namespaces, two)
    host = {name: pointed(f"/proc/self/ns/{name}") for name in first}
    for name in NAMESPACES:
        assert len({first[name], second[name], host[name]}) == 3, name


def test_the_template_and_the_namespace_daemon_are_in_other_namespaces(backend, two):
    inside = namespaces(two[0])
    daemon = backend.daemon.pid
    for name in ("mnt", "pid", "net"):
        if os.geteuid() == 0:
            assert inside[name] != pointed(f"/proc/{daemon}/ns/{name}")
    # None of the machine's processes is seen, so none can be signalled or looked into.
    code = "import os, json; print(json.dumps([p for p in os.listdir('/proc') if p.isdigit()]))"
    assert len(ask(two[0], code)) == 2
    facts = status(two[0])
    assert facts["NSpid"].split() == [facts["Pid"]]


def test_no_right_is_left_in_any_set(create):
    facts = status(create())
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[name], 16) == 0, name
    assert facts["NoNewPrivs"] == "1"
    if platform.machine() in ("x86_64", "aarch64"):
        assert facts["Seccomp"] == "2"
    assert set(facts["Uid"].split()) == {str(OWN)}
    assert set(facts["Gid"].split()) == {str(OWN)}
    if os.geteuid() == 0:  # in a user namespace the caller's own groups can't be given up
        assert facts["Groups"] == ""


def test_the_server_has_no_right_left_either(create):
    """It runs what an agent asks for, as seen from outside."""
    sandbox = create()
    sandbox.exec(["true"])
    inside = namespaces(sandbox)["pid"]
    if os.geteuid() != 0:
        pytest.skip("an ordinary user may not look at it from outside")
    (server,) = processes_in(inside)
    for line in (server / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.startswith("Cap"):
            assert int(value, 16) == 0, line
        if name == "Uid":
            assert set(value.split()) == {str(OWN)}
        if name in ("NoNewPrivs",):
            assert value.strip() == "1"
        if name == "Seccomp":
            assert value.strip() == "2"


def test_set_user_id_programs_give_nothing(create):
    sandbox = create()
    code = (
        "import os, json, subprocess; found = [p for p in ('/usr/bin/su', '/usr/bin/passwd', "
        "'/usr/bin/mount', '/usr/bin/newgrp') if os.path.exists(p)]; "
        "print(json.dumps([os.statvfs(p).f_flag & os.ST_NOSUID for p in ['/usr', '/tmp', "
        "'/testbed', '/dev/shm', '/home/agent']]))"
    )
    assert all(ask(sandbox, code))
    assert sandbox.exec(["sh", "-c", "cp /usr/bin/id i; chmod 4755 i; ./i -u"]).stdout == b"60923\n"


def test_there_is_no_terminal(create):
    sandbox = create()
    code = (
        "import os, json; fields = open('/proc/self/stat').read().rpartition(')')[2].split(); "
        "print(json.dumps([int(fields[3]) == os.getpid(), int(fields[4])]))"
    )
    # A session of its own, without a controlling terminal.
    assert ask(sandbox, code) == [True, 0]
    assert sandbox.exec(["sh", "-c", "echo x > /dev/tty"]).exit_code != 0
    assert sandbox.exec(["sh", "-c", "ls /dev/pts"]).stdout == b"ptmx\n"
    code = "import os, json; a, b = os.openpty(); print(json.dumps(os.ttyname(b)))"
    assert ask(sandbox, code) == "/dev/pts/0"


def test_programs_inherit_three_descriptors_and_nothing_else(create):
    sandbox = create()
    code = (
        "import os, json; print(json.dumps({n: os.readlink('/proc/self/fd/' + n) "
        "for n in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + n)}))"
    )
    found = ask(sandbox, code)
    assert sorted(found) == ["0", "1", "2"]
    assert found["0"] == "/dev/null"
    assert found["1"].startswith("pipe:")
    assert found["2"].startswith("pipe:")


def test_programs_start_with_signals_as_usual(create):
    facts = status(create())
    assert int(facts["SigBlk"], 16) == 0
    assert int(facts["SigIgn"], 16) == 0
    assert ask(create(), "import os; print(os.umask(0))") == 0o022


def test_signals_that_a_shell_in_the_background_ignores_are_as_usual():
    one = f"{Path(__file__).resolve()}::{test_programs_start_with_signals_as_usual.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", one]
    shell = ["sh", "-c", 'trap "" QUIT HUP USR1; exec "$@"', "sh", *command]
    done = subprocess.run(shell, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_nothing_of_the_hosts_variables_is_there(create):
    os.environ["REPOGYM_PROBE_VARIABLE"] = "secret"
    try:
        found = ask(create(), "import os, json; print(json.dumps(dict(os.environ)))")
    finally:
        del os.environ["REPOGYM_PROBE_VARIABLE"]
    assert set(found) <= {
        "HOME", "USER", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "TZ", "TMPDIR", "LC_CTYPE"
    }  # fmt: skip


def test_proc_is_its_own_and_masked(create):
    sandbox = create()
    mounts = [
        line.split() for line in sandbox.exec(["cat", "/proc/self/mountinfo"]).text.splitlines()
    ]
    by_place = {row[4]: row for row in mounts}
    assert [row[4] for row in mounts].count("/proc") == 1  # the machine's is not below it
    assert by_place["/proc"][3] == "/"
    for name in ("sys", "sysrq-trigger", "irq", "bus"):
        if Path("/proc", name).exists():
            assert "ro" in by_place[f"/proc/{name}"][5].split(","), name
    for path in ("/proc/kcore", "/proc/kmsg", "/proc/1/environ", "/proc/1/root/etc"):
        assert sandbox.exec(["head", "-c1", path]).exit_code != 0, path
    assert "sysfs" not in {row[row.index("-") + 1] for row in mounts}
    # Version 1 shows a path for each controller; all end at the sandbox's own group.
    groups = sandbox.exec(["cat", "/proc/self/cgroup"]).text.split()
    assert {line.rpartition(":")[2] for line in groups if "memory" in line or "pids" in line} <= {
        "/"
    }


def test_limits_of_the_kernel_can_not_be_set(create):
    sandbox = create()
    for path in ("kernel/core_pattern", "vm/overcommit_memory", "net/ipv4/ip_forward",
                 "kernel/hostname", "fs/file-max", "user/max_user_namespaces"):  # fmt: skip
        done = sandbox.exec(["sh", "-c", f"cat /proc/sys/{path} > v && cat v > /proc/sys/{path}"])
        assert done.exit_code != 0, path
    assert ask(sandbox, "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[1])") == 0


def test_keyrings_are_out_of_reach(create):
    if platform.machine() != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    code = (
        "import ctypes, json; c = ctypes.CDLL(None, use_errno=True); out = []\n"
        "for call in ((248, b'user', b'k', b'x', 1, -5), (249, b'user', b'k', None, -5), "
        "(250, 0, -3, 0), (250, 0, -4, 0), (250, 0, -5, 0)):\n"
        "    out.append([c.syscall(*call), ctypes.get_errno()])\n"
        "print(json.dumps(out))"
    )
    assert ask(create(), code) == [[-1, 1]] * 5


def test_the_callers_keyring_is_left_even_without_a_filter(create):
    if platform.machine() != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    ask_id = "import ctypes; print(ctypes.CDLL(None).syscall(250, 0, -3, 0))"
    ours = int(subprocess.check_output([sys.executable, "-c", ask_id]))
    inside = ask(create(SandboxSpec(seccomp="none")), ask_id)
    assert inside > 0
    assert inside != ours


def test_sandboxes_of_a_template_share_no_file_system(two):
    code = (
        "import json; rows = [l.split() for l in open('/proc/self/mountinfo')]\n"
        "print(json.dumps([[r[2], r[3], r[4], r[5], r[6:r.index('-')], r[r.index('-') + 3]] "
        "for r in rows]))"
    )
    mounted = []
    for sandbox in two:
        rows = ask(sandbox, code)
        # What one mounts or unmounts must not show anywhere else.
        assert not [row for row in rows if any(tag.startswith("shared:") for tag in row[4])]
        mounted.append({row[0] for row in rows})
    devices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
    names = {row[0] for row in ask(two[0], code) if row[2] in devices}
    assert os.geteuid() != 0 or not names  # only an ordinary user can't make devices
    shared = (mounted[0] & mounted[1]) - names
    assert not shared, [row for row in ask(two[0], code) if row[0] in shared]
    for at, sandbox in enumerate(two):
        for place in ("/tmp", "/home/agent", "/dev/shm", "/testbed"):
            sandbox.write(f"{place}/mine", b"%d" % at)
    for at, sandbox in enumerate(two):
        for place in ("/tmp", "/home/agent", "/dev/shm", "/testbed"):
            assert sandbox.read(f"{place}/mine") == b"%d" % at
        done = sandbox.exec(["sh", "-c", "ipcmk -Q; ipcs -q | grep -c 0x"])
        assert done.stdout.split()[-1] in (b"1", b"0"), done.text  # its own queue, not the other's


def test_no_file_of_the_template_can_be_changed(create):
    code = (
        "import os, json; found = []\n"
        "for top, folders, files in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if os.path.join(top, f) not in "
        "('/proc', '/testbed', '/tmp', '/home/agent', '/dev/shm', '/dev/pts', '/usr/share')]\n"
        "    for name in ['.', *files]:\n"
        "        at = os.path.join(top, name)\n"
        "        if not os.path.islink(at) and os.access(at, os.W_OK): found.append(at)\n"
        "print(json.dumps(found))"
    )
    found = ask(create(), code)
    assert {p for p in found if not p.startswith("/dev/")} == set()
    allowed = {"null", "zero", "full", "random", "urandom", "tty"}
    assert {p.rpartition("/")[2] for p in found} <= allowed


def test_a_sandbox_can_not_speak_to_those_that_made_it(layer):
    """The server's own descriptors lead to its channel, the leash's end and nothing else."""
    backend = BubblewrapBackend()
    sandbox = backend.create(Layers((layer,)), SandboxSpec())
    try:
        inside = namespaces(sandbox)["pid"]
        if os.geteuid() != 0:
            pytest.skip("an ordinary user may not look at it from outside")
        (server,) = processes_in(inside)
        found = [str(pointed(link)) for link in (server / "fd").iterdir()]
        kinds = sorted(name.partition(":")[0] for name in found)
        # Null three times (0, 1, the server's own), its channel, errors and the leash as pipes
        # with the pair that wakes it, and its out-of-memory score.
        assert kinds.count("socket") == 1, found
        assert not [name for name in found if name.startswith(("mnt:", "/proc/", "user:"))
                    and not name.endswith("oom_score_adj")], found  # fmt: skip
        assert not [name for name in found if "/sys/kernel" in name], found
    finally:
        sandbox.close()
        backend.close()
