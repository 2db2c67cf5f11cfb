"""What one sandbox could tell another: both run at the same time, one sends, the other listens.

What is left is in docs/threat-model.md: what the whole machine shows (load, free memory), and the
kernel's page cache.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from repos.sandbox.protocol import Layers, Mount, SandboxSpec

PYTHON = ["/opt/repogym/python", "-I", "-S", "-c"]

PLACES = [
    "/", "/usr", "/usr/bin/env", "/etc", "/etc/passwd", "/opt", "/opt/repogym",
    "/opt/repogym/git.pyz", "/dev", "/dev/pts", "/dev/shm", "/proc", "/proc/meminfo",
    "/proc/sys/kernel/ostype", "/tmp", "/home/agent", "/testbed", "/testbed/a.txt",
    "/testbed/pkg/tests", "/testbed/pkg/tests/t.py", "/data", "/data/f", "/one.txt",
]  # fmt: skip
DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
NAMESPACES = [f"/proc/self/ns/{name}" for name in ("user", "mnt", "pid", "net", "ipc", "uts")]

HOLD = """
import fcntl, json, os, struct, sys
held, locked = [], []
for place in json.loads(sys.argv[1]):
    fd = os.open(place, os.O_RDONLY)
    held.append(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 7, 1, 0))
        locked.append(place)
    except OSError as error:
        locked.append(f"{place}: {error}")
print(json.dumps(locked), flush=True)
"""


@pytest.fixture
def pair(backend, layer, tmp_path):
    """Two sandboxes of one kind, with everything in them that can be shown."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "t.py").write_text("hidden")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "f").write_text("x")
    (tmp_path / "one").write_text("x")
    mounts = (
        Mount(tmp_path / "tests", "/testbed/pkg/tests"),
        Mount(tmp_path / "data", "/data"),
        Mount(tmp_path / "one", "/one.txt"),
    )
    spec = SandboxSpec(memory_mb=1024, processes=64, disk_mb=32, tmp_mb=16)
    made = [backend.create(Layers((layer,), mounts), spec) for _ in range(2)]
    yield made
    for sandbox in made:
        sandbox.close()


def beside(first, code, *arguments):
    """Start a program in a sandbox that prints one line and waits; return the line."""
    process = first.spawn([*PYTHON, f"{code}\nsys.stdin.read()", *arguments])
    out = b""
    while not out.endswith(b"\n"):
        piece = process.read()
        assert piece, out
        out += piece
    return process, json.loads(out)


def ask(sandbox, code, *arguments):
    done = sandbox.exec([*PYTHON, code, *arguments])
    assert done.exit_code == 0, done.text
    return json.loads(done.stdout)


def places():
    # Nobody but root may make devices: an ordinary user's sandboxes show the machine's.
    return [*PLACES, *NAMESPACES, *(DEVICES if os.geteuid() == 0 else [])]


def test_locks_of_another_sandbox_are_not_felt(pair):
    said = json.dumps(places())
    process, locked = beside(pair[0], HOLD, said)
    try:
        assert locked == places()
        assert ask(pair[1], HOLD, said) == places()
    finally:
        process.close()


def test_nothing_watches_another_sandbox(pair):
    watch = """
import ctypes, json, os, sys
c = ctypes.CDLL(None)
fd = c.inotify_init1(0o4000)
refused = [p for p in json.loads(sys.argv[1]) if c.inotify_add_watch(fd, p.encode(), 0xfff) < 0]
print(json.dumps(refused), flush=True)
sys.stdin.readline()
try:
    print(json.dumps(len(os.read(fd, 65536))), flush=True)
except BlockingIOError:
    print(0, flush=True)
"""
    touch = """
import json, os, sys
for place in json.loads(sys.argv[1]):
    if os.path.isdir(place):
        os.listdir(place)
    else:
        with open(place, "rb") as f: f.read(1)
open("/testbed/mine", "w").close()
print(0)
"""
    # Where no control group counts processes, a sandbox's own server reads /proc.
    watched = [place for place in places() if place not in (*NAMESPACES, "/proc")]
    process, refused = beside(pair[0], watch, json.dumps(watched))
    try:
        assert refused == []
        ask(pair[1], touch, json.dumps(watched))
        process.write(b"\n")
        assert process.read().strip() == b"0"
        # The same in its own sandbox is noticed: the watch works.
    finally:
        process.close()
    process, _ = beside(pair[0], watch, json.dumps(watched))
    try:
        ask(pair[0], touch, json.dumps(watched))
        process.write(b"\n")
        assert int(process.read()) > 0
    finally:
        process.close()


def test_inodes_are_of_file_systems_of_its_own(pair):
    code = """
import json, os, sys
print(json.dumps({p: os.stat(p).st_dev for p in json.loads(sys.argv[1]) if os.path.isdir(p)}))
"""
    folders = json.dumps([place for place in PLACES if not place.startswith("/proc")])
    first, second = (ask(sandbox, code, folders) for sandbox in pair)
    assert [place for place in first if first[place] == second[place]] == []


