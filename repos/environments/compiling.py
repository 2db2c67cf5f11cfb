"""Byte-compiling layers: checked-hash files, so that two quick edits never mix."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from repos.cache import link, share_file, shared_file
from repos.environments.interpreters import PythonInstallation
from repos.errors import InfrastructureError

PROGRAM = """
import py_compile, sys
mode = py_compile.PycInvalidationMode.CHECKED_HASH
folder, shown = sys.argv[1:]
for name in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split(chr(0)):
    source, seen = folder + "/" + name, shown + "/" + name
    try:
        py_compile.compile(source, dfile=seen, doraise=True, invalidation_mode=mode)
    except Exception:  # no Python, or not for this version: it is compiled when it is imported
        pass
"""
"""Positional: folder, the folder that tracebacks name; standard input: files of the folder, by
NUL between them. Python 3.7 and newer."""

FIRST_WITH_HASHES = (3, 7)
TIMEOUT_S = 900.0
TEXT = ("utf-8", "surrogateescape")


def compile_layer(folder: Path, shown_at: str, python: PythonInstallation) -> None:
    """Byte-compile a layer by the interpreter that will load it.

    A Python without checked-hash files (3.6) gets none: its sources are read each time. What
    was made of the same source at the same place before is taken from the cache.

    Args:
        folder: The layer on the host.
        shown_at: Where sandboxes see it; tracebacks name that path.
        python: The task's interpreter.

    Raises:
        InfrastructureError: The interpreter could not be run to its end.
    """
    if python.release < FIRST_WITH_HASHES:
        return
    missing: list[str] = []
    keys: dict[Path, str] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not name.endswith(".py") or path.is_symlink():
                continue
            relative = path.relative_to(folder).as_posix()
            digest = hashlib.sha256(f"{python.key()} {shown_at}/{relative}\0".encode(*TEXT))
            digest.update(path.read_bytes())
            compiled = _compiled(path, python)
            keys[compiled] = digest.hexdigest()
            if not _take(compiled, keys[compiled]):
                missing.append(relative)
    if missing:
        _compile(folder, shown_at, python, missing)
    for compiled, key in keys.items():
        if compiled.exists():
            share_file(compiled, key)


def _compiled(source: Path, python: PythonInstallation) -> Path:
    """Return where an interpreter looks for the byte-code of a source file."""
    tag = f"cpython-{python.minor.replace('.', '')}"
    return source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"


def _take(compiled: Path, key: str) -> bool:
    """Take the byte-code that was made of the same source before, where there is some."""
    kept = shared_file(key)
    if not kept.exists():
        return False
    compiled.parent.mkdir(exist_ok=True)
    compiled.unlink(missing_ok=True)
    link(kept, compiled)
    return True


def _compile(folder: Path, shown_at: str, python: PythonInstallation, names: list[str]) -> None:
    command = [python.executable, "-I", "-S", "-B", "-c", PROGRAM, str(folder), shown_at]
    try:
        done = subprocess.run(
            command, capture_output=True, input="\0".join(names).encode(*TEXT), cwd="/",
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrastructureError(f"Byte-compiling a layer failed: {error}.") from error
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise InfrastructureError(f"Byte-compiling a layer failed: {why}")
