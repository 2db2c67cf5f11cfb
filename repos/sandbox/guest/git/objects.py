"""Git's own files, read and written here: a process of git's for each would take milliseconds.

The forms are those of git's documentation: `gitformat-index` (version 2), and loose objects, which
are `TYPE SIZE NUL DATA`, compressed by zlib, in a file named by their SHA-1.
"""

import os
import zlib

try:
    from _sha1 import sha1  # pyright: ignore[reportMissingImports]
except ImportError:  # hashlib loads OpenSSL, 5 ms
    from hashlib import sha1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

    Facts = Tuple[bytes, bytes]
    """Mode and object id, both as git prints them."""


def identify(kind: bytes, data: bytes) -> bytes:
    """Return the id of an object."""
    return sha1(b"%s %d\0" % (kind, len(data)) + data).hexdigest().encode()


def write(folder: str, kind: bytes, data: bytes) -> bytes:
    """Write a loose object into a git folder and return its id."""
    whole = b"%s %d\0" % (kind, len(data)) + data
    ident = sha1(whole).hexdigest()
    place = os.path.join(folder, "objects", ident[:2])
    path = os.path.join(place, ident[2:])
    if not os.path.exists(path):
        os.makedirs(place, exist_ok=True)
        with open(path, "wb") as f:
            f.write(zlib.compress(whole, 0))
    return ident.encode()


def read(folder: str, ident: bytes) -> "Optional[bytes]":
    """Return the data of a loose object; None where the git folder has none of that id."""
    name = ident.decode()
    try:
        with open(os.path.join(folder, "objects", name[:2], name[2:]), "rb") as f:
            return zlib.decompress(f.read()).partition(b"\0")[2]
    except FileNotFoundError:
        return None


def write_trees(folder: str, files: "Dict[bytes, Facts]") -> bytes:
    """Write the tree objects that hold the given paths and return the uppermost one's id."""
    root: Dict[bytes, Any] = {}
    for path, facts in files.items():
        *above, name = path.split(b"/")
        at = root
        for part in above:
            at = at.setdefault(part, {})
        at[name] = facts
    return _write_tree(folder, root)


def _write_tree(folder: str, table: "Dict[bytes, Any]") -> bytes:
    rows = []
    for name, item in table.items():
        if isinstance(item, dict):
            # Git sorts a folder as if its name ended with a slash.
            rows.append((name + b"/", b"40000", name, _write_tree(folder, item)))
        else:
            rows.append((name, item[0], name, item[1]))
    parts = [
        mode + b" " + name + b"\0" + bytes.fromhex(ident.decode())
        for _, mode, name, ident in sorted(rows)
    ]
    return write(folder, b"tree", b"".join(parts))


def write_index(path: str, files: "Dict[bytes, Facts]") -> None:
    """Write an index that holds the given paths, without anything about a work tree."""
    parts = [b"DIRC", (2).to_bytes(4, "big"), len(files).to_bytes(4, "big")]
    for name, (mode, ident) in sorted(files.items()):
        entry = bytes(24) + int(mode, 8).to_bytes(4, "big") + bytes(12)
        entry += bytes.fromhex(ident.decode()) + min(len(name), 0xFFF).to_bytes(2, "big") + name
        parts.append(entry + bytes(8 - len(entry) % 8))
    data = b"".join(parts)
    with open(path, "wb") as f:
        f.write(data + sha1(data).digest())


def read_index(path: str) -> "Dict[bytes, Facts]":
    """Return what an index holds.

    Raises:
        ValueError: It is of another version.
    """
    with open(path, "rb") as f:
        data = f.read()
    if data[:8] != b"DIRC\0\0\0\2":
        raise ValueError("an index of an unknown form")
    files = {}
    at = 12
    for _ in range(int.from_bytes(data[8:12], "big")):
        end = data.index(b"\0", at + 62)
        mode = b"%06o" % int.from_bytes(data[at + 24 : at + 28], "big")
        files[data[at + 62 : end]] = (mode, data[at + 40 : at + 60].hex().encode())
        at = end + 8 - (end - at) % 8
    return files
