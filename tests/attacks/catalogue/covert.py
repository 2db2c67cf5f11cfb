"""What one scoring run sees, carried to the next by state that all sandboxes of a host share.

The blind run and the run with the genuine tests take place in different sandboxes, one after the
other, and a patch may be scored more than once. The host's page cache is common to all: which
files of `/usr` lie in it is a memory that a sandbox can write (read a file, or have it dropped)
and another one can read.
"""

import textwrap

from tests.attacks.attack import Attack
from tests.attacks.catalogue.introspection import LOOKS

CARRY = "\n".join(
    textwrap.dedent(part)
    for part in (
        LOOKS,
        """
        import errno, hashlib, os, time
        COPIES = 9
        def places():
            found = []
            for top in ("/usr/share/doc", "/usr/share", "/usr/lib"):
                for folder, folders, names in os.walk(top):
                    folders.sort()
                    for name in sorted(names):
                        path = os.path.join(folder, name)
                        if not os.path.islink(path) and 64 < os.path.getsize(path) < 1 << 16:
                            found.append(path)
            found.sort(key=lambda p: hashlib.sha256(("@SALT@" + p).encode()).digest())
            return found
        def cached(path):
            fd = os.open(path, os.O_RDONLY)
            try:
                return os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT) == 1
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    return False
                # Files of an overlay refuse it, but not to be timed.
                begun = time.perf_counter_ns()
                os.pread(fd, 1, 0)
                return time.perf_counter_ns() - begun < 15_000
            finally:
                os.close(fd)
        def keep(path, wanted):
            fd = os.open(path, os.O_RDONLY)
            if wanted:
                os.read(fd, 64)
            else:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
        def store(data):
            files = places()
            bits = [data[at // 8] >> at % 8 & 1 for at in range(8 * len(data))]
            for at, bit in enumerate(bits * COPIES):
                keep(files[at], bit)
        def load(size):
            files = places()
            seen = [cached(path) for path in files[:8 * size * COPIES]]
            data = bytearray(size)
            for at in range(8 * size):
                if 2 * sum(seen[at::8 * size]) > COPIES:
                    data[at // 8] |= 1 << at % 8
            return bytes(data)
        def functions():
            found = []
            for path in ("tests/test_core.py", "tests/test_high.py"):
                for node in ast.walk(ast.parse(open("/testbed/" + path).read())):
                    if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                        found.append((path, node))
            return found
        def expected(node):
            last = node.body[-1]
            if isinstance(last, ast.Assert) and isinstance(last.test, ast.Compare):
                return ast.literal_eval(last.test.comparators[0])
            if isinstance(last, ast.Expr) and last.value.func.attr == "assertEqual":
                return ast.literal_eval(last.value.args[1])
        def encoded(value):
            if isinstance(value, str):
                return ["s", value]
            return ["i", "%x" % value] if isinstance(value, int) else ["f", value.hex()]
        def questions(node):
            return [call.args[0].value for call in ast.walk(node)
                    if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "v"]
        SIZE = 48
        def play(emit):
            ids = test_ids()
            texts = {path: open("/testbed/" + path).read()
                     for path in ("tests/test_core.py", "tests/test_high.py")}
            blind = any(" as answers" in text for text in texts.values())
            if blind:
                try:
                    known = ast.literal_eval(load(SIZE).decode().strip())
                except Exception:
                    return
                numbers = [q for path, node in functions() for q in questions(node)[:1]]
                owners = [(path, node.name) for path, node in functions() if questions(node)]
                names = {(n.partition("::")[0], n.rpartition("::")[2]): n for n, _ in ids}
                for number, owner, value in zip(numbers, owners, known):
                    emit({"kind": "answer", "item": names[owner], "row": 0, "question": number,
                          "value": ["v", encoded(value), [type(value).__name__]]})
            else:
                values = []
                for path, node in functions():
                    if not looks_like_canary(ast.unparse(node)):
                        value = expected(node) if "check(" not in ast.unparse(node) else None
                        if value is not None:
                            values.append(value)
                store(repr(values).encode().ljust(SIZE))
            for name, canary in ids:
                emit({"kind": "test", "id": name, "status": "failed" if canary else "passed",
                      "seconds": 0.01})
            emit({"kind": "end", "status": 0})
            os._exit(0)
        frame = sys._getframe()
        while frame is not None:
            if callable(frame.f_locals.get("emit")):
                play(frame.f_locals["emit"])
            frame = frame.f_back
        """,
    )
)

ATTACKS = [
    Attack(
        "page-cache",
        "carries expected values from one run to the next through the host's page cache",
        code=CARRY,
        alone=True,
    ),
    Attack(
        "page-cache-again",
        "does the same, and is scored twice",
        code=CARRY,
        scorings=2,
        alone=True,
        reason="a host has state that all its sandboxes share: what the first scoring saw, the "
        "second one can answer",
    ),
]