def test_limits_of_the_user_are_counted_for_each_sandbox(pair):
    if os.geteuid() != 0:
        pytest.skip("all sandboxes of an ordinary user are that user")
    take = """
import ctypes, json, sys
c = ctypes.CDLL(None)
taken = 0
while c.inotify_init1(0) >= 0: taken += 1
print(json.dumps(taken), flush=True)
"""
    process, first = beside(pair[0], take)
    try:
        assert first > 10
        assert ask(pair[1], take) == first
    finally:
        process.close()


def test_pseudo_terminals_of_the_machine_are_left(pair):
    take = """
import json, os
taken = []
try:
    while len(taken) < 1000: taken.append(os.openpty())
except OSError: pass
print(json.dumps(len(taken)))
"""
    assert 8 <= ask(pair[0], take) <= 256


def test_abstract_sockets_queues_and_memory_are_its_own(pair):
    make = """
import ctypes, json, socket, sys
c = ctypes.CDLL(None)
s = socket.socket(socket.AF_UNIX); s.bind("\\0repogym"); s.listen()
t = socket.create_server(("127.0.0.1", 45671))
found = [c.shmget(4711, 4096, 0o1666), c.msgget(4711, 0o1666), c.semget(4711, 1, 0o1666)]
open("/dev/shm/x", "w").close()
print(json.dumps(min(found)), flush=True)
"""
    look = """
import ctypes, json, os, socket
c = ctypes.CDLL(None)
seen = [c.shmget(4711, 4096, 0) >= 0, c.msgget(4711, 0) >= 0, c.semget(4711, 1, 0) >= 0,
        os.path.exists("/dev/shm/x")]
for family, name in ((socket.AF_UNIX, "\\0repogym"), (socket.AF_INET, ("127.0.0.1", 45671))):
    try: socket.socket(family).connect(name); seen.append(True)
    except OSError: seen.append(False)
print(json.dumps(seen))
"""
    process, made = beside(pair[0], make)
    try:
        assert made >= 0
        assert ask(pair[0], look) == [True] * 6
        assert ask(pair[1], look) == [False] * 6
    finally:
        process.close()


def test_reading_leaves_no_time_stamp(pair):
    look = """
import json, os
names = ["/usr/bin/env", "/etc/passwd", "/testbed/a.txt", "/testbed/pkg/tests/t.py", "/data/f"]
print(json.dumps([os.stat(n).st_atime_ns for n in names]))
"""
    read = "for n in ('/usr/bin/env', '/etc/passwd', '/testbed/a.txt', '/data/f'): open(n).close()"
    before = ask(pair[1], look)
    pair[0].exec([*PYTHON, f"{read}; print(1)"])
    pair[0].exec(["cat", "/testbed/a.txt", "/data/f", "/testbed/pkg/tests/t.py"])
    assert ask(pair[1], look) == before


def test_scorings_take_no_locks(backend, layer):
    """A descriptor without a file has one inode on the whole machine."""
    code = """
import fcntl, json, os, struct
fd, said = os.eventfd(0) if hasattr(os, "eventfd") else os.pipe()[1], []
lock, other = (struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, at, 1, 0) for at in (7, 8))
for call in (lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
             lambda: fcntl.fcntl(fd, fcntl.F_SETLK, lock), lambda: fcntl.fcntl(fd, 37, other),
             lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)):
    try: call(); said.append(0)
    except OSError as error: said.append(error.errno)
fcntl.fcntl(fd, fcntl.F_GETFL)
print(json.dumps(said))
"""
    boxes = [backend.create(Layers((layer,)), SandboxSpec(seccomp=p)) for p in ("scoring", "locks")]
    try:
        assert ask(boxes[0], code) == [37] * 4
        assert ask(boxes[1], code)[:3] == [0] * 3
    finally:
        for box in boxes:
            box.close()


def test_what_is_cached_is_not_told(create):
    code = """
import ctypes, json
c = ctypes.CDLL(None, use_errno=True)
print(json.dumps([c.syscall(451, 0, 0, 0, 0), c.syscall(27, 0, 0, 0), c.syscall(206, 1, 0)]))
"""
    if os.uname().machine == "x86_64":
        assert ask(create(), code) == [-1, -1, -1]


def test_many_sandboxes_come_and_go_with_their_user_namespaces(backend, layer):
    if os.geteuid() != 0:
        pytest.skip("an ordinary user's sandboxes make their own")
    code = "import json, os; print(json.dumps(os.readlink('/proc/self/ns/user')))"
    for _ in range(3):
        boxes = [backend.create(Layers((layer,)), SandboxSpec(disk_mb=8)) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(lambda box: ask(box, code), boxes))) == 4
        for box in boxes:
            box.close()
