"""Parts that anyone can add: found by name, by entry point, or by `package.module:name`.

A kind of part is a plural word ("runners", "sources", "sandboxes", "models", "suites", "tools",
"rewards", "agents"). An installed distribution offers parts of a kind in the entry-point group
`repogym.KIND`. A built-in name is never replaced by an entry point of the same name.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from repos.errors import InputError, UnknownNameError


@lru_cache(maxsize=16)
def installed_plugins(kind: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of a kind by name; where two have one name, the first counts."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"repogym.{kind}"):
        found.setdefault(point.name, point)
    return found


def plugin_names(kind: str, built_in: Mapping[str, Any]) -> list[str]:
    """Return all names of a kind that can be given: built-in ones and entry points, sorted."""
    return sorted({*built_in, *installed_plugins(kind)})


def load_plugin(
    kind: str,
    name: str,
    built_in: Mapping[str, str],
    *,
    noun: str,
    form: str = "package.module:Name",
) -> Any:
    """Return the object that a name stands for.

    Args:
        kind: The plural word of the kind, for example "runners".
        name: A built-in name, the name of an entry point, or a dotted path with a colon.
        built_in: Dotted path by built-in name.
        noun: What one of the kind is called, for messages ("test runner").
        form: How a dotted path of the kind is written, for messages.

    Raises:
        UnknownNameError: No such name.
        RepoGymError: The module cannot be imported.
    """
    if name in built_in:
        return load_dotted(built_in[name], noun, form)
    if ":" in name:
        return load_dotted(name, noun, form)
    points = installed_plugins(kind)
    if name in points:
        return load_dotted(points[name].value, noun, form)
    hint = f"One of your own is given as {form}."
    raise UnknownNameError(noun, name, plugin_names(kind, built_in), hint)


def load_dotted(path: str, kind: str, form: str = "package.module:function") -> Any:
    """Import the object that `package.module:name` names; the current folder is importable.

    Args:
        path: The dotted path.
        kind: What it should be, for messages ("agent").
        form: How such a path is written, for messages.

    Raises:
        RepoGymError: It is no such path, or the module cannot be imported.
        UnknownNameError: The module has no such name.
    """
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise InputError(f"{kind} {path!r}: write {form}.")
    found: Any = import_module(module_name, f"{kind} {path!r}")
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [name for name, one in vars(found).items() if _own(name, one, module_name)]
            raise UnknownNameError(f"{kind} in {module_name}", attribute, names)
        found = getattr(found, part)
    return found


def import_module(name: str, what: str) -> ModuleType:
    """Import a module of someone's own; the current folder is importable.

    Args:
        name: Its dotted name.
        what: What it is imported for, for messages.

    Raises:
        InputError: It cannot be imported.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{what}: there is no module {error.name!r} here or on PYTHONPATH (looked from {here})."
        ) from error
    except Exception as error:  # whatever someone's own module does when it is imported
        raise InputError(
            f"{what}: importing {name} failed: {type(error).__name__}: {error}"
        ) from error


def _own(name: str, value: Any, module: str) -> bool:
    """Whether a module's name is one of its own: no import, nothing private."""
    if name.startswith("_") or inspect.ismodule(value):
        return False
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__module__ == module
    return type(value).__module__ not in ("typing", "__future__")
