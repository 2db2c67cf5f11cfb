"""Episodes as a resources server of NeMo-Gym, over HTTP.

NeMo-Gym pins packages that ours can't live with, so nothing of it is imported: this speaks what its
agents ask of a resources server (`/seed_session`, a route a tool, `/verify`, `/aggregate_metrics`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from agents.training.player import OVER, Player, Verdict
from agents.training.sessions import Sessions
from repos.errors import InputError, RepoGymError
from repos.tasks.suite import load_suite

COOKIE = "repogym"
"""Name of the cookie that says which episode an agent plays."""

END = "agent"
"""Why an episode ended that the agent left without a submission (`end`)."""

MOST_BYTES = 64 << 20
"""Bound of a request; one to `/verify` holds the whole conversation."""

METRICS = ("reward", "resolved", "fraction", "truncated")


def rows(
    suite: str, tasks: Sequence[str] = (), *, seed: int = 0, **options: Any
) -> Iterator[dict[str, Any]]:
    """Yield a suite's tasks as data of NeMo-Gym: problem and tools, and which episode it is.

    Args:
        suite: As on the command line after `--env`.
        tasks: Ids; empty takes all.
        seed: Seed of the episodes.
        options: As for `envs.env.RepoEnv`; the same as the server's.

    Raises:
        InputError: A name or value that does not fit.
    """
    loaded = load_suite(suite)
    names = [loaded.spec(task).id for task in tasks] or [spec.id for spec in loaded.specs]
    player = Player(suite, **options)
    try:
        tools = [{"type": "function", "strict": False, **t["function"]} for t in player.tools]
        for name in names:
            problem = player.start(name, seed)
            asked = [{"role": "user", "content": problem}]
            params = {"input": asked, "tools": tools, "parallel_tool_calls": False}
            yield {"responses_create_params": params, "task": name, "seed": seed}
    finally:
        player.close()


class ResourcesServer:
    """Serves episodes until it is closed; `with` closes it."""

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
        """Start serving.

        Args:
            suite: As on the command line after `--env`.
            host: Where to listen.
            port: Its port; 0 takes a free one.
            most: Episodes at the same time; one more is refused.
            idle_seconds: An episode without a call for so long is closed: `abandoned`, masked.
            options: As for `envs.env.RepoEnv`.

        Raises:
            InputError: A name, value or bound that does not fit, or the port is taken.
        """
        Player(suite, **options).close()
        self.sessions = Sessions(
            lambda: Player(suite, **options), most=most, idle_seconds=idle_seconds
        )
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer goes out in one piece: in two, the second waits for an acknowledgement.
            wbufsize = 1 << 16
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                _send(self, 200, {"status": "ok"})

            def do_POST(self) -> None:
                server._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the terminal for the trainer."""

        try:
            self._http = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            self.sessions.close_all()
            raise InputError(f"{host}:{port} can't be listened at: {error.strerror}.") from error
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._http.server_address[1]

    def close(self) -> None:
        """Stop serving and end every episode."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self.sessions.close_all()

    def __enter__(self) -> ResourcesServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        try:
            body = _body(request)
        except ValueError as error:
            request.close_connection = True
            _send(request, 400, {"error": f"The request holds no JSON object: {error}."})
            return
        token = _token(request)
        place = request.path.strip("/")
        if place == "seed_session":
            self._seed(request, body)
        elif place == "verify":
            _send(request, 200, body | self._verify(token), token)
        elif place == "aggregate_metrics":
            responses = body.get("verify_responses", [])
            _send(request, 200, aggregate(responses if isinstance(responses, list) else []))
        elif not self.sessions.known(token):
            _send(request, 400, {"error": OVER}, token)
        else:
            answer = self.sessions.call(token, place, body)
            # A wrong call is told as any other answer: the model reads it.
            _send(request, 200, answer.text, token)

    def _seed(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        try:
            token, _ = self.sessions.open(body.get("task"), body.get("seed"))
        except RepoGymError as error:
            _send(request, 400, {"error": str(error)})
        else:
            _send(request, 200, {}, token)

    def _verify(self, token: str) -> dict[str, Any]:
        """End the episode, score it as it stands and return the verdict."""
        verdict = self.sessions.finish(token, END) if token else None
        verdict = verdict or Verdict(mask_sample=True, failure_kind="abandoned")
        names = ("reward", "resolved", "fraction", "truncated", "mask_sample", "failure_kind")
        return {**{name: getattr(verdict, name) for name in names}, "repogym": verdict.flat()}


def aggregate(responses: Sequence[Any]) -> dict[str, Any]:
    """Return the means of verdicts, in the form of NeMo-Gym's `AggregateMetrics`.

    Episodes to be masked are counted and left out of the means.
    """
    known = [one for one in responses if isinstance(one, dict)]
    valid = [one for one in known if not one.get("mask_sample")]
    means = {
        f"mean/{name}": sum(_number(one.get(name)) for one in valid) / len(valid)
        for name in METRICS
        if valid
    }
    counted = {"masked": len(known) - len(valid), "episodes": len(known)}
    return {
        "group_level_metrics": [],
        "agent_metrics": {**means, **counted},
        "key_metrics": {key: value for key, value in means.items() if key != "mean/truncated"},
    }


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (bool, int, float)) else 0.0


def _body(request: BaseHTTPRequestHandler) -> dict[str, Any]:
    length = int(request.headers.get("Content-Length") or 0)
    if not 0 <= length <= MOST_BYTES:
        raise ValueError(f"{length} bytes, at most {MOST_BYTES} are taken")
    try:
        body = json.loads(request.rfile.read(length) or b"{}")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(body, dict):
        raise ValueError(f"it holds {type(body).__name__}")
    return body


def _token(request: BaseHTTPRequestHandler) -> str:
    try:
        found = SimpleCookie(request.headers.get("Cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _send(request: BaseHTTPRequestHandler, status: int, body: Any, token: str = "") -> None:
    plain = isinstance(body, str)
    data = (body if plain else json.dumps(body)).encode("utf-8", "replace")
    request.send_response(status)
    kind = "text/plain; charset=utf-8" if plain else "application/json"
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(data)))
    if token:
        # NeMo-Gym's agents keep only the cookies of the last answer.
        request.send_header("Set-Cookie", f"{COOKIE}={token}; Path=/; HttpOnly")
    request.end_headers()
    request.wfile.write(data)
    request.wfile.flush()
