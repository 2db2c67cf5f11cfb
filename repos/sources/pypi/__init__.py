"""Tasks from two consecutive releases of a package on a package index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from repos.sources.pypi.pairs import build

if TYPE_CHECKING:
    from repos.records import TaskSpec

__all__ = ["build", "mine"]


def mine(
    names: Sequence[str],
    *,
    pairs: int = 9,
    keep: int | None = None,
    report: Callable[[str], None] = lambda line: None,
    sandbox: str = "auto",
    allow_unsafe: bool = False,
) -> list[TaskSpec]:
    """Make tasks of release pairs through the gate; see `repos.sources.pypi.gated.mine`.

    Args:
        names: Package names, or pairs as `name:old:new`.
        pairs: Newest pairs that are tried a package.
        keep: Tasks of one package at most, newest first; None keeps all.
        report: Told what became of each pair, one line.
        sandbox: Name of the back end.
        allow_unsafe: Whether a back end without isolation may be used.
    """
    # Late: preparing imports this package for `build`.
    from repos.sources.pypi import gated
    from repos.sources.pypi.selection import Rule

    rule = Rule(newest_releases=pairs + 1, per_package=keep or pairs)
    return gated.mine(names, rule=rule, report=report, sandbox=sandbox, allow_unsafe=allow_unsafe)
