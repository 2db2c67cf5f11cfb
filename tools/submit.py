"""The tool `submit`: the end of an episode."""

from __future__ import annotations

from typing import NoReturn

from tools.context import ToolContext
from tools.registry import tool
from tools.result import Submitted


@tool
def submit(ctx: ToolContext, *, summary: str = "") -> NoReturn:
    """End the episode: the change as it stands is scored by hidden tests.

    Args:
        ctx: What the episode offers to tools.
        summary: What was wrong and what was changed, in one or two sentences.
    """
    raise Submitted(summary)
