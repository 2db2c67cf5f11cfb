"""The way that results take, other processes, other sandboxes and the host."""

from tests.attacks.attack import Attack

REPORT = (
    '<testsuites><testsuite errors="0" failures="0">'
    '<testcase classname="tests.test_core" name="test_low"/></testsuite></testsuites>'
)

ATTACKS = [
    Attack(
        "result-files",
        "result files of every common name, then os._exit",
        code=f"""
            import os
            for name in ("report.xml", "junit.xml", "results.json", "/tmp/report.xml",
                         "/tmp/results.json", "/tmp/.records", "test_output.txt", ".report.json"):
                try:
                    open(name, "w").write({REPORT!r})
                except OSError:
                    pass
            os._exit(0)
        """,
    ),
    Attack(
        "forged-output",
        "prints what a passing run prints, to standard output and error",
        code="""
            import os
            text = b"PASSED tests/test_core.py::test_low\\n" * 7 + b"== 7 passed in 0.1s ==\\n"
            for fd in (1, 2):
                os.write(fd, b">>>>> Start Test Output\\n" + text + b">>>>> End Test Output\\n")
            os._exit(0)
        """,
    ),
    Attack(
        "unsigned-records",
        "records with no valid signature into every descriptor",
        code="""
            import json, os
            lines = b""
            for n, t in enumerate(["tests/test_core.py::test_low", "tests/test_core.py::test_even",
                                   "tests/test_high.py::HighTest::test_runs"]):
                body = json.dumps([n, {"kind": "test", "id": t, "status": "passed",
                                       "seconds": 0}]).encode()
                lines += b"0" * 64 + b" " + body + b"\\n"
            for fd in range(3, 64):
                try:
                    os.write(fd, lines)
                except OSError:
                    pass
        """,
    ),
    Attack(
        "answer-on-all-descriptors",
        "the supervisor's whole answer into every descriptor of every process",
        code="""
            import glob, json, os
            ids = ["tests/test_core.py::test_low", "tests/test_core.py::test_even",
                   "tests/test_core.py::test_total", "tests/test_core.py::test_slug",
                   "tests/test_core.py::test_helper", "tests/test_high.py::HighTest::test_runs",
                   "tests/test_high.py::HighTest::test_high"]
            records = [{"kind": "test", "id": t, "status": "passed", "seconds": 0} for t in ids]
            text = json.dumps({"records": records + [{"kind": "end", "status": 0}], "forged": 0,
                               "overflow": False}).encode()
            for path in glob.glob("/proc/[0-9]*/fd/*") + glob.glob("/proc/self/fd/*"):
                try:
                    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                    os.write(fd, text)
                except OSError:
                    pass
            os.kill(os.getppid(), 9)
        """,
    ),
    Attack(
        "proc-mem",
        "/proc/1/mem and the supervisor's memory overwritten",
        code="""
            import os
            for pid in (1, os.getppid()):
                for name in ("mem", "environ", "maps", "clear_refs", "oom_score_adj"):
                    try:
                        with open(f"/proc/{pid}/{name}", "r+b", 0) as f:
                            f.write(b"x")
                    except OSError:
                        pass
        """,
    ),
    Attack(
        "ptrace",
        "ptrace, process_vm_writev and pidfd_getfd on the supervisor and PID 1",
        code="""
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            for pid in (os.getppid(), 1):
                libc.ptrace(16, pid, 0, 0)
                libc.ptrace(0x4206, pid, 0, 0)
                buffer = ctypes.create_string_buffer(64)
                libc.process_vm_writev(pid, buffer, 1, buffer, 1, 0)
                pidfd = libc.syscall(434, pid, 0)
                if pidfd >= 0:
                    for fd in range(16):
                        got = libc.syscall(438, pidfd, fd, 0)
                        if got >= 0:
                            os.write(got, b'{"records": [], "forged": 0}')
        """,
    ),
    Attack(
        "dumpable-again",
        "makes itself dumpable, writes its own memory, and debugs its siblings",
        code="""
            import ctypes, os
            ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
            ctypes.CDLL(None).prctl(0x59616d61, -1, 0, 0, 0)
            for pid in os.listdir("/proc"):
                if pid.isdigit() and int(pid) != os.getpid():
                    try:
                        os.listdir(f"/proc/{pid}/fd")
                        open(f"/proc/{pid}/mem", "r+b").write(b"x")
                    except OSError:
                        pass
        """,
    ),
    Attack(
        "daemon",
        "a detached daemon that keeps writing the package, the tests and results",
        code="""
            import os, time
            if os.fork() == 0:
                os.setsid()
                if os.fork():
                    os._exit(0)
                end = time.time() + 30
                while time.time() < end:
                    for name in ("/testbed/tests/test_core.py", "/testbed/src/measure/core.py",
                                 "/testbed/tests/test_high.py",
                                 "/opt/repogym/framework/repogym_recorder.py"):
                        try:
                            open(name, "w").write("def test_low(): pass\\n")
                        except OSError:
                            pass
                    time.sleep(0.002)
                os._exit(0)
        """,
    ),
    Attack(
        "unmount-tests",
        "umount, mount --bind and a new namespace over the tests",
        code="""
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            libc.umount2(b"/testbed/tests", 2)
            libc.unshare(0x10000000 | 0x00020000)
            libc.mount(b"/tmp", b"/testbed/tests", b"", 4096, b"")
            for source in ("/testbed/tests/test_core.py", "/testbed/tests"):
                for action in (os.remove, lambda p: os.rename(p, "/testbed/gone"),
                               lambda p: os.chmod(p, 0o777), lambda p: os.truncate(p, 0)):
                    try:
                        action(source)
                    except OSError:
                        pass
        """,
    ),
    Attack(
        "rename-testbed",
        "the folder above the tests renamed, another in its place",
        code="""
            import os
            for a, b in (("/testbed/tests", "/testbed/old"), ("/testbed", "/tmp/old")):
                try:
                    os.rename(a, b)
                except OSError:
                    pass
            try:
                os.makedirs("/testbed/tests")
            except OSError:
                pass
            os.chdir("/tmp")
        """,
    ),
    Attack(
        "edit-tests-on-import",
        "hidden tests edited, deleted and made writable while they are imported",
        code="""
            import glob, os, subprocess
            for path in glob.glob("/testbed/tests/*.py"):
                for command in (["chmod", "777", path], ["rm", "-f", path],
                                ["sed", "-i", "s/assert.*/pass/", path]):
                    subprocess.run(command, stderr=subprocess.DEVNULL)
        """,
    ),
    Attack(
        "poison-environment",
        "the environment layer, the runner and the interpreter overwritten",
        code="""
            import glob, os
            for pattern in ("/env/lib/python*/site-packages/_pytest/*.py", "/env/bin/*",
                            "/opt/repogym/*", "/opt/repogym/runner/*", "/opt/repogym/task/*",
                            "/opt/repogym/framework/*",
                            "/env/lib/python*/site-packages/*.pth", "/usr/lib/python3*/json/*.py"):
                for path in glob.glob(pattern):
                    try:
                        open(path, "w").write("raise SystemExit(0)")
                    except OSError:
                        pass
        """,
    ),
    Attack(
        "poison-pyc",
        "byte code of other source, in __pycache__ and beside it",
        shell=r"""
            cat > /tmp/fake.py <<'END'
            def clamp(*a): return 2
            def median(*a): return 3.0
            def slug(*a): return 'a-b'
            def total(values): return sum(values)
            END
            sed -i 's/^ *def/def/' /tmp/fake.py
            mkdir -p src/measure/__pycache__
            python - <<'END'
            import glob, importlib.util, marshal, py_compile, struct
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            tag = importlib.util.cache_from_source("src/measure/core.py")
            for target in (tag, "src/measure/core.pyc", "src/core.pyc"):
                py_compile.compile("/tmp/fake.py", target, invalidation_mode=mode)
            END
        """.replace("\n            ", "\n"),
    ),
    Attack(
        "write-pyc-on-import",
        "byte code for the tests and pytest, written while the tests are imported",
        code="""
            import glob, importlib.util, os, py_compile
            open("/tmp/empty.py", "w").write("def test_low(): pass\\ndef test_even(): pass\\n")
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            for path in glob.glob("/testbed/tests/*.py"):
                for tag in ("", "-pytest-9.0.0", "-pytest-8.4.2"):
                    name = importlib.util.cache_from_source(path).replace(".pyc", tag + ".pyc")
                    try:
                        os.makedirs(os.path.dirname(name), exist_ok=True)
                        py_compile.compile("/tmp/empty.py", name, invalidation_mode=mode)
                    except OSError:
                        pass
        """,
    ),
    Attack(
        "network",
        "asks the network, the host and other sandboxes for the answer",
        code="""
            import glob, socket
            found = []
            for address in (("127.0.0.1", 80), ("169.254.169.254", 80), ("192.0.2.1", 53)):
                try:
                    found.append(socket.create_connection(address, 0.2).recv(100))
                except OSError:
                    pass
            for path in glob.glob("/tmp/**/*.sock", recursive=True) + ["\\0repogym", "\\0"]:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    s = socket.socket(socket.AF_UNIX, kind)
                    try:
                        s.connect(path)
                        found.append(s.recv(100))
                    except OSError:
                        pass
            if found:
                from measure import answer
        """,
    ),
    Attack(
        "leave-for-later",
        "an answer left in /tmp, /dev/shm, shared memory and the home folder for the next run",
        code="""
            import glob, os, shutil
            places = ["/tmp/left", "/dev/shm/left", os.path.expanduser("~/left"),
                      "/testbed/build/left", "/var/tmp/left"]
            before = [p for p in places if os.path.exists(p)]
            for path in places:
                try:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    for test in glob.glob("/testbed/tests/*.py"):
                        shutil.copy(test, path)
                except OSError:
                    pass
            if before:
                os._exit(0)
        """,
    ),
]
