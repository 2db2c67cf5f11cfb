"""Finds and cleans the changelog entry of one release."""

from __future__ import annotations

import difflib
import re
import textwrap

HEADING_MARK = re.compile(r"[-=~^\"'#*+.`_]{3,}\s*")
LINK_TARGET = re.compile(r"\s*(\.\. _[^:]+:|\[[^\]]+\]:)\s*\S+.*")
TEST_CODE = re.compile(r"^\s*(def test_|class Test|assert\b|self\.assert|import pytest|@pytest)")
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE_LINE = re.compile(
    rf"[\W_]*(released?\W+(on\W+)?)?((\d{{1,2}}\W+)?{MONTH}\W+(\d{{1,2}}\W+)?\d{{4}}|\d{{4}}-\d\d-\d\d)[\W_]*",
    re.IGNORECASE,
)
NOISE = re.compile(
    r"^\W*(release[d]?( date)?\b[^a-z]*(\d|unreleased)|unreleased|thanks?\b|contributors?\b"
    r"|full changelog|compare\b|date:|codename"
    r"|(\w+:\s*)?bump(ed|s)?\b.*version|version bump"
    r"|(update|prepare|new)\b.{0,20}\b(version|release)\b"
    r"|v?\d+(\.\d+)+([-. (]|$)"
    r"|welcome\b|first contribution|.*made their first contribution)",
    re.IGNORECASE,
)
MAX_CHARACTERS = 6000


def version_heading(line: str, following: str, version: str | None = None) -> bool:
    """Whether a line starts a release's section.

    Args:
        line: The line.
        following: The line after it (an underline in reStructuredText).
        version: A version that must stand in it; None takes any.
    """
    number = re.escape(version) if version else r"\d{1,4}\.\d+(\.\d+)*([a-z]+\d*)?"
    text = line.strip()
    if not re.search(rf"(?<![\w.]){'v?'}{number}(?![\w]|\.\d)", text) or len(text) > 100:
        return False
    marked = text.startswith(("#", "=", "**", "..", "[")) or bool(
        HEADING_MARK.fullmatch(following.strip() + " ") and following.strip()
    )
    bare = re.fullmatch(
        rf"(version|release|v|\*|:)?\s*v?{number}\W*"
        rf"(\(?\W*(released?|unreleased|on)?\W*[\w ,.:-]*\d*\)?)?:?",
        text,
        re.IGNORECASE,
    )
    return marked or (bare is not None and not line[:1].isspace())


def find_entry(new: str, old: str, version: str) -> str:
    """Return the section of `version` in the new changelog; else the lines that it added.

    Args:
        new: Changelog in the new release.
        old: The same file in the old release, "" where it was not there.
        version: The new release.
    """
    lines = new.splitlines()
    after = [*lines[1:], ""]
    short = re.sub(r"(\.0)+$", "", version)
    for wanted in dict.fromkeys((version, short)):
        for place, line in enumerate(lines):
            if "." not in wanted or not version_heading(line, after[place], wanted):
                continue
            end = next(
                (
                    later
                    for later in range(place + 1, len(lines))
                    if version_heading(lines[later], after[later])
                    and _level(line) >= _level(lines[later])
                ),
                len(lines),
            )
            body = lines[place + 1 : end]
            if any(re.search(r"\w{3}", item) for item in body):
                return "\n".join(body)
    if not old:
        return ""
    added = [item[2:] for item in difflib.ndiff(old.splitlines(), lines) if item.startswith("+ ")]
    return "\n".join(added)


def _level(line: str) -> int:
    """Return the depth of a Markdown heading, 1 for other styles."""
    mark = re.match(r"#+", line.strip())
    return len(mark.group()) if mark else 1


