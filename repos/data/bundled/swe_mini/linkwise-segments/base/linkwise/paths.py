"""Paths: dots, merging, segments. All of it on encoded text."""

from __future__ import annotations

from collections.abc import Iterable

from .encoding import decode, encode_segment


def remove_dots(path: str) -> str:
    """Resolve "." and ".." (RFC 3986, 5.2.4)."""
    output: list[str] = []
    segments = path.split("/")
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == ".":
            if last:
                output.append("")
        elif segment == "..":
            if len(output) > 1 or (output and output[0]):
                output.pop()
            if last:
                output.append("")
        else:
            output.append(segment)
    result = "/".join(output)
    return "/" + result.lstrip("/") if path.startswith("/") else result


def merge(base: str, reference: str, *, has_host: bool) -> str:
    """Put a relative path in the place of the base's last segment."""
    if has_host and not base:
        return "/" + reference
    return base[: base.rfind("/") + 1] + reference


def to_segments(path: str) -> tuple[str, ...]:
    """The decoded segments; the leading slash is none, a trailing one is ""."""
    if not path.strip("/") and len(path) <= 1:
        return ()
    return tuple(decode(segment) for segment in path.removeprefix("/").split("/"))


def from_segments(segments: Iterable[str]) -> str:
    """An absolute path from plain segments."""
    return "/" + "/".join(encode_segment(segment) for segment in segments)


def append(path: str, segments: Iterable[str]) -> str:
    """The path with more segments below it."""
    below = "/".join(segments)
    return path.rstrip("/") + "/" + below


def parent(path: str) -> str:
    """The path up to its last segment, with a slash at the end."""
    stem = path.removesuffix("/")
    return stem[: stem.rfind("/") + 1] or "/"
