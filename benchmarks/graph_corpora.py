"""What the benchmarks of the graph read and compare with: sources and tools, fetched once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

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
        subprocess.run(["uv", "venv", "-q", "--clear", str(cache() / "tools")], check=True)
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *_TOOLS], check=True)
    return python


def corpus(name: str) -> Path:
    """Folder with the source of a project, fetched at first use."""
    target = cache() / "corpora" / name
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as work:
        command = [str(tools_python()), "-m", "pip", "download", "-q", "--no-deps", "-d", work]
        if name in _FROM_SOURCE:
            command += ["--no-binary", name]
        subprocess.run([*command, _PINS[name]], check=True)
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
