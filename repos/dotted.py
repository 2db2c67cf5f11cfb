"""One's own parts by dotted path: `package.module:name` on the command line and in Python."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from repos.errors import RepoGymError, UnknownNameError


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
        raise RepoGymError(f"{kind} {path!r}: write {form}.")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise RepoGymError(
            f"{kind} {path!r}: there is no module {error.name!r} here or on PYTHONPATH "
            f"(looked from {here})."
        ) from error
    except Exception as error:  # whatever someone's own module does when it is imported
        raise RepoGymError(
            f"{kind} {path!r}: importing {module_name} failed: {type(error).__name__}: {error}"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [name for name in vars(found) if not name.startswith("_")]
            raise UnknownNameError(f"{kind} in {module_name}", attribute, names)
        found = getattr(found, part)
    return found
