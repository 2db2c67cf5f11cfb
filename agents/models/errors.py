"""What can go wrong between an agent and a model."""

from __future__ import annotations

from repos.errors import AgentError, InfrastructureError, InputError


class BudgetExceededError(AgentError):
    """A call could cost more than what is left of the budget; it was not made.

    Agents end the episode with the reason "cost" and the diff as it stands is scored.
    """


class ContextWindowError(AgentError):
    """The conversation is longer than the model can read; shorten it and ask again.

    Attributes:
        needed: Size of the request, in tokens; None where nobody said it.
        window: What the model reads and writes at most, in tokens; None where it is unknown.
        room: What a reply should keep of the window, in tokens.
    """

    def __init__(
        self, message: str, needed: int | None = None, window: int | None = None, room: int = 0
    ) -> None:
        super().__init__(message)
        self.needed = needed
        self.window = window
        self.room = room


class ModelRequestError(InputError):
    """The provider refuses the request for good (unknown model, no key, bad parameter)."""


class WindowTooSmallError(ModelRequestError):
    """The first request does not fit the model, and nothing in it can be shortened."""


class ModelUnavailableError(InfrastructureError):
    """The provider did not answer usefully after all retries."""
