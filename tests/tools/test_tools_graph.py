"""The graph tools on a real workspace; one file, since all look at the same small program."""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repos.cache import cache_root
from repos.errors import InfrastructureError, RepoGymError
from tools.context import Limits
from tools.graph_base import forget_bases
from tools.registry import ToolSet

SHAPES = """\
import math


class Shape:
    unit = "cm"

    def __init__(self, name):
        self.name = name

    def area(self):
        raise NotImplementedError


class Circle(Shape):
    def __init__(self, r):
        super().__init__("circle")
        self.r = r

    def area(self):
        return math.pi * square(self.r)


class Dot(Circle):
    pass


def square(x):
    return x * x


def total(shapes: list[Shape]):
    return sum(shape.area() for shape in shapes)


def of_radius(r):
    return total([Circle(r)])
"""


@pytest.fixture
def shapes(call):
    assert call("create", path="calc/shapes.py", content=SHAPES).ok
    return call


def ask(context, name, /, **arguments):
    return ToolSet().call(context, name, json.dumps(arguments))


@pytest.fixture
def bolt(tmp_path):
    """A server of our own, its address and its process; its databases are empty."""
    python = os.environ.get("REPOGYM_TEST_BOLT_PYTHON", "")
    if not python:
        assert not os.environ.get("CI"), "REPOGYM_TEST_BOLT_PYTHON names no Python with ArcadeDB"
        pytest.skip("REPOGYM_TEST_BOLT_PYTHON names no Python with arcadedb-embedded")
    script = Path(__file__).parents[1] / "graphdb" / "bolt_server.py"
    server = subprocess.Popen(
        [python, str(script), str(tmp_path / "databases")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        line = next(line for line in server.stdout if line.startswith("BOLT "))
        yield line.split()[1], server
    finally:
        server.kill()
        server.wait()


def test_finds_definitions_where_they_are(call):
    found = call("find_symbol", name="add").text
    assert found == "calc/core.py:1 FUNCTION calc.core.add def add(a, b)"
    assert "calc/core.py:5 FUNCTION calc.core.scale" in call("find_symbol", name="core.scale").text
    nothing = call("find_symbol", name="zzzz")
    assert nothing.ok
    assert nothing.text == "No symbol is called 'zzzz'."


def test_callers_and_callees(shapes):
    callers = shapes("callers", symbol="calc.core.add").text.splitlines()
    assert [line.split(" (")[0].split()[2] for line in callers] == [
        "test_calc.test_add",
        "test_calc.test_add_zero",
    ]
    assert "(calls, line 7, import)" in callers[0]
    called = shapes("callees", symbol="Circle.area")
    assert "calc/shapes.py:27 FUNCTION calc.shapes.square" in called.text
    assert "calc.shapes.of_radius" in shapes("callers", symbol="total").text
    assert shapes("callers", symbol="of_radius").text == "Nothing in the repository calls it."
    assert len(shapes("callers", symbol="calc.core.add", max_results=1).text.splitlines()) == 1


def test_references_hold_more_than_calls(shapes):
    text = shapes("references", symbol="Circle").text
    assert "calc.shapes.Dot" in text
    assert "(inherits" in text
    assert "calc.shapes.of_radius" in text
    assert "(calls" in text
    assert "tests/test_calc.py" in shapes("references", symbol="calc/core.py").text


def test_hierarchy(shapes):
    text = shapes("hierarchy", class_name="Circle").text
    head, *rest = text.splitlines()
    assert head.startswith("calc/shapes.py:14 CLASS calc.shapes.Circle")
    assert rest[:2] == ["ancestors:", "  calc/shapes.py:4 CLASS calc.shapes.Shape class Shape"]
    assert "descendants:\n  calc/shapes.py:23 CLASS calc.shapes.Dot" in text
    assert "METHOD calc.shapes.Circle.area def area(self)" in text
    assert "FIELD calc.shapes.Circle.r" in text


def test_the_map_keeps_to_its_budget_and_its_focus(shapes):
    whole = shapes("repo_map", budget=8000).text
    assert "calc/core.py\n  1: def add(a, b)" in whole
    small = shapes("repo_map", budget=100).text
    assert len(small) < 100 * 3.5 + 50
    assert len(small) < len(whole)
    near = shapes("repo_map", budget=100, focus=["of_radius"]).text
    assert near.index("calc/shapes.py") == 0
    assert "of_radius" in near
    assert not shapes("repo_map", focus=["nowhere"]).ok


def test_cypher_answers_rows_with_parameters_and_a_bound(shapes):
    below = "MATCH (c:CLASS)-[:INHERITS*1..3]->(b:CLASS) WHERE b.name = $name "
    below += "RETURN c.qualified_name AS below, c.line ORDER BY below"
    result = shapes("graph_query", cypher=below, parameters={"name": "Shape"})
    assert result.ok
    assert result.text.splitlines() == [
        "below | c.line",
        "calc.shapes.Circle | 14",
        "calc.shapes.Dot | 23",
        "(2 rows)",
    ]
    all_functions = "MATCH (f:FUNCTION) RETURN f.name"
    cut = shapes("graph_query", cypher=all_functions, max_rows=2).text
    assert "(2 rows, cut: raise max_rows or narrow the query)" in cut
    assert (
        "note: nothing has a property 'nam'"
        in shapes("graph_query", cypher="MATCH (f:FUNCTION) RETURN f.nam").text
    )


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("callers", {"symbol": "squar"}, "near names: python:calc/shapes.py::square"),
        ("callers", {"symbol": "area"}, "stands for 2 things"),
        ("callees", {"symbol": "Nothing.at.all"}, "no symbol 'Nothing.at.all'"),
        ("hierarchy", {"class_name": "square"}, "no CLASS or EXTERNAL 'square'"),
        ("graph_query", {"cypher": "MATCH (c:CLAS) RETURN c.name"}, "did you mean CLASS"),
        ("graph_query", {"cypher": "MATCH (c:CLASS) SET c.name = 'x'"}, "read-only"),
        ("graph_query", {"cypher": "CREATE (c:CLASS {name: 'x'})"}, "read-only"),
        ("graph_query", {"cypher": "LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l"}, "LOAD"),
        ("graph_query", {"cypher": "MATCH (c:CLASS RETURN c.name"}, "line 1, column"),
        ("graph_query", {"cypher": ""}, "empty"),
        ("graph_query", {"cypher": "RETURN 1", "max_rows": 0}, "max_rows"),
        (
            "graph_query",
            {"cypher": "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b RETURN max(a*b)"},
            "bound every *",
        ),
    ],
)
def test_wrong_questions_are_answers_that_say_why(shapes, name, arguments, said):
    result = shapes(name, **arguments)
    assert not result.ok
    assert said in result.text
    # The graph is as it was, and still answers.
    assert shapes("find_symbol", name="square").text.startswith("calc/shapes.py:27 FUNCTION")


