"""Text of observations: shortened in the middle, and free of what differs between two runs."""

from __future__ import annotations

import re

from repos.sandbox.protocol import ExecResult
from tools.clock import without_times

MAX_LINE = 2_000
"""Characters shown of one line."""

_SCRUBS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Addresses in reprs: "<Foo object at 0x7f3b2c4d5e60>".
    (re.compile(r"\b(at|of|from) 0x[0-9a-fA-F]{6,16}\b"), r"\1 0x..."),
    # Addresses of the 47-bit user space anywhere ("0x7f..", "0x55..").
    (re.compile(r"\b0x(?:0000)?(?:7[ef]|5[56])[0-9a-f]{10}\b"), "0x..."),
    # Threads: "<Thread(Thread-1, started daemon 139690592557952)>".
    (re.compile(r"\b(started(?: daemon)?) \d{6,}"), r"\1 N"),
    # pytest's and unittest's durations.
    (
        re.compile(r"\b(in|took) \d+(?:\.\d+)? ?(?:s|ms|seconds?)\b(?: \(\d+:\d\d:\d\d\))?"),
        r"\1 N s",
    ),
    (re.compile(r"\b\d+(?:\.\d+)? ([num]?sec per loop)\b"), r"N \1"),
    (re.compile(r"^\d+\.\d+s (call|setup|teardown)\b", re.MULTILINE), r"N s \1"),
    (re.compile(r"^(real|user|sys)(\s+)\d+m\d+[.,]\d+s$", re.MULTILINE), r"\1\2N s"),
    # Temporary folders: tempfile's, mktemp's and pytest's.
    (re.compile(r"/tmp/pytest-of-[^/\s]+/pytest-\d+"), "/tmp/pytest"),
    (re.compile(r"/tmp/tmp\.?[A-Za-z0-9_]{8,10}\b"), "/tmp/tmp"),
    (re.compile(r"\btmp\.[A-Za-z0-9]{10}\b"), "tmp.N"),
    # Process ids: "pid 123", "pid=123", and what bash says about a killed job.
    (re.compile(r"\b(pid|PID|process id)([ =:]+)\d+"), r"\1\2N"),
    (
        re.compile(
            r"(: line \d+:) +\d+ (Killed|Terminated|Aborted|Segmentation fault|Bus error"
            r"|Floating point exception|Illegal instruction|Hangup|Trace/breakpoint trap)"
        ),
        r"\1 \2",
    ),
)


def scrub(text: str) -> str:
    """Replace wall times, process ids, temporary paths and addresses by constants.

    Only for what programs print; the text of files is shown as it is, or an exact
    replacement could not find it.
    """
    for pattern, by in _SCRUBS:
        text = pattern.sub(by, text)
    return without_times(text)


def clip(text: str, max_chars: int) -> str:
    """Keep the head and the tail of a long text and say what was left out between them.

    The cut goes to the ends of lines where lines are not longer than the room.

    Args:
        text: Any text.
        max_chars: Bound of the result in characters, its note not counted.
    """
    if len(text) <= max_chars:
        return text
    half = max(1, max_chars // 2)
    head, tail = text[:half], text[-half:]
    newline = head.rfind("\n")
    if newline >= half // 2:
        head = head[: newline + 1]
    newline = tail.find("\n")
    if 0 <= newline <= half // 2:
        tail = tail[newline + 1 :]
    left_out = text[len(head) : len(text) - len(tail)]
    return _joined(head, tail, f"{len(left_out):,} characters, {left_out.count(chr(10)):,} lines")


def clip_line(line: str, max_chars: int = MAX_LINE) -> str:
    """Shorten one long line and say how much of it is missing."""
    if len(line) <= max_chars:
        return line
    return f"{line[:max_chars]}[... {len(line) - max_chars:,} more characters]"


def captured(result: ExecResult, max_chars: int) -> str:
    """Return what a command printed, standard output first, as clean and bounded text.

    Args:
        result: The command's result, its own gaps included.
        max_chars: Bound in characters for each of the two streams.
    """
    streams = [
        _stream(result.stdout, result.stdout_dropped, max_chars),
        _stream(result.stderr, result.stderr_dropped, max_chars),
    ]
    return "\n".join(stream.removesuffix("\n") for stream in streams if stream)


def _stream(data: bytes, dropped: int, max_chars: int) -> str:
    if not dropped:
        return clip(scrub(printable(data.decode("utf-8", "replace"))), max_chars)
    # The sandbox kept one half of its bytes from the head and one from the tail.
    seam = (len(data) + 1) // 2
    head = scrub(printable(data[:seam].decode("utf-8", "replace")))
    tail = scrub(printable(data[seam:].decode("utf-8", "replace")))
    half = max_chars // 2
    cut = max(0, len(head) - half) + max(0, len(tail) - half)
    return _joined(head[:half], tail[-half:], f"{dropped + cut:,} bytes")


def _joined(head: str, tail: str, what: str) -> str:
    gap = "" if head.endswith("\n") else "\n"
    return f"{head}{gap}[... {what} left out ...]\n{tail}"


def printable(text: str) -> str:
    """Drop terminal colours and keep what a carriage return left standing on a line."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", text)
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(line.rsplit("\r", 1)[-1] for line in text.split("\n"))
    return text.replace("\0", "\\0")


def plural(count: int, noun: str) -> str:
    """Return for example "1 file" or "1,200 files"."""
    if count == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("ch", "s", "x")) else "s"
    return f"{count:,} {noun}{ending}"
