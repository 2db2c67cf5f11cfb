"""Training data for ToolGen: functions with triggers where a completion tool would have helped.

Trigger insertion after Wang et al. 2024 (ToolGen), section 3.1: at each token of a documented
function the code is cut there and jedi is asked; where the true token is among its answers, and is
no builtin, keyword or name with double underscores, a trigger is put in front of it. Code is read,
never run.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import keyword
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from repos.errors import InputError, MissingExtraError
from repos.syntax import parse

TRIGGER = "<COMP>"
_LEFT_OUT = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins)})
_FOLDERS = frozenset({".git", ".hg", ".tox", ".venv", "__pycache__", "build", "node_modules"})


MOST_MODULES = 2_000
"""Parsed modules that are kept from one file to the next."""


@dataclass(frozen=True)
class Example:
    """A function as training data.

    Attributes:
        path: Its file, relative to the corpus.
        function: Its dotted name.
        text: Its code with triggers.
        triggers: How many there are.
        names: The names behind them with their receivers, each once.
    """

    path: str
    function: str
    text: str
    triggers: int
    names: tuple[str, ...]


@dataclass
class Counted:
    """What came of a corpus.

    Attributes:
        files: Files that were read.
        functions: Functions written.
        triggers: Triggers in them.
        undocumented: Functions without a docstring, left out.
        unreadable: Files that can't be read or are no Python of this interpreter, left out.
        unanswered: Places at which jedi failed; they have no trigger.
    """

    files: int = 0
    functions: int = 0
    triggers: int = 0
    undocumented: int = 0
    unreadable: int = 0
    unanswered: int = 0


def write_examples(
    folder: Path, out: TextIO, *, trigger: str = TRIGGER, limit: int | None = None
) -> Counted:
    """Write one JSON object a function, in the order of files and lines.

    Args:
        folder: The corpus: a folder of Python code.
        out: Where the lines go.
        trigger: The text of a trigger; it must not stand in the code.
        limit: Most functions.

    Raises:
        InputError: The folder is none, or the trigger is empty or stands in the code.
        MissingExtraError: jedi is not installed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name one that holds Python code.")
    if not trigger.strip():
        raise InputError("--trigger is empty: give a text that no code holds.")
    counted = Counted()
    project = _project(folder)
    for path in _files(folder):
        counted.files += 1
        _forget_modules()
        for example in _of_file(folder, path, trigger, counted, project):
            out.write(json.dumps(asdict(example), ensure_ascii=False) + "\n")
            out.flush()
            counted.functions += 1
            counted.triggers += example.triggers
            if limit is not None and counted.functions >= limit:
                return counted
    return counted


def read_example(folder: Path, name: str, function: str, line: int) -> Example | None:
    """Return one function as training data, documented or not.

    Args:
        folder: The corpus.
        name: The file, relative to it.
        function: The function's dotted name.
        line: A line of it, since a name may be written twice.

    Returns:
        None where no function of that name is on the line.

    Raises:
        MissingExtraError: jedi is not installed.
    """
    source = (folder / name).read_bytes().decode("utf-8")
    for dotted, node in _functions(parse(source), ""):
        if dotted == function and line in range(node.lineno, (node.end_lineno or 0) + 1):
            return _example(name, dotted, node, source, TRIGGER, _project(folder), Counted())
    return None


def _project(folder: Path) -> object:
    try:
        import jedi
    except ImportError:
        raise MissingExtraError("jedi", "jedi", "toolgen-data") from None
    import parso.cache

    # From 600 modules on parso forgets all whose file is older than ten minutes, also those that
    # jedi is working on, which then fails with a KeyError (davidhalter/jedi#1888 has the place).
    setattr(parso.cache, "_CACHED_SIZE_TRIGGER", sys.maxsize)  # noqa: B010 - it is not public
    environment = jedi.create_environment(sys.executable, safe=False)
    return jedi.Project(folder, sys_path=environment.get_sys_path(), load_unsafe_extensions=False)


def _forget_modules() -> None:
    """Keep memory bounded: parso itself forgets none any more."""
    from parso.cache import parser_cache

    if sum(map(len, parser_cache.values())) > MOST_MODULES:
        parser_cache.clear()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        if not _FOLDERS.intersection(path.relative_to(folder).parts) and path.is_file():
            yield path


def _of_file(
    folder: Path, path: Path, trigger: str, counted: Counted, project: object
) -> Iterator[Example]:
    name = path.relative_to(folder).as_posix()
    try:
        source = path.read_bytes().decode("utf-8")
        tree = parse(source)
    except (OSError, SyntaxError, ValueError):
        counted.unreadable += 1
        return
    if trigger in source:
        raise InputError(f"{name} holds the trigger {trigger!r}: choose another with --trigger.")
    for dotted, node in _functions(tree, ""):
        if ast.get_docstring(node) is None:
            counted.undocumented += 1
            continue
        yield _example(name, dotted, node, source, trigger, project, counted)


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(node: ast.AST, above: str) -> Iterator[tuple[str, Function]]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, Function):
            yield f"{above}{inner.name}", inner  # functions inside belong to it
        elif isinstance(inner, ast.ClassDef):
            yield from _functions(inner, f"{above}{inner.name}.")
        elif isinstance(inner, ast.If | ast.Try):
            yield from _functions(inner, above)


def _example(
    name: str,
    dotted: str,
    node: Function,
    source: str,
    trigger: str,
    project: object,
    counted: Counted,
) -> Example:
    """Return a function with its triggers: the names of its body that jedi knows beforehand."""
    lines = source.split("\n")
    first, last = node.lineno, node.end_lineno or node.lineno
    documented = ast.get_docstring(node, clean=False) is not None
    head = node.body[0]
    begin = (head.end_lineno or first) if documented else head.lineno - 1
    inserted: dict[tuple[int, int], str] = {}
    before = ""
    chain: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.NAME or not begin < token.start[0] <= last:
            if token.string not in (".", ""):
                chain = []
            before = token.string
            continue
        chain = [*chain, token.string] if before == "." else [token.string]
        if _may_be_asked(token.string) and _known(lines, token, project, name, counted):
            inserted[token.start] = ".".join(chain)
        before = token.string
    text = list(lines[first - 1 : last])
    for (row, column), _ in sorted(inserted.items(), reverse=True):
        line = text[row - first]
        text[row - first] = line[:column] + trigger + line[column:]
    return Example(
        name, dotted, "\n".join(text), len(inserted), tuple(dict.fromkeys(inserted.values()))
    )


def _may_be_asked(word: str) -> bool:
    return word not in _LEFT_OUT and not (word.startswith("__") and word.endswith("__"))


def _known(
    lines: list[str], token: tokenize.TokenInfo, project: object, name: str, counted: Counted
) -> bool:
    """Whether jedi, asked at a token's start in the code before it, tells the token."""
    import jedi

    row, column = token.start
    # The line has to end: jedi tells no names of a function that ends inside a line.
    cut = "\n".join([*lines[: row - 1], lines[row - 1][:column]]) + "\n"
    place = Path(str(getattr(project, "path", "."))) / name
    try:
        found = jedi.Script(cut, path=place, project=project).complete(row, column)
    except Exception:  # jedi's own faults on cut code are of many kinds; they are counted
        counted.unanswered += 1
        return False
    return any(completion.name == token.string for completion in found)
