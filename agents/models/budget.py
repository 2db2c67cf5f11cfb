"""A hard limit in USD over all calls of a run, whoever makes them.

Before a call its worst cost is reserved, afterwards the true cost is booked. The ledger is
an SQLite file: its transactions hold between threads and between processes, and what a
killed process had reserved stays counted.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.models.errors import BudgetExceededError
from repos.errors import InputError

# Sums of many small floats may exceed the limit by rounding alone.
_ROUNDING_USD = 1e-9


@dataclass(frozen=True)
class Budget:
    """A handle on a ledger; picklable, any thread and any process may use it.

    Attributes:
        path: The ledger's file; made at the first use.
        limit_usd: What all calls together may cost.
        wait_s: How long a call waits for others' reservations before it is refused.
    """

    path: Path
    limit_usd: float
    wait_s: float = 900.0

    def __post_init__(self) -> None:
        if not self.limit_usd >= 0:
            raise InputError(f"--budget {self.limit_usd}: give an amount in USD, 0 or more.")

    def start(self) -> None:
        """Begin or resume a run: what a killed run left reserved is booked as spent.

        Call it once in the main process, before any worker starts.
        """
        with self._transaction() as db:
            db.execute("UPDATE calls SET cost = worst WHERE cost IS NULL")

    def spent(self) -> float:
        """Return what finished calls cost, in USD."""
        with self._transaction() as db:
            return self._sums(db)[0]

    def left(self) -> float:
        """Return what is neither spent nor reserved, in USD; never negative."""
        with self._transaction() as db:
            return max(0.0, self.limit_usd - sum(self._sums(db)))

    def reserve(self, worst_usd: float) -> int:
        """Set aside what a call may cost at worst.

        Where only other calls' reservations are in the way it waits until they are settled,
        for their true cost is usually far smaller.

        Args:
            worst_usd: The worst cost of the call.

        Returns:
            The reservation, for `settle`.

        Raises:
            BudgetExceededError: The call does not fit.
        """
        deadline = time.monotonic() + self.wait_s
        pause = 0.02
        while True:
            with self._transaction() as db:
                spent, reserved = self._sums(db)
                if spent + reserved + worst_usd <= self.limit_usd + _ROUNDING_USD:
                    row = db.execute("INSERT INTO calls (worst) VALUES (?)", (worst_usd,))
                    assert row.lastrowid is not None
                    return row.lastrowid
            never = spent + worst_usd > self.limit_usd + _ROUNDING_USD
            if never or time.monotonic() >= deadline:
                raise BudgetExceededError(
                    f"The budget of {self.limit_usd:g} USD is used up: {spent:.4f} are spent, "
                    f"{reserved:.4f} reserved, and the next call could cost {worst_usd:.4f}. "
                    "Raise --budget to go on."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def settle(self, reservation: int, cost_usd: float) -> None:
        """Book what a call really cost (0.0 where it certainly was not billed)."""
        with self._transaction() as db:
            db.execute("UPDATE calls SET cost = ? WHERE id = ?", (cost_usd, reservation))

    def settle_worst(self, reservation: int) -> None:
        """Book a call at its worst, for its true cost is unknown (it timed out)."""
        with self._transaction() as db:
            db.execute("UPDATE calls SET cost = worst WHERE id = ?", (reservation,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "CREATE TABLE IF NOT EXISTS calls"
                " (id INTEGER PRIMARY KEY, worst REAL NOT NULL, cost REAL)"
            )
            yield db
            db.execute("COMMIT")
        finally:
            # Closing an open transaction rolls it back.
            db.close()

    @staticmethod
    def _sums(db: sqlite3.Connection) -> tuple[float, float]:
        spent, reserved = db.execute(
            "SELECT total(cost), total(CASE WHEN cost IS NULL THEN worst END) FROM calls"
        ).fetchone()
        return spent, reserved
