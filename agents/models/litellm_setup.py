"""Importing LiteLLM: lazily, quietly, and without a connection of its own."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any


@functools.cache
def litellm() -> Any:
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
