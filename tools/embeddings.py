"""Retrieval by embeddings in place of words, where the user has a model (extra `embeddings`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repos.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np

EMBEDDINGS = "REPOGYM_EMBEDDINGS"
"""The variable that names the folder of a model2vec model; without it words are compared."""

MAX_WORDS = 512
"""Tokens of a text that count."""


class EmbeddingRanking:
    """Cosine similarity of static embeddings (model2vec) over pieces of code."""

    def __init__(self, texts: Sequence[str], model: Any) -> None:
        """Embed the texts."""
        self._model = model
        self._vectors = self._embed(texts) if texts else None

    def best(self, query: str, most: int) -> list[int]:
        """Return the places of the nearest texts, the nearest first; those not near are out."""
        if self._vectors is None:
            return []
        scores = self._vectors @ self._embed([query])[0]
        order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
        return [place for place in order[:most] if scores[place] > 0]

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        vectors = np.asarray(self._model.encode(list(texts), max_length=MAX_WORDS), np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        # A text without a known token has no direction: it is near to nothing.
        return vectors / np.where(lengths > 0, lengths, 1)


def embedding_model() -> Any | None:
    """Return the model that the user named; None where none is named.

    Raises:
        InputError: The variable names no folder of a model.
        MissingExtraError: model2vec is not installed.
    """
    named = os.environ.get(EMBEDDINGS, "")
    return _load(named) if named else None


@lru_cache(maxsize=2)
def _load(named: str) -> Any:
    try:
        from model2vec import StaticModel
    except ImportError:
        raise MissingExtraError("embeddings", "model2vec", EMBEDDINGS) from None
    folder = Path(named).expanduser()
    # Never a name on a hub: nothing may be fetched in an episode.
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{EMBEDDINGS} is {named!r}, which is no folder of a model: write one with "
            "StaticModel.from_pretrained(NAME).save_pretrained(FOLDER) of model2vec."
        )
    try:
        return StaticModel.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{EMBEDDINGS}: {folder} can't be read as a model: {error}.") from error
