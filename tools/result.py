"""What a tool call gives back, and the two exceptions that belong to tool calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ToolResult:
    """The observation of one tool call.

    Attributes:
        text: What the agent reads.
        ok: False where the call could not do what it was asked to do (bad arguments, a
            missing file, a bound that was hit). A command that ends with another exit
            status than 0 and a test that fails are answers, so they are ok.
    """

    text: str
    ok: bool = True


class ToolError(Exception):
    """A call that can't be done; the message tells the agent what to do instead.

    Tools raise it, `ToolSet.call` turns it into a `ToolResult` with `ok=False`.
    """


class Submitted(Exception):  # noqa: N818 - control flow, not an error
    """The agent says that it is done; `ToolSet.call` lets it through.

    Attributes:
        summary: What the agent said about its change; may be empty.
    """

    def __init__(self, summary: str = "") -> None:
        super().__init__(summary or "submitted")
        self.summary = summary
