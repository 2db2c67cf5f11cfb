"""What is known of a model's window, and what a provider's refusal says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# A reply keeps at least this part of the window, or its own bound where that is less.
_ROOM = 4

# How providers name the size of the window, and what was sent.
_WINDOW = re.compile(
    r"(?:context length (?:is|of)(?: only)?|context (?:size|window|length)|maximum(?: of| is)?"
    r"|maximum number of(?: input)? tokens(?: allowed)?|n_ctx['\"]?|limit(?: of| is)?|>)"
    r"[\s:=(]*(\d[\d,]*)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?![\w.]*\d)")
# Numbers of this size are statuses and the like, not windows.
_LEAST = 64


def room_of(window: int, bound: int) -> int:
    """Return the tokens that a reply keeps: its bound, at most a quarter of the window."""
    return min(bound, window // _ROOM)


def sizes_in(words: str, body: Any = None) -> tuple[int | None, int | None]:
    """Return the sizes that a refusal names, in tokens: what was sent, and the window.

    Args:
        words: What the provider said.
        body: The decoded body of its answer; llama.cpp has the numbers in fields.
    """
    fields = body.get("error", body) if isinstance(body, Mapping) else {}
    if isinstance(fields, Mapping):
        sent, window = fields.get("n_prompt_tokens"), fields.get("n_ctx")
        if isinstance(sent, int) and isinstance(window, int):
            return sent, window
    named = [_int(found) for found in _WINDOW.findall(words)]
    window = next((value for value in named if value >= _LEAST), None)
    if window is None:
        return None, None
    larger = [_int(found) for found in _NUMBER.findall(words)]
    return next((value for value in larger if value > window), None), window


def window_in(listing: Any, model: str) -> int | None:
    """Return the window of a model by an endpoint's `/v1/models`, in tokens; None if unsaid.

    Args:
        listing: The decoded answer (llama.cpp, vLLM and others name it differently).
        model: Name of the model; an endpoint that serves one model may call it otherwise.
    """
    entries = listing.get("data") if isinstance(listing, Mapping) else None
    entries = [entry for entry in entries or () if isinstance(entry, Mapping)]
    name = model.removeprefix("openai/")
    chosen = [entry for entry in entries if entry.get("id") == name]
    if not chosen and len(entries) == 1:
        chosen = entries
    for entry in chosen:
        meta = entry.get("meta")
        for holder in (meta if isinstance(meta, Mapping) else {}, entry):
            for key in ("n_ctx", "max_model_len", "context_length", "context_window"):
                value = holder.get(key)
                if isinstance(value, int) and value >= _LEAST:
                    return value
    return None


def _int(text: str) -> int:
    return int(text.replace(",", ""))
