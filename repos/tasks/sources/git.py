"""The source "git": two revisions of a repository on this machine."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

from repos.errors import RecordError
from repos.tasks.sources.base import BuiltFiles, SourceRecord

COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


class GitSource(SourceRecord):
    """Two revisions of a git repository of one's own; `path` is its place on this machine."""

    kind: str = "git"
    path: str
    base: str
    fix: str


class GitRevisions:
    """Builds tasks of two revisions of a git repository."""

    record = GitSource

    def build(self, source: GitSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        return build_git(source, test_paths, dest)

    def cache_key(self, source: GitSource) -> str:
        """Return the commits that the record's revisions name today."""
        if COMMIT.fullmatch(source.base) and COMMIT.fullmatch(source.fix):
            return ""
        repository = open_repository(source.path)
        return f"{resolve(repository, source.base)} {resolve(repository, source.fix)}"


def open_repository(path: str):
    """Return a GitPython repository.

    Raises:
        RecordError: `path` is not a git repository.
    """
    import git

    try:
        return git.Repo(path)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise RecordError(f"{path} is not a git repository.") from error


def resolve(repository, revision: str) -> str:
    """Return the full commit id of a revision.

    Raises:
        RecordError: The repository has no such revision.
    """
    import git

    try:
        return repository.commit(revision).hexsha
    except (git.BadName, ValueError, git.GitCommandError) as error:
        raise RecordError(f"{repository.working_dir} has no revision {revision!r}.") from error


def changed_files(repository, base: str, fix: str) -> list[tuple[str, str]]:
    """Return (status letter, path) of what changed between two commits, sorted by path."""
    raw = repository.git.diff("--no-renames", "--name-status", "-z", base, fix)
    parts = raw.split("\0")
    pairs = [(parts[i][:1], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]
    return sorted(pairs, key=lambda pair: pair[1])


def belongs_to_tests(path: str, test_paths: tuple[str, ...]) -> bool:
    """Whether a path is one of the test files or lies in one of the test folders."""
    return any(path == t or path.startswith(t.rstrip("/") + "/") for t in test_paths)


def build_git(source: GitSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
    """Build a task's files from two commits.

    Args:
        source: Repository, base and fix.
        test_paths: What belongs to the hidden side.
        dest: An empty folder.

    Raises:
        RecordError: Not a repository, or no such revision.
    """
    repository = open_repository(source.path)
    base, fix = resolve(repository, source.base), resolve(repository, source.fix)
    _export(repository, base, dest / "base", [])
    changed = changed_files(repository, base, fix)
    tests = [(s, p) for s, p in changed if belongs_to_tests(p, test_paths)]
    present = [p for s, p in tests if s != "D"]
    (dest / "hidden").mkdir()
    if present:
        _export(repository, fix, dest / "hidden", present)
    others = [p for _, p in changed if not belongs_to_tests(p, test_paths)]
    reference = b""
    if others:
        reference = repository.git.diff(
            "--binary", "--no-renames", base, fix, "--", *others, stdout_as_string=False,
            strip_newline_in_stdout=False,
        )  # fmt: skip
    message = repository.commit(fix).message
    return BuiltFiles(
        base=dest / "base",
        hidden=dest / "hidden",
        removed=tuple(p for s, p in tests if s == "D"),
        reference=reference,
        statement=message.decode() if isinstance(message, bytes) else str(message),
        held_out=None,
        repository=Path(source.path).resolve().name,
        base_revision=base[:12],
    )


def _export(repository, commit: str, dest: Path, paths: list[str]) -> None:
    dest.mkdir(exist_ok=True)
    raw = repository.git.archive(
        "--format=tar", commit, "--", *paths, stdout_as_string=False, strip_newline_in_stdout=False
    )
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        archive.extractall(dest, filter="tar")
