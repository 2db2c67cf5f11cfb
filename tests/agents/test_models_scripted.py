"""Scripts, and the endpoint that serves them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from agents.models.protocol import Message
from agents.models.registry import make_model
from agents.models.script import read_script
from repos.errors import RepoGymError


def write(folder, value):
    path = folder / "script.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def ask(model, *texts):
    """One conversation: user and assistant messages in turns."""
    roles = ("user", "assistant")
    return model.complete([Message(roles[i % 2], t) for i, t in enumerate(texts)])  # type: ignore[arg-type]


def test_the_turn_decides_and_not_the_order_of_requests(tmp_path):
    model = make_model(f"scripted:{write(tmp_path, ['first', 'second'])}")
    assert model.name == "scripted:script.json"
    assert ask(model, "a", "first", "b").text == "second"
    assert ask(model, "a").text == "first"
    assert ask(model, "a").text == "first"


def test_conversations_are_chosen_by_their_first_message(tmp_path):
    script = {
        "conversations": [
            {"when": "apples", "replies": ["red"]},
            {"when": "pears", "replies": ["green", "yellow"], "after": "repeat"},
        ]
    }
    model = make_model(f"scripted:{write(tmp_path, script)}")
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda w: ask(model, w).text, ["2 apples", "3 pears"] * 20))
    assert texts == ["red", "green"] * 20
    assert ask(model, "pears", "green", "b", "yellow", "c").text == "yellow"


def test_a_script_that_is_too_short_says_so(tmp_path):
    model = make_model(f"scripted:{write(tmp_path, ['only'])}")
    with pytest.raises(RepoGymError, match="no reply for turn 1"):
        ask(model, "a", "only", "b")


def test_scripted_models_are_free_unless_a_price_is_given(tmp_path):
    path = write(
        tmp_path, [{"content": "x", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}]
    )
    assert ask(make_model(f"scripted:{path}"), "a").usage.cost_usd == 0.0
    priced = make_model(f"scripted:{path}", price=(1e6, 2e6))
    assert ask(priced, "a").usage.cost_usd == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not valid JSON"),
        ('{"answers": []}', "conversations"),
        ('[{"contents": "x"}]', "contents"),
        ('[{"content": "x", "faults": [{"status": 200}]}]', "status"),
    ],
)
def test_bad_scripts_are_one_sentence(tmp_path, text, words):
    with pytest.raises(RepoGymError, match=words) as caught:
        read_script(write(tmp_path, text))
    assert "\n" not in str(caught.value)
