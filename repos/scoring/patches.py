"""Diffs as data: which files one touches, what is left of it for scoring, what looks odd."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

from repos.errors import InputError
from repos.runners.protocol import Runner
from repos.scoring.predictions import read_predictions

START_UP = frozenset({"sitecustomize", "usercustomize"})
"""Modules that an interpreter imports by itself, in whatever form they come."""

SUSPICIOUS = (
    (rb"\b_exit\b", "calls os._exit"),
    (rb"\bptrace\b|/proc/", "reaches for other processes"),
    (rb"\bsettrace\b|\bgc\.get_(objects|referrers)\b|\b_getframe\b", "inspects the interpreter"),
    (rb"\batexit\b", "registers an exit handler"),
)

ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
}

_HEADER = re.compile(rb"^diff --git ", re.MULTILINE)


def sections(diff: bytes) -> list[tuple[tuple[str, ...], bytes]]:
    """Split a git diff into (paths, text) for each file.

    Text that is no part of a file's section by git's own grammar is dropped: what stands
    before the first header, and what follows the last hunk of a file. Git would apply a
    further patch that stands there, under a name that no header shows.

    Args:
        diff: Output of `git diff`.
    """
    starts = [m.start() for m in _HEADER.finditer(diff)]
    parts: list[bytes] = []
    at = 0
    for number, start in enumerate(starts):
        if start < at:  # inside a hunk
            continue
        following = starts[number + 1] if number + 1 < len(starts) else len(diff)
        end = _section_end(diff, start)
        # Where the counts of a hunk are wrong, the next header is the only end there is.
        at = following if end is None else end
        parts.append(diff[start:at])
    return [(_paths(part), part) for part in parts]


_PART = re.compile(
    rb"^--- [^\n]*\n\+\+\+ [^\n]*\n@@ -|^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@", re.MULTILINE
)


def incomplete(diff: bytes) -> str:
    """Return why a diff can't be applied whole, as a sentence; "" where nothing of it is lost.

    Prose around the parts (a commit message, a mail's signature) is no loss.

    Args:
        diff: What someone wants to have applied.
    """
    parts = [text for _, text in sections(diff)]
    if diff.strip() and not parts:
        return (
            "it holds no git diff (a line `diff --git a/FILE b/FILE` for each file): make it "
            "with `git diff --binary`"
        )
    at = 0
    for number, part in enumerate([*parts, b""]):
        start = diff.find(part, at) if part else len(diff)
        between = diff[at:start]
        lost = _PART.search(between)
        # A line of a hunk that the counts of its header leave out.
        loose = number > 0 and re.match(rb"[+ ]|-(?!-)|--[^ \n]", between)
        if lost or loose:
            line = diff.count(b"\n", 0, at + (lost.start() if lost else 0)) + 1
            what = "a part without a `diff --git` line" if lost else "lines that no hunk counts"
            return f"line {line} begins {what}: make the diff with `git diff --binary`"
        at = start + len(part)
    return ""


_EXTENDED = re.compile(
    rb"(?:old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|"
    rb"rename to|rename old|rename new|similarity index|dissimilarity index|index|---|\+\+\+) "
)
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def _section_end(diff: bytes, start: int) -> int | None:
    """Return where the section that starts at `start` ends, or None where a hunk is broken."""

    def line_at(at: int) -> tuple[bytes, int]:
        end = diff.find(b"\n", at)
        return (diff[at:], len(diff)) if end < 0 else (diff[at:end], end + 1)

    _, at = line_at(start)
    while at < len(diff):
        line, after = line_at(at)
        if not _EXTENDED.match(line):
            break
        at = after
    if at < len(diff) and line_at(at)[0].rstrip(b"\r") == b"GIT binary patch":
        _, at = line_at(at)
        while re.match(rb"(?:literal|delta) \d+\s*$", line_at(at)[0]):
            _, at = line_at(at)
            while at < len(diff):
                line, at = line_at(at)
                if not line.strip():
                    break
        return at
    while at < len(diff):
        hunk = _HUNK.match(line_at(at)[0])
        if hunk is None:
            break
        old, new = (1 if n is None else int(n) for n in hunk.groups())
        _, at = line_at(at)
        while old or new:
            line, after = line_at(at)
            kind = line[:1]
            if at >= len(diff) or kind not in (b" ", b"+", b"-", b"\\", b""):
                return None
            old -= kind in (b" ", b"-", b"")
            new -= kind in (b" ", b"+", b"")
            if old < 0 or new < 0:
                return None
            at = after
        while at < len(diff) and diff[at : at + 1] == b"\\":
            _, at = line_at(at)
    return at


def _paths(section: bytes) -> tuple[str, ...]:
    """Return every path that a section names: header, ---/+++, rename and copy lines."""
    found: list[str] = []
    head = re.split(rb"^@@ |^GIT binary patch", section, maxsplit=1, flags=re.MULTILINE)[0]
    for line in head.split(b"\n"):
        if line.startswith(b"diff --git "):
            found += _header_paths(line[len(b"diff --git ") :])
        for mark in (b"--- ", b"+++ "):
            if line.startswith(mark):
                path = _unquote(line[4:].split(b"\t")[0])
                if path != "/dev/null":
                    found.append(path[2:] if path[:2] in ("a/", "b/") else path)
        match = re.match(rb"(?:rename|copy) (?:from|to) (.*)", line)
        if match:
            found.append(_unquote(match.group(1)))
    return tuple(dict.fromkeys(found))


def _header_paths(text: bytes) -> list[str]:
    text = text.rstrip(b"\r")
    if text.startswith(b'"'):
        names = re.findall(rb'"(?:[^"\\]|\\.)*"|\S+', text)
        return [_unquote(n)[2:] for n in names[:2]]
    half = len(text) // 2
    if text[:2] == b"a/" and text[half : half + 3] == b" b/":
        return [text[2:half].decode("utf-8", "surrogateescape")]
    names = text.split(b" b/", 1)
    return [n.removeprefix(b"a/").decode("utf-8", "surrogateescape") for n in names]


def _unquote(name: bytes) -> str:
    """Undo git's C-style quoting of a path."""
    name = name.rstrip(b"\r")
    if not (name.startswith(b'"') and name.endswith(b'"') and len(name) > 1):
        return name.decode("utf-8", "surrogateescape")
    raw = re.sub(
        rb"\\([0-7]{3}|.)",
        lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else ESCAPES.get(m[1], m[1]),
        name[1:-1],
    )
    return raw.decode("utf-8", "surrogateescape")


def _folded(path: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKC", posixpath.normpath(path)).casefold()


def _starts_up(path: str) -> bool:
    return any(part.partition(".")[0] in START_UP for part in path.split("/"))


def steering(path: str, runner: Runner) -> bool:
    """Whether a path could steer the test run, or lies outside of the repository's files.

    The runner says what steers its framework; what steers any Python is known here.
    """
    plain = _folded(path)
    parts = plain.split("/")
    return (
        plain.startswith(("/", "../"))
        or ".git" in parts
        or "__pycache__" in parts
        or plain.endswith((".pyc", ".pyo", ".pth"))
        or runner.protects(path)
        or runner.protects(plain)
        or _starts_up(plain)
        or any(part.endswith((".dist-info", ".egg-info", ".egg-link")) for part in parts)
    )


def without_protected(diff: bytes, protected: tuple[str, ...], runner: Runner) -> bytes:
    """Return the diff without what belongs to the harness.

    Left out are test files (`protected`: files, or folders with all that is in them), files
    that steer the test run, byte code, anything in `.git`, installed-package metadata and
    submodules. The comparison ignores case and Unicode form, so that a look-alike path does
    not slip through.

    Args:
        diff: A git diff.
        protected: Paths relative to the repository.
        runner: Runs the tests.
    """
    guarded = [_folded(p) for p in protected]

    def refused(path: str) -> bool:
        plain = _folded(path)
        return steering(path, runner) or any(
            plain == g or plain.startswith(g + "/") for g in guarded
        )

    kept = []
    for paths, text in sections(diff):
        head = text.split(b"\n@@ ", 1)[0]
        submodule = re.search(
            rb"^(?:new file mode|old mode|new mode|index \S+) ?160000", head, re.M
        )
        # A link in the place of a test folder would move the tests away.
        blocks = any(g.startswith(_folded(p) + "/") for p in paths for g in guarded)
        if not paths or submodule or blocks or any(refused(p) for p in paths):
            continue
        kept.append(text)
    return b"".join(kept)


def flag_diff(diff: bytes, runner: Runner) -> tuple[str, ...]:
    """Return remarks on added lines and files that deserve a look; they decide nothing."""
    added = b"\n".join(
        line[1:]
        for line in diff.split(b"\n")
        if line.startswith(b"+") and not line.startswith(b"+++")
    )
    notes = [note for pattern, note in SUSPICIOUS if re.search(pattern, added)]
    words = b"|".join(re.escape(word.encode()) for word in runner.internals)
    if words and re.search(rb"\b(" + words + rb")\b", added):
        notes.append("names the test framework's internals")
    for paths, _ in sections(diff):
        notes += [f"touches {p}" for p in paths if runner.protects(p) or _starts_up(p)]
    return tuple(dict.fromkeys(notes))


def read_diff(path: Path, task: str) -> bytes:
    """Read a diff that someone wants to have scored.

    Args:
        path: A git diff, "-" for standard input, or predictions in SWE-bench's format
            (`.jsonl`, `.json`), of which the one of `task` is taken.
        task: The task's id.

    Raises:
        RepoGymError: No such file, no prediction for the task, or no git diff in it.
    """
    if str(path) == "-":
        diff = sys.stdin.buffer.read()
    elif not path.is_file():
        raise InputError(f"There is no diff {path}.")
    elif path.suffix in (".jsonl", ".json"):
        found = [p for p in read_predictions(path) if p.instance == task]
        if not found:
            raise InputError(f"{path} holds no prediction for {task}.")
        diff = found[-1].diff()
    else:
        diff = path.read_bytes()
    why = incomplete(diff)
    if why:
        raise InputError(f"{path} can't be applied whole: {why}.")
    return diff
