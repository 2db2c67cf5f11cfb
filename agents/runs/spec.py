"""What an episode of a run needs and what came out of it, as picklable records."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from repos.tasks.records import AssistLevel, Record

ToolFormat = Literal["native", "text"]


class Price(Record):
    """Price of a model in USD per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class PlaySettings(Record):
    """How episodes are played: the same for all episodes of a run.

    Attributes:
        environment: Id of the task's environment to play; "" for the best one here.
        agent: Name of a built-in agent, or `package.module:Class`.
        agent_args: Its keyword arguments.
        model: Name of the model; None where the agent needs none.
        model_args: The model's keyword arguments.
        api_base: Address of the model's endpoint; None is the provider's own.
        assist: What is shown beside the statement.
        tool_format: "native" tool calls, or "text" for models without them.
        sandbox: Name of the sandbox back end; "auto" picks an isolated one.
        allow_unsafe: Whether a sandbox without isolation may be used.
        seed: Seed of the environment.
        max_steps: Bound of the tool calls; None is the environment's own.
        seconds: Bound of the wall time, in seconds; None is the environment's own.
        price: Price of the model where LiteLLM knows none.
        reward: Name of a reward, or `package.module:function`.
        privileged: Whether the agent gets the reference patch (the oracle).
        env_args: Further keyword arguments of the environment.
    """

    environment: str = ""
    agent: str
    agent_args: dict[str, Any] = Field(default_factory=dict)
    model: str | None = None
    model_args: dict[str, Any] = Field(default_factory=dict)
    api_base: str | None = None
    assist: AssistLevel = "none"
    tool_format: ToolFormat = "native"
    sandbox: str = "auto"
    allow_unsafe: bool = False
    seed: int = 0
    max_steps: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    price: Price | None = None
    reward: str = "resolved"
    privileged: bool = False
    env_args: dict[str, Any] = Field(default_factory=dict)


class EpisodeSpec(PlaySettings):
    """Everything that `run_episode` needs; plain data, so that any engine may carry it.

    Attributes:
        suite: Name of a suite, or a manifest's path.
        task: Id of the task.
        sample: Which of several samples of the task this is, from 0.
        budget_usd: What the whole run may cost, in USD; None is no bound.
        budget_file: The ledger that all workers share; None where nothing is counted.
        out: Folder of the episode; absolute, or relative to the working folder.
    """

    suite: str
    task: str
    sample: int = Field(default=0, ge=0)
    budget_usd: float | None = Field(default=None, ge=0)
    budget_file: str | None = None
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
        fraction: fixed/|F2P| − broken/|P2P|, in [−1, 1].
        steps: Tool calls that the environment counted, forks included.
        seconds: Wall time of this play, scoring included, in seconds.
        started: When it began, in seconds since the epoch.
        patch_bytes: Size of the diff.
        tampered: What showed that test results were interfered with.
        flags: What scanning the diff found worth a look; never decides.
    """

    schema_version: Literal[1] = 1
    task: str
    sample: int = 0
    status: Literal["done", "infrastructure"] = "done"
    error: str = ""
    agent_error: str = ""
    end: str = ""
    resolved: bool = False
    plausible: bool = False
    false_resolved: bool = False
    fraction: float = 0.0
    reward: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    started: float = 0.0
    patch_bytes: int = 0
    tampered: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    use: ModelUse = ModelUse()


class RunSettings(PlaySettings):
    """What makes a run the run it is: the same folder goes on only with the same settings.

    Workers and the budget are not here: more of either never changes a verdict.

    Attributes:
        env: The suite as it was named: its name, or a manifest's path.
        suite: The suite's own name.
        version: The suite's version.
        suite_digest: The suite's digest.
        python: Minor version of the interpreter that runs RepoGym.
        samples: How often each task is played.
        tasks: Ids of the tasks to play, in the suite's order.
        not_available: Ids of the tasks that were asked for but without an environment here.
    """

    env: str
    suite: str
    version: str
    suite_digest: str
    python: str
    samples: int = Field(default=1, ge=1)
    tasks: tuple[str, ...]
    not_available: tuple[str, ...] = ()

    def episode(self, task: str, sample: int, run: Path, budget_usd: float | None) -> EpisodeSpec:
        """Return the spec of one episode in the run folder `run`."""
        shared = {name: getattr(self, name) for name in PlaySettings.model_fields}
        return EpisodeSpec(
            **shared,
            suite=self.env,
            task=task,
            sample=sample,
            budget_usd=budget_usd,
            budget_file=str(run / "budget.sqlite") if self.model else None,
            out=str(episode_folder(run, task, sample)),
        )


def slug(text: str) -> str:
    """Return `text` as one safe folder name."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text.replace("/", "__")).strip("-.") or "run"


def episode_folder(run: Path, task: str, sample: int) -> Path:
    """Return the folder of an episode in the run folder `run`."""
    return run / "episodes" / slug(task) / str(sample)