def test_the_graph_follows_edits_undo_and_bash(call):
    assert "test_add" in call("callers", symbol="calc.core.add").text
    assert call("edit", path="calc/core.py", old="def add(", new="def plus(").ok
    assert call("find_symbol", name="plus").text.startswith("calc/core.py:1 FUNCTION")
    assert not call("callers", symbol="calc.core.add").ok
    assert call("undo").ok
    assert "test_add" in call("callers", symbol="calc.core.add").text
    assert call("bash", command="mkdir x && printf 'def fresh(): pass\\n' > x/new.py").ok
    assert call("find_symbol", name="fresh").text == "x/new.py:1 FUNCTION new.fresh def fresh()"
    assert call("bash", command="mv x/new.py calc/moved.py && rm calc/core.py").ok
    assert call("find_symbol", name="fresh").text.startswith("calc/moved.py:1")
    assert not call("callers", symbol="calc.core.scale").ok
    assert call("bash", command="git checkout -q calc/core.py").ok
    assert call("find_symbol", name="scale").text.startswith("calc/core.py:5")


def test_two_edits_of_equal_size_within_a_moment_are_both_seen(call):
    for before, after in (("add", "sum"), ("sum", "one"), ("one", "two")):
        command = f"sed -i 's/def {before}(/def {after}(/' calc/core.py"
        assert call("bash", command=command).ok
        assert call("find_symbol", name=after).text.startswith("calc/core.py:1 FUNCTION")


def test_files_that_do_not_parse_are_no_obstacle(call):
    assert call("create", path="calc/broken.py", content="def half(:\n\ndef whole():\n  pass\n").ok
    assert call("bash", command="head -c 3000 /dev/urandom > calc/noise.py; ln -s . loop").ok
    assert "calc/broken.py:3" in call("find_symbol", name="whole").text
    assert call("find_symbol", name="add").text.startswith("calc/core.py:1")


def test_forks_follow_their_own_workspace(ctx, call):
    assert call("edit", path="calc/core.py", old="def add(", new="def before(").ok
    assert call("find_symbol", name="before").text.startswith("calc/core.py:1")
    fork = ctx.workspace.fork()
    twin = ctx.fork(fork)
    try:
        assert ask(twin, "find_symbol", name="before").text.startswith("calc/core.py:1")
        assert ask(twin, "edit", path="calc/core.py", old="def before(", new="def right(").ok
        assert call("edit", path="calc/core.py", old="def before(", new="def left(").ok
        for context, own, other in ((twin, "right", "left"), (ctx, "left", "right")):
            assert ask(context, "find_symbol", name=own).text.startswith("calc/core.py:1")
            assert "No symbol" in ask(context, "find_symbol", name=other).text
            assert "No symbol" in ask(context, "find_symbol", name="before").text
    finally:
        twin.close()
        fork.close()
    assert call("find_symbol", name="left").ok


def test_restore_takes_the_graph_back(ctx, call):
    assert call("edit", path="calc/core.py", old="def add(", new="def early(").ok
    assert call("find_symbol", name="early").ok
    saved = ctx.workspace.snapshot()
    assert call("edit", path="calc/core.py", old="def early(", new="def later(").ok
    assert call("find_symbol", name="later").text.startswith("calc/core.py:1")
    ctx.workspace.restore(saved)
    assert "No symbol" in call("find_symbol", name="later").text
    assert call("find_symbol", name="early").text.startswith("calc/core.py:1")


def test_the_base_graph_is_not_of_what_the_agent_changed_first(ctx, call):
    """The graph is built at the first question, which may come after edits."""
    shutil.rmtree(cache_root() / "graphs", ignore_errors=True)
    forget_bases()
    assert call("edit", path="calc/core.py", old="def add(", new="def mine(").ok
    evil = "mkdir -p ~/bin; printf '#!/bin/sh\\nexit 1\\n' > ~/bin/git; chmod +x ~/bin/git; "
    assert call("bash", command=evil + "rm -rf .git; echo '*.py export-ignore' > .gitattributes").ok
    assert call("find_symbol", name="mine").text.startswith("calc/core.py:1")
    ctx.workspace.reset()
    ctx.close()
    assert call("find_symbol", name="add").text.startswith("calc/core.py:1")
    assert "No symbol" in call("find_symbol", name="mine").text


