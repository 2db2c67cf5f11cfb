"""The languages the graph understands; each is one module (or package) of this folder.

To add a language, put one file here that defines ``LANGUAGE``, an object as :class:`Language`
describes: its suffixes, how to extract facts from one file, and how to resolve names over all
files. Nothing else has to change. A language of one's own stands elsewhere, see
:mod:`graphdb.plugins`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple, Protocol

from graphdb.facts import FileFacts, Reference
from graphdb.plugins import load_languages
from graphdb.schema import Edge, Node


class Resolved(NamedTuple):
    r"""What the names in one file mean.

    Attributes:
        edges: Edges that start in this file, one for each (source, type, target), sorted.
        externals: The EXTERNAL nodes these edges end at.
        needs: Keys this result rests on: ``path\0symbol`` for a top-level name (present or
            absent) of another file, ``language\0name`` for a name of any file, ``?name`` for a
            module or header looked up by name.
    """

    edges: list[Edge]
    externals: list[Node]
    needs: frozenset[str]


class Resolver(Protocol):
    """Resolves names by the rules of one language, given the facts of all its files."""

    def module_name(self, path: str) -> str:
        """Qualified name of the module that `path` is."""
        ...

    def resolve(self, path: str, references: Sequence[Reference]) -> Resolved:
        """Edges of one file, given what it mentions."""
        ...

    def presence(self, path: str) -> Iterable[str]:
        """Keys (``?name``) whose meaning changes when `path` is added or removed."""
        ...


class Language(Protocol):
    """One language.

    Attributes:
        name: Lower-case name, used in ids.
        suffixes: File name endings, with the dot.
        separator: What stands between a module's name and a definition's in qualified names; empty
            where modules give no names.
    """

    name: str
    suffixes: tuple[str, ...]
    separator: str

    def extract(self, path: str, source: bytes) -> FileFacts:
        """Facts of one file; text that doesn't parse is passed over, not an error."""
        ...

    def resolver(self, files: Mapping[str, FileFacts]) -> Resolver:
        """A resolver over `files`, all of this language, given without their references."""
        ...


@lru_cache(maxsize=1)
def languages() -> dict[str, Language]:
    """All languages by name: the built-in ones in order of name, then others.

    A built-in language is never replaced by another of its name.

    Raises:
        LanguageError: One that is not built in can't be loaded.
    """
    found: dict[str, Language] = {}
    for module in sorted(info.name for info in iter_modules(__path__)):
        language = getattr(import_module(f"{__name__}.{module}"), "LANGUAGE", None)
        if language is not None:
            found[language.name] = language
    for language in load_languages():
        found.setdefault(language.name, language)
    return found


@lru_cache(maxsize=1)
def _by_suffix() -> dict[str, Language]:
    found: dict[str, Language] = {}
    for language in languages().values():
        for suffix in language.suffixes:
            found.setdefault(suffix, language)
    return found


def language_of(path: str) -> Language | None:
    """The language of a file by its ending, or None."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return _by_suffix().get(name[dot:]) if dot >= 0 else None
