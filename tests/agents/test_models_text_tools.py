"""Tool calls as text: what is written is read back, and nothing breaks the reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.models.protocol import Message, ModelToolCall
from agents.models.text_tools import parse_calls, render_call, render_messages

NAMES = frozenset({"view", "edit", "bash"})
# Text that contains what could confuse a reader of fences, tags and JSON.
SNIPPETS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["```", "\n```\n", "```tool\n", "~~~", "</tool_call>", "<tool_call>", '"', "\\", "{", "}"]
    ),
)
VALUES = st.lists(SNIPPETS, max_size=6).map("".join)
CALLS = st.builds(
    lambda name, arguments: ModelToolCall("", name, json.dumps(arguments)),
    st.sampled_from(sorted(NAMES)),
    st.dictionaries(st.text(max_size=8), VALUES | st.integers() | st.none(), max_size=4),
)


def read(text):
    words, calls = parse_calls(text, NAMES)
    return words, [(call.name, json.loads(call.arguments)) for call in calls]


@given(st.lists(CALLS, max_size=4), st.text(alphabet="abc .\n", max_size=40))
def test_rendered_calls_are_read_back(calls, prose):
    text = "\n".join([prose, *(render_call(call) for call in calls)])
    words, found = read(text)
    assert found == [(call.name, json.loads(call.arguments)) for call in calls]
    assert words == prose.strip()


@given(CALLS)
def test_a_tag_works_like_a_fence(call):
    body = json.dumps({"name": call.name, "arguments": json.loads(call.arguments)})
    assert read(f"<tool_call>{body}</tool_call>")[1] == [(call.name, json.loads(call.arguments))]


@given(st.lists(SNIPPETS | st.sampled_from(['{"name": "view", "arguments": ']), max_size=30))
def test_no_text_breaks_the_reader(parts):
    text = "".join(parts)
    words, calls = parse_calls(text, NAMES)
    assert isinstance(words, str)
    assert all(isinstance(call.arguments, str) and call.name for call in calls)
    assert len({call.id for call in calls}) == len(calls)


@given(st.text(alphabet=st.characters(exclude_characters="`~<"), max_size=200))
def test_plain_text_stays_as_it_is(text):
    assert parse_calls(text, NAMES) == (text.strip(), ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('```json\n{"name": "view", "arguments": {"path": "a"}}\n```', [("view", {"path": "a"})]),
        ('```\n{"name": "view", "parameters": {"path": "a"}}\n```', [("view", {"path": "a"})]),
        ('```tool\n{"name": "view", "arguments": "{}"}\n```', [("view", {})]),
        ('```tool\n{"name": "view"}', [("view", {})]),
        ('```tool\n{"name": "view"}\n{"name": "bash"}\n```', [("view", {}), ("bash", {})]),
        ('```tool\n[{"name": "view"}, {"name": "bash"}]\n```', [("view", {}), ("bash", {})]),
        ('```tool\n{"name": "bash", "arguments": {"c": "a\nb"}}\n```', [("bash", {"c": "a\nb"})]),
        ('```tool\n{"name": "new", "arguments": {}}\n```', [("new", {})]),
        ('```python\nx = 1\n```\n```tool\n{"name": "view"}\n```', [("view", {})]),
        ('```json\n{"name": "repogym", "version": 1}\n```', []),
        ('```python\n{"name": "view"}\n```', []),
        ("```tool\n```", []),
        ('{"name": "view", "arguments": {"path": "a"}}', [("view", {"path": "a"})]),
        (' \n{"tool": "view", "input": {"path": "a"}}\n', [("view", {"path": "a"})]),
        ('{"name": "view"}\n{"name": "bash"}', [("view", {}), ("bash", {})]),
        ('[{"name": "view"}, {"name": "bash"}]', [("view", {}), ("bash", {})]),
        ('{"name": "repogym", "version": 1}', []),
        ('{"name": "view"} and then {"name": "bash"}', []),
        ('{"name": "view"', []),
    ],
)
def test_what_models_write(text, found):
    assert read(text)[1] == found


def test_a_call_with_broken_json_reaches_the_environment():
    text = 'So:\n```tool\n{"name": "edit", "arguments": {"old": "a" "new"}}\n```\nThen.'
    words, calls = parse_calls(text, NAMES, turn=7)
    assert words == "So:\n\nThen."
    assert calls == (ModelToolCall("call_7_0", "edit", '{"old": "a" "new"}}'),)


def test_roles_alternate_whatever_the_conversation():
    call = ModelToolCall("1", "view", "{}")
    other = ModelToolCall("2", "bash", "{")
    rendered = render_messages(
        [
            Message("user", "Problem"),
            Message("assistant", "Look.", (call, other)),
            Message("tool", "seen", tool_call_id="1"),
            Message("tool", "broken", tool_call_id="2"),
            Message("user", "Phase: edit"),
            Message("assistant", "Done."),
        ],
        [{"type": "function", "function": {"name": "view", "parameters": {}}}],
    )
    assert [m.role for m in rendered] == ["system", "user", "assistant", "user", "assistant"]
    assert rendered[3].content == (
        "Result of view:\nseen\n\nResult of bash:\nbroken\n\nPhase: edit"
    )
