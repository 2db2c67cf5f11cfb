"""Who judges generated functions: pylint, pyright and the parser, never what held the model."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repos.scoring.generation import INVALID, Message

SECONDS = 1200
_ATTRIBUTE = "reportAttributeAccessIssue"


@dataclass(frozen=True)
class Judged:
    """What is said of one text.

    Attributes:
        parses: Whether the file with it parses.
        pylint: Pylint's messages of the kinds that count.
        attributes: Attributes in it.
        invalid: Those that pyright does not find.
    """

    parses: bool
    pylint: tuple[Message, ...]
    attributes: int
    invalid: tuple[str, ...]


def dependencies(tree: ast.Module, node: ast.AST, names: Collection[str]) -> tuple[str, ...]:
    """Return ToolGen's dependencies among names: no locals, imported names or bare parameters."""
    bound = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    bound |= {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            bound |= {(a.asname or a.name).partition(".")[0] for a in inner.names}
    return tuple(name for name in names if "." in name or name not in bound)


def repeated(text: str) -> float:
    """Return the share of lines that stood before in the text."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


def judge(written: Sequence[Any], folder: Path) -> list[Judged]:
    """Judge texts, each in a copy of its file beside the original."""
    places: list[Path] = []
    roots: set[Path] = set()
    for number, one in enumerate(written):
        root = folder / one.case.root.name
        if root not in roots:
            shutil.copytree(one.case.root, root)
            roots.add(root)
        original = root / one.case.hole.path
        place = original.with_name(f"{original.stem}_w{number}.py")
        place.write_text(one.file(), encoding="utf-8")
        places.append(place)
    lint = _pylint(places)
    types = _pyright(folder, places)
    return [_judged(one, place, lint, types) for one, place in zip(written, places, strict=True)]


def _judged(
    one: Any, place: Path, lint: dict[Path, list[Message]], types: dict[Path, list[Any]]
) -> Judged:
    lines = one.lines()
    try:
        tree: ast.AST | None = ast.parse(one.file())
    except (SyntaxError, ValueError):
        tree = None
    attributes = [
        n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.end_lineno in lines
    ] if tree else []  # fmt: skip
    invalid = tuple(
        item["message"] for item in types.get(place, ())
        if item.get("rule") == _ATTRIBUTE and item["range"]["start"]["line"] + 1 in lines
    )  # fmt: skip
    return Judged(tree is not None, tuple(lint.get(place, ())), len(attributes), invalid)


def _run(command: list[str], cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS).stdout


def _pylint(places: Sequence[Path]) -> dict[Path, list[Message]]:
    found: dict[Path, list[Message]] = {}
    kinds = ",".join(sorted(INVALID))
    command = [sys.executable, "-m", "pylint", "--disable=all", f"--enable={kinds}"]
    command += ["--output-format=json", "--score=n", *map(str, places)]
    for item in json.loads(_run(command, places[0].parent) or "[]"):
        path = (places[0].parent / item["path"]).resolve()
        found.setdefault(path, []).append(Message(item["symbol"], item["line"]))
    return found


def _pyright(folder: Path, places: Sequence[Path]) -> dict[Path, list[Any]]:
    found: dict[Path, list[Any]] = {}
    command = [sys.executable, "-m", "pyright", "--outputjson", *map(str, places)]
    for item in json.loads(_run(command, folder) or "{}").get("generalDiagnostics", ()):
        found.setdefault(Path(item["file"]), []).append(item)
    return found
