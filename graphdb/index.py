"""The graph of a set of files, kept file by file so that an edit costs what it touches.

An :class:`Index` holds, for each file, its facts and its resolved edges as packed bytes, and the
names of other files that these edges rest on. :meth:`Index.update` re-reads the files it is told
about, resolves them and exactly those others that rest on a name that changed, and returns the
difference. A fork shares all entries with its origin.
"""

from __future__ import annotations

import marshal
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

from graphdb import collector
from graphdb.delta import Delta, difference
from graphdb.facts import FileFacts, unpack, unpack_references
from graphdb.languages import Language, Resolved, Resolver, language_of, languages
from graphdb.nodes import file_nodes, structure
from graphdb.parsing import ParseTimeoutError
from graphdb.schema import Edge, Node, external_node
from graphdb.source import Source

#: Larger files are left out: they are generated, and tell an agent little.
MAX_FILE_BYTES = 2_000_000


class Entry(NamedTuple):
    """What the index keeps of one file; never changed, so forks share it.

    Attributes:
        digest: Hash of the content.
        language: Its language's name.
        module: Qualified name of its module.
        outline: First part of :meth:`graphdb.facts.FileFacts.pack`.
        facts: Second part of it, that other files' meaning rests on.
        references: Third part of it.
        resolved: Packed edges and externals.
        needs: See :class:`graphdb.languages.Resolved`.
        symbols: See :class:`graphdb.facts.FileFacts`.
        broken_line: First line that does not parse, 0 where all does.
    """

    digest: bytes
    language: str
    module: str
    outline: bytes
    facts: bytes
    references: bytes
    resolved: bytes
    needs: frozenset[str]
    symbols: dict[str, int]
    broken_line: int


class LeftOut(NamedTuple):
    """A file that is not in the graph, and why."""

    path: str
    reason: str


