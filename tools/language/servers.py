"""The language servers that come with RepoGym: what starts each and what it is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from repos.environments.servers import SERVERS, installed_servers
from repos.errors import InputError
from repos.sandbox.protocol import ENVIRONMENT
from repos.sandbox.workspace import HARNESS_PYTHON

PYTHON_SERVER = "REPOGYM_LANGUAGE_SERVER"
"""The variable that names the server for Python: `ty` (the default) or `jedi`."""

# From 600 modules on parso would forget those that jedi is working on, which then fails.
_JEDI = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "import parso.cache; parso.cache._CACHED_SIZE_TRIGGER = sys.maxsize; "
    "from jedi_language_server.cli import cli; cli()"
)


@dataclass(frozen=True)
class ServerKind:
    """One language server.

    Attributes:
        name: Its name.
        languages: Its language id by ending of files.
        argv: The command inside.
        env: Variables that it gets.
        options: What `initialize` carries for it.
        settings: Its configuration by section.
        pulls: Whether diagnostics are asked for; else it pushes them; None where it has none.
        undefined: The code of its diagnostics for undefined names; "" where it has none.
    """

    name: str
    languages: Mapping[str, str]
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    pulls: bool | None = True
    undefined: str = ""


_PYTHON = {".py": "python", ".pyi": "python"}
_C = {".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp"}

_TY_SETTINGS: dict[str, Any] = {
    "diagnosticMode": "openFilesOnly",
    "showSyntaxErrors": True,
    "completions": {"autoImport": False},
    "configuration": {
        "environment": {"python": ENVIRONMENT},
        # Only what is surely wrong after an edit: names and members that do not exist.
        "rules": {"all": "ignore", "unresolved-reference": "error", "unresolved-attribute": "error",
                  "unresolved-import": "error"},
    },
}  # fmt: skip

KINDS = {
    "ty": ServerKind(
        "ty",
        _PYTHON,
        (f"{SERVERS}/ty/bin/ty", "server"),
        env={"VIRTUAL_ENV": ENVIRONMENT, "RAYON_NUM_THREADS": "2"},
        options=_TY_SETTINGS,
        settings={"ty": _TY_SETTINGS},
        undefined="unresolved-reference",
    ),
    "jedi": ServerKind(
        "jedi",
        _PYTHON,
        (HARNESS_PYTHON, "-I", "-B", "-c", _JEDI, f"{SERVERS}/jedi"),
        options={
            "diagnostics": {"enable": False},
            "completion": {"resolveEagerly": False, "disableSnippets": True},
            "workspace": {"environmentPath": f"{ENVIRONMENT}/bin/python"},
        },
        pulls=None,
    ),
    "clangd": ServerKind(
        "clangd",
        _C,
        (f"{SERVERS}/clangd/bin/clangd", "--background-index=false", "-j=1", "--log=error",
         "--header-insertion=never", "--limit-results=500"),
        pulls=False,
    ),
}  # fmt: skip
"""All servers by name."""


def for_python(kind: ServerKind, minor: str) -> ServerKind:
    """Return a server that takes the repository for code of a Python, such as "3.11"."""
    configuration = kind.options.get("configuration")
    if not minor or configuration is None:
        return kind
    place = {**configuration["environment"], "python-version": minor}
    told = {**kind.options, "configuration": {**configuration, "environment": place}}
    return replace(kind, options=told, settings={kind.name: told})


def server_for(path: str) -> ServerKind | None:
    """Return the server for a file; None where none knows its language.

    Raises:
        InputError: `REPOGYM_LANGUAGE_SERVER` names none, or the extra is not installed.
    """
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 - a path inside, not of the host
    chosen = os.environ.get(PYTHON_SERVER) or "ty"
    if chosen not in KINDS or KINDS[chosen].languages is not _PYTHON:
        raise InputError(f"{PYTHON_SERVER} is {chosen!r}: ty or jedi.")
    names = (chosen, "clangd")
    kind = next((KINDS[name] for name in names if ending in KINDS[name].languages), None)
    if kind is not None and kind.name not in installed_servers():
        raise InputError(
            f"The language server {kind.name} is not installed: pip install "
            f"'repogym[{kind.name}]', or in a source tree the packages of that extra."
        )
    return kind
