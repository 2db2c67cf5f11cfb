"""Replies whose tool calls are text, as several trainers hand them over."""

from __future__ import annotations

from agents.models.text_tools import CALL_FORMAT, parse_calls
from agents.training.player import Player

SILENT = f"Your reply had no call. Write one like this:\n\n{CALL_FORMAT}"

END_TURNS = "turns"
"""Why an episode ended whose replies were used up (`end`)."""


def play_reply(player: Player, reply: str, turn: int, most: int) -> str:
    """Run the calls of a reply in order, and return what to tell the model.

    Args:
        player: Has started an episode.
        reply: What the model wrote.
        turn: Number of the reply, from 1.
        most: Replies after which the episode is ended and scored as it stands.
    """
    names = {tool["function"]["name"] for tool in player.tools}
    _, calls = parse_calls(reply, names, turn=turn)
    texts = []
    for call in calls:
        if player.verdict is not None:
            break
        answer = player.call(call.name, call.arguments)
        texts.append(f"Result of {call.name}:\n{answer.text}")
    if player.verdict is None and turn >= most:
        player.finish(END_TURNS)
    return "\n\n".join(texts) or SILENT