def test_the_base_graph_is_built_once_for_its_content(ctx, call):
    assert call("find_symbol", name="add").ok
    (folder,) = (cache_root() / "graphs").iterdir()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert before
    forget_bases()
    fork = ctx.workspace.fork()
    twin = ctx.fork(fork)
    try:
        assert ask(twin, "find_symbol", name="add").text.startswith("calc/core.py:1")
    finally:
        twin.close()
        fork.close()
    assert list((cache_root() / "graphs").iterdir()) == [folder]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_damaged_cache_is_no_obstacle(ctx, call):
    assert call("find_symbol", name="add").ok
    for path in (cache_root() / "graphs").glob("*/*"):
        path.write_bytes(b"cut off")
    forget_bases()
    ctx.close()
    assert call("find_symbol", name="add").text.startswith("calc/core.py:1")
    shutil.rmtree(cache_root() / "graphs")
    forget_bases()


def test_a_large_base_is_indexed_in_part_and_that_is_said(ctx, call, monkeypatch):
    monkeypatch.setattr("tools.graph_base.MAX_SOURCE_BYTES", 600)
    for _ in ("built", "loaded"):
        forget_bases()
        ctx.close()
        found = call("find_symbol", name="add")
        assert found.text.startswith("calc/core.py:1")
        assert (
            "\nnote: the graph of this repository is partial: 1 of its 6 source files" in found.text
        )
        assert "No symbol" in call("find_symbol", name="test_scale").text
    assert call("edit", path="tests/test_calc.py", old="test_scale", new="test_scales").ok
    assert call("find_symbol", name="test_scales").text.startswith("tests/test_calc.py")
    forget_bases()


def test_a_question_does_not_wait_for_ever(ctx, call, monkeypatch):
    shutil.rmtree(cache_root() / "graphs", ignore_errors=True)
    forget_bases()
    monkeypatch.setattr(ctx, "limits", Limits(graph_s=0.0))
    answer = call("find_symbol", name="add")
    assert not answer.ok and "still being built" in answer.text and "ask again" in answer.text
    while not answer.ok:
        assert "still being built" in answer.text
        time.sleep(0.05)
        answer = call("find_symbol", name="add")
    assert answer.text.startswith("calc/core.py:1")


def test_a_building_outlives_the_episode_that_began_it(ctx, call, monkeypatch):
    """Its workspace may be closed before all is read: whoever asks next reads it anew."""
    shutil.rmtree(cache_root() / "graphs", ignore_errors=True)
    forget_bases()
    fork = ctx.workspace.fork()
    twin = ctx.fork(fork)
    monkeypatch.setattr(twin, "limits", Limits(graph_s=0.0))
    assert "still being built" in ask(twin, "find_symbol", name="add").text
    twin.close()
    fork.close()
    assert call("find_symbol", name="add").text.startswith("calc/core.py:1")


def test_many_threads_ask_at_once(ctx, call):
    forget_bases()
    fork = ctx.workspace.fork()
    twin = ctx.fork(fork)
    try:
        with ThreadPoolExecutor(6) as pool:
            both = [ctx, twin] * 6
            asked = list(pool.map(lambda c: ask(c, "callers", symbol="calc.core.add").text, both))
    finally:
        twin.close()
        fork.close()
    assert len(set(asked)) == 1
    assert "test_add_zero" in asked[0]


PROCESS = """
import json, sys
from pathlib import Path

from graphdb import CodeGraph
from repos.prepare import prepare
from repos.tasks.records import TaskSpec
from repos.runners.registry import get_runner
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import Workspace
from tools.context import ToolContext
from tools.registry import ToolSet

built = []
build = CodeGraph.build.__func__
CodeGraph.build = classmethod(lambda *a, **k: (built.append(1), build(*a, **k))[1])

task = prepare(TaskSpec.model_validate_json(Path(sys.argv[1]).read_text()))
backend = get_backend("auto")
with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
    context = ToolContext(workspace, task.public, get_runner(task.public.runner))
    print("ready", flush=True)
    sys.stdin.readline()
    result = ToolSet().call(context, "callers", '{"symbol": "calc.core.add"}')
    print(json.dumps({"built": len(built), "text": result.text}))
    context.close()
backend.close()
"""


