"""LiteLLM's own path, through the scripted endpoint."""

from __future__ import annotations

import json
import time

import pytest

from agents.models.budget import Budget
from agents.models.errors import (
    BudgetExceededError,
    ContextWindowError,
    ModelRequestError,
    ModelUnavailableError,
)
from agents.models.litellm_model import LiteLLMModel
from agents.models.protocol import Message, ModelToolCall, Usage
from agents.models.registry import make_model
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from repos.errors import InfrastructureError, RepoGymError

HELLO = [Message("system", "Be brief."), Message("user", "Hello")]
VIEW = {
    "type": "function",
    "function": {
        "name": "view",
        "description": "Show a file.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}


@pytest.fixture
def serve():
    servers = []

    def start(*replies):
        servers.append(ScriptedServer(Script.model_validate(list(replies))))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def model_at(server, **keywords):
    args = {"api_key": "k", "backoff_s": 0.01, **keywords.pop("args", {})}
    return LiteLLMModel("openai/test", api_base=server.api_base, args=args, **keywords)


def test_text_tool_calls_reasoning_and_usage_come_back(serve):
    server = serve(
        {
            "content": "I look.",
            "reasoning": "It must be here.",
            "tool_calls": [
                {"name": "view", "arguments": {"path": "é.py"}},
                {"name": "view", "arguments": "{broken"},
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 10},
        }
    )
    model = model_at(server, price=(2.0, 10.0))
    reply = model.complete(HELLO, [VIEW], temperature=0.5, max_tokens=77)
    assert reply.text == "I look."
    assert reply.reasoning == "It must be here."
    assert reply.finish_reason == "tool_calls"
    assert [c.name for c in reply.tool_calls] == ["view", "view"]
    assert json.loads(reply.tool_calls[0].arguments) == {"path": "é.py"}
    assert reply.tool_calls[1].arguments == "{broken"
    assert (reply.usage.calls, reply.usage.prompt_tokens, reply.usage.completion_tokens) == (
        1,
        1000,
        10,
    )
    assert reply.usage.cost_usd == pytest.approx(1000 * 2e-6 + 10 * 10e-6)
    request = server.requests[0]
    assert request["temperature"] == 0.5
    assert request["max_tokens"] == 77
    assert request["tools"][0]["function"]["name"] == "view"
    assert set(request) == {"model", "messages", "tools", "temperature", "max_tokens"}


def test_broken_arguments_and_empty_replies_go_back_in_a_form_that_providers_take(serve):
    server = serve("one", "two", "three")
    messages = [
        *HELLO,
        Message("assistant", "", (ModelToolCall("a", "view", "{broken"),)),
        Message("tool", "Broken JSON.", tool_call_id="a"),
        Message("assistant", ""),
        Message("user", "Go on."),
    ]
    assert model_at(server).complete(messages, [VIEW]).text == "three"
    sent = server.requests[0]["messages"]
    arguments = sent[2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"not_a_json_object": "{broken"}
    assert sent[4]["content"]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 500},
        {"status": 502},
        {"status": 503},
        {"status": 529},
        {"body": "this is no JSON"},
        {"body": "{}"},
        {"body": '{"choices": []}'},
        {"drop": True},
    ],
    ids=str,
)
def test_passing_faults_are_retried(serve, fault):
    server = serve({"content": "at last", "faults": [fault, fault]})
    assert model_at(server).complete(HELLO).text == "at last"
    assert len(server.requests) == 3


def test_a_slow_answer_times_out_and_is_retried(serve):
    server = serve({"content": "at last", "faults": [{"delay_s": 30.0}]})
    begin = time.monotonic()
    assert model_at(server, args={"timeout": 1.5}).complete(HELLO).text == "at last"
    assert time.monotonic() - begin < 20
    assert len(server.requests) == 2


def test_retry_after_is_waited_for(serve):
    server = serve({"content": "ok", "faults": [{"status": 429, "retry_after": 0.6}]})
    begin = time.monotonic()
    model_at(server).complete(HELLO)
    assert time.monotonic() - begin >= 0.6


def test_after_all_retries_it_is_an_infrastructure_failure(serve):
    server = serve({"content": "never", "faults": [{"status": 503, "message": "tired"}] * 3})
    with pytest.raises(ModelUnavailableError, match=r"3 attempts.*tired") as caught:
        model_at(server, args={"retries": 2}).complete(HELLO)
    assert isinstance(caught.value, InfrastructureError)
    assert len(server.requests) == 3