def clean_entry(text: str, package: str, versions: tuple[str, ...]) -> str:
    """Return a changelog entry as plain Markdown prose.

    Left out: links and issue numbers, version and date lines, thanks, code that looks like
    a test.

    Args:
        text: The entry.
        package: Project name (a heading that only repeats it is dropped).
        versions: Versions whose bare mention on a line of its own is dropped.
    """
    kept: list[str] = []
    for line in _join_links(text).splitlines():
        if LINK_TARGET.fullmatch(line) or TEST_CODE.match(line):
            continue
        if HEADING_MARK.fullmatch(line.strip() + " ") and line.strip():
            continue
        bare = _inline(line).rstrip()
        words = bare.strip(" -*#:.()[]")
        if "://" in line and bare.endswith(":"):
            continue  # it only announced the link
        names = (package.lower(), *versions, *(v.replace(".", "-") for v in versions))
        if NOISE.match(bare) or DATE_LINE.fullmatch(bare):
            continue
        if words.lower().removeprefix("v") in names:
            continue
        if line.strip() and not words:
            continue
        kept.append(bare)
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
    joined = textwrap.dedent(joined)
    joined = _without_empty_headings(joined)
    return _shorten(joined)


def _join_links(text: str) -> str:
    """Put a link that is broken over two lines on one."""
    return re.sub(r"`([^`<\n]*)\n\s*([^`\n]*<[^`>\n]*>)`__?", r"`\1 \2`_", text)


_LINKS = (
    (r":(issue|issues|pr|pull|user|gh|bug|ghissue|ghpull|cve|commit):`[^`]*`", ""),
    (r":[\w:.+-]+:`~?\.?([^`<]*?)\s*(<[^`>]*>)?`", r"`\1`"),
    (r"\{[\w:-]+\}`~?\.?([^`<]*?)\s*(<[^`>]*>)?`", r"`\1`"),
    (r"(?<!`)`([^`<]*?)\s*<[^`>]+>`__?", r"\1"),
    (r"!\[[^\]]*\]\([^)]*\)", ""),
    (r"\[([^\]]+)\]\((?:[^()]|\([^)]*\))*\)", r"\1"),
    (r"\[([^\]]+)\]\[[^\]]*\]", r"\1"),
    (r"<https?://[^\s>]+>|(?<![`\0])\bhttps?://[^\s>)\]`]+", ""),
    (r"`(#?\d+)`_+|\|(#?\d+)\|_?|`#\d+`", ""),
    (r"(?<!`)`([^`]+)`__?(?!\w)", r"\1"),
)
_CREDITS = (
    (r"\b(by|thanks to)\s+\[?@[\w-]+\]?(\s*(,|and)\s*\[?@[\w-]+\]?)*(\s+in\s*$)?", ""),
    (r"^\W*reported by\b.*$", ""),
    (r"(?<=[.)`])\s*(many )?thanks?\b[^.]*?(@|:|\bto\b|\bfor the\b)[^.]*(\.|$)", ""),
    (r"\bGHSA(-\w{4}){3}\b|\b(issue|pr|bpo)\d+\b(\s+by\s+[\w-]+)?", ""),
    (
        r"(\b(issues?|pull requests?|pr|gh|closes|fixes|see|bug|in|patch)\b:?\s*)?(?<![\w&])#\d+\b"
        r"(\s*(,|and)\s*#\d+)*(\s+by\s+[A-Z]\w+( [A-Z][\w.]*)*)?",
        "",
    ),
    (r"\(\s*,?\s*(patch\s+)?by\s+[\w .-]+\)", ""),
    (r"\(\s*([,;/&:]|and|see|via|in|by|fixes|closes|issue|issues|pr|\s)*\)", ""),
    (r"\[\s*[,;]*\s*\]", ""),
)


def _inline(line: str) -> str:
    """Remove link clutter and credits inside a line."""
    line = line.replace("``", "\0")
    for pattern, text in _LINKS:
        line = re.sub(pattern, text, line)
    for pattern, text in _CREDITS:
        line = re.sub(pattern, text, line, flags=re.IGNORECASE)
    line = line.replace("\0", "`")
    return re.sub(r"(?<=\S)\s+([.,;:])(?=\s|$)", r"\1", line)


def _without_empty_headings(text: str) -> str:
    """Drop Markdown headings that nothing follows."""
    lines = text.splitlines()
    kept: list[str] = []
    for place, line in enumerate(lines):
        if line.startswith("#"):
            rest = next((item for item in lines[place + 1 :] if item.strip()), "#")
            if rest.startswith("#"):
                continue
        kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")


def _shorten(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[:MAX_CHARACTERS].rsplit("\n", 1)[0] + "\n…"