class _Facts(Mapping[str, FileFacts]):
    """Facts of all files of one language, without references, unpacked when asked for."""

    def __init__(self, entries: dict[str, Entry], language: str) -> None:
        self._entries = entries
        self._paths = [path for path, entry in entries.items() if entry.language == language]
        self._known = frozenset(self._paths)
        self.unpacked: dict[str, FileFacts] = {}

    def __getitem__(self, path: str) -> FileFacts:
        found = self.unpacked.get(path)
        if found is None:
            if path not in self._known:
                raise KeyError(path)
            entry = self._entries[path]
            found = self.unpacked[path] = unpack(entry.outline, entry.facts)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class Index:
    """Facts and edges of a set of files.

    Args:
        entries: What is known already, by path.
        left_out: Files that were looked at and are not in the graph.
        max_file_bytes: Files larger than this are left out.
    """

    def __init__(
        self,
        entries: dict[str, Entry] | None = None,
        left_out: dict[str, str] | None = None,
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self.entries = entries if entries is not None else {}
        self._left_out = left_out if left_out is not None else {}
        self.max_file_bytes = max_file_bytes

    def fork(self) -> Index:
        """An index that starts equal and changes alone."""
        return Index(dict(self.entries), dict(self._left_out), self.max_file_bytes)

    @property
    def left_out(self) -> list[LeftOut]:
        """Files of a known language that are not in the graph."""
        return [LeftOut(path, reason) for path, reason in sorted(self._left_out.items())]

    @property
    def broken(self) -> list[tuple[str, int]]:
        """Files that parse only in part: path and first broken line; the rest is in the graph."""
        return [
            (path, entry.broken_line)
            for path, entry in sorted(self.entries.items())
            if entry.broken_line
        ]

    # -- reading out ---------------------------------------------------------------------------

    def nodes(self) -> Iterator[Node]:
        """All nodes, externals last and once."""
        externals: dict[str, Node] = {}
        for entry in self.entries.values():
            yield from file_nodes(unpack(entry.outline), entry.module)
            externals.update((node.id, node) for node in _externals(entry))
        yield from externals.values()

    def edges(self) -> Iterator[Edge]:
        """All edges."""
        for entry in self.entries.values():
            yield from structure(unpack(entry.outline))
            yield from _edges(entry)

    # -- changing ------------------------------------------------------------------------------

    def update(self, source: Source, paths: Iterable[str]) -> Delta:
        """Re-read `paths`, resolve what depends on them, and tell what changed.

        Args:
            source: Where to read.
            paths: Files that may have been edited, added or removed; others are not read.

        Returns:
            The difference; empty where contents are as before. The first update of an empty index
            names the files only: read :meth:`nodes` and :meth:`edges` then.
        """
        with collector.paused():
            return self._update(source, paths)

    def _update(self, source: Source, paths: Iterable[str]) -> Delta:
        before: dict[str, Entry] = {}
        fresh: dict[str, FileFacts] = {}
        keys: set[str] = set()
        read = {path: self._read(source, path) for path in dict.fromkeys(paths)}
        changed = {
            path: new
            for path, new in read.items()
            if not isinstance(new, _Same) and (new is not None or path in self.entries)
        }
        if not changed:
            return Delta([], [], [], [], [])
        appeared = [p for p, new in changed.items() if new is not None and p not in self.entries]
        vanished = [path for path, new in changed.items() if new is None]
        for path in vanished:
            old = self.entries[path]
            for name in old.symbols:
                keys.update((f"{path}\0{name}", f"{old.language}\0{name}"))
        if vanished:  # what they were called is known only while they are there
            keys |= self._presence(vanished)
        first = not self.entries
        entries = dict(self.entries)
        for path, new in changed.items():
            old = entries.get(path)
            if old is not None:
                before[path] = old
            if new is None:
                entries.pop(path, None)
                continue
            entries[path], fresh[path] = new
            for name in _differing(old, entries[path].symbols):
                keys.update((f"{path}\0{name}", f"{entries[path].language}\0{name}"))
        self.entries = entries
        resolvers = _Resolvers(entries, fresh)
        if appeared and len(fresh) < len(entries):
            keys |= self._presence(appeared, resolvers)
        self._resolve(resolvers, fresh, keys, before, bool(appeared or vanished))
        if first:  # nobody has an older state to apply a difference to
            return Delta([], [], [], [], sorted(entries))
        return self._difference(before, resolvers)

    def _read(self, source: Source, path: str) -> tuple[Entry, FileFacts] | _Same | None:
        """Entry (not resolved) and facts of a file, None where it is not in the graph any more."""
        language = language_of(path)
        if language is None:
            return None if path in self.entries else _SAME
        self._left_out.pop(path, None)
        if not path.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in path):
            return self._leave_out(path, "its name is not valid UTF-8")
        try:
            content = source.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._leave_out(path, f"can't be read: {error.strerror or error}")
        if len(content) > self.max_file_bytes:
            size = f"{len(content):,} bytes, the limit is {self.max_file_bytes:,}"
            return self._leave_out(path, f"too large: {size}")
        digest = blake2b(content, digest_size=16).digest()
        known = self.entries.get(path)
        if known is not None and known.digest == digest:
            return _SAME
        content = _as_utf8(content)
        if b"\0" in content:
            return self._leave_out(path, "binary: it holds null bytes")
        try:
            facts = language.extract(path, content)
        except ParseTimeoutError as error:
            return self._leave_out(path, str(error))
        entry = Entry(
            digest, facts.language, "", *facts.pack(), b"", frozenset(), facts.symbols,
            facts.broken_line,
        )  # fmt: skip
        # many files may be read before the first is resolved: only packed references are kept
        return entry, facts._replace(references=[])

    def _leave_out(self, path: str, reason: str) -> None:
        self._left_out[path] = reason

    def _presence(self, paths: list[str], resolvers: _Resolvers | None = None) -> set[str]:
        """Keys of look-ups by name that these files' coming or going can change."""
        resolvers = resolvers or _Resolvers(self.entries, {})
        keys: set[str] = set()
        wanted = set(paths)
        folders = {p.rpartition("/")[0] + "/" for p in paths if "/__init__.py" in "/" + p}
        for path, entry in self.entries.items():
            # a package marker that comes or goes renames every module below its folder
            if path in wanted or any(path.startswith(f) or f == "/" for f in folders):
                keys.update(resolvers.of(entry.language).presence(path))
        return keys

    def _resolve(
        self,
        resolvers: _Resolvers,
        fresh: dict[str, FileFacts],
        keys: set[str],
        before: dict[str, Entry],
        renamed: bool,
    ) -> None:
        pending = dict.fromkeys(fresh)
        if len(fresh) < len(self.entries):
            for path, entry in self.entries.items():
                if path not in pending and not entry.needs.isdisjoint(keys):
                    pending[path] = None
            for path, entry in self.entries.items() if renamed else ():
                if path not in pending and entry.module != resolvers.module_name(path, entry):
                    pending[path] = None
        names: dict[str, str] = {}
        for path in pending:
            entry = self.entries[path]
            if path not in fresh:
                before[path] = entry
            resolver = resolvers.of(entry.language)
            resolved = resolver.resolve(path, unpack_references(entry.references))
            self.entries[path] = entry._replace(
                module=resolver.module_name(path),
                resolved=_pack_edges(resolved),
                needs=frozenset(names.setdefault(key, key) for key in resolved.needs),
            )

    def _difference(self, before: dict[str, Entry], resolvers: _Resolvers) -> Delta:
        touched = dict.fromkeys([*before, *resolvers.fresh])
        now = {path: self.entries[path] for path in touched if path in self.entries}
        nodes_before = _nodes_of(before)
        nodes_now = _nodes_of(now)
        lost = {node.id for entry in before.values() for node in _externals(entry)}
        gained = {node.id: node for entry in now.values() for node in _externals(entry)}
        unsure = lost ^ gained.keys()
        if unsure:  # others may still use, or have used, an external
            elsewhere = self._used_elsewhere(unsure, now)
            gone = lost - gained.keys() - elsewhere
            nodes_before += [external_node(key.removeprefix("external:")) for key in gone]
            nodes_now += [gained[key] for key in gained.keys() - lost - elsewhere]
        return difference(
            nodes_before,
            nodes_now,
            _edges_of(before),
            _edges_of(now),
            touched,
        )

    def _used_elsewhere(self, wanted: set[str], now: dict[str, Entry]) -> set[str]:
        counts: Counter[str] = Counter()
        raw = [key.encode() for key in wanted]
        for path, entry in self.entries.items():
            if path in now or not any(key in entry.resolved for key in raw):
                continue
            counts.update(node.id for node in _externals(entry) if node.id in wanted)
        return set(counts)


