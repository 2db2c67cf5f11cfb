"""The budget of a run on a cluster: an actor keeps the ledger."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.models.budget import Budget
from agents.models.errors import BudgetExceededError
from repos.errors import InputError, MissingExtraError

NAMESPACE = "repogym"
PREFIX = "ray:"
"""What `EpisodeSpec.budget_file` begins with where an actor keeps the ledger; its name follows."""


def import_ray() -> Any:
    """Return the module.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    # Usage figures are nobody's business, and a node's own environment is the one to use.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "ray", "--executor ray") from error
    return ray


def check_address(address: str) -> None:
    """Make sure that something answers where a cluster should be; Ray itself waits for minutes.

    Args:
        address: As for `ray.init`; only a plain HOST:PORT is looked at.

    Raises:
        InputError: Nothing answers.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10.0).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"No Ray cluster answers at --address {address} ({error}): start one with `ray start "
            "--head`, or leave --address out."
        ) from error


@dataclass(frozen=True)
class ActorBudget(Budget):
    """A ledger that the actor of the run keeps; `path` is its name, behind `PREFIX`."""

    def _ask(self, method: str, *arguments: Any) -> Any:
        ray = import_ray()
        actor = ray.get_actor(str(self.path).removeprefix(PREFIX), namespace=NAMESPACE)
        try:
            return ray.get(actor.budget.remote(method, *arguments))
        except BudgetExceededError as error:
            # Ray's own words around it hold a traceback.
            raise BudgetExceededError(str(getattr(error, "cause", error))) from None

    def spent(self) -> float:
        """Return what finished calls cost; see `Budget`."""
        return self._ask("spent")

    def left(self) -> float:
        """Return what is neither spent nor reserved; see `Budget`."""
        return self._ask("left")

    def reserve(self, worst_usd: float) -> int:
        """Set aside what a call may cost; see `Budget`."""
        return self._ask("reserve", worst_usd)

    def settle(self, reservation: int, cost_usd: float) -> None:
        """Book what a call cost; see `Budget`."""
        self._ask("settle", reservation, cost_usd)

    def settle_worst(self, reservation: int) -> None:
        """Book a call at its worst; see `Budget`."""
        self._ask("settle_worst", reservation)


def ledger_of(place: str, limit_usd: float) -> Budget:
    """Return the budget of a run.

    Args:
        place: The ledger's file, or the name of the actor that keeps it, behind `PREFIX`.
        limit_usd: What all calls together may cost.
    """
    kind = ActorBudget if place.startswith(PREFIX) else Budget
    return kind(Path(place), limit_usd)
