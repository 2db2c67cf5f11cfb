"""What the programs inside may tell: the shape and the bounds of every record.

Code under test shares the process that sends records, so each of them is hostile data. This is
the one place where they are read; what does not fit here reaches no other code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

Ident = Annotated[str, Field(max_length=1 << 16)]
Text = Annotated[str, Field(max_length=1 << 16)]
Seconds = Annotated[float, Field(ge=0.0, le=1e7, allow_inf_nan=False)]
Line = Annotated[int, Field(ge=0, le=1 << 31)]
ExitStatus = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Told(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Started(_Told):
    """The framework is loaded; no code of the project ran before."""

    kind: Literal["start"]


class Tested(_Told):
    """What one test did; see `repos.runners.protocol.TestOutcome`."""

    kind: Literal["test"]
    id: Ident
    status: Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
    seconds: Seconds
    cpu_seconds: Seconds | None = None
    message: Text = ""
    traceback: Text = ""


class NotCollected(_Told):
    """The error that kept a file's tests from being collected."""

    kind: Literal["collect"]
    id: Ident
    message: Text


class Changed(_Told):
    """A test file is not the one that the scorer laid there."""

    kind: Literal["tampered"]
    id: Ident


class Covered(_Told):
    """The lines of one file that one test ran."""

    kind: Literal["coverage"]
    id: Ident
    file: Ident
    lines: Annotated[list[Line], Field(max_length=1 << 20)]


class Answered(_Told):
    """What a rewritten test came to; see `repos.runners.protocol.Answer`."""

    kind: Literal["answer"]
    item: Ident
    row: Annotated[int, Field(ge=0, lt=1 << 31)]
    question: Annotated[int, Field(ge=0, lt=1 << 53)]
    value: Any
    key: Any = None
    agree: bool | None = None


class Unfinished(_Told):
    """The session ended although tests that were collected have no result.

    Attributes:
        missing: How many.
        reason: What ended it, as far as the framework says.
    """

    kind: Literal["unfinished"]
    missing: Count
    reason: Text


class Ended(_Told):
    """The end of a run, regular or for want of time."""

    kind: Literal["end", "stopped"]
    status: ExitStatus


Message = Annotated[
    Started | Tested | NotCollected | Changed | Covered | Answered | Unfinished | Ended,
    Field(discriminator="kind"),
]


class Answer(_Told):
    """All that a supervisor tells at the end of a run.

    Attributes:
        records: What the tested process sent with a valid signature, not looked at yet.
        forged: How many lines had none, or could not be read.
        overflow: Whether more was sent than any run could.
    """

    records: list[Any]
    forged: Count
    overflow: bool


class WarmAnswer(_Told):
    """What `warm.py` tells of one run: its exit status, or the bound that ended it."""

    exit: ExitStatus | None
    limit: Literal["time"] | None


_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


def read_message(value: Any) -> Message | None:
    """Return one record, or None where it is malformed.

    Args:
        value: Decoded JSON.
    """
    try:
        return _MESSAGE.validate_python(value)
    # What Python itself refuses (a number that is no float any more) is malformed as well.
    except (ValidationError, OverflowError):
        return None


def read_lines(raw: bytes) -> tuple[list[Message], int]:
    """Return the records of a file that holds one a line, and how many are malformed."""
    return _sorted_out(_decoded(line) for line in raw.split(b"\n") if line.strip())


def read_answer(raw: bytes) -> tuple[Answer, list[Message], int] | None:
    """Return a supervisor's answer, its records, and how many of them are malformed.

    Returns:
        None where the answer as a whole can't be read.
    """
    try:
        answer = Answer.model_validate(from_json(raw))
    except (ValueError, OverflowError):  # a ValidationError is a ValueError
        return None
    return (answer, *_sorted_out(answer.records))


def read_warm_answer(line: bytes) -> WarmAnswer | None:
    """Return what a warm process answered, or None where it is malformed."""
    try:
        return WarmAnswer.model_validate(from_json(line))
    except (ValueError, OverflowError):
        return None


def _decoded(line: bytes) -> Any:
    try:
        return from_json(line)
    except ValueError:
        return None


def _sorted_out(values: Iterable[Any]) -> tuple[list[Message], int]:
    read = [read_message(value) for value in values]
    good = [message for message in read if message is not None]
    return good, len(read) - len(good)
