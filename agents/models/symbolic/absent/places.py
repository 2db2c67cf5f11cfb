"""Where missing things belong: modules, classes and functions by name, and insertions there."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.models.symbolic.absent.usage import Tests
from agents.models.symbolic.facts import Facts
from agents.models.symbolic.project import Project
from agents.models.symbolic.source import Edit, FunctionNode, Module, first_line, nodes
from agents.models.symbolic.templates.site import Site


@dataclass(eq=False)
class Scene:
    """The viewed files, the tests, and what else is known.

    Attributes:
        project: The viewed source files.
        facts: What the failing tests tell.
        tests: The source of the failing tests.
        paths: Source files that are known to exist, viewed or not.
    """

    project: Project
    facts: Facts
    tests: Tests
    paths: Sequence[str] = ()
    _sites: dict[str, Site] = field(default_factory=dict)

    @property
    def modules(self) -> Mapping[str, Module]:
        """The viewed files by path."""
        return self.project.modules

    def site(self, module: Module) -> Site:
        """Return what templates work with, for a file."""
        if module.path not in self._sites:
            self._sites[module.path] = Site(self.project, module, self.facts, {})
        return self._sites[module.path]

    def module_of(self, dotted: str, path: str = "") -> Module | None:
        """Return the viewed file of a dotted module name."""
        found = path if path in self.modules else path_of(dotted, self.modules)
        return self.modules.get(found or "")

    def functions(self, qualified: str) -> Iterator[tuple[Module, FunctionNode]]:
        """Yield the functions of a qualified name, or else of its last two parts."""
        for depth in (0, 2, 1):
            parts = qualified.split(".")
            wanted = ".".join(parts[-depth:]) if depth else qualified
            hits = [
                (module, function)
                for _, module in sorted(self.modules.items())
                for function in module.functions
                if function.name == parts[-1] and module.qualified(function) == wanted
                if not any(bare(d) == "overload" for d in function.decorator_list)
            ]
            if hits:
                yield from hits
                return

    def classes(self, name: str) -> Iterator[tuple[Module, ast.ClassDef]]:
        """Yield the classes of a bare name."""
        bare = name.rpartition(".")[2]
        for _, module in sorted(self.modules.items()):
            for node in nodes(module.tree):
                if isinstance(node, ast.ClassDef) and node.name == bare:
                    yield module, node

    def family(self, name: str) -> list[tuple[Module, ast.ClassDef]]:
        """Return the classes of a name with their viewed base classes, nearest first."""
        found: list[tuple[Module, ast.ClassDef]] = []
        waiting = [name]
        while waiting and len(found) < 8:
            for module, node in self.classes(waiting.pop(0)):
                if all(node is not other for _, other in found):
                    found.append((module, node))
                    waiting += [bare(base) for base in node.bases]
        return found


def bare(node: ast.AST | None) -> str:
    """Return the last name of a dotted expression, "" for others."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return getattr(node, "attr", None) or getattr(node, "id", "") or ""


def path_of(dotted: str, paths: Sequence[str] | Mapping[str, object]) -> str | None:
    """Return the file of a dotted module name among paths."""
    tail = dotted.replace(".", "/")
    ends = (f"{tail}.py", f"{tail}/__init__.py")
    fits = [p for p in paths if any(p == end or p.endswith(f"/{end}") for end in ends)]
    return min(fits, key=lambda p: (p.count("/"), p), default=None)


