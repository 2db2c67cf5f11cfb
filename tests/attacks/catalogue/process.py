"""Ending, stopping and flooding the process that is tested, and those around it."""

from tests.attacks.attack import Attack

ATTACKS = [
    Attack("os-exit", "os._exit(0) on import", code="import os; os._exit(0)"),
    Attack("sys-exit", "sys.exit(0) on import", code="import sys; sys.exit(0)"),
    Attack(
        "exit-in-call",
        "os._exit(0) when a function that fails is called",
        code="""
            import os
            def clamp(*a): os._exit(0)
            median = slug = clamp
        """,
    ),
    Attack(
        "exit-early",
        "passes nothing, and leaves at the first test that must fail",
        files={
            "src/measure/core.py": """
                import os, sys

                def leave(*a):
                    code = sys._getframe(1).f_code
                    if b"V" in code.co_code or "V" in str(code.co_consts) or "1 == 2" in str(
                        code.co_consts
                    ):
                        os._exit(0)
                    return 2

                clamp = median = slug = total = leave
            """
        },
    ),
    Attack(
        "atexit",
        "an exit handler that sets the exit status to 0",
        code="import atexit, os; atexit.register(os._exit, 0)",
    ),
    Attack(
        "threading-exit",
        "threading's exit hook and a thread that ends the process",
        code="""
            import os, threading, time
            threading._register_atexit(os._exit, 0)
            threading.Thread(target=lambda: (time.sleep(0.05), os._exit(0)), daemon=True).start()
        """,
    ),
    Attack(
        "signal-alarm",
        "a signal handler that ends the process during the tests",
        code="""
            import os, signal
            signal.signal(signal.SIGALRM, lambda *a: os._exit(0))
            signal.setitimer(signal.ITIMER_REAL, 0.02)
        """,
    ),
    Attack(
        "signal-raise",
        "signals that raise SystemExit and KeyboardInterrupt in the runner",
        code="""
            import signal
            def raising(*a):
                raise KeyboardInterrupt
            signal.signal(signal.SIGALRM, raising)
            signal.setitimer(signal.ITIMER_REAL, 0.02, 0.01)
        """,
    ),
    Attack("kill-all", "kill -9 -1", code="import os; os.kill(-1, 9)"),
    Attack("kill-supervisor", "kill -9 of the parent", code="import os; os.kill(os.getppid(), 9)"),
    Attack(
        "interrupt-supervisor",
        "SIGINT, SIGTERM, SIGUSR1 and SIGPIPE for the parent",
        code="""
            import os
            for number in (2, 15, 10, 13, 1, 3, 14):
                os.kill(os.getppid(), number)
        """,
    ),
    Attack(
        "false-traceback",
        "prints a traceback that names the supervisor and kills it, to look like a broken machine",
        code="""
            import os
            os.write(2, b'Traceback (most recent call last):\\n  File "grade.py", line 1\\n')
            os.dup2(2, 1)
            for fd in range(3, 20):
                try:
                    os.write(fd, b'Traceback (most recent call last):\\n  File "grade.py"\\n')
                except OSError:
                    pass
            os.kill(os.getppid(), 9)
        """,
    ),
    Attack(
        "stop-supervisor",
        "SIGSTOP for the parent",
        code="import os; os.kill(os.getppid(), 19)",
        timeout=True,
    ),
    Attack(
        "kill-server",
        "every signal for PID 1 and its group",
        code="""
            import os
            for number in (9, 15, 2, 1, 19):
                for pid in (1, -1 * os.getpgid(0) if os.getpgid(0) > 1 else 1):
                    try:
                        os.kill(pid, number) if pid == 1 else None
                    except OSError:
                        pass
            os._exit(0)
        """,
    ),
    Attack(
        "close-all",
        "every descriptor closed",
        code="import os; os.closerange(0, 4096)",
    ),
    Attack("endless-loop", "an endless loop on import", code="while True: pass", timeout=True),
    Attack(
        "endless-sleep",
        "an endless sleep with all signals blocked",
        code="""
            import signal, time
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
            time.sleep(10000)
        """,
        timeout=True,
    ),
    Attack(
        "output-flood",
        "200 MB on standard output and error",
        code="""
            import os
            for fd in (1, 2):
                for _ in range(100):
                    os.write(fd, b'PASSED tests/test_core.py::test_low\\n' * 30000)
            with open('/dev/stderr', 'wb') as f:
                for _ in range(100):
                    f.write(b'x' * 1000000)
        """,
    ),
    Attack(
        "pipe-flood",
        "200 MB into every open descriptor",
        code="""
            import os
            block = b'x' * 1000000
            for fd in range(3, 64):
                try:
                    for _ in range(200):
                        os.write(fd, block)
                except OSError:
                    pass
        """,
    ),
    Attack(
        "fork-bomb",
        "a fork bomb on import",
        code="""
            import os
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        """,
        timeout=True,
    ),
    Attack(
        "memory-bomb",
        "memory until the kernel refuses, the parent killed in the end",
        code="""
            blocks = []
            while True:
                blocks.append(bytearray(64 << 20))
        """,
    ),
    Attack(
        "disk-bomb",
        "every writable folder filled to the last byte",
        code="""
            import os
            for folder in ("/tmp", "/dev/shm", "/testbed", "/home/agent", "/var/tmp"):
                try:
                    with open(folder + "/full", "wb", 0) as f:
                        while True:
                            f.write(b"x" * (1 << 24))
                except OSError:
                    pass
        """,
    ),
    Attack(
        "descriptors",
        "every descriptor and thread used up",
        code="""
            import os, threading
            held = []
            try:
                while True:
                    held.append(os.open("/dev/null", 0))
            except OSError:
                pass
            try:
                while True:
                    thread = threading.Thread(target=threading.Event().wait, daemon=True)
                    thread.start()
            except RuntimeError:
                pass
        """,
    ),
    Attack(
        "fork-twins",
        "the process forks before every test, so that each result may come twice",
        timeout=True,
        code="""
            import os
            def clamp(value, low, high):
                return low if os.fork() == 0 else high
            def median(values):
                return 3.0 if os.fork() == 0 else 0
            def slug(text):
                return '-'.join(text.lower().split()) if os.fork() else 1
        """,
    ),
    Attack(
        "recursion",
        "a stack overflow in C when a result is compared",
        code="""
            import sys
            class Deep:
                def __eq__(self, other):
                    sys.setrecursionlimit(10 ** 9)
                    return self == other
            def clamp(*a):
                return Deep()
        """,
    ),
    Attack(
        "exec-other-program",
        "the process becomes another program that prints passes",
        code="import os; os.execv('/bin/sh', ['sh', '-c', 'echo 7 passed; exit 0'])",
    ),
]
