"""Diffs as data: which files one touches, what is left of it for scoring, what looks odd."""

from __future__ import annotations

import posixpath
import re

PROTECTED_NAMES = frozenset(
    {
        "conftest.py",
        "pytest.ini",
        ".pytest.ini",
        "sitecustomize.py",
        "usercustomize.py",
    }
)
"""Files by which a patch could steer the test run; the base's versions are kept."""

SUSPICIOUS = (
    (rb"\b_exit\b", "calls os._exit"),
    (rb"\b_pytest\b|PYTEST_CURRENT_TEST", "names pytest's internals"),
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

    Args:
        diff: Output of `git diff`; text before the first header is dropped.
    """
    starts = [m.start() for m in _HEADER.finditer(diff)]
    parts = [diff[a:b] for a, b in zip(starts, [*starts[1:], len(diff)], strict=False)]
    return [(_paths(part), part) for part in parts]


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


def without_protected(diff: bytes, protected: tuple[str, ...]) -> bytes:
    """Return the diff without what belongs to the harness.

    Left out are test files (`protected`: files, or folders with all that is in them), files
    that steer the test run, byte code, anything in `.git`, installed-package metadata and
    submodules. The comparison ignores case and Unicode form, so that a look-alike path does
    not slip through.

    Args:
        diff: A git diff.
        protected: Paths relative to the repository.
    """
    import unicodedata

    def folded(path: str) -> str:
        return unicodedata.normalize("NFKC", posixpath.normpath(path)).casefold()

    guarded = [folded(p) for p in protected]

    def refused(path: str) -> bool:
        plain = folded(path)
        parts = plain.split("/")
        return (
            plain.startswith(("/", "../"))
            or ".git" in parts
            or "__pycache__" in parts
            or plain.endswith((".pyc", ".pyo", ".pth"))
            or parts[-1] in PROTECTED_NAMES
            or any(part.endswith((".dist-info", ".egg-info", ".egg-link")) for part in parts)
            or any(plain == g or plain.startswith(g + "/") for g in guarded)
        )

    kept = []
    for paths, text in sections(diff):
        head = text.split(b"\n@@ ", 1)[0]
        submodule = re.search(
            rb"^(?:new file mode|old mode|new mode|index \S+) ?160000", head, re.M
        )
        # A link in the place of a test folder would move the tests away.
        blocks = any(g.startswith(folded(p) + "/") for p in paths for g in guarded)
        if not paths or submodule or blocks or any(refused(p) for p in paths):
            continue
        kept.append(text)
    return b"".join(kept)


def flagged(diff: bytes) -> tuple[str, ...]:
    """Return remarks on added lines that deserve a look; they decide nothing."""
    added = b"\n".join(
        line[1:]
        for line in diff.split(b"\n")
        if line.startswith(b"+") and not line.startswith(b"+++")
    )
    notes = [note for pattern, note in SUSPICIOUS if re.search(pattern, added)]
    for paths, _ in sections(diff):
        notes += [f"touches {p}" for p in paths if posixpath.basename(p) in PROTECTED_NAMES]
    return tuple(dict.fromkeys(notes))
