"""What can go wrong between an agent and a model."""

from __future__ import annotations

from repos.errors import AgentError, InfrastructureError, InputError


class BudgetExceededError(AgentError):
    """A call could cost more than what is left of the budget; it was not made.

    Agents end the episode with the reason "cost" and the diff as it stands is scored.
    """


class ContextWindowError(AgentError):
    """The conversation is longer than the model can read; shorten it and ask again."""


class ModelRequestError(InputError):
    """The provider refuses the request for good (unknown model, no key, bad parameter)."""


class ModelUnavailableError(InfrastructureError):
    """The provider did not answer usefully after all retries."""
