"""Which class of the project a value is of, as far as annotations and names tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.repair.source import FunctionNode
from tools.repair.templates.site import Site

MAX_FIELDS = 10
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_PROPERTIES = frozenset({"property", "cached_property"})


def class_of(site: Site, node: ast.AST, text: str) -> ast.ClassDef | None:
    """Return the class of a name, or of a dotted chain of fields, at a node.

    Args:
        site: The file.
        node: Where the value is read.
        text: For example "version" or "bound.version".
    """
    first, *fields = text.split(".")
    own = first in ("self", "cls")
    found = site.module.class_of(node) if own else _of_name(site, node, first)
    for field in fields:
        if found is None:
            return None
        annotation = declared(found).get(field)
        known = _named(site, annotation) if annotation is not None else None
        found = known or (_like(site, field) if field in declared(found) else None)
    return found


def fields_of(holder: ast.ClassDef) -> list[str]:
    """Return the public fields and properties of a class, in their order."""
    return [name for name in declared(holder) if not name.startswith("_")][:MAX_FIELDS]


def declared(holder: ast.ClassDef) -> dict[str, ast.expr | None]:
    """Return the fields and properties of a class with their annotations."""
    found: dict[str, ast.expr | None] = {}
    for child in holder.body:
        if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            found[child.target.id] = child.annotation
        elif isinstance(child, ast.FunctionDef):
            names = {getattr(d, "id", getattr(d, "attr", "")) for d in child.decorator_list}
            if names & _PROPERTIES:
                found[child.name] = child.returns
            elif child.name == "__init__":
                found.update(_set_in(child))
    return found


def _set_in(function: ast.FunctionDef) -> dict[str, ast.expr | None]:
    """Return the fields that a constructor sets, annotated as the parameters they come from."""
    parameters = {a.arg: a.annotation for a in [*function.args.args, *function.args.kwonlyargs]}
    found: dict[str, ast.expr | None] = {}
    for child in ast.walk(function):
        targets = child.targets if isinstance(child, ast.Assign) else []
        targets = [child.target] if isinstance(child, ast.AnnAssign) else targets
        for target in targets:
            if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self":
                value = child.value if isinstance(child, ast.Assign | ast.AnnAssign) else None
                given = child.annotation if isinstance(child, ast.AnnAssign) else None
                found[target.attr] = given or parameters.get(getattr(value, "id", ""))
    return found


def _of_name(site: Site, node: ast.AST, name: str) -> ast.ClassDef | None:
    for above in site.module.ancestors(node):
        for source in _sources(above, name):
            # What a loop goes over is annotated as a collection of it, or called by its plural.
            inside = getattr(source, "id", "")
            annotation = _annotation(site.function(node), inside)
            known = _named(site, annotation) if annotation is not None else None
            if known is not None:
                return known
    annotation = _annotation(site.function(node), name)
    known = _named(site, annotation) if annotation is not None else None
    return known or _like(site, name)


def _sources(above: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield what a name takes its values from, one after the other."""
    if isinstance(above, _COMPREHENSIONS):
        for part in above.generators:
            if getattr(part.target, "id", "") == name:
                yield part.iter
    elif isinstance(above, ast.For) and getattr(above.target, "id", "") == name:
        yield above.iter


def _annotation(function: FunctionNode | None, name: str) -> ast.expr | None:
    if function is None or not name:
        return None
    for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]:
        if argument.arg == name:
            return argument.annotation
    for child in ast.walk(function):
        if isinstance(child, ast.AnnAssign) and getattr(child.target, "id", "") == name:
            return child.annotation
    return None


def _named(site: Site, annotation: ast.expr) -> ast.ClassDef | None:
    """Return the first class of the project that an annotation names."""
    text = ast.unparse(annotation)
    for word in re.findall(r"[A-Za-z_]\w*", text):
        known = site.project.classes.get(word)
        if known is not None:
            return known
    return None


def _like(site: Site, name: str) -> ast.ClassDef | None:
    """Return the class that a name is called after: `last_version` after `Version`."""
    words = name.strip("_").lower().split("_")
    by_name = {known.lower(): node for known, node in site.project.classes.items()}
    return by_name.get("".join(words)) or by_name.get(words[-1])
