# Paths are strings here: pathlib costs start-up time.
# ruff: noqa: PTH100, PTH118, PTH120, PTH122, PTH123, PTH208
"""The programs that run inside sandboxes, each packed into one file.

A package of `guest/` becomes a zip file that Python can run. It holds byte-code only, for the
interpreter that packs it, so that a start compiles nothing. It is stored uncompressed and without
times: the same content gives the same bytes.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import os
import zipfile

GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest")
UNCHECKED_HASH = 1
MAIN = "import sys\nfrom {0}.__main__ import main\nsys.exit(main(sys.argv))\n"
START = "import sys; del sys.argv[0]; sys.path.insert(0, sys.argv[0]); "
START += "from {0}.__main__ import main; sys.exit(main(sys.argv))"


def pack(package: str) -> bytes:
    """Return a package of `guest/` as a zip file with a `__main__`.

    Args:
        package: Its name: "server" or "git".
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        _add(archive, "__main__", MAIN.format(package).encode())
        folder = os.path.join(GUEST, package)
        for name in sorted(os.listdir(folder)):
            stem, ending = os.path.splitext(name)
            if ending == ".py":
                with open(os.path.join(folder, name), "rb") as f:
                    _add(archive, f"{package}/{stem}", f.read())
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, source: bytes) -> None:
    code = compile(source, f"{name}.py", "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little")
    header += importlib.util.source_hash(source)
    archive.writestr(zipfile.ZipInfo(f"{name}.pyc"), header + marshal.dumps(code))


def command(interpreter: str, path: str, package: str) -> list[str]:
    """Return what starts a packed package; its arguments follow.

    Python's own way to run a zip file imports `runpy` with all that it needs, 5 ms.

    Args:
        interpreter: As seen where it starts.
        path: Of the packed file, as seen there.
        package: Its name.
    """
    return [interpreter, "-I", "-S", "-B", "-c", START.format(package), path]
