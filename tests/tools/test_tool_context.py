from typing import Any

import pytest

from tools.context import ToolContext
from tools.registry import ToolSet, get_tool, tool_names

NOTHING: Any = None

MODULE = '''
from __future__ import annotations

from typing import TYPE_CHECKING

from tools.registry import tool

if TYPE_CHECKING:
    from tools.context import ToolContext


@tool(read_only=True)
def shout_name(ctx: ToolContext, *, name: str) -> str:
    """Say a name loudly.

    Args:
        name: Whose.
    """
    return name.upper()


def plain(ctx: ToolContext, *, count: int = 2) -> str:
    """Say how many."""
    return str(count)
'''


class Counter:
    def __init__(self, value: int = 0) -> None:
        self.value = value
        self.closed = False

    def fork(self, workspace):
        return Counter(self.value)

    def close(self) -> None:
        self.closed = True


def context() -> ToolContext:
    return ToolContext(NOTHING, NOTHING, NOTHING)


def test_resources_are_made_once_forked_apart_and_closed():
    ctx = context()
    counter = ctx.resource("counter", Counter)
    counter.value = 3
    assert ctx.resource("counter", Counter) is counter
    twin = ctx.fork(NOTHING)
    other = twin.resource("counter", Counter)
    assert other.value == 3
    other.value = 9
    assert counter.value == 3
    ctx.close()
    ctx.close()
    assert counter.closed
    assert not other.closed
    assert ctx.resource("counter", Counter).value == 0


def test_a_tool_of_ones_own_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "own_tools_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    tools = ToolSet(["view", "own_tools_module:shout_name", "own_tools_module:plain"])
    assert [schema["function"]["name"] for schema in tools.schemas] == [
        "view",
        "shout_name",
        "plain",
    ]
    assert tools.call(context(), "shout_name", '{"name": "ada"}').text == "ADA"
    assert tools.call(context(), "plain", "").text == "2"
    assert tools.is_read_only("shout_name")
    assert not tools.is_read_only("plain")
    assert "shout_name" in tool_names()
    assert get_tool("shout_name") is get_tool("own_tools_module:shout_name")


def test_a_broken_tool_is_not_hidden():
    from tools.registry import tool

    @tool
    def falls_over(ctx) -> str:
        """Fall over."""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ToolSet(["falls_over"]).call(context(), "falls_over", "{}")
