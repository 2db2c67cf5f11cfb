"""Small windows: what a refusal says, what an endpoint says, and what a run does then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agents.models.errors import ContextWindowError
from agents.models.litellm_model import LiteLLMModel
from agents.models.protocol import Message
from agents.models.window import sizes_in, window_in

ROOT = Path(__file__).parents[2]
TASK = "warmcache-refresh"


class SmallWindow:
    """An endpoint with a window: a token is four bytes, and what does not fit is refused.

    Like llama.cpp it answers a prompt that fits, and cuts the reply where the window ends.
    """

    def __init__(self, window, replies, told=True):
        self.window, self.replies, self.told = window, replies, told
        self.requests = []
        self.refused = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                meta = {"meta": {"n_ctx": window}} if told else {}
                endpoint.send(self, 200, {"data": [{"id": "tiny", **meta}]})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.answer(self, json.loads(body))

            def log_message(self, format, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.api_base = f"http://127.0.0.1:{self.http.server_port}/v1"

    def answer(self, http, request):
        prompt = len(json.dumps([request["messages"], request.get("tools")])) // 4
        if prompt >= self.window:
            self.refused += 1
            words = f"request ({prompt} tokens) exceeds the available context size"
            words += f" ({self.window} tokens), try increasing it"
            error = {"message": words, "type": "exceed_context_size_error", "code": 400}
            self.send(http, 400, {"error": error})
            return
        self.requests.append((prompt, request))
        calls = self.replies(len(self.requests))
        room = min(request["max_tokens"], self.window - prompt)
        message = {"role": "assistant", "content": None if calls else "x" * 40}
        if calls:
            message["tool_calls"] = calls
        short = room < 20
        if short:
            message = {"role": "assistant", "content": "xx"}
        done = "length" if short else "stop"
        choice = {"index": 0, "message": message, "finish_reason": done}
        usage = {"prompt_tokens": prompt, "completion_tokens": min(room, 20)}
        usage["total_tokens"] = sum(usage.values())
        self.send(
            http,
            200,
            {"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage},
        )

    @staticmethod
    def send(http, status, value):
        data = json.dumps(value).encode()
        http.send_response(status)
        http.send_header("Content-Type", "application/json")
        http.send_header("Content-Length", str(len(data)))
        http.end_headers()
        http.wfile.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def call(name, **arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return [{"id": "a", "type": "function", "function": function}]


def shows(turns):
    """Show much for so many turns, then submit."""
    return lambda n: call("bash", command="seq 1 3000") if n <= turns else call("submit")


def run(tmp_path, endpoint, *arguments, agent="react"):
    return subprocess.run(
        [
            *[sys.executable, str(ROOT / "run_agent.py"), "--env", "swe-mini", "--task", TASK],
            *["--agent", agent, "--model", "tiny", "--api-base", endpoint.api_base],
            *["--out", "run", *arguments],
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("agent", ["react", "planner"])
def test_a_first_request_that_does_not_fit_is_bad_usage_with_both_sizes(tmp_path, agent):
    with SmallWindow(600, shows(1)) as endpoint:
        done = run(tmp_path, endpoint, agent=agent)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "does not fit the model tiny" in done.stderr
    assert "the window is 600 tokens" in done.stderr
    assert "--env-arg tools=" in done.stderr
    assert "Traceback" not in done.stderr
    needed = int(done.stderr.partition("it has ")[2].split()[0])
    assert needed > 600


def test_a_window_that_leaves_no_room_for_a_reply_is_bad_usage_too(tmp_path):
    with SmallWindow(100_000, shows(1)) as endpoint:
        assert run(tmp_path, endpoint).returncode == 0
        first, _ = endpoint.requests[0]
    (tmp_path / "again").mkdir()
    with SmallWindow(first + 4, shows(1)) as endpoint:
        done = run(tmp_path / "again", endpoint)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"the window is {first + 4} tokens" in done.stderr


@pytest.mark.parametrize("told", [True, False])
def test_any_part_of_a_history_is_shortened_and_a_reply_keeps_room(tmp_path, told):
    with SmallWindow(4_000, shows(12), told) as endpoint:
        done = run(tmp_path, endpoint, "--env-arg", 'tools=["bash", "submit"]')
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(endpoint.requests) == 13
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["ends"] == {"submitted": 1}
    # A single observation of 13,000 characters does not fit beside the rest.
    for prompt, _ in endpoint.requests[1:] if told else endpoint.requests[4:]:
        assert prompt + 800 <= 4_000


def test_the_window_that_an_endpoint_tells_bounds_the_reply():
    with SmallWindow(2_000, lambda n: None) as endpoint:
        model = LiteLLMModel("tiny", api_base=endpoint.api_base)
        assert model.window == 2_000
        model.complete([Message("user", "Hello")])
        model.complete([Message("user", "Hello " * 500)])
        (_, first), (prompt, second) = endpoint.requests
        assert 1_900 <= first["max_tokens"] < 2_000
        assert second["max_tokens"] <= 2_000 - prompt + 60
        with pytest.raises(ContextWindowError) as caught:
            model.complete([Message("user", "Hello " * 1200)])
        assert (caught.value.window, caught.value.room) == (2_000, 500)
        assert caught.value.needed > 1_500
        assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("words", "sizes"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9001 tokens.",
            (9001, 8192),
        ),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 20000 "
            "tokens (3616 in the messages, 16384 in the completion).",
            (20000, 4096),
        ),
        ("prompt is too long: 212345 tokens > 200000 maximum", (212345, 200000)),
        (
            "Error code: 400 - request (4700 tokens) exceeds the available context size (2048 "
            "tokens), try increasing it",
            (4700, 2048),
        ),
        (
            "The input token count (1,200,000) exceeds the maximum number of tokens allowed "
            "(1,048,576).",
            (1200000, 1048576),
        ),
        ("Input is too long for requested model.", (None, None)),
        ("maximum context length is 10 tokens", (None, None)),
    ],
)
def test_sizes_are_read_from_what_providers_say(words, sizes):
    assert sizes_in(words) == sizes


def test_sizes_are_read_from_fields_and_listings():
    body = {"error": {"message": "too long", "n_prompt_tokens": 10031, "n_ctx": 4096}}
    assert sizes_in("too long", body) == (10031, 4096)
    assert sizes_in("too long", body["error"]) == (10031, 4096)
    listing = {"data": [{"id": "a", "max_model_len": 32768}, {"id": "b"}]}
    assert window_in(listing, "openai/a") == 32768
    assert window_in(listing, "b") is None
    assert window_in({"data": [{"id": "/m.gguf", "meta": {"n_ctx": 2048}}]}, "any") == 2048
    assert window_in(["nonsense"], "any") is None
