"""Which repositories are for training, which for choosing among models, and which for the figure.

A split holds whole repositories: a model that learned from one task of a repository has seen its
code. A suite's manifest names those of training and of validation in its header; all others are of
the test split. Suites that name none have no split.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from repos.errors import RecordError

if TYPE_CHECKING:
    from repos.tasks.records import TaskSpec

Split = Literal["train", "validation", "test"]
NAMED: tuple[Split, ...] = ("train", "validation")


def repository_of(spec: TaskSpec) -> str:
    """Return the repository or package that a task is about, as its source names it."""
    for field in ("package", "repository", "repo", "url"):
        found = getattr(spec.source, field, "")
        if found:
            return str(found)
    return spec.id.rpartition("/")[2]


def read_splits(header: Mapping[str, Any], where: str) -> dict[str, Split] | None:
    """Return the split of each repository that a manifest's header names.

    Args:
        header: The header; `splits` holds lists of repositories by split.
        where: File and line, for the message.

    Returns:
        None where it has no splits.

    Raises:
        RecordError: An unknown split, no list of names, or a repository in two splits.
    """
    given = header.get("splits")
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) - set(NAMED):
        raise RecordError(
            f"{where}: splits is an object of train and validation, each a list of repositories; "
            "all others are test."
        )
    found: dict[str, Split] = {}
    for split in NAMED:
        names = given.get(split, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RecordError(f"{where}: splits.{split} is no list of names.")
        for name in names:
            if found.setdefault(name, split) != split:
                raise RecordError(f"{where}: the repository {name} stands in two splits.")
    return found
