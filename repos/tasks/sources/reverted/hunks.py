"""Hunks between two releases, and files with some of them taken back."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

from repos.errors import RecordError
from repos.syntax import parse
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.sources.pypi.pairs import diff_trees
from repos.tasks.sources.reverted.records import Hunk

Texts = Mapping[str, bytes]
"""Contents by path."""


def lines_of(text: bytes) -> list[bytes]:
    """Return the lines of a file as git counts them, with their ends."""
    return re.findall(rb"[^\n]*\n|[^\n]+", text)


def find_hunks(old: Texts, new: Texts) -> tuple[Hunk, ...]:
    """Return the hunks of files that stand on both sides, without context, by place.

    Args:
        old: Contents by path.
        new: The same after the change.
    """
    from unidiff.patch import PatchSet

    both = sorted(path for path in old if path in new and old[path] != new[path])
    if not both:
        return ()
    trees = [{path: Member(side[path]) for path in both} for side in (old, new)]
    patch = PatchSet(diff_trees(*trees, context=0).decode("utf-8", "replace"))
    found = []
    for item in patch:
        for hunk in item:
            # Where a side has no line, git names the one before.
            first = hunk.source_start - (hunk.source_length > 0), hunk.source_length
            second = hunk.target_start - (hunk.target_length > 0), hunk.target_length
            digest = _digest(old[item.path], new[item.path], first, second)
            found.append(Hunk(path=item.path, old=first, new=second, sha256=digest))
    return tuple(found)


def take_back(old: Texts, new: Texts, hunks: Iterable[Hunk]) -> dict[str, bytes]:
    """Return the new texts of the files that hunks touch, with these hunks taken back.

    Raises:
        RecordError: A hunk is not what its record says.
    """
    by_path: dict[str, list[Hunk]] = {}
    for hunk in hunks:
        by_path.setdefault(hunk.path, []).append(hunk)
    result = {}
    for path, some in by_path.items():
        if path not in old or path not in new:
            raise RecordError(f"{path} does not stand in both releases.")
        before, after = lines_of(old[path]), lines_of(new[path])
        for hunk in sorted(some, key=lambda h: -h.new[0]):
            if _digest(old[path], new[path], hunk.old, hunk.new) != hunk.sha256:
                raise RecordError(f"{path}: line {hunk.new[0] + 1} is not what the record names.")
            place = slice(hunk.new[0], hunk.new[0] + hunk.new[1])
            after[place] = before[hunk.old[0] : hunk.old[0] + hunk.old[1]]
        result[path] = b"".join(after)
    return result


def added(hunk: Hunk, new: Texts) -> str:
    """Return the lines that a hunk brings."""
    return _text(new[hunk.path], hunk.new)


def removed(hunk: Hunk, old: Texts) -> str:
    """Return the lines that a hunk removes."""
    return _text(old[hunk.path], hunk.old)


def bare(text: bytes) -> str | None:
    """Return what a module does: its tree without docstrings and annotations; None if broken."""
    try:
        tree = parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    bodies = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
    for node in ast.walk(tree):
        if isinstance(node, bodies) and node.body and _is_text(node.body[0]):
            node.body = node.body[1:]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and re.match(r"__(version|date)", t.id) for t in node.targets
        ):
            node.value = ast.Constant(0)
    return ast.dump(tree)


def live_hunks(old: Texts, new: Texts, hunks: Collection[Hunk]) -> tuple[Hunk, ...]:
    """Return the hunks that change what a module does."""
    whole = {path: bare(new[path]) for path in {hunk.path for hunk in hunks}}
    return tuple(
        hunk for hunk in hunks if bare(take_back(old, new, [hunk])[hunk.path]) != whole[hunk.path]
    )


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _text(text: bytes, span: tuple[int, int]) -> str:
    return b"".join(lines_of(text)[span[0] : span[0] + span[1]]).decode("utf-8", "replace")


def _digest(old: bytes, new: bytes, first: tuple[int, int], second: tuple[int, int]) -> str:
    parts = [
        b"".join(lines_of(text)[at : at + count])
        for text, (at, count) in ((old, first), (new, second))
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
