"""What the conversation tells of missing things: which, and in which files they belong."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.models.symbolic.absent.missing import Missing, read
from agents.models.symbolic.absent.places import imported_paths, path_of

if TYPE_CHECKING:
    from agents.models.symbolic.history import History
    from agents.models.symbolic.knowledge import Knowledge

MAX_IMPORTED = 5
"""Files that are read since the one where a name is missing imports from them."""

_DEFINED = re.compile(
    r"^(?P<path>[^:\n]+\.py):\d+:\s*"
    r"(?:(?:class|def|async def) (?P<name>\w+)|(?P<other>\w+)\s*[:=])",
    re.MULTILINE,
)
_STARRED = re.compile(r"^from ([\w.]+) import \*", re.MULTILINE)


def missing_of(know: Knowledge) -> dict[Missing, list[str]]:
    """Return what the failures say to be missing, with the tests that say so."""
    found: dict[Missing, list[str]] = {}
    for name, failure in know.broken:
        one = read(failure.message)
        path = name.partition("::")[0]
        if one is not None and one.kind == "name" and not one.owner:
            # The test itself has the name from a module that it imports everything of.
            inside = failure.frames and failure.frames[-1].path == path
            one = replace(one, owner=_starred(know, path)) if inside else one
        if one is not None:
            found.setdefault(one, []).append(name)
    return found


def _starred(know: Knowledge, path: str) -> str:
    """Return the last module that a test file imports everything of, "" for none."""
    view = know.views.get(path)
    found = _STARRED.findall("\n".join(view.lines.values())) if view else []
    return found[-1] if found else ""


def defined_in(history: History) -> dict[str, list[str]]:
    """Return the files that define a name, as the tool search found them."""
    found: dict[str, list[str]] = {}
    for exchange in history.of("search"):
        for match in _DEFINED.finditer(exchange.text):
            paths = found.setdefault(match["name"] or match["other"], [])
            if match["path"] not in paths:
                paths.append(match["path"])
    return found


def wanted(know: Knowledge) -> list[str]:
    """Return the files to read where something is missing: its own, then those it imports."""
    found: dict[str, None] = {}
    second: dict[str, None] = {}
    for one in know.missing:
        names = [part for part in one.owner.split(".") if not part.startswith("__")][-2:]
        if one.kind == "name":
            names = [one.name]
            path = one.path if one.path in know.paths else path_of(one.owner, know.paths)
            if path:
                found[path] = None
            if path in know.modules:
                near = imported_paths(know.modules[path], know.paths)
                second.update(dict.fromkeys(near[:MAX_IMPORTED]))
        for name in reversed(names):
            own = [path for path in know.definitions.get(name, []) if path in know.paths]
            found.update(dict.fromkeys(own[:2]))
    return [*found, *(path for path in second if path not in found)]
