"""Small repositories of two commits, and tasks made of them, for tests."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner

from repos.cli import app


def commit(root: Path, files: Mapping[str, str | bytes], message: str) -> None:
    """Write files (path to content) in a repository, which is made at first, and commit them."""

    def git(*args: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args]
        subprocess.run(command, cwd=root, check=True, capture_output=True)

    if not (root / ".git").exists():
        root.mkdir(parents=True, exist_ok=True)
        git("init", "-q", "-b", "main")
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    git("add", "-A")
    git("commit", "-qm", message)


def new_task(root: Path) -> Path:
    """Make a task of the last commit by the command line and return its manifest."""
    path = root.parent / "own.jsonl"
    done = CliRunner().invoke(app, ["tasks", "new", str(root), "--fix", "HEAD", "--out", str(path)])
    assert done.exit_code == 0, done.output
    return path
