"""Repositories that are named by a URL: a local mirror, or a clone in the cache."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from repos.cache import cache_root, locked, offline, publish
from repos.errors import InfrastructureError, NotPreparedError, RecordError
from repos.tasks.sources.isolated import run_git
from repos.tasks.sources.swe_bench.repositories import find_repository, has_commit

GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?")


def local_folder(url: str, commit: str = "HEAD") -> str:
    """Return the folder of a repository that is named by a URL.

    For GitHub the mirrors that `--repos-from` names come first. Else it is cloned once.

    Args:
        url: Its URL.
        commit: What is needed of it.

    Raises:
        InputError: The mirrors have no such repository or commit.
        NotPreparedError: It must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: It can't be fetched.
    """
    known = GITHUB.fullmatch(url)
    if known:
        return str(find_repository(known[1], commit))
    digest = hashlib.sha256(url.encode()).hexdigest()[:24]

    def build(folder: Path) -> None:
        _git_online(url, "clone", "-q", "--bare", "--", url, str(folder / "repo"))

    folder = publish(f"repositories/{digest}", build) / "repo"
    if not has_commit(folder, commit):
        refresh(str(folder), url)
    if not has_commit(folder, commit):
        raise RecordError(f"{url} has no commit {commit[:12]}.")
    return str(folder)


def refresh(folder: str, url: str) -> None:
    """Fetch what is new into a clone of the cache; mirrors of a user's own are left alone.

    Raises:
        NotPreparedError: REPOGYM_OFFLINE is set.
        InfrastructureError: The repository can't be fetched.
    """
    if cache_root() / "repositories" not in Path(folder).parents:
        return
    with locked(f"repositories/{Path(folder).parent.name}"):
        refs = "+refs/heads/*:refs/heads/*"
        _git_online(url, "--git-dir", folder, "fetch", "-q", "--", url, refs)


def _git_online(url: str, *arguments: str) -> None:
    if offline():
        raise NotPreparedError(
            f"The repository {url} must be fetched and REPOGYM_OFFLINE is set: unset it once."
        )
    try:
        run_git(*arguments)
    except RecordError as error:
        raise InfrastructureError(f"{url} can't be fetched: {error}") from error
