"""A scripted model behind a real local endpoint in OpenAI chat-completions format.

It stands where a provider would: LiteLLM talks to it over HTTP, so everything between an
agent and the wire is exercised at no cost.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from agents.models.budget import Budget
from agents.models.script import Fault, Script, ScriptedReply, read_script

if TYPE_CHECKING:
    from agents.models.litellm_model import LiteLLMModel


class ScriptedServer:
    """Serves a script on a free port of 127.0.0.1 until it is closed.

    Attributes:
        requests: The decoded bodies of all requests, in order of arrival.
    """

    def __init__(self, script: Script) -> None:
        """Start serving."""
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self._attempts: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the terminal for the run."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def api_base(self) -> str:
        """The address to give as `--api-base`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        body = http.rfile.read(int(http.headers.get("Content-Length", 0)))
        if not http.path.endswith("/chat/completions"):
            _send_error(http, 404, f"there is no {http.path} here")
            return
        try:
            request = json.loads(body)
            messages = request["messages"]
            turn = sum(message["role"] == "assistant" for message in messages)
            first = next((_text(m) for m in messages if m["role"] == "user"), "")
        except (ValueError, KeyError, TypeError) as error:
            _send_error(http, 400, f"not a chat-completions request: {error!r}")
            return
        with self._lock:
            self.requests.append(request)
            attempt = self._attempts[first, turn]
            self._attempts[first, turn] += 1
        reply = self.script.reply(first, turn)
        if reply is None:
            _send_error(http, 400, f"the script has no reply for turn {turn} of this conversation")
            return
        fault = reply.faults[attempt] if attempt < len(reply.faults) else None
        if fault is not None and fault.unless_stream and request.get("stream"):
            fault = None
        if fault is not None and self._fail(http, fault):
            return
        completion = _completion(request, reply, turn)
        if request.get("stream") or reply.as_stream:
            _send(http, 200, _events(completion), {"Content-Type": "text/event-stream"})
            return
        _send(http, 200, json.dumps(completion))

    def _fail(self, http: BaseHTTPRequestHandler, fault: Fault) -> bool:
        """Send the fault; returns whether that was the answer."""
        if fault.delay_s:
            time.sleep(fault.delay_s)
        if fault.drop:
            http.close_connection = True
            return True
        if fault.body is not None:
            _send(http, 200, fault.body)
            return True
        if fault.status is not None:
            _send_error(http, fault.status, fault.message, fault.code, fault.retry_after)
            return True
        return False


def scripted_model(
    file: str,
    args: Mapping[str, Any],
    *,
    budget: Budget | None = None,
    price: tuple[float, float] | None = None,
    seed: int | None = None,
) -> LiteLLMModel:
    """Serve the script in `file` and return the model that talks to it.

    Models with the same script share an endpoint, which lives as long as the process.
    Without a price its tokens cost nothing.

    Raises:
        InputError: A script that cannot be read, or bad arguments.
    """
    from agents.models.litellm_model import LiteLLMModel

    server = _shared_server(read_script(Path(file)))
    return LiteLLMModel(
        "openai/scripted",
        api_base=server.api_base,
        args={"api_key": "scripted", **args},
        budget=budget,
        price=price or (0.0, 0.0),
        label=f"scripted:{Path(file).name}",
        seed=seed,
    )


_shared: dict[tuple[int, str], ScriptedServer] = {}
_shared_lock = threading.Lock()


def _shared_server(script: Script) -> ScriptedServer:
    # A forked process has no copy of its parent's threads, so servers are by process.
    key = (os.getpid(), script.model_dump_json())
    with _shared_lock:
        if key not in _shared:
            _shared[key] = ScriptedServer(script)
        return _shared[key]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


def _completion(request: Mapping[str, Any], reply: ScriptedReply, turn: int) -> dict[str, Any]:
    messages = json.dumps(request["messages"], ensure_ascii=False)
    message: dict[str, Any] = {"role": "assistant", "content": reply.content}
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{turn}_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.raw_arguments()},
            }
            for index, call in enumerate(reply.tool_calls)
        ]
    usage = reply.usage
    prompt = usage.prompt_tokens
    if prompt is None:
        prompt = len(messages) // 4
    completion = usage.completion_tokens
    if completion is None:
        completion = len(json.dumps(message, ensure_ascii=False)) // 4
    return {
        "id": f"chatcmpl-{hashlib.sha256(messages.encode()).hexdigest()[:12]}",
        "object": "chat.completion",
        "created": 0,
        "model": request.get("model", "scripted"),
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": reply.finish_reason
                or ("tool_calls" if reply.tool_calls else "stop"),
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }


def _events(completion: Mapping[str, Any]) -> str:
    """Return a completion as the events of a stream: its message, its end, its usage."""
    chunk = {**completion, "object": "chat.completion.chunk"}
    choice = completion["choices"][0]
    message = dict(choice["message"])
    if "tool_calls" in message:
        message["tool_calls"] = [
            {"index": index, **call} for index, call in enumerate(message["tool_calls"])
        ]
    usage = chunk.pop("usage")
    parts = [
        {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**chunk, "choices": [{**choice, "delta": {}}]},
        {**chunk, "choices": [], "usage": usage},
    ]
    lines = [json.dumps(part) for part in parts]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])


def _send(
    http: BaseHTTPRequestHandler, status: int, text: str, headers: Mapping[str, str] | None = None
) -> None:
    data = text.encode()
    try:
        http.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            http.send_header(name, value)
        http.send_header("Content-Length", str(len(data)))
        http.end_headers()
        http.wfile.write(data)
    except (BrokenPipeError, ConnectionResetError):
        # The client gave up waiting, which is what a delay is for.
        http.close_connection = True


def _send_error(
    http: BaseHTTPRequestHandler,
    status: int,
    message: str,
    code: str | None = None,
    retry_after: float | None = None,
) -> None:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    error = {"message": message, "type": "scripted", "param": None, "code": code}
    _send(http, status, json.dumps({"error": error}), headers)
