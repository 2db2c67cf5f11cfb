"""Retrieval by a real model2vec model, which is made here: two meanings, written in many words."""

import json

import numpy as np
import pytest
from model2vec import StaticModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from repos.errors import InputError
from tools.embeddings import EMBEDDINGS, EmbeddingRanking, embedding_model
from tools.registry import RETRIEVAL_TOOLS, ToolSet
from tools.retrieval import WordRanking, ranking_of

WORDS = {
    "[UNK]": (0, 0), "sum": (1, 0), "add": (1, 0.1), "total": (1, 0.2),
    "multiply": (0, 1), "scale": (0.1, 1), "times": (0.2, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.array([*WORDS.values()], dtype=np.float32)
    place = tmp_path_factory.mktemp("model")
    StaticModel(vectors, tokenizer).save_pretrained(place)
    return place


def test_texts_of_the_same_meaning_are_near(folder, monkeypatch):
    monkeypatch.setenv(EMBEDDINGS, str(folder))
    texts = ["def scale ( x )", "def add ( x )", "nothing known"]
    ranking = ranking_of(texts)
    assert isinstance(ranking, EmbeddingRanking)
    assert ranking.best("the sum", 2) == [1, 0]
    assert ranking.best("times", 1) == [0]
    assert ranking.best("unheard of", 3) == []
    assert ranking_of([]).best("sum", 3) == []
    monkeypatch.delenv(EMBEDDINGS)
    words = ranking_of(texts)
    assert isinstance(words, WordRanking)
    assert words.best("the sum", 2) == []


def test_the_tools_use_it(ctx, folder, monkeypatch):
    monkeypatch.setenv(EMBEDDINGS, str(folder))
    tools = ToolSet(RETRIEVAL_TOOLS)
    found = tools.call(ctx, "get_relevant_code", json.dumps({"query": "total", "max_results": 1}))
    assert found.ok and "def add(" in found.text
    found = tools.call(ctx, "get_relevant_code", json.dumps({"query": "times", "max_results": 1}))
    assert found.ok and "def scale(" in found.text


def test_a_name_that_is_no_model_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv(EMBEDDINGS, "minishlab/potion-base-8M")
    with pytest.raises(InputError, match="no folder of a model"):
        embedding_model()
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv(EMBEDDINGS, str(tmp_path))
    with pytest.raises(InputError, match="can't be read as a model"):
        embedding_model()
