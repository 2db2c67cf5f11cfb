"""Which file a dotted module name means."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


class ModuleTable:
    """Maps module names to files.

    A file's name counts from the folder above its topmost package (the outermost of the folders
    around it that hold an ``__init__.py``), so ``src/`` layouts and stand-alone test folders work;
    the path from the top of the repository is accepted too (namespace packages).

    Args:
        paths: Python files of the repository.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        self._packages = {
            path.rpartition("/")[0]
            for path in self.paths
            if path.rpartition("/")[2] in ("__init__.py", "__init__.pyi")
        }
        self._roots: dict[str, str] = {}
        self._files: dict[str, list[str]] = {}
        self._folders: set[str] = set()
        for path in sorted(self.paths, key=lambda p: (p.endswith(".pyi"), p.count("/"), p)):
            for name in self.names(path):
                self._files.setdefault(name, []).append(path)
                while "." in name:
                    name = name.rpartition(".")[0]
                    self._folders.add(name)

    def _root(self, folder: str) -> str:
        """The folder from which names of files in `folder` count, with a final slash or empty."""
        root = self._roots.get(folder)
        if root is None:
            above = folder
            while above and above in self._packages:
                above = above.rpartition("/")[0]
            root = self._roots[folder] = above + "/" if above else ""
        return root

    def name(self, path: str) -> str:
        """The module name of a file."""
        root = self._root(path.rpartition("/")[0])
        return _dotted(path[len(root) :])

    def names(self, path: str) -> list[str]:
        """All names under which a file can be imported."""
        own, full = self.name(path), _dotted(path)
        return [own] if own == full else [own, full]

    def find(self, dotted: str, importer: str) -> str | None:
        """File of a module named absolutely; one under the importer's own root goes first."""
        found = self._files.get(dotted)
        if not found:
            return None
        if len(found) > 1:
            root = self._root(importer.rpartition("/")[0])
            return next((path for path in found if path.startswith(root)), found[0])
        return found[0]

    def is_namespace(self, dotted: str) -> bool:
        """Whether modules exist below this name."""
        return dotted in self._folders

    def beside(self, place: str) -> str | None:
        """File of the module at a path without ending: ``a/b`` for a/b.py or a/b/__init__.py."""
        for ending in ("/__init__.py", ".py", "/__init__.pyi", ".pyi"):
            if place + ending in self.paths:
                return place + ending
        return None

    def submodule(self, path: str, name: str) -> str | None:
        """File of the module `name` in the package whose ``__init__`` is `path`."""
        folder, _, last = path.rpartition("/")
        if last.partition(".")[0] != "__init__":
            return None
        return self.beside(f"{folder}/{name}" if folder else name)


@lru_cache(maxsize=8)
def module_table(paths: frozenset[str]) -> ModuleTable:
    """The table of these paths; most edits leave the set of files, and forks share it."""
    return ModuleTable(paths)


def place_of(path: str) -> str:
    """What :meth:`ModuleTable.beside` would have to be asked for this file."""
    return path.rpartition(".")[0].removesuffix("/__init__")


def _dotted(path: str) -> str:
    return place_of(path).replace("/", ".")