def test_an_account_without_quota_is_not_retried(serve):
    server = serve({"content": "x", "faults": [{"status": 429, "code": "insufficient_quota"}]})
    with pytest.raises(ModelUnavailableError, match="used up"):
        model_at(server).complete(HELLO)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_refusals_are_not_retried(serve, status):
    server = serve({"content": "x", "faults": [{"status": status, "message": "no such thing"}]})
    with pytest.raises(ModelRequestError, match="no such thing"):
        model_at(server).complete(HELLO)
    assert len(server.requests) == 1


def test_a_conversation_that_is_too_long_is_an_error_of_its_own(serve):
    fault = {
        "status": 400,
        "code": "context_length_exceeded",
        "message": "This model's maximum context length is 10 tokens.",
    }
    with pytest.raises(ContextWindowError):
        model_at(serve({"content": "x", "faults": [fault]})).complete(HELLO)


def test_the_budget_refuses_a_call_that_might_not_fit(serve, tmp_path):
    server = serve({"content": "x", "usage": {"prompt_tokens": 30, "completion_tokens": 10}})
    budget = Budget(tmp_path / "ledger", 0.011)
    model = model_at(server, budget=budget, price=(1.0, 100.0), args={"max_tokens": 100})
    model.complete(HELLO)
    assert budget.spent() == pytest.approx(30e-6 + 10 * 100e-6)
    with pytest.raises(BudgetExceededError, match=r"--budget"):
        model.complete(HELLO)
    assert len(server.requests) == 1
    assert budget.left() == pytest.approx(0.011 - budget.spent())


def test_the_budget_books_what_may_have_been_billed(serve, tmp_path):
    def spent_after(name, *faults):
        server = serve({"content": "x", "faults": list(faults)})
        budget = Budget(tmp_path / name, 100.0)
        args = {"retries": 0, "timeout": 2.0, "max_tokens": 1000}
        model = model_at(server, budget=budget, price=(0.0, 1000.0), args=args)
        with pytest.raises(ModelUnavailableError):
            model.complete(HELLO)
        return budget.spent()

    assert spent_after("refused", {"status": 503}) == 0.0
    assert spent_after("slow", {"delay_s": 20.0}) == pytest.approx(1.0)
    assert spent_after("dropped", {"drop": True}) == pytest.approx(1.0)
    assert spent_after("garbage", {"body": "garbage"}) == pytest.approx(1.0)


def test_the_reservation_comes_close_to_the_bill_once_a_call_was_billed(serve):
    server = serve({"content": "x", "usage": {"prompt_tokens": 40, "completion_tokens": 1}})
    model = model_at(server, price=(1.0, 1.0))
    request = {"messages": [{"role": "user", "content": "word " * 4000}], "tools": None}
    counted = model._count(request)
    assert model._bound(request, counted) > 20_000  # its bytes
    model._learn(request, counted, Usage(1, int(1.1 * counted), 1))
    assert counted < model._bound(request, counted) < 1.5 * counted


def test_an_unknown_price_under_a_budget_names_the_option(serve, tmp_path):
    with pytest.raises(RepoGymError, match="--price IN,OUT"):
        model_at(serve("x"), budget=Budget(tmp_path / "b", 1.0))
    assert model_at(serve("x")).price is None


def test_known_prices_come_from_the_table():
    model = LiteLLMModel("anthropic/claude-sonnet-4-5", args={"api_key": "k"})
    assert model.price is not None
    assert model.price.prompt > 0
    # Writing to the provider's cache is dearer than reading a prompt token.
    assert model.price.worst_usd(1000, 0) > 1000 * model.price.prompt


@pytest.mark.parametrize(
    ("name", "keywords", "words"),
    [
        ("no-such-model", {}, "Unknown model 'no-such-model'"),
        ("openai/gpt-4o", {}, "OPENAI_API_KEY"),
        ("anthropic/claude-sonnet-4-5", {}, "ANTHROPIC_API_KEY"),
        ("openai/x", {"args": {"timeout": "soon"}}, "timeout=soon"),
        ("openai/x", {"args": {"stream": True}}, "stream"),
        ("openai/x", {"args": {"max_tokens": 0}}, "max_tokens=0"),
        ("openai/x", {"tool_format": "xml"}, "native or text"),
        ("scripted:/no/such/file.json", {}, "cannot be read"),
        ("scripted:x.json", {"api_base": "http://x"}, "--api-base"),
        ("symbolic", {"api_base": "http://x"}, "--api-base"),
        ("x", {"api_base": "localhost:8000/v1"}, "write http://localhost:8000/v1 or https"),
        ("x", {"api_base": "//h/v1"}, "write http://h/v1 or https"),
        ("x", {"api_base": "ftp://h/v1"}, "write it as http://HOST:PORT/v1"),
        ("x", {"api_base": "http:///v1"}, "write it as http://HOST:PORT/v1"),
    ],
)
def test_bad_input_is_one_sentence_before_any_call(monkeypatch, name, keywords, words):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(RepoGymError, match=words) as caught:
        make_model(name, **keywords)
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, InfrastructureError)