def dotted_of(path: str) -> str:
    """Return the dotted name of a file below its topmost folder: good for endings only."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def resolve(module: Module, node: ast.ImportFrom) -> str:
    """Return the path, without ending, that a relative import of a file means; else dotted."""
    if not node.level:
        return (node.module or "").replace(".", "/")
    folder = posixpath.dirname(module.path)
    for _ in range(node.level - 1):
        folder = posixpath.dirname(folder)
    return posixpath.join(folder, (node.module or "").replace(".", "/")).rstrip("/")


def imported_paths(module: Module, paths: Sequence[str]) -> list[str]:
    """Return the project's files that a file imports from, in order."""
    found: dict[str, None] = {}
    for node in nodes(module.tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        stem = resolve(module, node)
        stems = [stem, *(f"{stem}/{alias.name}" for alias in node.names)]
        for one in stems:
            for path in paths:
                if path in (f"{one}.py", f"{one}/__init__.py") or path.endswith(
                    (f"/{one}.py", f"/{one}/__init__.py")
                ):
                    found[path] = None
    found.pop(module.path, None)
    return list(found)


# -- insertions ------------------------------------------------------------------------------


def behind(module: Module, node: ast.stmt, text: str) -> Edit:
    """Return the insertion of text behind the lines of a statement."""
    last = node.end_lineno or node.lineno
    at = module.line_start(last) + len(module.lines[last - 1])
    return Edit(module.path, at, at, text)


def above(module: Module, node: ast.stmt, text: str) -> Edit:
    """Return the insertion of text in front of the lines of a statement, decorators included."""
    at = module.line_start(first_line(node))
    return Edit(module.path, at, at, text)


def indented(code: str, indent: str) -> str:
    """Return code with every line indented."""
    return "\n".join(indent + line if line.strip() else line for line in code.split("\n"))


def into_class(module: Module, holder: ast.ClassDef, code: str) -> Edit:
    """Return the insertion of a member at the end of a class body."""
    last = holder.body[-1]
    indent = body_indent(module, holder)
    gap = "\n\n" if code.lstrip().startswith(("def ", "async def", "@")) else "\n"
    return behind(module, last, gap + indented(code, indent))


def body_indent(module: Module, holder: ast.stmt) -> str:
    """Return the indentation of a block's statements."""
    body = getattr(holder, "body", [])
    if body and body[0].lineno > holder.lineno:
        return module.indent(body[0])
    return module.indent(holder) + "    "


def at_end(module: Module, code: str) -> Edit:
    """Return the insertion of a definition at the end of a file."""
    end = len(module.text.rstrip())
    gap = "\n\n\n" if code.startswith(("def ", "class ", "@", "async ")) else "\n\n"
    return Edit(module.path, end, end, gap + code)


def exported(module: Module, name: str) -> list[Edit]:
    """Return the edits that put a name into `__all__`, none where there is no list of names."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(bare(t) == "__all__" for t in targets):
                value = node.value
                if isinstance(value, ast.List | ast.Tuple) and value.elts:
                    last = value.elts[-1]
                    start, end = module.span(last)
                    quote = module.text[start] if module.text[start] in "\"'" else '"'
                    if last.lineno > value.lineno:
                        glue = f",\n{module.lines[last.lineno - 1][: last.col_offset]}"
                    else:
                        glue = ", "
                    return [Edit(module.path, end, end, f"{glue}{quote}{name}{quote}")]
    return []


def imported(module: Module, other: Module, name: str, alias: str = "") -> Edit:
    """Return the edit that imports a name of another file of the project."""
    text = f"{name} as {alias}" if alias else name
    stem = other.path.removesuffix(".py").removesuffix("/__init__")
    last: ast.stmt | None = None
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            last = node
        if isinstance(node, ast.ImportFrom) and node.names[0].name != "*":
            target = resolve(module, node)
            if target and (stem == target or stem.endswith(f"/{target}")):
                entry = node.names[-1]
                end = module.span(entry)[1]
                if entry.lineno > node.lineno:
                    glue = f",\n{module.lines[entry.lineno - 1][: entry.col_offset]}"
                else:
                    glue = ", "
                return Edit(module.path, end, end, f"{glue}{text}")
    folder = posixpath.dirname(module.path)
    inside = posixpath.relpath(stem, folder or ".")
    ups = inside.count("../")
    tail = inside.replace("../", "").replace("/", ".")
    line = f"from {'.' * (ups + 1)}{tail if tail != '.' else ''} import {text}"
    if last is not None:
        return behind(module, last, f"\n{line}")
    body = module.tree.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return behind(module, body[0], f"\n\n{line}")
    return Edit(module.path, 0, 0, f"{line}\n")


def parameter(
    module: Module, function: FunctionNode, text: str, *, positional: bool = False
) -> Edit | None:
    """Return the edit that adds an optional parameter.

    Args:
        module: The file.
        function: The function.
        text: The parameter with its default.
        positional: Whether it has to be one that is given by position.
    """
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    names = [a.arg for a in plain[len(plain) - len(args.defaults) :]]
    defaults = dict(zip(names, args.defaults, strict=True))
    if args.kwonlyargs and not positional:
        value = args.kw_defaults[-1]
        last: ast.AST | None = value if value is not None else args.kwonlyargs[-1]
    elif args.vararg is not None and not positional:
        last = args.vararg
    elif plain:
        last = defaults.get(plain[-1].arg, plain[-1])
    else:
        last = None
    if last is not None:
        end = module.span(last)[1]
        # A default in brackets ends behind them.
        while module.text[end : end + 1] == ")" and _opened(module, function, last, end):
            end += 1
        first = plain[0] if plain else last
        line = getattr(last, "lineno", 0)
        head = module.lines[line - 1]
        indent = head[: len(head) - len(head.lstrip())]
        own_line = line > function.lineno and not head.strip().startswith("def ")
        each = len({getattr(a, "lineno", 0) for a in plain}) == len(plain) and len(plain) > 1
        each = each or (own_line and first is plain[0] if plain else own_line)
        glue = f",\n{indent}" if own_line and each else ", "
        return Edit(module.path, end, end, f"{glue}{text}")
    start = module.text.find("(", module.span(function)[0] + len("def "))
    if start < 0:
        return None
    rest = module.text[start + 1 :].lstrip()[:1]
    return Edit(module.path, start + 1, start + 1, text if rest == ")" else f"{text}, ")


def _opened(module: Module, function: FunctionNode, last: ast.AST, end: int) -> bool:
    """Whether a bracket was opened in front of a default that stands in brackets."""
    start = module.span(last)[0]
    return (
        module.text[:start].rstrip().endswith("(")
        and "=" in module.text[module.span(function)[0] : start].rstrip()[-2:]
    )
