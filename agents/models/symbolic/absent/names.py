"""Names that a module does not have yet: re-exports, aliases, clones, exceptions, wrappers."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
from collections.abc import Iterator

from agents.models.symbolic.absent.clones import Definition, clones, code_of
from agents.models.symbolic.absent.missing import Missing
from agents.models.symbolic.absent.naming import exchanged, exchanges, likeness, same, words
from agents.models.symbolic.absent.places import (
    Scene,
    at_end,
    bare,
    behind,
    exported,
    imported,
    imported_paths,
)
from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import Edit, Module, nodes

_LIBRARY = (
    "itertools", "functools", "operator", "collections", "math", "string", "textwrap", "typing",
    "inspect", "contextlib", "os.path", "re", "json", "datetime", "enum", "collections.abc",
    "types", "shlex", "urllib.parse", "html", "copy", "warnings",
)  # fmt: skip
_ENDINGS = ("Error", "Exception", "Warning")
MAX_RAISES = 8


def module_name(scene: Scene, missing: Missing) -> Iterator[Proposal]:
    """Yield changes that give a module a name.

    Args:
        scene: The files and tests.
        missing: The name and its module.
    """
    name = missing.name
    target = scene.module_of(missing.owner, missing.path) if missing.owner else None
    if target is None:
        if not missing.owner:
            yield from _undefined(scene, name)
        return
    others = [
        scene.modules[path]
        for path in imported_paths(target, list(scene.modules))
        if path in scene.modules
    ]
    others += [m for _, m in sorted(scene.modules.items()) if m not in others and m is not target]
    yield from _there(scene, target, others, name)
    yield from _alike(scene, target, others, name)
    yield from _cloned(scene, target, others, name)
    yield from _exception(scene, target, others, name)
    yield from _instance(scene, target, others, name)
    yield from _constant(scene, target, others, name)
    yield from _library(scene, target, name)
    yield from _method(scene, target, others, name)
    yield from _subclass(scene, target, others, name)


def _proposal(
    template: str, prior: float, note: str, target: Module, *edits: Edit, line: int = 1
) -> Proposal:
    return Proposal(tuple(edits), f"absent-{template}", prior, line, note)


def _undefined(scene: Scene, name: str) -> Iterator[Proposal]:
    """Import a name that the project or the standard library has, where it is used."""
    for _, module in sorted(scene.modules.items()):
        used = [n for n in nodes(module.tree) if isinstance(n, ast.Name) and n.id == name]
        if used and name not in top_names(module):
            yield from _there(
                scene, module, [m for m in scene.modules.values() if m is not module], name
            )
            yield from _library(scene, module, name)


def top_names(module: Module) -> dict[str, ast.stmt]:
    """Return what a module's top level defines, by name, with the statement."""
    found: dict[str, ast.stmt] = {}
    waiting: list[ast.stmt] = list(module.tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.setdefault(node.name, node)
        elif isinstance(node, ast.Assign):
            for one in node.targets:
                if isinstance(one, ast.Name):
                    found.setdefault(one.id, node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, node)
        elif isinstance(node, ast.If | ast.Try):
            waiting += node.body
    return found


def _shared(target: Module, home: Module, name: str) -> list[Edit]:
    """Return the edits that make a name of another file a name of the target."""
    if home is target:
        return exported(target, name)
    return [imported(target, home, name), *exported(target, name), *exported(home, name)]


def _there(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """Re-export what another file defines by that name."""
    for number, home in enumerate(others):
        if name in top_names(home):
            edits = (imported(target, home, name), *exported(target, name))
            note = f"{target.path} has {name} from {home.path}"
            yield _proposal("re-export", 1.5 * 0.9**number, note, target, *edits)


def _alike(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """Another name for what is called the same up to case, underscores and a plural."""
    for number, home in enumerate([target, *others]):
        for old, node in top_names(home).items():
            like = 1.0 if same(old, name) else 0.0
            if not like:
                score = likeness(old, name)
                like = 0.25 * score if score > 0.6 else 0.0
            if not like:
                continue
            code = f"{name} = {old}"
            edit = behind(
                home, node, f"\n\n\n{code}" if not isinstance(node, ast.Assign) else f"\n{code}"
            )
            if node not in home.tree.body:
                edit = at_end(home, code)
            note = f"{name} is another name of {old}"
            prior = 0.9 * like * 0.95**number
            yield _proposal(
                "alias", prior, note, target, edit, *_shared(target, home, name), line=node.lineno
            )
            if like == 1.0 and isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield from _renamed(scene, target, home, old, name)


def _renamed(scene: Scene, target: Module, home: Module, old: str, name: str) -> Iterator[Proposal]:
    """Rename a definition and its uses in its file."""
    edits = []
    for match in re.finditer(rf"(?<![\w.]){re.escape(old)}(?!\w)", home.text):
        edits.append(Edit(home.path, match.start(), match.end(), name))
    if 0 < len(edits) <= 12 and home is target:
        yield _proposal("rename", 0.5, f"{old} is called {name}", target, *edits)


def _cloned(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """Define it like the most similar function or class."""
    usage = scene.tests.usage(name)
    for number, home in enumerate([target, *others]):
        siblings: list[Definition] = [
            n
            for n in home.tree.body
            if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        for clone in clones(home, siblings, name, usage):
            edit = behind(home, clone.source, f"\n\n\n{clone.code}")
            note = f"{name}, {clone.note}"
            prior = 1.1 * clone.like * clone.prior * 0.95**number
            shared = _shared(target, home, name)
            yield _proposal("clone", prior, note, target, edit, *shared, line=clone.source.lineno)


def _exception(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """An exception class below one that the project has."""
    usage = scene.tests.usage(name)
    if not (usage.raised or name.endswith(_ENDINGS)) or not name[:1].isupper():
        return
    bases: list[tuple[float, Module, ast.ClassDef]] = []
    for number, home in enumerate([target, *others]):
        for node in home.tree.body:
            if isinstance(node, ast.ClassDef) and node.name.endswith(_ENDINGS):
                used = sum(
                    any(bare(b) == node.name for b in other.bases)
                    for m in scene.modules.values()
                    for other in m.tree.body
                    if isinstance(other, ast.ClassDef)
                )
                score = 0.6 + 0.15 * min(used, 3) + 0.4 * likeness(node.name, name)
                bases.append((score * 0.97**number, home, node))
    bases.sort(key=lambda one: -one[0])
    for score, home, node in bases[:4]:
        doc = " ".join(words(name.removesuffix("Error").removesuffix("Exception")))
        code = f'class {name}({node.name}):\n    """Raised for: {doc}."""'
        edit = behind(home, node, f"\n\n\n{code}")
        shared = _shared(target, home, name)
        note = f"{name} is a {node.name}"
        yield _proposal("exception", 0.6 * score, note, target, edit, *shared, line=node.lineno)
        yield from _raised(scene, target, home, node.name, name, (edit, *shared), score)
    if not bases:
        home = next((m for m in others if "exception" in m.path or "error" in m.path), target)
        for base in ("ValueError", "Exception", "TypeError", "KeyError"):
            code = f'class {name}({base}):\n    """Raised by this package."""'
            prior = 0.5 if base == "ValueError" else 0.35
            edits = (at_end(home, code), *_shared(target, home, name))
            yield _proposal("exception", prior, f"{name} is a {base}", target, *edits)


def _raised(
    scene: Scene,
    target: Module,
    home: Module,
    base: str,
    name: str,
    made: tuple[Edit, ...],
    score: float,
) -> Iterator[Proposal]:
    """Raise the new exception where its base class was raised."""
    for _, module in sorted(scene.modules.items()):
        places = [
            node.exc.func
            for node in nodes(module.tree)
            if isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and bare(node.exc.func) == base
            and isinstance(node.exc.func, ast.Name)
        ]
        if not places or len(places) > 40:
            continue
        shared: tuple[Edit, ...] = made
        if module is not home and not (module is target and target is not home):
            shared = (*made, imported(module, home, name))
        if module is home and places and places[0].lineno < made[0].start * 0:
            continue
        scored = []
        for place in places[:MAX_RAISES]:
            statement = module.statement(place)
            text = module.segment(statement) if statement is not None else ""
            hits = len(set(words(name)) & set(words(text))) - 1
            scored.append((0.55 + 0.2 * max(0, min(2, hits)), place))
        for prior, place in scored:
            edit = Edit(module.path, *module.span(place), name)
            note = f"raise {name} in line {place.lineno}"
            yield _proposal("raise", prior * score, note, target, *shared, edit, line=place.lineno)
        if len(places) > 1:
            edits = [Edit(module.path, *module.span(place), name) for place in places]
            note = f"raise {name} for {base}"
            yield _proposal("raise", 0.5 * score, note, target, *shared, *edits)
            by_text: dict[str, list[Edit]] = {}
            for place in places:
                statement = module.statement(place)
                text = _said(statement)
                by_text.setdefault(text, []).append(Edit(module.path, *module.span(place), name))
            for text, group in by_text.items():
                if len(group) > 1:
                    note = f"raise {name} at {len(group)} places"
                    hits = len(set(words(name)) & set(words(text)))
                    prior = 0.7 + 0.2 * min(2, hits)
                    yield _proposal("raise", prior * score, note, target, *shared, *group)


def _said(statement: ast.stmt | None) -> str:
    """Return the first words that a raise statement says."""
    for node in ast.walk(statement) if statement is not None else ():
        if isinstance(node, ast.JoinedStr):
            return ast.unparse(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
    return ast.unparse(statement) if statement is not None else ""


def _instance(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """An object of the class of that name."""
    usage = scene.tests.usage(name)
    for number, home in enumerate([target, *others]):
        for old, node in top_names(home).items():
            if isinstance(node, ast.ClassDef) and words(old) == words(name) and name.islower():
                edit = at_end(home, f"{name} = {old}()")
                prior = (0.4 if usage.called else 1.0) * 0.95**number
                shared = _shared(target, home, name)
                yield _proposal("instance", prior, f"{name} is a {old}()", target, edit, *shared)


def _constant(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """A constant like the most similar one."""
    if not name.isupper():
        return
    for number, home in enumerate([target, *others]):
        for old, node in top_names(home).items():
            like = likeness(old, name)
            if like < 0.3 or not isinstance(node, ast.Assign) or not old.isupper():
                continue
            code = code_of(home, node)
            for table in exchanges(old, name):
                new = re.sub(rf"^{re.escape(old)}\b", name, exchanged(code, table))
                new = re.sub(r"^\w+", name, new)
                edit = behind(home, node, f"\n{new}")
                shared = _shared(target, home, name)
                prior = 0.5 * like * 0.95**number
                yield _proposal("constant", prior, f"{name}, like {old}", target, edit, *shared)
    for text in scene.facts.strings[:4]:
        edit = at_end(target, f"{name} = {text!r}")
        yield Proposal((edit,), "absent-constant", 0.1, 1, f"{name} is {text!r}", literal=True)


def _library(scene: Scene, target: Module, name: str) -> Iterator[Proposal]:
    """What the standard library has by that name."""
    if hasattr(builtins, name):
        return
    for library in _LIBRARY:
        if hasattr(importlib.import_module(library), name):
            line = f"from {library} import {name}"
            body = [n for n in target.tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
            at = next((n for n in reversed(body)), None)
            edit = behind(target, at, f"\n{line}") if at is not None else at_end(target, line)
            note = f"{name} of {library}"
            yield _proposal("library", 0.5, note, target, edit, *exported(target, name))


def _method(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """A function for a method of that name: of its first argument, a class or a module's object."""
    usage = scene.tests.usage(name)
    if not usage.called:
        return
    for home in [target, *others]:
        for node in home.tree.body:
            if not isinstance(node, ast.ClassDef):
                continue
            names = {getattr(n, "name", "") for n in node.body}
            if name not in names:
                continue
            bodies = [
                f"return {node.name}(value).{name}(*args, **kwargs)",
                f"return {node.name}().{name}(value, *args, **kwargs)",
                f"return value.{name}(*args, **kwargs)",
            ]
            for number, body in enumerate(bodies):
                code = f"def {name}(value, *args, **kwargs):\n    {body}"
                edits = (at_end(home, code), *_shared(target, home, name))
                note = f"{name}: {body}"
                yield _proposal("wrapper", 0.6 * 0.85**number, note, target, *edits)
    for kind in (str, list, dict, bytes):
        if hasattr(kind, name):
            code = f"def {name}(value, *args, **kwargs):\n    return value.{name}(*args, **kwargs)"
            edit = at_end(target, code)
            yield _proposal(
                "wrapper", 0.4, f"{name} of a value", target, edit, *exported(target, name)
            )
            break


def _subclass(scene: Scene, target: Module, others: list[Module], name: str) -> Iterator[Proposal]:
    """A class that is nothing but a kind of the one with a similar name."""
    if name.isupper() or name.endswith(_ENDINGS):
        return
    for number, home in enumerate([target, *others]):
        for old, node in top_names(home).items():
            like = likeness(old, name)
            capital = old[:1].isupper() == name[:1].isupper()
            if isinstance(node, ast.ClassDef) and capital and like > 0.25:
                code = f'class {name}({old}):\n    """A kind of {old}."""'
                edit = behind(home, node, f"\n\n\n{code}")
                shared = _shared(target, home, name)
                prior = 0.4 * like * 0.95**number
                yield _proposal("subclass", prior, f"{name} is a {old}", target, edit, *shared)
