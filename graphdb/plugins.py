"""Languages beside the built-in ones: installed by a distribution, or named by the user.

A distribution offers one in the entry-point group `repogym.languages`. The environment variable
`REPOGYM_LANGUAGES` names further ones as `package.module:NAME`, separated by commas; the folder
in which RepoGym was started is importable.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from graphdb.errors import LanguageError

GROUP = "repogym.languages"
VARIABLE = "REPOGYM_LANGUAGES"
_PARTS = ("name", "suffixes", "separator", "extract", "resolver")


def load_languages() -> Iterator[Any]:
    """Yield the languages that are not part of RepoGym.

    Raises:
        LanguageError: One can't be imported, or is no language.
    """
    for point in entry_points(group=GROUP):
        yield _load(point.value, f"the entry point {point.name}")
    for path in os.environ.get(VARIABLE, "").split(","):
        if path.strip():
            yield _load(path.strip(), VARIABLE)


def code_files() -> list[Path]:
    """Return the files that define those languages: what they say of a file depends on them."""
    modules = {type(language).__module__ for language in load_languages()}
    files = [getattr(sys.modules.get(name), "__file__", None) for name in sorted(modules)]
    return [Path(file) for file in files if file]


def _load(path: str, where: str) -> Any:
    module, _, name = path.partition(":")
    if not module or not name:
        raise LanguageError(f"{where}: {path!r} is no language: write package.module:NAME.")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        language = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever someone's own module does when it is imported
        raise LanguageError(
            f"{where}: the language {path} can't be loaded: {type(error).__name__}: {error}"
        ) from error
    missing = [part for part in _PARTS if not hasattr(language, part)]
    if missing:
        raise LanguageError(f"{where}: {path} is no language: it has no {missing[0]}.")
    return language
