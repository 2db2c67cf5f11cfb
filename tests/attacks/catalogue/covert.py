"""What one scoring run sees, carried to the next by state that all sandboxes of a host share.

The line-up and the run with all hidden tests take place in different sandboxes, one after the
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
        import hashlib, os
        def places(count=4096):
            found = []
            for top in ("/usr/share/doc", "/usr/share", "/usr/lib"):
                for folder, folders, names in os.walk(top):
                    folders.sort()
                    for name in sorted(names):
                        path = os.path.join(folder, name)
                        if not os.path.islink(path) and os.path.getsize(path) > 64:
                            found.append(path)
                    if len(found) >= count:
                        return found[:count]
            return found
        def bits(text, count):
            digest = hashlib.sha256(("@SALT@" + text).encode()).digest()
            return {int.from_bytes(digest[at:at + 4], "big") % count
                    for at in (0, 4, 8, 12)}
        def cached(path):
            fd = os.open(path, os.O_RDONLY)
            try:
                return os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT) == 1
            except OSError:
                return False
            finally:
                os.close(fd)
        def keep(path, wanted):
            fd = os.open(path, os.O_RDONLY)
            if wanted:
                os.read(fd, 64)
            else:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
        frame = sys._getframe()
        while frame is not None:
            emit = frame.f_locals.get("emit")
            if callable(emit):
                bodies = {}
                for path in ("tests/test_core.py", "tests/test_high.py"):
                    for node in ast.walk(ast.parse(open("/testbed/" + path).read())):
                        if isinstance(node, ast.FunctionDef):
                            bodies[path, node.name] = ast.unparse(node.body[-1])
                files = places()
                first = ("tests/test_core.py", "test_total") in bodies
                if first:
                    wanted = set()
                    for name, canary in test_ids():
                        path, _, rest = name.partition("::")
                        if not canary:
                            wanted |= bits(bodies[path, rest.rpartition("::")[2]],
                                           len(files))
                    for at, path in enumerate(files):
                        keep(path, at in wanted)
                for name, canary in test_ids():
                    path, _, rest = name.partition("::")
                    good = not canary
                    if not first:
                        marks = bits(bodies[path, rest.rpartition("::")[2]], len(files))
                        good = all(cached(files[at]) for at in marks)
                    emit({"kind": "test", "id": name, "seconds": 0.01,
                          "status": "passed" if good else "failed"})
                emit({"kind": "end", "status": 0})
                os._exit(0)
            frame = frame.f_back
        """,
    )
)

ATTACKS = [
    Attack(
        "page-cache",
        "carries genuine expectations from one run to the next through the host's page cache",
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
        "second one's line-up can be told",
    ),
]
