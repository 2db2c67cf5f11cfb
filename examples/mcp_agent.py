"""Play one episode over MCP: `python -m examples.mcp_agent` (needs `repogym[mcp]`)."""

import asyncio

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from agents.training.adapters.mcp import EpisodeServer, Ticket


async def agent(ticket: Ticket) -> None:
    """Look at the tools, read the problem, run a command and submit."""
    headers = {"Authorization": f"Bearer {ticket.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=300) as http,
        Client(streamable_http_client(ticket.url, http_client=http)) as client,
    ):
        print("tools:", ", ".join(tool.name for tool in (await client.list_tools()).tools))
        problem = await client.get_prompt("problem")
        print(problem.messages[0].content.text[:200])  # type: ignore[union-attr]
        result = await client.call_tool("bash", {"command": "git log --oneline | head -3"})
        print(result.content[0].text)  # type: ignore[union-attr]
        await client.call_tool("submit", {})


def main() -> None:
    """Serve one episode, let the agent play it, and print the verdict, which it never sees."""
    with EpisodeServer("swe-mini", max_steps=20) as server:
        ticket = server.open("warmcache-refresh", seed=0)
        asyncio.run(agent(ticket))
        print(server.finish(ticket))


if __name__ == "__main__":
    main()
