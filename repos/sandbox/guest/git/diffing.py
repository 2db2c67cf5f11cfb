"""What differs between a workspace and the base commit."""

import os

from . import objects
from .paths import MOST_BYTES, compiled, look, safe
from .repository import IGNORE_FOLDER, MOST_PATHS, Git, RefusedError, contents, pattern_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Set

    from .objects import Facts

FEW_PATHS = 200
"""Up to so many paths are looked up one by one in the base commit; else all of it is read."""


def above(path: bytes) -> "List[bytes]":
    """Return the folders in which a path lies."""
    parts = path.split(b"/")
    return [b"/".join(parts[:count]) for count in range(1, len(parts))]


def tree_of(git: Git, paths: "List[bytes]") -> "Dict[bytes, Facts]":
    """Return {path: (mode, object id)} of the base commit.

    It holds at least what lies at the given paths, below them, and in the place of their folders.
    """
    if len(paths) <= FEW_PATHS:
        asked = {*paths, *(folder for path in paths for folder in above(path))}
        # Without -r: of the folders nothing but their own entries is told.
        # With ./ in front: a colon there would have a meaning of its own.
        places = ["./" + os.fsdecode(path) for path in sorted(asked)]
        table = _list(git, ["HEAD", "--", *places])
        if not any(table.get(path, (b"", b""))[0] == b"040000" for path in paths):
            return table
    return _list(git, ["-r", "HEAD"])


def _list(git: Git, arguments: "List[str]") -> "Dict[bytes, Facts]":
    table = {}
    command = ["ls-tree", "-z", "--full-tree", *arguments]
    for record in git.run(command, git_dir=git.base).split(b"\0"):
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
    with os.scandir(rules) as entries:
        if next(entries, None) is None:
            return set()
    out = git.run(
        ["check-ignore", "--no-index", "-z", "--stdin"],
        data=b"".join(path + b"\0" for path in paths),
        git_dir=git.base,
        work_tree=os.fsencode(rules),
        ok=(0, 1),
    )
    return set(out.split(b"\0")) - {b""}


def diff(git: Git, candidates: "Iterable[bytes]", readable: bool) -> bytes:
    """Return the diff of the workspace against the base commit.

    Git compares two trees that hold nothing but the paths that differ.

    Args:
        git: The temporary repository.
        candidates: Paths that may differ.
        readable: Whether text of other encodings than UTF-8 is told as it is; else as a binary
            patch, so that the diff is UTF-8, which predictions and JSON have to be.

    Raises:
        RefusedError: Too much has changed.
    """
    paths = sorted(p for p in set(candidates) if safe(p) and not compiled(p))
    if not paths:
        return b""
    tree = tree_of(git, paths)
    skipped = ignored(git, [path for path in paths if path not in tree])
    before: Dict[bytes, Facts] = {}
    after: Dict[bytes, Facts] = {}
    left = [path for path in paths if path not in skipped]
    if len(left) > MOST_PATHS:
        raise RefusedError("%d files changed, more than %d" % (len(left), MOST_PATHS))
    room = MOST_BYTES
    for path in left:
        now = look(git.root, path, room)
        room -= len(now[1]) if now is not None else 0
        was = tree.get(path)
        if was is not None and was[0] != b"040000":
            before[path] = was
        if now is not None:
            mode, data = now
            if was == (mode, objects.identify(b"blob", data)):
                del before[path]
                continue
            after[path] = (mode, objects.write(git.folder, b"blob", data))
    # A file may have taken the place of a folder, or the reverse: what was there has gone.
    for path in after:
        for folder in above(path):
            if tree.get(folder, (b"040000", b""))[0] != b"040000":
                before[folder] = tree[folder]
    for path in tree:
        if any(folder in after for folder in above(path)):
            before[path] = tree[path]
    if not before and not after:
        return b""
    trees = [objects.write_trees(git.folder, files).decode() for files in (before, after)]
    text = compare(git, trees)
    if readable or is_text(text):
        return text
    links = {
        path: ident
        for f in (before, after)
        for path, (mode, ident) in f.items()
        if mode[:2] == b"12"
    }
    targets = contents(git, sorted(set(links.values())))
    for path, ident in sorted(links.items()):
        if not is_text(targets[ident]):  # git has no binary form for it
            raise RefusedError("the target of the link %r is no UTF-8" % os.fsdecode(path))
    # Git tells the content of a file that is no text in ASCII letters.
    ids = {
        ident for files in (before, after) for mode, ident in files.values() if mode[:2] == b"10"
    }
    odd = {ident for ident, data in contents(git, sorted(ids)).items() if not is_text(data)}
    with open(os.path.join(git.folder, "info/attributes"), "ab") as f:
        for path in sorted({*before, *after}):
            if any(files.get(path, (b"", b""))[1] in odd for files in (before, after)):
                f.write(pattern_of(path) + b" -diff\n")
    return compare(git, trees)


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def compare(git: Git, trees: "List[str]") -> bytes:
    """Return git's diff of two trees."""
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
            *trees,
        ]
    )
