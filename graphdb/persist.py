"""Writes an index and its embedded store to a folder, and reads them back.

Files are written whole under another name and then renamed, and carry a digest: a folder that was
cut off, or made by another version, is built anew, never half read.
"""

from __future__ import annotations

import json
import marshal
import os
import sys
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from graphdb.errors import SourceError, StoreError
from graphdb.index import Entry, Index
from graphdb.plugins import code_files
from graphdb.stores.kglite_store import KgliteStore

_INDEX = "index.bin"
_STORE = "graph.kgl"
_STAMP = "graph.stamp"


def stamp(index: Index) -> str:
    """A name for the content of an index: equal files give equal stamps."""
    digest = blake2b(digest_size=16)
    for path in sorted(index.entries):
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0" + index.entries[path].digest)
    digest.update(str(_versions()).encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _versions() -> dict[str, Any]:
    """What an index depends on beside the files: the code that made it, and marshal's format."""
    code = blake2b(digest_size=16)
    root = Path(__file__).parent
    for path in sorted([*root.glob("*.py"), *root.glob("languages/**/*.py"), *code_files()]):
        code.update(path.read_bytes())
    return {"code": code.hexdigest(), "python": list(sys.version_info[:2])}


def write(folder: Path, index: Index) -> str:
    """Write an index.

    Returns:
        Its stamp.

    Raises:
        SourceError: The folder can't be written.
    """
    rows = {
        path: (*entry[:7], sorted(entry.needs), *entry[8:]) for path, entry in index.entries.items()
    }
    body = marshal.dumps((rows, {item.path: item.reason for item in index.left_out}))
    name = stamp(index)
    head = {**_versions(), "stamp": name, "max_file_bytes": index.max_file_bytes,
            "digest": blake2b(body, digest_size=16).hexdigest()}  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / _INDEX, json.dumps(head).encode() + b"\n" + body)
    except OSError as error:
        raise SourceError(f"can't write the index to {str(folder)!r}: {error.strerror}") from error
    return name


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(folder: Path, max_file_bytes: int) -> tuple[Index, str] | None:
    """The index in a folder and its stamp; None where there is none that can be used."""
    try:
        content = (folder / _INDEX).read_bytes()
    except OSError:
        return None
    line, _, body = content.partition(b"\n")
    try:
        head = json.loads(line)
        sound = head["digest"] == blake2b(body, digest_size=16).hexdigest()
        same = all(head.get(key) == value for key, value in _versions().items())
        if not (sound and same and head["max_file_bytes"] == max_file_bytes):
            return None
    except (ValueError, KeyError, TypeError):
        return None
    rows, left_out = marshal.loads(body)
    entries = {
        path: Entry(*row[:7], frozenset(row[7]), *row[8:])  # type: ignore[arg-type]
        for path, row in rows.items()
    }
    return Index(entries, left_out, max_file_bytes), head["stamp"]


def kglite_store(folder: Path, name: str, index: Index) -> KgliteStore:
    """The embedded store of an index: from the folder if it is of the same stamp, else made."""
    mark = folder / _STAMP
    try:
        if mark.read_text() == name:
            return KgliteStore.open(folder / _STORE)
    except (OSError, StoreError):
        pass  # not there or not whole: made below
    store = KgliteStore()
    store.load(index.nodes(), index.edges())
    try:
        store.save(folder / _STORE)
        _write_whole(mark, name.encode())
    except OSError as error:
        raise SourceError(f"can't write the graph to {str(folder)!r}: {error.strerror}") from error
    return store
