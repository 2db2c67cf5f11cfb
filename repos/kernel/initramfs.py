"""Writes an initial RAM file system: a cpio archive in the `newc` form, uncompressed."""

from __future__ import annotations

from collections.abc import Mapping

FILE, FOLDER, DEVICE = 0o100755, 0o040755, 0o020600


def _entry(number: int, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)):
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def make_initramfs(files: Mapping[str, bytes]) -> bytes:
    """Return an archive with executable files at its root, a console and mount points.

    Args:
        files: Content by name, for example `{"init": ...}`.
    """
    parts = [_entry(n, name, FOLDER) for n, name in enumerate(("dev", "proc", "sys", "mnt"), 1)]
    parts.append(_entry(8, "dev/console", DEVICE, device=(5, 1)))
    parts.append(_entry(9, "dev/null", DEVICE, device=(1, 3)))
    parts += [_entry(n, name, FILE, data) for n, (name, data) in enumerate(files.items(), 10)]
    parts.append(_entry(0, "TRAILER!!!", 0))
    return b"".join(parts)
