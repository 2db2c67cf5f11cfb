"""The source "git": two revisions of a repository on this machine."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from repos.errors import RecordError
from repos.sandbox.workspace import make_base_git
from repos.tasks.sources.assertions import Assertion, MorePath, more_tests
from repos.tasks.sources.base import BuiltFiles, SourceRecord

if TYPE_CHECKING:
    from repos.tasks.sources.isolated import IsolatedRepository

COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
TRAILER = re.compile(
    r"^(co-authored-by|signed-off-by|reviewed-by|tested-by|acked-by|change-id|cc):.*$",
    re.IGNORECASE | re.MULTILINE,
)
CHORE = re.compile(
    r"^[ \t]*([-*+] )?(-{3,}|apply suggestions? from .*|merge (branch|pull request) .*"
    r"|\[?pre-commit.*|address(ed|ing)? .*(comments?|review|feedback).*"
    r"|((add|update|fix)(ed|es|s)? )?(the )?(changelog|docs?|readme|lint(ing)?|typos?|formatting))"
    r"\.?[ \t]*$\n?",
    re.IGNORECASE | re.MULTILINE,
)
"""Lines of a squashed message that tell nothing of the change."""

REFERENCE = re.compile(
    r"\s*[(\[]?(\b(fix(e[sd])?|close[sd]?|resolve[sd]?|refs?|see|for|issue|pr)[ :]+)?"
    r"(https?://\S+/(issues|pull|merge_requests)/\d+[^\s)\]]*|(\bissue ?|#|\bGH-)\d+\b)[)\]]?[:.]?",
    re.IGNORECASE,
)
"""Numbers and links of issues and changes."""

URL = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:", re.IGNORECASE)


class GitSource(SourceRecord):
    """Two revisions of a git repository.

    Attributes:
        path: Its place on this machine, or its URL. In a manifest, places are relative to it.
        base: The revision before.
        fix: The revision with the fix and its tests.
        statement: What an agent reads; the message of `fix` where it is empty.
        more: Further hidden assertions.
        more_path: The hidden test file in which they stand, "" without any.
    """

    kind: str = "git"
    path: str
    base: str
    fix: str
    statement: str = ""
    more: tuple[Assertion, ...] = ()
    more_path: MorePath = ""


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
        repository = open_repository(source.path, source.fix)
        return f"{resolve(repository, source.base)} {resolve(repository, source.fix)}"


def is_url(place: str) -> bool:
    """Whether a repository is named by a URL, not by a path."""
    return bool(URL.match(place))


def name_of(place: str) -> str:
    """Return the last part of a URL or path, without `.git`."""
    return re.split(r"[/:\\]", place.rstrip("/\\"))[-1].removesuffix(".git")


def open_repository(path: str, commit: str = "HEAD") -> IsolatedRepository:
    """Return a repository, read with none of its user's settings.

    Args:
        path: Its folder or its URL.
        commit: What is needed of one that is named by its URL.

    Raises:
        RecordError: `path` is not a git repository.
        InfrastructureError, NotPreparedError: It can't be fetched.
    """
    from repos.tasks.sources.isolated import IsolatedRepository
    from repos.tasks.sources.remote import local_folder

    return IsolatedRepository(local_folder(path, commit) if is_url(path) else path)


def resolve(repository: IsolatedRepository, revision: str) -> str:
    """Return the full commit id of a revision.

    Raises:
        RecordError: The repository has no such revision.
    """
    return repository.full_id(revision)


def changed_files(repository: IsolatedRepository, base: str, fix: str) -> list[tuple[str, str]]:
    """Return (status letter, path) of what changed between two commits, sorted by path.

    Raises:
        RecordError: Objects of the repository are missing.
    """
    import git

    try:
        raw = repository.git.diff_tree("-r", "--no-renames", "--name-status", "-z", base, fix)
    except git.GitCommandError as error:
        said = str(error.stderr).strip().splitlines()[-1:] or ["git failed"]
        raise RecordError(
            f"{repository.root} can't be read ({said[0]}): where it is a partial or shallow "
            "clone, fetch the rest."
        ) from error
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
    repository = open_repository(source.path, source.fix)
    base, fix = resolve(repository, source.base), resolve(repository, source.fix)
    changed = changed_files(repository, base, fix)
    tests = [(s, p) for s, p in changed if belongs_to_tests(p, test_paths)]
    (dest / "hidden").mkdir()
    with tempfile.TemporaryDirectory(prefix="repogym-checkout-") as folder:
        fixed = Path(folder, "fix")
        repository.check_out(base, dest / "base")
        repository.check_out(fix, fixed)
        for status, path in tests:
            if status != "D" and (os.path.lexists(fixed / path) and not (fixed / path).is_dir()):
                (dest / "hidden" / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(fixed / path, dest / "hidden" / path, follow_symlinks=False)
        if source.more:
            if os.path.lexists(fixed / source.more_path):
                raise RecordError(f"{source.fix} has a file {source.more_path} of its own.")
            added = dest / "hidden" / source.more_path
            added.parent.mkdir(parents=True, exist_ok=True)
            added.write_text(more_tests(source.more), encoding="utf-8")
        others = {p for _, p in changed if not belongs_to_tests(p, test_paths)}
        reference = diff_files(dest / "base", fixed, others) if others else b""
    return BuiltFiles(
        base=dest / "base",
        hidden=dest / "hidden",
        removed=tuple(p for s, p in tests if s == "D"),
        reference=reference,
        statement=source.statement or message_of(repository, fix),
        held_out=None,
        repository=name_of(source.path) if is_url(source.path) else repository.root.name,
        base_revision=base[:12],
    )


def message_of(repository: IsolatedRepository, commit: str) -> str:
    """Return a commit's message without trailers, chores of a squash, and numbers of issues."""
    message = repository.commit(commit).message
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    text = CHORE.sub("", TRAILER.sub("", text))
    return REFERENCE.sub("", text).strip() + "\n"


def diff_files(old: Path, new: Path, paths: Collection[str]) -> bytes:
    """Return the git diff of some files of two folders, byte for byte as they lie there.

    No attribute, setting or filter has any effect, as where a diff is applied.

    Args:
        old: The folder before.
        new: The folder after.
        paths: Relative to both; what is in neither makes no difference.
    """
    from repos.tasks.sources.isolated import run_git

    with tempfile.TemporaryDirectory(prefix="repogym-diff-") as folder:
        commits = []
        for name, tree in (("old", old), ("new", new)):
            part = Path(folder, name)
            part.mkdir()
            for path in paths:
                if os.path.lexists(tree / path) and not (tree / path).is_dir():
                    (part / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(tree / path, part / path, follow_symlinks=False)
            commits.append(make_base_git(part, Path(folder, f"{name}.git")))
        borrowed = Path(folder, "new.git/objects/info/alternates")
        borrowed.write_text(f"{folder}/old.git/objects\n")
        options = ("--binary", "--full-index", "--no-renames", "--no-color", "--no-ext-diff")
        return run_git(
            f"--git-dir={folder}/new.git", "diff", *options, "--no-textconv", "-U3", *commits
        )
