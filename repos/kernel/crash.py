"""Reads crash reports from a kernel's console: what kind, where, and the frames above it.

Titles follow syzkaller (pkg/report in its repository): a header says which kind of report it
is, a second pattern finds the title. A console is hostile data: whatever it holds, reading it
never raises and takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

MAX_CONSOLE = 4 << 20
"""Bytes of a console that are read; of a longer one the first half and the last."""

MAX_REPORT_LINES = 80
MAX_LINE = 400
ELSEWHERE = "an unknown function"

STAMP = re.compile(r"^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? ?")
FRAME = re.compile(r"(\? )?\b([A-Za-z_][\w.]*)\+0x([0-9a-f]{1,12})/0x([0-9a-f]{1,12})")
HELPERS = re.compile(
    r"^(__?asan_|(start|end)_report|local_lock|kasan_|__kasan|print_|dump_stack|show_stack|report_|check_panic|panic$|"
    r"__?warn|warn_slowpath|segv|sig_handler|unblock_signals|do_raw_|_raw_|lock_acquire|"
    r"__lock_acquire|lockdep_|check_noncircular|refcount_|__list_(add|del)_|__ubsan|ubsan_|"
    r"fortify_panic|mem(cpy|set|move|cmp|chr|zero)$|__mem|str(len|cpy|ncpy|cmp|lcpy|scpy)$|"
    r"bad_area|page_fault|arch_|relay_signal|hard_handler|timer_real|handle_signal|stack_trace|"
    r"_?_?copy_|vsnprintf|v?s[cn]*printf$|number$|string|pointer$|check_memory_region|"
    r"kmem_cache_|kmalloc|kzalloc|__kmalloc|kfree$|slab_|object_err|zlib_inflate_blob)"
)
"""Functions that only report, or that are given a bad pointer; the caller is to blame."""


@dataclass(frozen=True)
class Frame:
    """One line of a call trace.

    Attributes:
        function: Its name, without what compilers append (`.constprop.0`).
        offset: Bytes from the function's start.
        size: Bytes of the function.
        sure: Whether the unwinder believes in it (no `?`).
    """

    function: str
    offset: int
    size: int
    sure: bool = True


@dataclass(frozen=True)
class Crash:
    """One report.

    Attributes:
        title: As syzkaller names it: "KASAN: slab-out-of-bounds in bm_register_write".
        kind: The first part of it: "KASAN", "WARNING", "panic", ...
        frames: The call trace, innermost first.
        report: The console's lines of it, without time stamps.
        line: Number of its first line in the console, from 0.
    """

    title: str
    kind: str
    frames: tuple[Frame, ...]
    report: str
    line: int


@dataclass(frozen=True)
class Pattern:
    """How one kind of report begins.

    Attributes:
        kind: The kind.
        header: Matches its first line.
        title: Makes the title of the match and of the function that is to blame.
    """

    kind: str
    header: re.Pattern[str]
    title: Callable[[re.Match[str], str], str]


def _p(kind: str, header: str, title: Callable[[re.Match[str], str], str]) -> Pattern:
    return Pattern(kind, re.compile(header), title)


def _place(named: str | None, blamed: str) -> str:
    """Return the function that a header names, unless it is a helper."""
    name = _plain(named or "")
    return blamed if not name or HELPERS.match(name) else name


PATTERNS = (
    _p(
        "KASAN",
        r"BUG: KASAN: ([\w-]+)(?: in ([\w.]+))?",
        lambda m, f: f"KASAN: {m[1]} in {_place(m[2], f)}",
    ),
    _p("KASAN", r"KASAN: (null-ptr-deref|[\w-]+) in range", lambda m, f: f"KASAN: {m[1]} in {f}"),
    _p("UBSAN", r"UBSAN: ([\w-]+) in (\S+)", lambda m, f: f"UBSAN: {m[1]} in {f}"),
    _p(
        "general protection fault",
        r"general protection fault",
        lambda m, f: f"general protection fault in {f}",
    ),
    _p(
        "page fault",
        r"BUG: (?:unable to handle|kernel NULL pointer dereference)",
        lambda m, f: f"BUG: unable to handle kernel access in {f}",
    ),
    _p(
        "kernel mode fault",
        r"Kernel panic - not syncing: (?:Kernel mode fault|Segfault with no mm)",
        lambda m, f: f"kernel mode fault in {f}",
    ),
    _p(
        "kernel mode fault",
        r"Kernel panic - not syncing: Kernel tried to access user memory",
        lambda m, f: f"kernel mode fault in {f}",
    ),
    _p("list corruption", r"list_(add|del) corruption", lambda m, f: f"list corruption in {f}"),
    _p("refcount", r"refcount_t: ([\w -]+)[;.]", lambda m, f: f"refcount: {m[1].strip()} in {f}"),
    _p("BUG", r"kernel BUG at (\S+?)[!:]", lambda m, f: f"kernel BUG in {f}"),
    _p("BUG", r"^BUG: failure at \S+?/(\w+)\(\)!", lambda m, f: f"kernel BUG in {m[1]}"),
    _p(
        "lockdep",
        r"WARNING: possible (?:circular locking|recursive locking|irq lock inversion)"
        r"|WARNING: possible (?:irq|lock)",
        lambda m, f: f"possible deadlock in {f}",
    ),
    _p(
        "lockdep",
        r"WARNING: (?:inconsistent lock state|bad unlock balance detected|held lock freed"
        r"|[\w>-]+ -> [\w-]+ unsafe lock order|lock held when returning to user space"
        r"|\S{1,40} still has locks held|suspicious RCU usage|.* \d+ locks? still held)",
        lambda m, f: f"{_nameless(m[0].removeprefix('WARNING: '))[:60].strip()} in {f}",
    ),
    _p(
        "lockdep",
        r"BUG: (?:Invalid wait context|held lock freed|.{0,40}still has locks held)",
        lambda m, f: f"lockdep: {m[0].removeprefix('BUG: ')[:60]} in {f}",
    ),
    _p("lockdep", r"\[ BUG: ([^\]]{1,60}) \]", lambda m, f: f"lockdep: {m[1].strip()} in {f}"),
    _p(
        "hung task",
        r"INFO: task .{1,64} blocked for more than",
        lambda m, f: f"INFO: task hung in {f}",
    ),
    _p("soft lockup", r"BUG: soft lockup", lambda m, f: f"BUG: soft lockup in {f}"),
    _p(
        "RCU stall",
        r"(?:INFO: rcu|rcu: INFO: rcu)_\w+ (?:self-)?detected",
        lambda m, f: f"INFO: rcu detected stall in {f}",
    ),
    _p("kmemleak", r"^unreferenced object 0x", lambda m, f: f"memory leak in {f}"),
    _p("kmemleak", r"kmemleak: \d+ new suspected memory leaks", lambda m, f: "memory leak"),
    _p(
        "BUG",
        r"BUG: (sleeping function called from invalid context|scheduling while atomic)",
        lambda m, f: f"BUG: {m[1]} in {f}",
    ),
    _p("BUG", r"BUG (\S+) \(.{0,40}\): (.{1,60})", lambda m, f: f"BUG: {m[2].strip()} in {f}"),
    _p("fortify", r"detected buffer overflow in (\w+)", lambda m, f: f"buffer overflow in {f}"),
    _p(
        "WARNING",
        r"WARNING: CPU: \d+ PID: \d+ at \S+ ([\w.]+)\+",
        lambda m, f: f"WARNING in {_place(m[1], f)}",
    ),
    _p("WARNING", r"WARNING: CPU: \d+ PID: \d+ at", lambda m, f: f"WARNING in {f}"),
    _p(
        "panic",
        r"Kernel panic - not syncing: (.{0,120})",
        lambda m, f: f"kernel panic: {_numberless(m[1])}",
    ),
)
CORRUPTED = "corrupted report: panic_on_warn set"


def console_lines(console: bytes | str) -> list[str]:
    """Return a console as lines without time stamps; never raises."""
    if isinstance(console, bytes):
        if len(console) > MAX_CONSOLE:
            half = MAX_CONSOLE // 2
            console = console[:half] + b"\n" + console[-half:]
        console = console.decode("utf-8", "replace")
    lines = console.replace("\r", "").split("\n")
    return [STAMP.sub("", line[:MAX_LINE]) for line in lines]


def crashes(console: bytes | str, baseline: Collection[str] = ()) -> list[Crash]:
    """Return the reports of a console, in order, without those of a clean boot.

    What follows from a report (the panic that `panic_on_warn` makes of a warning) is part of
    it, and a title is named once.

    Args:
        console: What the kernel printed.
        baseline: Titles that a clean boot has too.
    """
    lines = console_lines(console)
    starts: list[tuple[int, Pattern, re.Match[str]]] = []
    for number, line in enumerate(lines):
        for pattern in PATTERNS:
            match = pattern.header.search(line)
            if match:
                starts.append((number, pattern, match))
                break
    # Who is named for one that every boot has differs: the words before " in " are compared.
    noise = {title.split(" in ")[0] for title in baseline}
    found: list[Crash] = []
    for at, (number, pattern, match) in enumerate(starts):
        if pattern.kind == "panic" and found:
            continue
        end = starts[at + 1][0] if at + 1 < len(starts) else len(lines)
        body = lines[number : min(end, number + MAX_REPORT_LINES)]
        frames = _frames(body)
        if pattern.kind == "panic" and "panic_on_warn set" in match[0]:
            title = CORRUPTED
        else:
            title = pattern.title(match, _blamed(frames))
        if pattern.kind == "lockdep" and title.split(" in ")[0] in noise:
            continue
        if title in baseline or any(title == other.title for other in found):
            continue
        found.append(Crash(title, pattern.kind, frames, "\n".join(body).rstrip(), number))
    return found


def _frames(lines: list[str]) -> tuple[Frame, ...]:
    """Return the first call trace of a report; the register's line (RIP) counts as a frame."""
    frames: list[Frame] = []
    inside = False
    for line in lines:
        if re.search(r"call trace:", line, re.IGNORECASE):
            if frames and inside:
                break
            inside = True
            continue
        if re.match(r"\s*(Allocated|Freed) by task|The buggy address", line):
            break
        match = FRAME.search(line)
        if match and (inside or line.lstrip().startswith("RIP:")):
            frames.append(
                Frame(_plain(match[2]), int(match[3], 16), int(match[4], 16), match[1] is None)
            )
    return tuple(frames)


def _blamed(frames: tuple[Frame, ...]) -> str:
    for sure in (True, False):
        for frame in frames:
            if frame.offset and frame.sure >= sure and not HELPERS.match(frame.function):
                return frame.function
    return ELSEWHERE


def _plain(name: str) -> str:
    return re.sub(r"\.(isra|constprop|part|cold|llvm)(\.\d+)*", "", name)


def _nameless(text: str) -> str:
    """Return a message without the process (`init/23`) that it names."""
    return re.sub(r"^\S+/\d+ ", "", text)


def _numberless(text: str) -> str:
    """Return a panic's message without addresses and build paths."""
    text = re.sub(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{8,16}\b", "ADDR", text.strip())
    return re.sub(r"/\S*/", "", text)[:80].strip()
