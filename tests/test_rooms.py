"""The order of the rooms: a room imports only rooms before it, lazily or not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ["graphdb", "repos", "tools", "envs", "agents"]
TOP = ["run_agent", "repogym"]


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
