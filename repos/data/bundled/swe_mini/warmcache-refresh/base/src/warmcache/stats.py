"""Counters of what a cache has done."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import reasons


@dataclass
class Stats:
    """Hits, misses and removals by reason."""

    hits: int = 0
    misses: int = 0
    stores: int = 0
    removals: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(sorted(reasons.ALL), 0)
    )

    @property
    def lookups(self) -> int:
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float:
        """Hits over lookups, 0.0 before the first lookup."""
        return self.hits / self.lookups if self.lookups else 0.0

    def removed(self, reason: str) -> None:
        if reason not in reasons.ALL:
            raise ValueError(f"unknown removal reason: {reason!r}")
        self.removals[reason] += 1

    def reset(self) -> None:
        self.hits = self.misses = self.stores = 0
        for reason in self.removals:
            self.removals[reason] = 0

    def as_dict(self) -> dict[str, object]:
        return {
            "hits": self.hits,
            "misses": self.misses,
            "stores": self.stores,
            "hit_rate": round(self.hit_rate, 4),
            **{f"removed_{name}": count for name, count in self.removals.items()},
        }