class _Resolvers:
    """One resolver a language, made when first needed, over a fixed set of files."""

    def __init__(self, entries: dict[str, Entry], fresh: dict[str, FileFacts]) -> None:
        self._entries = entries
        self.fresh = fresh
        self._made: dict[str, Resolver] = {}

    def of(self, name: str) -> Resolver:
        resolver = self._made.get(name)
        if resolver is None:
            facts = _Facts(self._entries, name)
            facts.unpacked.update({p: f for p, f in self.fresh.items() if f.language == name})
            language: Language = languages()[name]
            resolver = self._made[name] = language.resolver(facts)
        return resolver

    def module_name(self, path: str, entry: Entry) -> str:
        return self.of(entry.language).module_name(path)


#: Names the encoding of a file, for Python (PEP 263) and for editors.
_CODING = re.compile(rb"coding[:=][ \t]*([-\w.]+)")


def _as_utf8(content: bytes) -> bytes:
    """Text in whatever encoding it is marked with, as UTF-8."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace").encode()
    if content.isascii():
        return content
    try:
        content.decode()
    except UnicodeDecodeError:
        named = _CODING.search(b"\n".join(content[:400].splitlines()[:2]))
        try:
            text = content.decode(named[1].decode() if named else "latin-1")
        except (LookupError, ValueError):  # an unknown name, or not what it is
            text = content.decode("latin-1")
        return text.encode("utf-8", "replace")
    return content


class _Same:
    """Stands for a file whose content is as before."""


_SAME = _Same()


def _differing(old: Entry | None, symbols: dict[str, int]) -> set[str]:
    if old is None:
        return set(symbols)
    both = old.symbols.keys() | symbols.keys()
    return {name for name in both if old.symbols.get(name) != symbols.get(name)}


def _pack_edges(resolved: Resolved) -> bytes:
    """Edges and externals as bytes; marshal writes an id once if it is the same object."""
    ids: dict[str, str] = {}
    rows = [
        (ids.setdefault(edge[0], edge[0]), edge[1], ids.setdefault(edge[2], edge[2]), *edge[3:])
        for edge in resolved.edges
    ]
    return marshal.dumps((rows, [tuple(node) for node in resolved.externals]))


def _externals(entry: Entry) -> list[Node]:
    return [Node(*row) for row in marshal.loads(entry.resolved)[1]]


def _edges(entry: Entry) -> list[Edge]:
    return [Edge(*row) for row in marshal.loads(entry.resolved)[0]]


def _nodes_of(entries: dict[str, Entry]) -> list[Node]:
    return [
        node
        for entry in entries.values()
        for node in file_nodes(unpack(entry.outline), entry.module)
    ]


def _edges_of(entries: dict[str, Entry]) -> Iterator[Edge]:
    for entry in entries.values():
        yield from structure(unpack(entry.outline))
        yield from _edges(entry)
