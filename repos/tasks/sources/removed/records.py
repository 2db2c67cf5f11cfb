"""What the records of the sources "removed-code" and "bundled-part" say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from repos.tasks.base import Record
from repos.tasks.sources.base import SourceRecord
from repos.tasks.sources.pypi.records import Archive

Level = Literal["expression", "statement", "block", "function", "class"]
"""What is removed: the code of one syntax node, a function's body, or a class's body."""


class TestPart(Record):
    """A test function, decorators included, by its lines in the release.

    Attributes:
        path: The test file.
        name: `Class.function` or `function`.
        first: Its first line, from 1.
        last: Its last line.
    """

    __test__ = False

    path: str
    name: str
    first: int = Field(ge=1)
    last: int = Field(ge=1)


class RemovedPart(SourceRecord):
    """A repository without a part of its code; the reference is that part.

    Attributes:
        package: Project name.
        path: The file that holds the part.
        name: Qualified name of the definition that is removed, or that holds the part.
        level: What kind of part is removed.
        start: Line (from 1) and column (bytes, from 0) at which the part begins.
        end: The same for its end.
        text_sha256: SHA-256 of the part's text.
        tests: Test functions that run the part; they leave the workspace.
        shown: The one of them that stays.
    """

    package: str
    path: str
    name: str
    level: Level
    start: tuple[int, int]
    end: tuple[int, int]
    text_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tests: tuple[TestPart, ...]
    shown: TestPart


class RemovedCodeSource(RemovedPart):
    """The part is one of a release on a package index.

    Attributes:
        archive: The release.
    """

    kind: str = "removed-code"
    archive: Archive


class BundledPartSource(RemovedPart):
    """The part is one of a bundled package, with the bug of its task repaired.

    Attributes:
        folder: The bundled task, below `repos/data/bundled`.
    """

    kind: str = "bundled-part"
    folder: str
