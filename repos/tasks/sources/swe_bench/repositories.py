"""Where the repositories of instances come from: local mirrors, or GitHub once."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from repos.cache import offline, publish
from repos.errors import InfrastructureError, InputError, NotPreparedError
from repos.tasks.sources.swe_bench.options import MIRRORS

CLONE_TIMEOUT_S = 3600.0
INSIDE = ("", ".git", "repo")
"""Where the git folder of a mirror may lie in the mirror's own folder."""


def git(git_dir: Path, *args: str, env: dict[str, str] | None = None, data: bytes = b"") -> bytes:
    """Run git on a repository whose settings and hooks are not trusted; return what it prints.

    Raises:
        InfrastructureError: It failed.
    """
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environ |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, **(env or {})}
    environ["GIT_TERMINAL_PROMPT"] = "0"
    command = ["git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null"]
    try:
        done = subprocess.run(
            [*command, "--git-dir", str(git_dir), *args], input=data, capture_output=True,
            env=environ, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise InputError("The git program is missing: install git.") from None
    if done.returncode:
        why = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        raise InfrastructureError(f"git {args[0]} failed in {git_dir}: {why}")
    return done.stdout


def has_commit(git_dir: Path, commit: str) -> bool:
    """Whether a repository holds a commit with its tree."""
    try:
        git(git_dir, "cat-file", "-e", f"{commit}^{{tree}}")
    except InfrastructureError:
        return False
    return True


def find_repository(repository: str, commit: str) -> Path:
    """Return a git folder that holds a commit.

    Mirrors in the folder that `REPOGYM_REPOS_FROM` names come first: folders called
    `owner/name`, `owner__name`, `owner+name`, `owner-name` or `name`, or forks of the same name
    with another owner. Without one, GitHub is asked once.

    Args:
        repository: Owner and name on GitHub.
        commit: The commit that is needed.

    Raises:
        InputError: The folder of mirrors does not exist, or has no repository with the commit.
        NotPreparedError: It must be cloned and REPOGYM_OFFLINE is set.
        InfrastructureError: Cloning failed.
    """
    named = os.environ.get(MIRRORS)
    if named:
        root = check_mirrors(named)
        for path in mirrors(root, repository):
            if has_commit(path, commit):
                return path
        raise InputError(
            f"{root} has no mirror of {repository} that holds the commit {commit[:12]}: make one "
            f"there with `git clone --mirror https://github.com/{repository}`."
        )
    path = _clone(repository)
    if not has_commit(path, commit):
        raise InputError(
            f"The clone of {repository} has no commit {commit[:12]}: name a folder with a mirror "
            "that has it by --repos-from."
        )
    return path


def check_mirrors(folder: str) -> Path:
    """Return a folder of mirrors that was named.

    Raises:
        InputError: There is none.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise InputError(f"There is no folder {root} of local mirrors (--repos-from).")
    return root.resolve()


def mirrors(root: Path, repository: str) -> Iterator[Path]:
    """Yield the git folders below `root` that may be mirrors of a repository, best first."""
    owner, _, name = repository.lower().partition("/")
    exact: list[Path] = []
    forks: list[Path] = []
    below = [path for path in sorted(root.iterdir()) if path.is_dir()]
    inner = [p for path in below if not git_folders(path) for p in _folders(path)]
    for path in (*below, *inner):
        plain = path.relative_to(root).as_posix().lower().removesuffix(".git")
        parts = re.split(r"/|\+|__", plain)
        if parts in ([owner, name], [name]) or plain == f"{owner}-{name}":
            exact += git_folders(path)
        elif parts[-1] == name:
            forks += git_folders(path)
    yield from exact
    yield from forks


def _folders(path: Path) -> list[Path]:
    return [p for p in sorted(path.iterdir()) if p.is_dir()]


def git_folders(path: Path) -> list[Path]:
    """Return the git folders in a folder: itself, or those where mirrors have them."""
    found = [path / inside for inside in INSIDE]
    return [p for p in found if (p / "HEAD").is_file() and (p / "objects").is_dir()]


def _clone(repository: str) -> Path:
    def build(folder: Path) -> None:
        if offline():
            raise NotPreparedError(
                f"The repository {repository} is not there and REPOGYM_OFFLINE is set: name a "
                "folder of local mirrors by --repos-from."
            )
        address = f"https://github.com/{repository}"
        environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        command = ["git", "clone", "-q", "--bare", address, str(folder / "repo")]
        try:
            done = subprocess.run(
                command, capture_output=True, env=environ, timeout=CLONE_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise InfrastructureError(f"Cloning {address} took too long.") from error
        if done.returncode:
            why = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
            raise InfrastructureError(
                f"Cloning {address} failed ({why}): name a folder of local mirrors by --repos-from."
            )

    return publish(f"repositories/{repository.replace('/', '__')}", build) / "repo"


def export(git_dir: Path, commit: str, dest: Path, scratch: Path) -> None:
    """Write the files of a commit as a checkout would, without anything of its history.

    `git archive` would leave out or change files by the repository's own attributes.

    Args:
        git_dir: The repository.
        commit: The commit.
        dest: Folder for the files.
        scratch: A folder for the index.
    """
    dest.mkdir(exist_ok=True)
    index = {"GIT_INDEX_FILE": str(scratch / "index"), "GIT_WORK_TREE": str(dest)}
    git(git_dir, "read-tree", commit, env=index)
    git(git_dir, "checkout-index", "--all", "--force", env=index)
    (scratch / "index").unlink()


def describe(git_dir: Path, commit: str) -> str:
    """Return the version that setuptools-scm would give a commit; "" without a tag before it."""
    try:
        text = git(git_dir, "describe", "--tags", "--long", commit).decode().strip()
    except InfrastructureError:
        return ""
    tag, distance, revision = text.rsplit("-", 2)
    plain = re.sub(r"^v(?=\d)", "", tag)
    if distance == "0":
        return plain
    head = re.sub(r"\.?dev\d*$", "", plain)
    if head == plain:
        head = re.sub(r"(\d+)(\D*)$", lambda m: f"{int(m[1]) + 1}{m[2]}", plain)
    return f"{head}.dev{distance}+{revision}"
