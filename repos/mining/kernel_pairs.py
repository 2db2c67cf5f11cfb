"""Ranks the fixes between two Debian versions of a kernel by how likely a task is.

The changelog of the newer version names every patch, the two trees show what changed. A fix is
likely to be a task where it is small, in code that User-Mode Linux can run, about memory, and
where a crafted file or a plain system call triggers it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from repos.errors import InputError
from repos.kernel.debian import SourcePackage, changelog, fetch, source_members

READ = re.compile(r"^(fs|net|kernel|mm|crypto|security|ipc|block|io_uring|lib)/.*\.[ch]$")
"""What a kernel for User-Mode Linux can be built of; drivers need hardware."""

MAX_CHANGED_LINES = 60
CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
MEMORY = re.compile(
    r"out[- ]of[- ]bounds|use[- ]after[- ]free|\buaf\b|overflow|underflow|null[- ](?:ptr|pointer)"
    r"|\boob\b|double[- ]free|uninit|corrupt|divi(?:de|sion)|shift|invalid|bounds|malformed|crash"
    r"|panic|\bwarn|\bBUG|deadlock|infinite loop|leak|valid|sanity|reject|negative",
    re.IGNORECASE,
)
REFUSES = re.compile(
    r"-E(INVAL|IO|UCLEAN|FSCORRUPTED|FBIG|OVERFLOW|RANGE|2BIG|NAMETOOLONG|MSGSIZE)"
)
SLOW = re.compile(
    r"\brace|racy|concurrent|lockless|\brcu\b|teardown|hotplug|timeout", re.IGNORECASE
)
IMAGES = re.compile(
    r"^fs/(squashfs|isofs|adfs|omfs|jfs|hfs|hfsplus|minix|cramfs|romfs|affs|befs|bfs|efs|qnx[46]"
    r"|sysv|ufs|udf|ntfs3?|fat|exfat|ext[24]|nilfs2|reiserfs|f2fs|erofs|hpfs|freevxfs|ocfs2|gfs2"
    r"|btrfs|xfs)/"
)
CALLS = re.compile(
    r"^(fs/[\w.-]+$|ipc/|security/keys/|crypto/|io_uring/|kernel/bpf/|block/partitions/"
    r"|net/(core|unix|ipv[46]|netlink|packet|sched|netfilter|x25|llc|ax25|key|xfrm|sctp)/)"
)
NAMED = re.compile(r"^[A-Za-z_][^;:]*?\b(\w+)\(")


@dataclass(frozen=True)
class Candidate:
    """One changed file that may be a task.

    Attributes:
        score: The higher, the likelier.
        path: The file.
        functions: Those in which lines changed, in order.
        changed: Lines that were added or removed.
        title: The changelog's line that fits best; "" where none does.
        cve: Of that line.
        reasons: What the score is made of.
    """

    score: int
    path: str
    functions: tuple[str, ...]
    changed: int
    title: str
    cve: str
    reasons: tuple[str, ...]


def candidates(old: SourcePackage, new: SourcePackage) -> list[Candidate]:
    """Return what changed between two versions, the likeliest tasks first.

    Raises:
        InfrastructureError: A package can't be fetched or read.
        InputError: The two are the same, or in the wrong order.
    """
    before = dict(_files(fetch(old)))
    package = fetch(new)
    titles = fix_titles(changelog(package), old.version)
    if not titles:
        raise InputError(
            f"The changelog of {new.version} lists nothing after {old.version}: give the older "
            "version first."
        )
    found = []
    for path, after in _files(package):
        first = before.get(path)
        if first is not None and first != after and path.endswith(".c"):
            candidate = rank(path, _text(first), _text(after), titles)
            if candidate is not None:
                found.append(candidate)
    return sorted(found, key=lambda c: (-c.score, c.path))


def fix_titles(text: str, after: str) -> list[str]:
    """Return the patch titles of a Debian changelog's entries that are newer than a version."""
    titles: list[str] = []
    current = ""
    for line in text.splitlines():
        head = re.match(r"^linux \(([^)]+)\)", line)
        if head and head[1] == after:
            return [*titles, current] if current else titles
        if line.startswith("    - "):
            if current:
                titles.append(current)
            current = line[6:].strip()
        elif current and line.startswith("      "):
            current += " " + line.strip()
        else:
            if current:
                titles.append(current)
            current = ""
    return []


def rank(path: str, before: str, after: str, titles: Iterable[str]) -> Candidate | None:
    """Return a changed file with its score; None where it is too large to be one fix."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))
    added = [x[1:] for x in lines if x.startswith("+") and not x.startswith("+++")]
    removed = [x[1:] for x in lines if x.startswith("-") and not x.startswith("---")]
    changed = len(added) + len(removed)
    if not 0 < changed <= MAX_CHANGED_LINES:
        return None
    functions = _functions(after, lines)
    title = _title(path, functions, added + removed, titles)
    told = CVE.search(title)
    text = "\n".join(added)
    points = {
        "a CVE": 2 * bool(told),
        "memory words in the title": 3 * bool(MEMORY.search(title)),
        "adds a condition": 2 * bool(re.search(r"\bif \(", text)),
        "refuses bad input": 3 * bool(REFUSES.search(text)),
        "a crafted image triggers it": 3 * bool(IMAGES.match(path)),
        "a system call triggers it": 2 * bool(CALLS.match(path)),
        "few lines": 2 * (changed <= 20) + (changed <= 8),
        "one function": int(len(functions) == 1),
        "depends on timing": -4 * bool(SLOW.search(title)),
    }
    return Candidate(
        sum(points.values()),
        path,
        functions,
        changed,
        title,
        told[0] if told else "",
        tuple(name for name, value in points.items() if value),
    )


def _files(package: Path) -> Iterable[tuple[str, bytes]]:
    for tree, member, path in source_members(package):
        if READ.match(path) and member.isfile():
            handle = tree.extractfile(member)
            assert handle is not None
            yield path, handle.read()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _functions(after: str, diff: list[str]) -> tuple[str, ...]:
    """Return the functions of a diff's hunks: what the last line without indent begins."""
    lines = after.splitlines()
    found: dict[str, None] = {}
    for line in diff:
        place = re.match(r"@@ -\S+ \+(\d+)", line)
        if not place:
            continue
        for number in range(min(int(place[1]), len(lines)) - 1, -1, -1):
            match = NAMED.match(lines[number])
            if match:
                found[match[1]] = None
                break
    return tuple(found)


def _title(path: str, functions: tuple[str, ...], changed: list[str], titles: Iterable[str]) -> str:
    """Return the patch title that shares most words with a change; "" where none names it."""
    folders = {word for word in re.split(r"[/._-]", path.lower()) if word not in ("c", "fs", "net")}
    words = {w.lower() for line in changed for w in re.findall(r"[A-Za-z_]{4,}", line)}
    best, most = "", 2
    for title in titles:
        prefix, _, rest = title.lower().partition(": ")
        near = len(folders & set(re.split(r"[^a-z0-9]+", prefix)))
        if not near:
            continue
        named = sum(f in rest for f in functions)
        shared = len(words & set(re.findall(r"[a-z_]{4,}", rest)))
        if 2 * near + 5 * named + shared > most:
            best, most = title, 2 * near + 5 * named + shared
    return best
