"""Attributes that are no part of C's grammar: macros of compilers, kernels and libraries."""

from __future__ import annotations

import re

_NAMES = (
    rb"__(?:init|exit|initdata|exitdata|initconst|devinit|devexit|net_init|net_exit|meminit|ref|"
    rb"refdata|cold|hot|must_check|always_inline|noinline|maybe_unused|unused|used|sched|user|"
    rb"iomem|kernel|rcu|percpu|force|read_mostly|ro_after_init|visible|weak|pure|deprecated|"
    rb"packed|noreturn|noclone|cpuinit|stdcall|cdecl|fastcall|cacheline_aligned)"
    rb"|noinline|asmlinkage|notrace|WINAPI|CALLBACK|APIENTRY|JNIEXPORT|JNICALL"
    rb"|Py_(?:BEGIN|END)_ALLOW_THREADS"
)
_INNER = rb"(?:[^()]|\((?:[^()]|\([^()]*\))*\))*"
_WITH_ARGUMENTS = (
    rb"__attribute__\s*\(\(" + _INNER + rb"\)\)|__(?:acquires|releases|must_hold)\s*\([^()]*\)"
)
_FOUND = re.compile(
    rb"(?P<directive>^[ \t]*#(?:[^\n\\]|\\.)*)"
    rb"|\b(?=[_nacWCAJP])(?:" + _WITH_ARGUMENTS + rb"|(?:" + _NAMES + rb")\b)(?!\s*\()",
    re.MULTILINE | re.DOTALL,
)


def without_attributes(source: bytes) -> bytes:
    """Return a source with spaces in the place of known attributes; directives stay as they are.

    Each byte keeps its place, so that positions hold for both.
    """

    def blank(found: re.Match[bytes]) -> bytes:
        if found["directive"] is not None:
            return found[0]
        return re.sub(rb"[^\n]", b" ", found[0])

    return _FOUND.sub(blank, source)