def test_an_endpoint_of_ones_own_needs_neither_provider_nor_key(monkeypatch, serve):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = serve("hello")
    model = make_model("Qwen/Qwen3-Coder", api_base=server.api_base)
    assert model.name == "Qwen/Qwen3-Coder"
    assert model.complete(HELLO).text == "hello"
    assert server.requests[0]["model"] == "Qwen/Qwen3-Coder"


def test_text_format_goes_over_the_wire_without_tools(serve):
    block = '```tool\n{"name": "view", "arguments": {"path": "a.py"}}\n```'
    server = serve(f"I look.\n{block}", "done")
    model = make_model("openai/t", api_base=server.api_base, tool_format="text")
    reply = model.complete(HELLO, [VIEW])
    assert reply.text == "I look."
    assert [(c.name, c.arguments) for c in reply.tool_calls] == [("view", '{"path": "a.py"}')]
    history = [
        *HELLO,
        Message("assistant", reply.text, reply.tool_calls),
        Message("tool", "1 x = 1", tool_call_id=reply.tool_calls[0].id),
    ]
    assert model.complete(history, [VIEW]).text == "done"
    first, second = server.requests
    assert "tools" not in first
    assert '"name": "view"' in first["messages"][0]["content"]
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "user"]
    assert block in second["messages"][2]["content"]
    assert "1 x = 1" in second["messages"][3]["content"]


def test_nothing_is_printed(serve, capfd):
    faults = [{"status": 500}, {"body": "garbage"}, {"status": 404}]
    with pytest.raises(ModelRequestError):
        model_at(serve({"content": "x", "faults": faults})).complete(HELLO, [VIEW])
    with pytest.raises(RepoGymError):
        make_model("no-such-model")
    assert capfd.readouterr() == ("", "")


def test_replies_of_unknown_models_are_bounded(serve):
    server = serve("x")
    model_at(server).complete(HELLO)
    model_at(server, args={"max_tokens": 20_000}).complete(HELLO)
    assert [request["max_tokens"] for request in server.requests] == [4096, 20_000]


ONLY_STREAMS = {"status": 400, "message": "Stream must be set to true", "unless_stream": True}


@pytest.mark.parametrize(
    "how", [{"faults": [ONLY_STREAMS] * 9}, {"as_stream": True}], ids=["refuses", "streams anyway"]
)
def test_an_endpoint_that_only_streams_works(serve, how):
    call = {"name": "view", "arguments": {"path": "é.py"}}
    usage = {"prompt_tokens": 90, "completion_tokens": 12}
    first = {"content": "I look.", "tool_calls": [call], "usage": usage, **how}
    server = serve(first, {"content": "done", "finish_reason": "length", **how})
    model = model_at(server, price=(1.0, 1.0))
    reply = model.complete(HELLO, [VIEW])
    assert reply.text == "I look."
    assert [(c.name, json.loads(c.arguments)) for c in reply.tool_calls] == [
        ("view", {"path": "é.py"})
    ]
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (90, 12)
    assert reply.usage.cost_usd == pytest.approx(102e-6)
    again = model.complete([*HELLO, Message("assistant", "I look.")])
    assert (again.text, again.cut) == ("done", True)
    # Once it is known, no request is lost to finding it out.
    assert [bool(request.get("stream")) for request in server.requests] == [False, True, True]


def test_seeds_reach_providers_that_take_them(serve):
    server = serve("x")
    model_at(server, seed=7).complete(HELLO)
    model_at(server, seed=7, args={"seed": 8}).complete(HELLO)
    model_at(server, seed=7, args={"seed": None}).complete(HELLO)
    assert [request.get("seed") for request in server.requests] == [7, 8, None]
    assert LiteLLMModel("anthropic/claude-sonnet-4-5", args={"api_key": "k"}, seed=7)._seed is None
