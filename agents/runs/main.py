"""The run command: check, open the folder, play, report, and choose an exit status."""

from __future__ import annotations

import errno
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from agents.runs.batch import run_batch
from agents.runs.episode import warm_up_model
from agents.runs.estimate import estimate
from agents.runs.folder import RunFolder, open_default
from agents.runs.report import show, title
from agents.runs.request import Request, settings_of, worker_count
from agents.runs.spec import EpisodeRecord
from repos.errors import InfrastructureError
from repos.tasks.suite import load_suite

COMPLETE, INFRASTRUCTURE, INTERRUPTED = 0, 3, 130

RUNS = Path("runs")
"""Where runs go that name no folder."""


def play(request: Request, *, as_json: bool = False) -> int:
    """Run what was asked for.

    Args:
        request: The options.
        as_json: Print the summary as JSON on standard output, everything else on standard error.

    Returns:
        The exit status: 0 where every episode has a verdict, 3 where the infrastructure left
        some without, 130 after an interrupt.

    Raises:
        InputError: Bad usage; nothing was started.
    """
    console = Console(stderr=as_json)
    if not console.is_terminal:
        # Files and pipes have no width; 80 would break the names of tasks.
        console.width = 120
    with _terminations_interrupt():
        try:
            played = _played(request, console, _speaker(console))
        except KeyboardInterrupt:
            _speaker(console)("Interrupted before anything was played.")
            return INTERRUPTED
    if played is None:
        return INTERRUPTED
    folder, records, summary = played
    settings = folder.settings
    say = _speaker(console)
    show(console, settings, records, summary)
    say(f"Reports: {folder.path}/summary.json, {folder.path}/predictions.jsonl")
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    if summary["complete"]:
        return COMPLETE
    open_ = summary["infrastructure_errors"] + summary["not_played"]
    say(
        f"The infrastructure left {open_} {'episode' if open_ == 1 else 'episodes'} without a "
        "verdict; the same command goes on with what is left."
    )
    return INFRASTRUCTURE


def _played(
    request: Request, console: Console, say: Callable[[str], None]
) -> tuple[RunFolder, list[EpisodeRecord], dict[str, Any]] | None:
    """Check, open the folder and play; None after an interrupt, which has been told."""
    notes: list[str] = []
    warm_up_model(request.model)
    settings = settings_of(request, notes)
    if request.out is not None:
        folder = RunFolder(request.out, settings, request.budget)
    else:
        folder = open_default(settings, request.budget, RUNS)
    with folder:
        say(title(settings))
        for note in notes:
            say(note)
        say(f"{'Going on in' if folder.resumed else 'Run folder'} {folder.path}")
        workers = worker_count(request, len(settings.tasks) * settings.samples)
        if not folder.resumed:
            suite = load_suite(settings.env)
            say(estimate(settings, [suite.spec(task) for task in settings.tasks], workers or 1))
        try:
            records, summary = run_batch(
                folder,
                workers=workers,
                budget_usd=request.budget,
                console=console,
                executor=request.executor,
                address=request.address,
            )
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
                raise
            raise InfrastructureError(
                f"The run's folder {folder.path} can't be written ({error.strerror}): make room, "
                "then give the same command again; finished episodes are kept."
            ) from error
        except KeyboardInterrupt:
            say("Interrupted: finished episodes are kept; the same command goes on.")
            return None
    return folder, records, summary


def _speaker(console: Console) -> Callable[[str], None]:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    return say


class _terminations_interrupt:  # noqa: N801 - used like a function
    """While active, SIGTERM (a cluster's or a service manager's) acts like Ctrl-C."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, self._interrupt)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    @staticmethod
    def _interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt
