"""What a person sees while a run goes on: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from agents.runs.interruption import TOOL_SECONDS
from agents.runs.report import verdict
from agents.runs.spec import EpisodeRecord, EpisodeSpec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


MAX_PLAYING = 6
"""Episodes that are shown at once below the bar."""


class Display(Protocol):
    """Told what happens; never decides anything."""

    def stepped(self, spec: EpisodeSpec, steps: int, call: str) -> None:
        """An episode made another step, by this call."""
        ...

    def finished(self, record: EpisodeRecord, counts: Counts) -> None:
        """An episode ended for good."""
        ...

    def retried(self, spec: EpisodeSpec, message: str) -> None:
        """An infrastructure failure; the episode will be tried again."""
        ...

    def waited(self, spec: EpisodeSpec, text: str) -> None:
        """The model keeps an episode waiting."""
        ...

    def stopping(self, playing: int) -> None:
        """The run was interrupted while so many episodes were being played."""
        ...

    def close(self) -> None:
        """Stop drawing."""
        ...


class Counts:
    """Running totals of a run."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.resolved = 0
        self.plausible = 0
        self.failed = 0
        self.cost_usd = 0.0

    def add(self, record: EpisodeRecord) -> None:
        """Count an episode."""
        self.done += 1
        self.resolved += record.resolved
        self.plausible += record.plausible
        self.failed += record.status != "done"
        self.cost_usd += record.use.cost_usd

    def text(self) -> str:
        """Return the totals in a few words."""
        parts = [f"resolved {self.resolved}"]
        if self.plausible:
            parts.append(f"plausible {self.plausible}")
        if self.failed:
            parts.append(f"infrastructure {self.failed}")
        parts.append(f"{self.cost_usd:.2f} USD")
        return ", ".join(parts)


def name(spec: EpisodeSpec | EpisodeRecord) -> str:
    """Return the name of an episode: the task, and the sample where it isn't the first."""
    return spec.task.rpartition("/")[2] + (f" #{spec.sample}" if spec.sample else "")


class PlainDisplay:
    """One line for each finished episode."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stepped(self, spec: EpisodeSpec, steps: int, call: str) -> None:
        """Nothing: steps are too many for lines."""

    def finished(self, record: EpisodeRecord, counts: Counts) -> None:
        """Print the episode and the totals."""
        detail = record.error if record.status != "done" else f"{record.steps} steps"
        self._line(
            f"[{counts.done}/{counts.total}] {name(record)}: {verdict(record)} "
            f"({detail}, {record.seconds:.1f} s) · {counts.text()}"
        )

    def retried(self, spec: EpisodeSpec, message: str) -> None:
        """Print why."""
        self._line(f"{name(spec)}: infrastructure failure, trying again: {message}")

    def waited(self, spec: EpisodeSpec, text: str) -> None:
        """Print what it waits for."""
        self._line(f"{name(spec)}: {text}")

    def stopping(self, playing: int) -> None:
        """Say what happens now."""
        episodes = "1 episode" if playing == 1 else f"{playing} episodes"
        self._line(
            f"Stopping {episodes}: a tool call that runs may end, for at most "
            f"{TOOL_SECONDS:g} seconds; model calls stop now. Once more (Ctrl-C) stops at once."
        )

    def close(self) -> None:
        """Nothing is drawn."""


class LiveDisplay:
    """A progress bar with totals and the time it will take; below it what is being played."""

    def __init__(self, console: Console, counts: Counts) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.text import Text

        self._playing: dict[str, str] = {}
        self._begun = time.monotonic()
        self._already = counts.done
        playing = self._playing

        class WithEpisodes(Progress):
            def get_renderables(self) -> Iterable[RenderableType]:
                yield self.make_tasks_table(self.tasks)
                for line in list(playing.values())[:MAX_PLAYING]:
                    yield Text(f"  {line}", no_wrap=True, overflow="ellipsis", style="dim")

        self._progress = WithEpisodes(
            TextColumn("episodes"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[totals]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[eta]}", markup=False),
            console=console,
        )
        self._bar = self._progress.add_task(
            "", total=counts.total, completed=counts.done, totals=counts.text(), eta=""
        )
        self._lines = PlainDisplay(self._progress.console)
        self._progress.start()

    def _draw(self, **fields: object) -> None:
        self._progress.update(self._bar, **fields)  # type: ignore[arg-type]

    def stepped(self, spec: EpisodeSpec, steps: int, call: str) -> None:
        """Show the number of steps and the latest call."""
        self._playing[name(spec)] = f"{name(spec)} \u00b7 step {steps} \u00b7 {call}"
        self._draw()

    def finished(self, record: EpisodeRecord, counts: Counts) -> None:
        """Move the bar and print the episode above it."""
        self._playing.pop(name(record), None)
        self._lines.finished(record, counts)
        # From this process's own pace: what an earlier one did cost no time now.
        elapsed = time.monotonic() - self._begun
        left = (counts.total - counts.done) * elapsed / max(1, counts.done - self._already)
        eta = f"ETA {timedelta(seconds=round(left))}"
        self._draw(completed=counts.done, totals=counts.text(), eta=eta)

    def retried(self, spec: EpisodeSpec, message: str) -> None:
        """Print why above the bar."""
        self._playing.pop(name(spec), None)
        self._lines.retried(spec, message)

    def waited(self, spec: EpisodeSpec, text: str) -> None:
        """Print what it waits for above the bar."""
        self._lines.waited(spec, text)

    def stopping(self, playing: int) -> None:
        """Say what happens now, above the bar."""
        self._lines.stopping(playing)

    def close(self) -> None:
        """Stop drawing."""
        self._progress.stop()


def display_for(console: Console, counts: Counts, known: Mapping[str, str]) -> Display:
    """Return a live display on a terminal and plain lines elsewhere (`TERM=dumb`, a pipe)."""
    if console.is_terminal and known.get("TERM") != "dumb":
        return LiveDisplay(console, counts)
    return PlainDisplay(console)
