"""What an OpenAI-compatible endpoint tells of itself beside its answers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from repos.errors import InputError

_TIMEOUT_S = 10.0


class Endpoint:
    """An endpoint by its address; any thread may ask, and what it lacks is None."""

    def __init__(self, api_base: str, api_key: str) -> None:
        self._base = api_base.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._lock = threading.Lock()
        self._models: Any = None
        self._asked = False

    def models(self) -> Any:
        """Return the decoded answer of `/v1/models`, asked once; None where there is none."""
        with self._lock:
            if not self._asked:
                self._models = self._request("GET", f"{self._base}/models")
                self._asked = True
            return self._models

    def tokens(self, model: str, text: str) -> tuple[int, ...] | None:
        """Return the ids of a text's tokens by the endpoint's tokenizer (llama.cpp, vLLM)."""
        root = self._base.removesuffix("/v1")
        asked = {"content": text, "model": model, "prompt": text, "add_special_tokens": False}
        found = self._request("POST", f"{root}/tokenize", {**asked, "add_special": False})
        tokens = found.get("tokens") if isinstance(found, Mapping) else None
        if isinstance(tokens, list) and all(isinstance(token, int) for token in tokens):
            return tuple(tokens)
        return None

    def _request(self, method: str, address: str, body: Any = None) -> Any:
        import httpx

        try:
            answer = httpx.request(
                method, address, json=body, headers=self._headers, timeout=_TIMEOUT_S
            )
            return answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            # An endpoint need not offer it; whether it is there at all the next call says.
            return None


def check_api_base(address: str) -> None:
    """Refuse an address that no client can use.

    Raises:
        InputError: No scheme, another one than HTTP's, or no host.
    """
    scheme, _, rest = address.partition("://")
    if not rest:
        raise InputError(
            f"--api-base {address!r} has no scheme: write http://{address.lstrip('/')} or "
            f"https://{address.lstrip('/')}."
        )
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if scheme not in ("http", "https") or not host or any(c.isspace() for c in address):
        raise InputError(
            f"--api-base {address!r} is no address of an endpoint: write it as http://HOST:PORT/v1."
        )
