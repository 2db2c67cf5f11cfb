"""What the records of the source "dataset-part" say."""

from __future__ import annotations

from pydantic import Field

from repos.tasks.sources.base import SourceRecord


class DatasetPartSource(SourceRecord):
    """A repository of a data set without one function's body, or one class.

    Attributes:
        folder: The repository's folder below the one that `--repos-from` names.
        commit: Its commit; "" is the one that is checked out.
        path: The file that holds the part.
        first: First line of the part, from 1; 0 where `text` says which part it is.
        last: Its last line.
        text: The part; "" where lines say it.
        filling: What stands in its place.
        statement: The problem.
        tests: Files of the tests that decide; they leave the workspace.
    """

    kind: str = "dataset-part"
    folder: str = Field(pattern=r"^[A-Za-z0-9](?:\.?[A-Za-z0-9_/+ -])*$")
    commit: str = ""
    path: str
    first: int = Field(default=0, ge=0)
    last: int = Field(default=0, ge=0)
    text: str = ""
    filling: str
    statement: str
    tests: tuple[str, ...]
