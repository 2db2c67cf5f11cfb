"""What LiteLLM raises, in the house's words: try again, shorten, or give up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.models.errors import ContextWindowError, ModelRequestError, ModelUnavailableError
from agents.models.litellm_setup import litellm
from agents.models.window import sizes_in

# An endpoint that only streams says so in some such words.
_STREAM = re.compile(r"\bstream", re.IGNORECASE)


class RetryError(Exception):
    """A failure after which the same request may succeed."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


def translated(error: Exception, name: str) -> Exception:
    """Return the house's error for what LiteLLM raised on a request to the model `name`."""
    module = litellm()
    status = getattr(error, "status_code", None)
    words = " ".join(str(error).split())[:500]
    if isinstance(error, module.ContextWindowExceededError) or status == 413:
        needed, window = _sizes(error)
        return ContextWindowError(
            f"The conversation is too long for {name}: {words}", needed, window
        )
    if missing := next((e for e in chain(error) if isinstance(e, ImportError)), None):
        return ModelRequestError(
            f"LiteLLM needs a further package for {name}: {missing}. Install it."
        )
    if any(getattr(e, "code", None) == "insufficient_quota" for e in chain(error)):
        return ModelUnavailableError(f"The account behind {name} is used up: {words}")
    if not isinstance(status, int) or status in (408, 409, 429) or status >= 500:
        return RetryError(words, _retry_after(error))
    return ModelRequestError(f"The provider of {name} refused the request: {words}")


def wants_stream(error: Exception) -> bool:
    """Whether an endpoint refused a request, or answered uselessly, because it only streams."""
    status = getattr(error, "status_code", None)
    refused = isinstance(status, int) and 400 <= status < 500
    words = str(error)
    return (refused and _STREAM.search(words) is not None) or "data: {" in words


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that led to it."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def maybe_billed(error: BaseException) -> bool:
    """Return whether the provider may have worked on the request.

    An HTTP error status says that it did not, and so does a connection that never stood;
    after a time-out or a broken connection nobody here knows.
    """
    import httpx

    certain = (httpx.HTTPStatusError, httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    return not any(isinstance(e, certain) for e in chain(error))


def _sizes(error: BaseException) -> tuple[int | None, int | None]:
    for e in chain(error):
        needed, window = sizes_in(str(e), getattr(e, "body", None))
        if window is not None:
            return needed, window
    return None, None


def _retry_after(error: BaseException) -> float:
    for e in chain(error):
        for headers in (
            getattr(e, "litellm_response_headers", None),
            getattr(getattr(e, "response", None), "headers", None),
        ):
            try:
                return max(0.0, float((headers or {})["retry-after"]))
            except (KeyError, ValueError):
                # Absent, or in the form of a date: the next place, or no hint.
                continue
    return 0.0
