"""What an episode of a run needs and what came out of it, as picklable records."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from agents.runs.options import EpisodeOptions, RunOptions, part
from repos.tasks.records import Record

SCHEMA_VERSION = 2
"""Version of what a run folder holds: settings, episode records, journals, summary."""


class EpisodeSpec(EpisodeOptions):
    """Everything that `run_episode` needs; plain data, so that any engine may carry it.

    Attributes:
        suite: Name of a suite, or a manifest's path.
        task: Id of the task.
        sample: Which of several samples of the task this is, from 0.
        budget_usd: What the whole run may cost, in USD; None is no bound.
        budget_file: The ledger that all workers share; None where nothing is counted.
        privileged: Whether the agent gets the reference patch (the oracle).
        out: Folder of the episode; absolute, or relative to the working folder.
    """

    suite: str
    task: str
    sample: int = Field(default=0, ge=0)
    budget_usd: float | None = Field(default=None, ge=0)
    budget_file: str | None = None
    privileged: bool = False
    out: str

    @property
    def folder(self) -> Path:
        """The episode's folder."""
        return Path(self.out)

    @property
    def agent_seed(self) -> int:
        """Seed of the agent: depends on the run's seed, the task and the sample alone."""
        text = f"{self.seed}|{self.task}|{self.sample}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    @property
    def model_seed(self) -> int:
        """Seed of the model: the run's own for the first sample, others for further ones."""
        # Some providers take no more than 31 bits.
        return (self.agent_seed if self.sample else self.seed) & 0x7FFF_FFFF


class ModelUse(Record):
    """What the model calls of an episode used; cost in USD."""

    calls: int = 0
    reused: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0


class EpisodeRecord(Record):
    """The outcome of one episode.

    Attributes:
        status: "done" has a verdict; "infrastructure" has none and is never a score.
        error: What failed in the infrastructure, one line.
        agent_error: The last line of the exception that the agent raised, if it did.
        end: Why the episode ended ("submitted", "steps", "time", "cost", "agent_error", ...).
        resolved: Whether all expected tests have the right verdict.
        plausible: Success where every failing test was shown (level `tests`).
        false_resolved: Resolved, but a held-out test fails.
        bits: How hard the blind answers of its tests are to guess.
        scoring: "full", or "fast" where blind answers alone decided.
        weak: Resolved, but by tests that a guesser might pass as well (`Score.weak`).
        fraction: fixed/|F2P| − broken/|P2P|, in [−1, 1].
        steps: Tool calls that the environment counted, forks included.
        seconds: Wall time of this play, scoring included, in seconds.
        started: When it began, in seconds since the epoch.
        resumed: Where an interrupted episode went on: "turn" (its last step whose files the
            journal holds), "start"; "" where it was not interrupted.
        reused_steps: Steps that were answered from the journal.
        patch_bytes: Size of the diff.
        tampered: What showed that test results were interfered with.
        flags: What scanning the diff found worth a look; never decides.
        metrics: What the runner measured beside the verdicts, by name.
    """

    latest: ClassVar[int] = SCHEMA_VERSION
    readable: ClassVar[tuple[int, ...]] = (1, SCHEMA_VERSION)

    schema_version: Literal[2] = SCHEMA_VERSION
    task: str
    sample: int = 0
    status: Literal["done", "infrastructure"] = "done"
    error: str = ""
    agent_error: str = ""
    end: str = ""
    resolved: bool = False
    plausible: bool = False
    false_resolved: bool = False
    scoring: str = "full"
    bits: float = 0.0
    weak: bool = False
    fraction: float = 0.0
    reward: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    started: float = 0.0
    resumed: Literal["", "turn", "start"] = ""
    reused_steps: int = 0
    patch_bytes: int = 0
    tampered: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    use: ModelUse = ModelUse()

    @classmethod
    def upgraded(cls, data: dict[str, Any], version: int) -> dict[str, Any]:
        """Return a record of version 1, which has the same fields, as one of version 2."""
        return {**data, "schema_version": SCHEMA_VERSION}


class RunSettings(RunOptions):
    """What makes a run the run it is: the same folder goes on only with the same settings.

    Workers and the budget are not here: more of either never changes a verdict.

    Attributes:
        suite: The suite's own name.
        version: The suite's version.
        suite_digest: The suite's digest.
        python: Minor version of the interpreter that runs RepoGym.
        privileged: Whether the agent gets the reference patch.
        tasks: Ids of the tasks to play, in the suite's order.
        not_available: Ids of the tasks that were asked for but without an environment here.
        split: Which split of the suite is played; "" where it has none.
        training: How many of the tasks are of training repositories.
    """

    suite: str
    version: str
    suite_digest: str
    python: str
    privileged: bool = False
    tasks: tuple[str, ...]
    not_available: tuple[str, ...] = ()
    split: str = ""
    training: int = 0

    def episode(self, task: str, sample: int, run: Path, budget_usd: float | None) -> EpisodeSpec:
        """Return the spec of one episode in the run folder `run`."""
        return EpisodeSpec(
            **part(self, EpisodeOptions),
            suite=self.env,
            task=task,
            sample=sample,
            budget_usd=budget_usd,
            budget_file=str(run / "budget.sqlite") if self.model else None,
            privileged=self.privileged,
            out=str(episode_folder(run, task, sample)),
        )


def slug(text: str) -> str:
    """Return `text` as one safe folder name."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text.replace("/", "__")).strip("-.") or "run"


def episode_folder(run: Path, task: str, sample: int) -> Path:
    """Return the folder of an episode in the run folder `run`."""
    return run / "episodes" / slug(task) / str(sample)
