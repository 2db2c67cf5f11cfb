"""Importing LiteLLM: lazily, quietly, and without a connection of its own."""

from __future__ import annotations

import functools
import logging
import os
import threading
from typing import Any

_lock = threading.RLock()


def warm_up() -> None:
    """Begin to import LiteLLM in a thread, so that it is there when the first call needs it."""
    threading.Thread(target=_import_all, name="import-litellm", daemon=True).start()


def _import_all() -> None:
    # Without a request LiteLLM leaves much unimported: the client's library, the tokenizer.
    litellm().completion(
        model="openai/warm-up",
        messages=[{"role": "user", "content": ""}],
        mock_response="ready",
        # Nothing is sent: the reply is given here. If it ever were, it would go nowhere.
        api_base="http://127.0.0.1:9/v1",
        api_key="none",
    )
    from openai.resources.chat import completions  # noqa: F401 - imported for the next caller


def litellm() -> Any:
    """Return LiteLLM, imported once; any thread may call."""
    with _lock:
        return _imported()


@functools.cache
def _imported() -> Any:
    """Import LiteLLM (seconds) so that it prints nothing and fetches nothing.

    Its table of prices is the one it brings, not one fetched at import; tokens are counted
    by the tokenizers it brings; a `.env` file in the working folder is not read.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    import litellm as module

    module.suppress_debug_info = True
    module.disable_hf_tokenizer_download = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return module
