"""Recorded replies: given again to equal requests, never to others, never twice."""

import sys

import pytest

from agents.conversation import CONTEXT_CHARS, context_of
from agents.models.protocol import Message, ModelToolCall, Reply, Usage
from agents.models.symbolic import SymbolicModel
from agents.models.text_tools import TextToolModel
from agents.runs.journal import Journal, read_journal
from agents.runs.recorder import JournalRecorder
from agents.runs.replay import RecordedModel

TOOL = {"type": "function", "function": {"name": "view", "parameters": {}}}


class Counting:
    """Stands for a paid provider: each call gets another answer, so a replay shows."""

    name = "paid/model"

    def __init__(self, first: int = 1) -> None:
        self.next = first

    def complete(self, messages, tools=(), *, temperature=None, max_tokens=None):
        number, self.next = self.next, self.next + 1
        call = ModelToolCall(f"id{number}", "view", '{"path": "a.py"}')
        usage = Usage(1, 100, 10, 0.01)
        return Reply(f"answer {number}", (call,), usage, reasoning="why", finish_reason="stop")


def ask(model, text, **settings):
    messages = [Message("system", "You repair."), Message("user", text)]
    return model.complete(messages, [TOOL], **settings)


def recorded(path, *texts):
    with Journal(path) as journal:
        model = RecordedModel(Counting(), JournalRecorder(journal))
        return [ask(model, text) for text in texts]


def test_equal_requests_get_the_recorded_replies(tmp_path):
    path = tmp_path / "episode.jsonl"
    first = recorded(path, "one", "two")
    with Journal(path) as journal:
        inner = Counting(first=100)
        model = RecordedModel(inner, JournalRecorder(journal), read_journal(path))
        assert [ask(model, "one"), ask(model, "two")] == first
        assert inner.next == 100
        assert ask(model, "three").text == "answer 100"
    assert model.reused == 2
    assert model.usage == Usage(3, 300, 30, pytest.approx(0.03))


def test_the_same_question_twice_keeps_two_answers(tmp_path):
    path = tmp_path / "episode.jsonl"
    first = recorded(path, "same", "same")
    assert first[0] != first[1]
    with Journal(path) as journal:
        model = RecordedModel(Counting(first=100), JournalRecorder(journal), read_journal(path))
        assert [ask(model, "same"), ask(model, "same")] == first
        assert ask(model, "same").text == "answer 100"


def test_a_reused_reply_is_not_counted_as_a_second_recording(tmp_path):
    path = tmp_path / "episode.jsonl"
    first = recorded(path, "one")
    for _ in range(2):
        with Journal(path) as journal:
            model = RecordedModel(Counting(first=100), JournalRecorder(journal), read_journal(path))
            assert ask(model, "one") == first[0]
    replies = [e for e in read_journal(path) if e["kind"] == "reply"]
    assert [e["reused"] for e in replies] == [False, True, True]


def test_a_reply_that_was_reused_is_not_given_a_further_time(tmp_path):
    path = tmp_path / "episode.jsonl"
    first = recorded(path, "one")
    with Journal(path) as journal:
        assert (
            ask(RecordedModel(Counting(), JournalRecorder(journal), read_journal(path)), "one")
            == first[0]
        )
    with Journal(path) as journal:
        model = RecordedModel(Counting(first=100), JournalRecorder(journal), read_journal(path))
        assert ask(model, "one") == first[0]
        assert ask(model, "one").text == "answer 100"


def test_another_model_is_asked_for_itself(tmp_path):
    class Second(Counting):
        name = "paid/second"

    path = tmp_path / "episode.jsonl"
    first = recorded(path, "one")
    with Journal(path) as journal:
        model = RecordedModel(
            Counting(), JournalRecorder(journal), read_journal(path), lambda _: Second(first=100)
        )
        assert ask(model.another("paid/second"), "one").text == "answer 100"
        assert ask(model, "one") == first[0]


@pytest.mark.parametrize("settings", [{"temperature": 0.5}, {"max_tokens": 5}])
def test_other_settings_are_another_request(tmp_path, settings):
    path = tmp_path / "episode.jsonl"
    recorded(path, "one")
    with Journal(path) as journal:
        model = RecordedModel(Counting(first=100), JournalRecorder(journal), read_journal(path))
        assert ask(model, "one", **settings).text == "answer 100"


def test_the_journal_holds_each_message_once(tmp_path):
    path = tmp_path / "episode.jsonl"
    recorded(path, "one", "two", "one")
    replies = [e for e in read_journal(path) if e["kind"] == "reply"]
    assert [len(e["new"]) for e in replies] == [2, 1, 0]
    assert [len(e["messages"]) for e in replies] == [2, 2, 2]


def test_a_wrapped_model_keeps_the_length_of_history_that_it_takes(tmp_path):
    with Journal(tmp_path / "episode.jsonl") as journal:
        whole = RecordedModel(TextToolModel(SymbolicModel()), JournalRecorder(journal))
        assert context_of(whole) == sys.maxsize
        assert context_of(RecordedModel(Counting(), JournalRecorder(journal))) == CONTEXT_CHARS
