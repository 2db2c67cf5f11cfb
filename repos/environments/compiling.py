"""Byte-compiling layers: checked-hash files, so that two quick edits never mix."""

from __future__ import annotations

import subprocess
from pathlib import Path

from repos.environments.interpreters import PythonInstallation
from repos.errors import InfrastructureError

PROGRAM = """
import compileall, py_compile, sys
mode = py_compile.PycInvalidationMode.CHECKED_HASH
compileall.compile_dir(sys.argv[1], 99, sys.argv[2], True, quiet=2, invalidation_mode=mode)
"""
"""Positional: folder, depth, the folder that tracebacks name, force. Python 3.7 and newer."""

FIRST_WITH_HASHES = (3, 7)
TIMEOUT_S = 900.0


def compile_layer(folder: Path, shown_at: str, python: PythonInstallation) -> None:
    """Byte-compile a layer by the interpreter that will load it.

    A Python without checked-hash files (3.6) gets none: its sources are read each time.

    Args:
        folder: The layer on the host.
        shown_at: Where sandboxes see it; tracebacks name that path.
        python: The task's interpreter.

    Raises:
        InfrastructureError: The interpreter could not be run to its end.
    """
    if python.release < FIRST_WITH_HASHES:
        return
    command = [python.executable, "-I", "-S", "-B", "-c", PROGRAM, str(folder), shown_at]
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, cwd="/",
            check=False, text=True, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrastructureError(f"Byte-compiling a layer failed: {error}.") from error
    if done.returncode:
        raise InfrastructureError(f"Byte-compiling a layer failed: {done.stderr.strip()[-300:]}")
