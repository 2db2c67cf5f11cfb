"""Episodes over MCP, by the protocol's own client."""

import asyncio
import contextlib
import http.client
import socket
from pathlib import Path

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from agents.training.adapters.mcp import EpisodeServer
from repos.errors import InputError

ROOT = Path(__file__).parents[4]
TASK = "swe-mini/warmcache-refresh"
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()


@pytest.fixture(scope="module")
def server():
    with EpisodeServer("swe-mini", most=2, tools=["bash", "submit"]) as made:
        yield made


@contextlib.asynccontextmanager
async def client(ticket, token=None):
    headers = {"Authorization": f"Bearer {token or ticket.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=240) as web,
        Client(streamable_http_client(ticket.url, http_client=web)) as made,
    ):
        yield made


async def call(agent, name, **arguments):
    result = await agent.call_tool(name, arguments)
    return result.content[0].text, result.is_error


def test_two_agents_play_their_own_episodes(server):
    good, bad = server.open(TASK, seed=1), server.open(TASK, seed=1)
    with pytest.raises(InputError, match="2 of 2"):
        server.open(TASK)

    async def play():
        async with client(good) as one, client(bad) as other:
            listed = await one.list_tools()
            assert [tool.name for tool in listed.tools] == ["bash", "submit"]
            assert listed.tools[0].input_schema["required"] == ["command"]
            told = await one.get_prompt("problem")
            assert told.messages[0].content.text == good.problem
            await call(one, "bash", command=f"git apply <<'END'\n{PATCH}END\n")
            text, _ = await call(other, "bash", command="git status --short")
            assert "cache.py" not in text
            text, wrong = await call(other, "bash", wrong=1)
            assert wrong and "command" in text
            said = [await call(one, "submit"), await call(one, "bash", command="true")]
            assert said[1] == ("The episode is over: nothing more can be done in it.", True)
            assert "resolved" not in said[0][0]

    asyncio.run(play())
    assert server.verdict(bad) is None
    won, lost = server.finish(good), server.finish(bad)
    assert (won.resolved, won.reward, won.end) == (True, 1.0, "submitted")
    assert (lost.resolved, lost.end, lost.truncated, lost.steps) == (False, "trainer", True, 3)


@pytest.mark.parametrize("token", [None, "wrong", "ended"])
def test_without_the_token_of_an_open_episode_nothing_is_answered(server, token):
    if token == "ended":
        ticket = server.open(TASK)
        server.finish(ticket)
        token = ticket.token
    headers = {"Accept": "application/json, text/event-stream"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert httpx2.post(server.url, json=body, headers=headers).status_code == 401


def test_the_parts_of_an_answer_do_not_wait_for_each_other(server):
    """Nagle's algorithm is off on the server's side of a connection."""
    host, _, port = server.url.removeprefix("http://").removesuffix("/mcp").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("POST", "/mcp")
    assert connection.getresponse().read()
    own = connection.sock.getsockname()
    held = [one.transport for one in server._http.server_state.connections]
    (ours,) = [one for one in held if one.get_extra_info("peername") == own]
    assert ours.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()


def test_what_does_not_fit_is_said_before_the_server_starts():
    with pytest.raises(InputError, match="Unknown assist level"):
        EpisodeServer("swe-mini", assist="much")
