"""The tools of episodes over MCP: one server, and an access token for each episode.

The trainer opens episodes and hands out tokens; an agent with a token sees the tools and the
problem of its own episode and nothing else: no verdict, no other episode.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import anyio.to_thread

from agents.training.player import Player, Verdict
from agents.training.sessions import Sessions
from repos.errors import InfrastructureError, InputError, MissingExtraError

try:
    import uvicorn
    from mcp.server.auth.middleware.auth_context import get_access_token
    from mcp.server.auth.provider import AccessToken
    from mcp.server.auth.settings import AuthSettings
    from mcp.server.lowlevel import Server
    from mcp_types import (
        CallToolRequestParams,
        CallToolResult,
        GetPromptRequestParams,
        GetPromptResult,
        ListPromptsResult,
        ListToolsResult,
        PaginatedRequestParams,
        Prompt,
        PromptMessage,
        TextContent,
        Tool,
    )
except ImportError as error:
    raise MissingExtraError("mcp", "mcp", "Serving episodes over MCP") from error

PROBLEM = "problem"
"""Name of the prompt that tells an agent its task."""


@dataclass(frozen=True)
class Ticket:
    """What an agent needs to play its episode.

    Attributes:
        url: Address of the server.
        token: The episode's access token: `Authorization: Bearer TOKEN`.
        problem: What the agent reads first; also the prompt `problem`.
    """

    url: str
    token: str
    problem: str


class EpisodeServer:
    """Serves the tools of episodes over streamable HTTP until it is closed."""

    def __init__(
        self,
        suite: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        most: int = 8,
        idle_seconds: float = 600.0,
        **options: Any,
    ) -> None:
        """Start the server; episodes are opened later.

        Args:
            suite: As on the command line after `--env`.
            host: Address to listen on.
            port: Port; 0 takes a free one.
            most: Episodes at the same time.
            idle_seconds: An episode without a call for so long is closed, as `abandoned`.
            options: As for `envs.env.RepoEnv`.

        Raises:
            InputError: A name or value that does not fit, or an address that is taken.
            InfrastructureError: The server does not start.
        """
        Player(suite, **options).close()  # says at once what does not fit
        self._problems: dict[str, str] = {}
        self.sessions = Sessions(
            lambda: Player(suite, **options), most=most, idle_seconds=idle_seconds
        )
        try:
            listening = socket.create_server((host, port))
            # asyncio sets it only on sockets that name their protocol; without it the two parts of
            # each answer, head and body, lie 40 ms apart (Nagle against delayed acknowledgements).
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            self.sessions.close_all()
            raise InputError(
                f"{host}:{port} can't be listened on ({error.strerror}): name another port."
            ) from error
        self.url = f"http://{host}:{listening.getsockname()[1]}/mcp"
        # No transport sessions: the token alone says whose request it is, so nothing is left
        # over by clients that vanish.
        app = self._server().streamable_http_app(
            host=host,
            stateless_http=True,
            json_response=True,
            auth=AuthSettings.model_validate({"issuer_url": self.url, "resource_server_url": None}),
            token_verifier=self,
        )
        config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="none")
        self._http = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._http.run, args=([listening],), name="mcp", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 30.0
        while not self._http.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.close()
                raise InfrastructureError("The MCP server did not start.")
            time.sleep(0.01)

    def open(self, task: str | None = None, seed: int | None = None) -> Ticket:
        """Start an episode and return what its agent needs; see `Sessions.open`."""
        token, problem = self.sessions.open(task, seed)
        self._problems[token] = problem
        return Ticket(self.url, token, problem)

    def verdict(self, ticket: Ticket) -> Verdict | None:
        """Return what an episode came to; None before its end."""
        return self.sessions.verdict(ticket.token)

    def finish(self, ticket: Ticket, reason: str = "trainer") -> Verdict | None:
        """End an episode where it has not ended, score it, and make its token void."""
        verdict = self.sessions.finish(ticket.token, reason)
        self._problems.pop(ticket.token, None)
        return verdict

    def close(self) -> None:
        """Close every episode and the server."""
        self._http.should_exit = True
        self.sessions.close_all()
        self._thread.join(timeout=30.0)

    def __enter__(self) -> EpisodeServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def verify_token(self, token: str) -> AccessToken | None:
        """Accept the tokens of open episodes (MCP's `TokenVerifier`)."""
        if not self.sessions.known(token):
            return None
        return AccessToken(token=token, client_id=token, scopes=[])

    def _server(self) -> Server[Any]:
        async def list_tools(ctx: Any, params: PaginatedRequestParams | None) -> ListToolsResult:
            functions = [tool["function"] for tool in self.sessions.tools(_token())]
            return ListToolsResult(
                tools=[
                    Tool(
                        name=function["name"],
                        description=function["description"],
                        input_schema=function["parameters"],
                    )
                    for function in functions
                ]
            )

        async def call_tool(ctx: Any, params: CallToolRequestParams) -> CallToolResult:
            answer = await anyio.to_thread.run_sync(
                self.sessions.call, _token(), params.name, params.arguments or {}
            )
            content = [TextContent(type="text", text=answer.text)]
            return CallToolResult(content=[*content], is_error=answer.error)

        async def list_prompts(
            ctx: Any, params: PaginatedRequestParams | None
        ) -> ListPromptsResult:
            return ListPromptsResult(prompts=[Prompt(name=PROBLEM, description="The task.")])

        async def get_prompt(ctx: Any, params: GetPromptRequestParams) -> GetPromptResult:
            text = TextContent(type="text", text=self._problems.get(_token(), ""))
            return GetPromptResult(messages=[PromptMessage(role="user", content=text)])

        return Server(
            "repogym",
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_list_prompts=list_prompts,
            on_get_prompt=get_prompt,
        )


def _token() -> str:
    access = get_access_token()
    return access.token if access is not None else ""
