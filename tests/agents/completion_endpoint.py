"""A scripted endpoint of `/v1/completions`: a tokenizer, grammars or none, log-probabilities.

Its model has one character a token, whose id is the character's code point, and goes on as it
is told. Greedy decoding under `logit_bias` and `grammar` is done in earnest.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CompletionEndpoint:
    """Serves `continuations` (the text that follows a prefix's end) on a free port."""

    def __init__(self, continuations, grammars="gbnf", tokenizer=True, bias=True, legacy=False):
        self.continuations = continuations
        self.grammars, self.tokenizer, self.bias, self.legacy = grammars, tokenizer, bias, legacy
        self.requests = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                endpoint.send(self, 404, {})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/tokenize" and tokenizer:
                    endpoint.send(self, 200, {"tokens": [ord(c) for c in body["content"]]})
                elif self.path == "/v1/completions":
                    endpoint.requests.append(body)
                    endpoint.complete(self, body)
                else:
                    endpoint.send(self, 404, {"error": {"message": "not here"}})

            def log_message(self, format, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.api_base = f"http://127.0.0.1:{self.http.server_port}/v1"

    def wanted(self, prompt):
        """Return what the model would write: the rest of a continuation of the prompt."""
        for before, after in self.continuations.items():
            start = prompt.rfind(before)
            if start >= 0 and after.startswith(prompt[start + len(before) :]):
                return after[len(prompt) - start - len(before) :]
        return "?" * 20

    def complete(self, http, body):
        text, done = self.wanted(body["prompt"]), "stop"
        allowed = self.allowed(body)
        if allowed is not None:
            text = next((a for a in allowed if text.startswith(a)), allowed[0])
        elif "grammar" in body and self.grammars == "strict":
            self.send(http, 400, {"error": {"message": "unknown field grammar"}})
            return
        bias = body.get("logit_bias") or {}
        if bias and self.bias:
            known = [chr(int(token)) for token in bias]
            text = (text[:1] if text[:1] in known else min(known)) + text[1:]
        for end in body.get("stop") or ():
            text = text.partition(end)[0]
        if len(text) > body["max_tokens"]:
            text, done = text[: body["max_tokens"]], "length"
        choice = {"index": 0, "text": text, "finish_reason": done}
        if body.get("logprobs"):
            choice["logprobs"] = self.logprobs(text)
            choice["token_ids"] = [ord(c) for c in text]
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(text)}
        usage["total_tokens"] = sum(usage.values())
        self.send(
            http,
            200,
            {
                "id": "c",
                "object": "text_completion",
                "created": 0,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            },
        )

    def allowed(self, body):
        held = body
        if self.grammars == "structured":
            held = body.get("structured_outputs", {})
            if "choice" in held:
                return held["choice"]
        if self.grammars in ("gbnf", "structured") and "grammar" in held:
            return [
                json.loads(found) for found in re.findall(r'"(?:[^"\\]|\\.)*"', held["grammar"])
            ]
        return None

    def logprobs(self, text):
        if self.legacy:
            return {"tokens": list(text), "token_logprobs": [-0.25] * len(text)}
        return {"content": [{"token": c, "id": ord(c), "logprob": -0.5} for c in text]}

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