def test_two_processes_at_once_build_once(task, backend, call, tmp_path):
    (tmp_path / "spec.json").write_text(task.spec.model_dump_json())
    (tmp_path / "ask.py").write_text(PROCESS)
    shutil.rmtree(cache_root() / "graphs", ignore_errors=True)
    root = Path(__file__).parents[2]

    def begin():
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "ask.py"), str(tmp_path / "spec.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def end(process):
        out, _ = process.communicate(timeout=120)
        return json.loads(out)

    pair = [begin(), begin()]
    for process in pair:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [end(process) for process in pair]
    third = begin()
    third.stdin.write("\n")
    third.stdin.flush()
    answers.append(end(third))
    assert sorted(a["built"] for a in answers[:2]) == [0, 1]
    assert answers[2]["built"] == 0
    assert len({a["text"] for a in answers}) == 1
    assert "test_add_zero" in answers[0]["text"]


def test_networkx_answers_all_but_cypher(call, monkeypatch):
    monkeypatch.setenv("REPOGYM_GRAPH_STORE", "networkx")
    assert "test_add_zero" in call("callers", symbol="calc.core.add").text
    assert call("edit", path="calc/core.py", old="def add(", new="def plus(").ok
    assert call("find_symbol", name="plus").ok
    refused = call("graph_query", cypher="MATCH (f:FUNCTION) RETURN f.name")
    assert not refused.ok
    assert "no Cypher" in refused.text


def test_a_wrong_store_is_one_sentence(call, monkeypatch):
    monkeypatch.setenv("REPOGYM_GRAPH_STORE", "kglit")
    with pytest.raises(RepoGymError, match=r"unknown graph store 'kglit'.*'kglite'"):
        call("find_symbol", name="add")
    monkeypatch.setenv("REPOGYM_GRAPH_STORE", "neo4j")
    monkeypatch.delenv("NEO4J_URI", raising=False)
    with pytest.raises(RepoGymError, match="NEO4J_URI"):
        call("find_symbol", name="add")
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    with pytest.raises(RepoGymError, match="does not answer"):
        call("find_symbol", name="add")


def test_a_server_answers_the_base_and_holds_one_task(ctx, call, bolt, monkeypatch):
    bolt_address, server = bolt
    monkeypatch.setenv("NEO4J_URI", f"{bolt_address}/conformance")
    monkeypatch.delenv("REPOGYM_GRAPH_STORE", raising=False)
    cypher = "MATCH (f:FUNCTION) WHERE f.file_path = 'calc/core.py' RETURN f.name ORDER BY f.name"
    clean = call("graph_query", cypher=cypher)
    assert clean.text == "f.name\nadd\nscale\n(2 rows)"
    assert "note:" not in call("find_symbol", name="add").text
    fork = ctx.workspace.fork()
    twin = ctx.fork(fork)
    try:
        assert call("edit", path="calc/core.py", old="def add(", new="def plus(").ok
        for text in (
            call("graph_query", cypher=cypher).text,
            call("find_symbol", name="plus").text,
        ):
            assert "plus" in text
            assert "note: the files have changed" in text
            assert "kglite" in text
        # The fork was not changed: the server still answers it, whatever became of the other.
        ctx.close()
        assert ask(twin, "graph_query", cypher=cypher).text == clean.text
    finally:
        twin.close()
        fork.close()
    forget_bases()
    other = ctx.task.model_copy(update={"id": "another-task"})
    monkeypatch.setattr(ctx, "task", other)
    with pytest.raises(RepoGymError, match=r"holds the graph of 'calc .*not of 'another-task"):
        call("find_symbol", name="add")
    monkeypatch.setenv("NEO4J_URI", f"{bolt_address}/second")
    ctx.workspace.reset()
    assert call("graph_query", cypher=cypher).text == clean.text
    server.kill()
    server.wait()
    with pytest.raises(InfrastructureError, match="server failed"):
        call("graph_query", cypher=cypher)
    forget_bases()
