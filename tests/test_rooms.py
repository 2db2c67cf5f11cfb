"""The order of the rooms: a room imports only rooms before it, lazily or not.

Inside of `repos/` its packages have an order too, and no files anywhere import in a circle.
Imports in functions and under TYPE_CHECKING count.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ["graphdb", "repos", "tools", "envs", "agents"]
TOP = ["run_agent", "repogym"]
REPOS = [
    {"errors", "syntax"},
    {"cache", "plugins"},
    {"sandbox"},
    {"kernel"},
    {"tasks"},
    {"environments"},
    {"runners"},
    {"prepare"},
    {"scoring"},
    {"mining"},
    {
        *("cachetool", "terminal", "validation_report"),
        *("cli", "cli_kernel", "cli_options", "cli_mining", "cli_score", "cli_tasks"),
    },
]
"""What `repos/` consists of; each imports only what stands before it, or beside it."""

AGAINST_THE_ORDER: set[tuple[str, str]] = set()
"""Imports that are still to go."""

CIRCLES: set[frozenset[str]] = set()
"""Files that still import each other; whoever frees them takes them from here."""


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def imported(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Yield line and top-level name of every import, at any depth, by statement or by call."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [package] if node.level else [node.module or ""]
        elif isinstance(node, ast.Call) and node.args:
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else None
            called = function.id if isinstance(function, ast.Name) else called
            target = _text(node.args[0])
            if called in ("import_module", "__import__", "find_spec") and target:
                names = [target]
        for name in names:
            yield node.lineno, name.partition(".")[0]


def allowed(room: str) -> set[str]:
    return set(ROOMS[: ROOMS.index(room) + 1])


def offences(room: str, source: str, where: str) -> list[str]:
    house = {*ROOMS, *TOP}
    return [
        f"{where}:{line}: {room} imports {name}"
        for line, name in imported(source, room)
        if name in house and name not in allowed(room)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_before_it(room):
    found: list[str] = []
    files = [p for p in (ROOT / room).rglob("*.py") if "bundled" not in p.parts]
    assert files, f"the room {room} has no file"
    for path in files:
        relative = path.relative_to(ROOT).as_posix()
        found += offences(room, path.read_text(encoding="utf-8"), relative)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_a_package_of_its_own(room):
    assert (ROOT / room / "__init__.py").is_file()


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import agents.runs", 1),
        ("def f():\n    from envs.env import RepoEnv", 2),
        ("import os\nclass A:\n    import run_agent", 3),
        ("import importlib\nimportlib.import_module('agents.base')", 2),
        ("try:\n    import repogym\nexcept ImportError:\n    pass", 2),
    ],
)
def test_the_check_itself_finds_an_offence(source, line):
    assert [o.split(":")[1] for o in offences("tools", source, "x.py")] == [str(line)]


def test_the_check_itself_lets_the_order_pass():
    source = (
        "import repos.tasks.records\nfrom graphdb import schema\nfrom . import view\nimport json"
    )
    assert offences("tools", source, "x.py") == []


def product() -> dict[str, Path]:
    """Return every module of the product with its file."""
    paths = [ROOT / f"{name}.py" for name in TOP]
    for room in ROOMS:
        paths += [p for p in (ROOT / room).rglob("*.py") if "bundled" not in p.parts]
    names = (".".join(p.relative_to(ROOT).with_suffix("").parts) for p in paths)
    return {n.removesuffix(".__init__"): p for n, p in zip(names, paths, strict=True)}


def targets(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Yield the dotted names that a module imports, of names in a module too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = module.split(".") if is_package else module.split(".")[:-1]
            above = start[: len(start) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else None
            called = function.id if isinstance(function, ast.Name) else called
            target = _text(node.args[0])
            if called in ("import_module", "__import__") and target:
                yield target


def imports_among(sources: dict[str, tuple[str, bool]]) -> networkx.DiGraph:
    """Return which module imports which.

    Args:
        sources: Each module with its text, and whether it is a package.
    """
    graph = networkx.DiGraph()
    graph.add_nodes_from(sources)
    for module, (source, is_package) in sources.items():
        for name in targets(source, module, is_package):
            found = name if name in sources else name.rpartition(".")[0]
            if found in sources and found != module:
                graph.add_edge(module, found)
    return graph


def circles(graph: networkx.DiGraph) -> set[frozenset[str]]:
    found = networkx.strongly_connected_components(graph)
    return {frozenset(group) for group in found if len(group) > 1}


def against_the_order(graph: networkx.DiGraph) -> set[tuple[str, str]]:
    place = {name: number for number, names in enumerate(REPOS) for name in names}
    inside = [(a, b) for a, b in graph.edges if a.startswith("repos.") and b.startswith("repos.")]
    return {(a, b) for a, b in inside if place[b.split(".")[1]] > place[a.split(".")[1]]}


@pytest.fixture(scope="module")
def import_graph() -> networkx.DiGraph:
    return imports_among(
        {
            name: (path.read_text(encoding="utf-8"), path.name == "__init__.py")
            for name, path in product().items()
        }
    )


def test_the_order_names_every_part_of_repos():
    parts = {name.split(".")[1] for name in product() if name.startswith("repos.")}
    assert parts == set().union(*REPOS)


def test_the_parts_of_repos_keep_their_order(import_graph):
    assert against_the_order(import_graph) == AGAINST_THE_ORDER


def test_no_files_import_in_a_circle(import_graph):
    assert circles(import_graph) == CIRCLES


@pytest.mark.parametrize(
    "back",
    [
        "from repos import cache",
        "import repos.cache",
        "from . import cache",
        "from .cache import x",
        "def f():\n    from repos.cache import x",
        "if TYPE_CHECKING:\n    from repos.cache import X",
        "importlib.import_module('repos.cache')",
    ],
)
def test_the_check_itself_finds_a_circle(back):
    sources = {"repos.cache": ("from repos.errors import E", False), "repos.errors": (back, False)}
    graph = imports_among(sources)
    assert circles(graph) == {frozenset(sources)}
    assert against_the_order(graph) == {("repos.errors", "repos.cache")}
