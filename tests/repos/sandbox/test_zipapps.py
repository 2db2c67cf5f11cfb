"""Packed programs: the same content gives the same bytes, and both ways to start one work."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from repos.sandbox import zipapps
from repos.sandbox.guest.git.repository import REFUSED
from repos.sandbox.workspace import make_base_git


@pytest.mark.parametrize("package", ["server", "git"])
def test_the_same_content_gives_the_same_bytes(package):
    packed = zipapps.pack(package)
    assert packed == zipapps.pack(package)
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert {"__main__.pyc", f"{package}/__init__.pyc", f"{package}/__main__.pyc"} <= set(names)
    assert all(name.endswith(".pyc") for name in names)


@pytest.mark.parametrize("directly", [True, False])
def test_a_packed_program_runs(tmp_path: Path, directly: bool):
    tree, packed = tmp_path / "tree", tmp_path / "git.pyz"
    tree.mkdir()
    (tree / "a").write_text("one\n")
    make_base_git(tree, tmp_path / "base.git")
    (tree / "a").write_text("two\n")
    packed.write_bytes(zipapps.pack("git"))
    start = [sys.executable, "-I", "-S", str(packed)]
    if not directly:
        start = zipapps.command(sys.executable, str(packed), "git")
    places = [str(tmp_path / "base.git"), str(tree)]
    diff = subprocess.run([*start, "diff", *places], input=b"a\0", capture_output=True, check=True)
    assert diff.stdout.endswith(b"-one\n+two\n")
    again = subprocess.run([*start, "apply", *places], input=diff.stdout, capture_output=True)
    assert again.returncode == REFUSED
    assert (tree / "a").read_text() == "two\n"
