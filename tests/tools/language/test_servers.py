"""Real language servers in a real sandbox, through the tools as an agent calls them."""

import pytest

from repos.errors import InputError
from tools.language.session import RESOURCE, servers_of
from tools.registry import DEFAULT_TOOLS, RETRIEVAL_TOOLS, ToolSet

GEOMETRY = '''\
"""Shapes."""
from calc import core


class Circle:
    """A round thing."""

    def __init__(self, radius: float) -> None:
        self.radius = radius

    def area_of(self, scale: int = 1) -> float:
        """Return the area."""
        return 3 * self.radius * scale


thing = Circle(2)
label = "\U0001f600\u00e9"; thing.area_of(1)
'''
LAST = 17


@pytest.fixture
def call(ctx):
    import json

    tools = ToolSet((*DEFAULT_TOOLS, *RETRIEVAL_TOOLS))
    return lambda name, /, **arguments: tools.call(ctx, name, json.dumps(arguments))


@pytest.fixture(params=["ty", "jedi"])
def server(request, monkeypatch):
    monkeypatch.setenv("REPOGYM_LANGUAGE_SERVER", request.param)
    return request.param


@pytest.fixture
def geometry(call):
    assert call("create", path="calc/geometry.py", content=GEOMETRY).ok
    return "calc/geometry.py"


def names(result):
    assert result.ok, result.text
    return [line.split()[0] for line in result.text.splitlines()]


def test_members_after_a_dot(server, call, geometry):
    column = GEOMETRY.splitlines()[LAST - 1].index("area_of") + 1
    found = names(call("complete", path=geometry, line=LAST, column=column))
    assert {"area_of", "radius"} <= set(found)


def test_inside_a_name_what_begins_like_it(server, call, geometry):
    column = GEOMETRY.splitlines()[LAST - 1].index("area_of") + 4
    assert names(call("complete", path=geometry, line=LAST, column=column)) == ["area_of"]


def test_imagined_text_leaves_the_file(server, call, geometry):
    assert "add" in names(call("complete", path=geometry, line=LAST, text="\ncore."))
    assert call("view", path=geometry).text.count("core.") == 0


def test_a_file_that_does_not_parse_completes(server, call):
    broken = GEOMETRY + "if thing.radius > (\nvalue = thing.are\n"
    assert call("create", path="calc/broken.py", content=broken).ok
    assert "area_of" in names(call("complete", path="calc/broken.py", line=LAST + 2))


def test_definitions_and_signatures(server, call, geometry):
    found = call("definition", path=geometry, line=LAST, name="thing.area_of")
    assert found.text.startswith("calc/geometry.py:11:def area_of(")
    other = call("definition", path=geometry, line=2, name="core")
    assert other.text.startswith("calc/core.py:1:")
    shown = call("signature", path=geometry, line=LAST, name="thing.area_of").text
    assert "scale:int=1" in shown.replace(" ", "") and "Return the area." in shown


def test_edits_are_followed(server, call, geometry):
    assert call("edit", path="calc/core.py", old="def add(", new="def plus(").ok
    found = names(call("complete", path=geometry, line=LAST, text="\ncore."))
    assert "plus" in found and "add" not in found
    assert call("undo").ok
    assert "add" in names(call("complete", path=geometry, line=LAST, text="\ncore."))


def test_diagnostics_after_an_edit(call, geometry):
    assert call("diagnostics", path=geometry).text == "calc/geometry.py: no errors found."
    call("edit", path=geometry, old="thing = Circle(2)", new="thing = Circle(two).surface")
    lines = call("diagnostics", path=geometry).text.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "calc/geometry.py:16:9",
        "calc/geometry.py:16:16",
    ]
    assert "surface" in lines[0] and "two" in lines[1]
    call("create", path="calc/wide.py", content='a = "\U0001f600\U0001f600"; absent\n')
    assert call("diagnostics", path="calc/wide.py").text.startswith("calc/wide.py:1:11: ")


def test_a_fork_has_its_own_servers(call, ctx, geometry):
    column = GEOMETRY.splitlines()[LAST - 1].index("area_of") + 1
    names(call("complete", path=geometry, line=LAST, column=column))
    with ctx.workspace.fork() as other:
        twin = ctx.fork(other)
        other.write(geometry, GEOMETRY.replace("radius", "width").encode())
        tools = ToolSet(("complete",))
        arguments = f'{{"path": "{geometry}", "line": {LAST}, "column": {column}}}'
        assert "width" in names(tools.call(twin, "complete", arguments))
        assert "radius" in names(tools.call(ctx, "complete", arguments))
        twin.close()


def test_a_server_that_dies_is_started_again(call, ctx, geometry):
    names(call("complete", path=geometry, line=LAST, text="\ncore."))
    call("bash", command="pkill -f repogym-servers || killall ty")
    for server in servers_of(ctx)._servers.values():
        server.client.close()
    assert "add" in names(call("complete", path=geometry, line=LAST, text="\ncore."))
    assert RESOURCE in ctx._resources


C = """\
struct point { int left; int right; };
int width(struct point *p) { return p->right - p->left; }
int twice(struct point *p) { return 2 * width(p); }
"""


def test_c_by_clangd(call):
    assert call("create", path="src/point.c", content=C).ok
    column = C.splitlines()[1].index("p->") + 4
    assert names(call("complete", path="src/point.c", line=2, column=column)) == ["left", "right"]
    found = call("definition", path="src/point.c", line=3, name="width").text
    assert found == "src/point.c:2:int width(struct point *p) { return p->right - p->left; }"
    call("edit", path="src/point.c", old="p->left;", new="p->top;")
    assert "src/point.c:2:" in call("diagnostics", path="src/point.c").text


def test_what_can_not_be_answered_is_told(call, geometry, monkeypatch):
    assert "no language with a language server" in call("diagnostics", path="README.md").text
    assert call("complete", path="calc/none.py", line=1).ok is False
    assert "line 99 does not exist" in call("complete", path=geometry, line=99).text
    assert "Give `name` or `column`" in call("definition", path=geometry, line=1).text
    monkeypatch.setenv("REPOGYM_LANGUAGE_SERVER", "pylance")
    with pytest.raises(InputError, match="ty or jedi"):
        call("complete", path=geometry, line=1)


def test_parts_of_code_by_name(call, geometry):
    assert "def area_of(" in call("get_method_body", name="Circle.area_of").text
    shown = call("get_class_info", class_name="Circle", query="area").text
    assert "area_of" in shown and "radius" not in shown.replace("self.radius", "")
    call("create", path="calc/user.py", content="import os\n\n\nprint(os.name, Circle(1))\n")
    text = call("get_imports", path="calc/user.py").text
    assert text == "import os\n\nTo import:\nfrom calc.geometry import Circle"


def test_retrieval_finds_code_by_words_and_by_likeness(call, geometry):
    found = call("get_relevant_code", query="area of a circle", max_results=1).text
    assert found.startswith("calc/geometry.py:")
    assert "scale" in call("get_related_snippets", query="result.append(value * by)").text
    call("edit", path="calc/core.py", old="def scale(", new="def stretch_far(")
    found = call("get_relevant_code", query="stretchFar", max_results=1).text
    assert "calc.core.stretch_far" in found
    assert "use other words" in call("get_relevant_code", query="zzz qqq").text
