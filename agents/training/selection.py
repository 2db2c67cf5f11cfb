"""Which episodes of stored runs become training data, and why the others do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agents.reports.reading import StoredEpisode, StoredRun, read_events
from agents.runs.spec import EpisodeRecord
from agents.runs.trajectory import last_play
from agents.training.conversations import Conversation, offered_tools, read_conversations
from agents.training.splits import held_back

WHOLE_ENDS = ("submitted", "returned")
"""Ends that the agent chose itself; at any other the episode was cut off (`truncated`)."""


@dataclass(frozen=True)
class Choice:
    """Which episodes are taken.

    Attributes:
        plausible: Whether a plausible success counts as one.
        truncated: Whether episodes that a bound ended are taken.
    """

    plausible: bool = False
    truncated: bool = False


@dataclass
class Source:
    """One stored episode with what its journal holds, read when it is first needed."""

    run: StoredRun
    stored: StoredEpisode

    @property
    def record(self) -> EpisodeRecord | None:
        """Its outcome, where it has one."""
        return self.stored.record

    @property
    def truncated(self) -> bool:
        """Whether a bound ended it."""
        record = self.record
        return record is not None and bool(record.end) and record.end not in WHOLE_ENDS

    @cached_property
    def _journal(self) -> tuple[list[dict[str, Any]], list[str]]:
        return read_events(self.stored)

    @property
    def damaged(self) -> bool:
        """Whether its journal can't be read as a whole."""
        return bool(self._journal[1])

    @property
    def play(self) -> list[Mapping[str, Any]]:
        """The events of its last play."""
        return list(last_play(self._journal[0]))

    @cached_property
    def conversations(self) -> list[Conversation]:
        """All conversations of the episode, forks included."""
        return [] if self.damaged else read_conversations(self._journal[0])

    @property
    def own(self) -> list[Conversation]:
        """The conversations outside of forks."""
        return [one for one in self.conversations if one.branch == 0]

    @property
    def main(self) -> Conversation:
        """The last conversation that opens as the episode's first one does."""
        return [one for one in self.own if one.opening == self.own[0].opening][-1]

    @cached_property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the episode's tools."""
        return offered_tools(self._journal[0])

    def succeeded(self, choice: Choice) -> bool:
        """Whether it solved its task."""
        record = self.record
        if record is None:
            return False
        return record.resolved or (choice.plausible and record.plausible)


@dataclass
class Selection:
    """Episodes by what became of them.

    Attributes:
        taken: Episodes that may become data.
        left_out: How many were left out, by the reason; conversations on forks too.
    """

    taken: list[Source] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def sources(runs: Sequence[StoredRun]) -> Iterator[Source]:
    """Yield every episode of the runs, in their order."""
    for run in runs:
        for stored in run.episodes:
            yield Source(run, stored)


def select(runs: Sequence[StoredRun], choice: Choice) -> Selection:
    """Return the episodes with a verdict that can be trusted and a conversation.

    Failed ones are among them: whether success is needed depends on the format.

    Args:
        runs: Stored runs.
        choice: Which episodes are taken.
    """
    selection = Selection()
    held = {id(run): held_back(run) for run in runs}
    for source in sources(runs):
        split = held[id(source.run)].get(source.stored.task, "")
        reason = f"of the {split} split" if split else _reason(source, choice)
        if reason:
            selection.left_out[reason] += 1
        else:
            selection.taken.append(source)
    return selection


def _reason(source: Source, choice: Choice) -> str:
    """Return why an episode can't be data, "" where it can."""
    record = source.record
    if record is None or source.stored.state == "infrastructure":
        return source.stored.state
    if source.run.settings.privileged:
        return "the agent had the reference patch"
    if record.agent_error:
        return "agent error"
    if record.tampered:
        return "tampered"
    if record.false_resolved:
        return "false resolved"
    if source.truncated and not choice.truncated:
        return "truncated"
    if source.damaged:
        return "damaged"
    if not source.own:
        return "no conversation with a model"
    return ""
