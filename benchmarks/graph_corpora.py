"""What the benchmarks of the graph read and compare with: sources and tools, fetched once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

from repos.errors import InputError
from repos.tasks.sources.pypi.configuration import find_uv

_PINS = {"django": "django==4.2.11", "sympy": "sympy==1.13.3", "rich": "rich==13.9.4"}
_FROM_SOURCE = {"django", "sympy"}
_TOOLS = ["jedi==0.19.2", "ty", "pyan3", "pip", "setuptools", "wheel"]


def cache() -> Path:
    """Folder for what is fetched once."""
    base = os.environ.get("REPOGYM_CACHE") or Path.home() / ".cache" / "repogym"
    found = Path(base) / "benchmarks"
    found.mkdir(parents=True, exist_ok=True)
    return found


def tools_python() -> Path:
    """Interpreter of a virtual environment with the tools to compare with."""
    python = cache() / "tools" / "bin" / "python"
    if not (python.parent / "ty").exists():
        try:
            uv = find_uv()
        except InputError as error:
            raise SystemExit(f"The tools to compare with can't be installed: {error}") from error
        _run([uv, "venv", "-q", "--clear", str(cache() / "tools")])
        _run([uv, "pip", "install", "-q", "--python", str(python), *_TOOLS])
    return python


def _run(command: list[str]) -> None:
    """Run a program, or end with one line that says which failed and why."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        why = " ".join(done.stderr.split())[-300:]
        raise SystemExit(f"{Path(command[0]).name} failed ({' '.join(command[1:3])} ...): {why}")


def corpus(name: str) -> Path:
    """Folder with the source of a project, fetched at first use."""
    target = cache() / "corpora" / name
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as work:
        command = [str(tools_python()), "-m", "pip", "download", "-q", "--no-deps", "-d", work]
        if name in _FROM_SOURCE:
            command += ["--no-binary", name]
        _run([*command, _PINS[name]])
        (packed,) = Path(work).iterdir()
        unpacked = Path(work) / "unpacked"
        if packed.suffix == ".whl":
            zipfile.ZipFile(packed).extractall(unpacked)
            root = unpacked
        else:
            with tarfile.open(packed) as archive:
                archive.extractall(unpacked, filter="data")
            (root,) = unpacked.iterdir()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(root, target)
    return target
