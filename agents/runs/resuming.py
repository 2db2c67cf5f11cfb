"""The steps of an interrupted play that a journal lets a later one take over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.runs.recorder import plain as plain_data
from envs.checkpoint import Checkpoint, from_plain
from envs.episode import Episode
from envs.replay import PlayedStep

Event = Mapping[str, Any]


def plays(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events of each play of an episode."""
    found: list[list[Event]] = []
    for event in events:
        if event["kind"] == "start":
            found.append([])
        if found:
            found[-1].append(event)
    return found


def resume(episode: Episode, events: Sequence[Event]) -> None:
    """Let an episode that has just begun go on from the longest of its earlier plays.

    Args:
        episode: At its start.
        events: The journal before this play.
    """
    known = (steps_of(play, episode) for play in reversed(plays(events)))
    longest = max(known, key=len, default=[])
    if longest:
        episode.environment.resume_from(longest)


def steps_of(play: Sequence[Event], episode: Episode) -> list[PlayedStep]:
    """Return the steps of a play up to the last one whose files can be put back.

    There are none where it began in another way (another prompt, other tools), as after a
    change of RepoGym's; those after a fork or the end of the episode are left out.
    """
    steps: list[PlayedStep] = []
    latest = Checkpoint()
    begun = False
    for event in play:
        kind = event["kind"]
        if kind == "reset":
            same = event["observation"] == plain_data(episode.observation)
            begun = same and event["tools"] == episode.tools
        elif kind in ("fork", "stop") or (kind == "step" and (event["done"] or event["branch"])):
            break
        elif kind == "step" and begun:
            if "elapsed" not in event:
                break  # of an earlier version of RepoGym
            if "files" in event:
                latest = from_plain(event["files"], latest)
            observation = event["observation"]
            steps.append(
                PlayedStep(
                    event["name"],
                    event["arguments"],
                    observation["text"],
                    observation["error"],
                    event["elapsed"],
                    latest,
                )
            )
    while steps and steps[-1].after.missing:
        steps.pop()
    return steps
