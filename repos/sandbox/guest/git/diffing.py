"""What differs between a workspace and the base commit."""

import hashlib
import os

from .paths import compiled, look, safe
from .repository import IGNORE_FOLDER, Git, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Set, Tuple


def tree_of(git: Git, commit: str) -> "Dict[bytes, Tuple[bytes, bytes]]":
    """Return {path: (mode, object id)} of a commit."""
    table = {}
    for record in git.run(["ls-tree", "-r", "-z", "--full-tree", commit]).split(b"\0"):
        if record:
            facts, path = record.split(b"\t", 1)
            mode, _, ident = facts.split(b" ")
            table[path] = (mode, ident)
    return table


def ignored(git: Git, paths: "List[bytes]") -> "Set[bytes]":
    """Return those of the paths that the base's ignore rules leave out."""
    rules = os.path.join(git.base, IGNORE_FOLDER)
    if not paths or not os.path.isdir(rules):
        return set()
    out = git.run(
        ["check-ignore", "--no-index", "-z", "--stdin"],
        data=b"".join(path + b"\0" for path in paths),
        git_dir=git.base,
        work_tree=os.fsencode(rules),
        ok=(0, 1),
    )
    return set(out.split(b"\0")) - {b""}


def diff(git: Git, candidates: "Iterable[bytes]") -> bytes:
    """Return the diff of the workspace against the base commit.

    Args:
        git: The temporary repository.
        candidates: Paths that may differ.
    """
    base = git.run(["rev-parse", "HEAD^{commit}"], git_dir=git.base).strip()
    tree = tree_of(git, base.decode())
    paths = sorted(p for p in set(candidates) if safe(p) and not compiled(p))
    skipped = ignored(git, [path for path in paths if path not in tree])
    deletions, changes = [], []
    for path in paths:
        if path in skipped:
            continue
        now = look(git.root, path)
        was = tree.get(path)
        if now is None:
            if was is not None:
                deletions.append(b"D " + quoted(path) + b"\n")
            continue
        mode, data = now
        if was is not None and was[0] == mode:
            ident = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest().encode()
            if ident == was[1]:
                continue
        changes.append((mode, path, data))
    if not deletions and not changes:
        return b""
    stream = [
        b"commit refs/heads/work\ncommitter repogym <repogym@localhost> 0 +0000\ndata 0\n",
        b"from " + base + b"\n",
    ]
    # All deletions first: a file may have taken the place of a folder, or the reverse.
    stream += deletions
    for mode, path, data in changes:
        stream.append(b"M %s inline %s\ndata %d\n" % (mode, quoted(path), len(data)))
        stream += [data, b"\n"]
    git.run(["fast-import", "--quiet", "--force"], data=b"".join(stream))
    return git.run(
        [
            "diff-tree",
            "-r",
            "-p",
            "--binary",
            "--full-index",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "--unified=3",
            base.decode(),
            "refs/heads/work",
        ]
    )
