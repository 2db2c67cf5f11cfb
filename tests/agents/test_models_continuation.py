"""Continuing text under constraints, and token ids with log-probabilities, over HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agents.models.budget import Budget
from agents.models.continuation import continuing, gbnf
from agents.models.errors import BudgetExceededError, ModelRequestError
from agents.models.litellm_model import LiteLLMModel
from agents.models.protocol import Message
from agents.models.registry import make_model
from agents.runs.atif import AtifAgent
from agents.runs.journal import Journal, read_journal
from agents.runs.recorder import JournalRecorder
from agents.runs.replay import RecordedModel
from agents.runs.trajectory import build_trajectory
from repos.errors import InputError
from tests.agents.completion_endpoint import CompletionEndpoint

PREFIX = "def shout(text):\n    return text."
WANTED = {PREFIX: "upper()\n\n\ndef"}


def model_at(endpoint, **keywords):
    return LiteLLMModel("smol", api_base=endpoint.api_base, **keywords)


@pytest.mark.parametrize("legacy", [False, True])
def test_text_is_continued_up_to_a_stop_with_its_tokens(legacy):
    with CompletionEndpoint(WANTED, legacy=legacy) as endpoint:
        model = model_at(endpoint, seed=3, price=(1.0, 10.0))
        reply = model.continue_text(
            PREFIX, max_tokens=50, stop=["\n"], temperature=0.0, logprobs=True
        )
        assert (reply.text, reply.finish_reason, reply.cut) == ("upper()", "stop", False)
        assert reply.tokens == tuple("upper()")
        assert reply.token_ids == tuple(map(ord, "upper()"))
        assert reply.logprobs == (-0.25 if legacy else -0.5,) * 7
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (len(PREFIX), 7)
        assert reply.usage.cost_usd == pytest.approx(len(PREFIX) * 1e-6 + 7 * 10e-6)
        (request,) = endpoint.requests
        assert request["prompt"] == PREFIX
        assert (request["model"], request["seed"], request["stop"]) == ("smol", 3, ["\n"])
        cut = model.continue_text(PREFIX, max_tokens=3)
        assert (cut.text, cut.cut, cut.tokens) == ("upp", True, ())


@pytest.mark.parametrize("grammars", ["gbnf", "structured"])
def test_choices_become_a_grammar_where_the_endpoint_has_them(grammars):
    with CompletionEndpoint(WANTED, grammars, tokenizer=False) as endpoint:
        model = model_at(endpoint)
        choices = ["lower", "title", 'q"\\']
        reply = model.continue_text(PREFIX, max_tokens=9, choices=choices)
        assert reply.text == "lower"
        probes = len(endpoint.requests) - 1
        assert reply.usage.calls == probes + 1
        assert model.continue_text(PREFIX, max_tokens=9, choices=["upper", "lower"]).text == "upper"
        # How the endpoint takes grammars is found out once.
        assert len(endpoint.requests) == probes + 2
        if grammars == "gbnf":
            assert endpoint.requests[-2]["grammar"] == gbnf(choices)
            reply = model.continue_text(PREFIX, max_tokens=9, grammar='root ::= "join"')
            assert reply.text == "join"


@pytest.mark.parametrize("grammars", ["ignored", "strict"])
def test_without_grammars_a_bias_leads_to_one_of_the_choices(grammars):
    with CompletionEndpoint(WANTED, grammars) as endpoint:
        model = model_at(endpoint)
        reply = model.continue_text(
            PREFIX, max_tokens=20, choices=["lower", "title"], temperature=0.0, logprobs=True
        )
        assert (reply.text, reply.finish_reason) == ("lower", "stop")
        assert reply.token_ids == tuple(map(ord, "lower"))
        assert reply.logprobs == (-0.5,) * 5
        bias = [request["logit_bias"] for request in endpoint.requests if "logit_bias" in request]
        assert bias[0] == {str(ord("l")): 100, str(ord("t")): 100}
        assert all(request["max_tokens"] == 1 for request in endpoint.requests[-5:])
        with pytest.raises(ModelRequestError, match="keeps to no grammar"):
            model.continue_text(PREFIX, max_tokens=5, grammar='root ::= "x"')
        cut = model.continue_text(PREFIX, max_tokens=2, choices=["lower", "title"])
        assert (cut.text, cut.cut) == ("lo", True)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("get(1)", "get"), ("get_all()", "get_all"), ("get_x", "get_all"), ("got", "get")],
)
def test_of_choices_that_begin_alike_the_model_decides(wanted, chosen):
    with CompletionEndpoint({"o.": wanted}, "ignored") as endpoint:
        reply = model_at(endpoint).continue_text(
            "o.", max_tokens=20, choices=["get", "get_all"], temperature=0.0
        )
    assert reply.text == chosen


def test_what_can_not_be_constrained_is_one_sentence():
    with (
        CompletionEndpoint(WANTED, "ignored", tokenizer=False) as endpoint,
        pytest.raises(ModelRequestError, match="neither grammars nor /tokenize"),
    ):
        model_at(endpoint).continue_text(PREFIX, max_tokens=5, choices=["a", "b"])
    with CompletionEndpoint(WANTED, "ignored", bias=False) as endpoint:
        with pytest.raises(ModelRequestError, match="neither to a grammar nor to logit_bias"):
            model_at(endpoint).continue_text(PREFIX, max_tokens=5, choices=["a", "b"])
        with pytest.raises(InputError, match="not both"):
            model_at(endpoint).continue_text(PREFIX, max_tokens=5, choices=["a"], grammar="x")
        with pytest.raises(InputError, match="a choice is empty"):
            model_at(endpoint).continue_text(PREFIX, max_tokens=5, choices=["a", ""])
    with pytest.raises(ModelRequestError, match="can't continue text"):
        LiteLLMModel("anthropic/claude-sonnet-4-5", args={"api_key": "k"}).continue_text(
            PREFIX, max_tokens=5
        )
    with pytest.raises(ModelRequestError, match="symbolic can't continue text"):
        continuing(make_model("symbolic"))


def test_continuations_keep_to_the_budget(tmp_path):
    with CompletionEndpoint(WANTED) as endpoint:
        budget = Budget(tmp_path / "ledger", 0.02)
        model = model_at(endpoint, budget=budget, price=(1.0, 1000.0))
        model.continue_text(PREFIX, max_tokens=10)
        assert budget.spent() == pytest.approx(len(PREFIX) * 1e-6 + 10 * 1000e-6)
        with pytest.raises(BudgetExceededError):
            model.continue_text(PREFIX, max_tokens=10)
        assert len(endpoint.requests) == 1


def test_continuations_are_journaled_and_given_again(tmp_path):
    def play(events, endpoint):
        with Journal(tmp_path / "episode.jsonl") as journal:
            journal.append("start")
            inner = make_model("smol", api_base=endpoint.api_base, tool_format="text")
            model = RecordedModel(inner, JournalRecorder(journal), events)
            settings = {"max_tokens": 9, "choices": ["upper", "lower"], "logprobs": True}
            return model, continuing(model).continue_text(PREFIX, **settings)

    with CompletionEndpoint(WANTED) as endpoint:
        _, first = play([], endpoint)
        asked = len(endpoint.requests)
        model, again = play(read_journal(tmp_path / "episode.jsonl"), endpoint)
        assert len(endpoint.requests) == asked
    assert again == first
    assert (model.reused, again.text, again.token_ids) == (1, "upper", tuple(map(ord, "upper")))
    events = read_journal(tmp_path / "episode.jsonl")
    assert events[-1]["settings"]["prefix"] == PREFIX
    trajectory = build_trajectory(events, AtifAgent(name="a", version="1"), "s")
    (step,) = trajectory.steps
    assert step.message == "upper"
    assert step.metrics is not None
    assert step.metrics.completion_token_ids == list(map(ord, "upper"))
    assert step.metrics.logprobs == [-0.5] * 5


def test_chat_replies_carry_ids_and_log_probabilities_where_the_endpoint_gives_them(tmp_path):
    requests = []

    class Handler(BaseHTTPRequestHandler):
        """Answers as vLLM does where it is asked for token ids."""

        def do_GET(self):
            self.send_error(404)

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append(request)
            logprobs = [{"token": t, "logprob": -p, "bytes": None} for t, p in (("H", 1), ("i", 2))]
            choice = {
                "index": 0,
                "finish_reason": "stop",
                "token_ids": [72, 105],
                "message": {"role": "assistant", "content": "Hi"},
                "logprobs": {"content": logprobs} if request.get("logprobs") else None,
            }
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
            data = json.dumps(
                {
                    "id": "c",
                    "object": "chat.completion",
                    "created": 0,
                    "model": "m",
                    "choices": [choice],
                    "usage": usage,
                    "prompt_token_ids": [1, 2, 3],
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        args = {"logprobs": True, "extra_body": {"return_token_ids": True}}
        base = f"http://127.0.0.1:{http.server_port}/v1"
        with Journal(tmp_path / "episode.jsonl") as journal:
            journal.append("start")
            inner = make_model("qwen", api_base=base, args=args)
            reply = RecordedModel(inner, JournalRecorder(journal)).complete([Message("user", "x")])
    finally:
        http.shutdown()
        http.server_close()
    assert requests[0]["return_token_ids"] is True
    assert (reply.tokens, reply.token_ids) == (("H", "i"), (72, 105))
    assert (reply.logprobs, reply.prompt_token_ids) == ((-1.0, -2.0), (1, 2, 3))
    events = read_journal(tmp_path / "episode.jsonl")
    assert events[-1]["reply"]["token_ids"] == [72, 105]
    metrics = build_trajectory(events, AtifAgent(name="a", version="1"), "s").steps[-1].metrics
    assert metrics is not None
    assert (metrics.prompt_token_ids, metrics.completion_token_ids, metrics.logprobs) == (
        [1, 2, 3],
        [72, 105],
        [-1.0, -2.0],
    )
