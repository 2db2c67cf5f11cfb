"""Suites as Inspect tasks, and RepoGym's sandbox as one of Inspect's.

    inspect eval repogym/repogym -T suite=swe-mini --model MODEL

`repogym` plays an episode with RepoGym's tools. `repogym_sandbox` gives the model Inspect's own
`bash`, in the sandbox `repogym`, which any other Inspect task may use too.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agents.training.player import Player, failed_verdict
from envs.lease import BackendLease
from repos.cache import remove_tree
from repos.errors import InfrastructureError, MissingExtraError
from repos.prepare import prepare
from repos.sandbox.protocol import TESTBED, Layers, SandboxSpec
from repos.sandbox.workspace import Workspace
from repos.scoring.verdicts import score_once
from repos.tasks.records import Task as PreparedTask
from repos.tasks.suite import load_suite

try:
    import inspect_ai  # pyright: ignore[reportMissingImports]  # noqa: F401
except ImportError as error:
    raise MissingExtraError("inspect", "inspect-ai", "The Inspect adapter") from error

# pyright: reportMissingImports=false
from inspect_ai import Task, task
from inspect_ai.agent import AgentState, react
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef, ToolError, ToolParams, bash
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    sandbox,
    sandboxenv,
    store,
)

KEY = "repogym_episode"
"""Where the store of a sample names its episode."""

END = "solver"
"""Why an episode ended that the solver left (`end`): no call, or a limit of Inspect."""

MOST_OUTPUT = 10 << 20
MOST_FILE = 100 << 20

_players: dict[str, Player] = {}


def _count_tokens_without_a_network() -> None:
    """Let `react` count tokens by the table that LiteLLM ships, where nothing else is named."""
    found = find_spec("litellm")
    if found is not None and found.submodule_search_locations:
        folder = Path(found.submodule_search_locations[0]) / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))


_count_tokens_without_a_network()


# ---- episodes with RepoGym's tools
@task
def repogym(suite: str = "swe-mini", tasks: str = "", seed: int = 0, **options: Any) -> Task:
    """Return a suite as an Inspect task.

    Args:
        suite: As on the command line after `--env`.
        tasks: Ids, separated by commas; "" takes all.
        seed: Seed of the environments; a further epoch adds one.
        options: As for `envs.env.RepoEnv`.

    Raises:
        InputError: A name or value that does not fit.
    """
    player = Player(suite, **options)
    try:
        schemas = player.tools
    finally:
        player.close()
    return Task(
        dataset=_samples(suite, tasks),
        setup=begin(suite, seed, options),
        solver=react(
            prompt=None, tools=_tools(schemas), submit=False, on_continue=_episode_goes_on
        ),
        scorer=verdict(),
        cleanup=_close,
        fail_on_error=False,
        version=load_suite(suite).version,
    )


@solver
def begin(suite: str, seed: int, options: dict[str, Any]) -> Solver:
    """Start a sample's episode; its problem takes the place of the input."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        player = await asyncio.to_thread(Player, suite, **options)
        _players[state.uuid] = player
        state.store.set(KEY, state.uuid)
        problem = await asyncio.to_thread(
            player.start, str(state.sample_id), seed + state.epoch - 1
        )
        state.user_prompt.text = problem
        return state

    return solve


@scorer(
    metrics={name: [mean(), stderr()] for name in ("resolved", "reward", "fraction", "truncated")}
)
def verdict() -> Any:
    """Score the episode; one without a verdict is left out of the metrics (`mask_sample`)."""

    async def score(state: TaskState, target: Target) -> Score:
        player = _players.get(state.uuid)
        if player is None:
            return _scored(failed_verdict(str(state.sample_id), "abandoned").flat())
        made = player.verdict or await asyncio.to_thread(player.finish, END)
        return _scored(made.flat())

    return score


def _scored(facts: dict[str, Any]) -> Score:
    if facts["mask_sample"]:
        return Score.unscored(reason=facts["failure_kind"], metadata=facts)
    names = ("resolved", "reward", "fraction", "truncated")
    value = {name: float(facts[name]) for name in names}
    return Score(value=value, explanation=f"end: {facts['end']}", metadata=facts)


async def _close(state: TaskState) -> None:
    player = _players.pop(state.uuid, None)
    if player is not None:
        await asyncio.to_thread(player.close)


def _current() -> Player:
    player = _players.get(store().get(KEY, ""))
    if player is None:
        raise ToolError("There is no episode: the tools need the setup of the task `repogym`.")
    return player


async def _episode_goes_on(state: AgentState) -> bool:
    calls = bool(state.output.message.tool_calls)
    return calls and _current().verdict is None


def _tools(schemas: list[dict[str, Any]]) -> list[ToolDef]:
    def made(function: dict[str, Any]) -> ToolDef:
        async def execute(**arguments: Any) -> str:
            answer = await asyncio.to_thread(_current().call, function["name"], arguments)
            if answer.error:
                raise ToolError(answer.text)
            return answer.text

        known = {"type", "properties", "required", "additionalProperties"}
        parameters = {k: v for k, v in function["parameters"].items() if k in known}
        return ToolDef(
            execute,
            name=function["name"],
            description=function["description"],
            parameters=ToolParams.model_validate(parameters),
        )

    return [made(one["function"]) for one in schemas]


# ---- the sandbox
@task
def repogym_sandbox(suite: str = "swe-mini", tasks: str = "") -> Task:
    """Return a suite as an Inspect task in which the model has `bash` and nothing else.

    Args:
        suite: As on the command line after `--env`.
        tasks: Ids, separated by commas; "" takes all.

    Raises:
        InputError: No such suite or task.
    """
    return Task(
        dataset=_samples(suite, tasks, told=True),
        solver=react(prompt=None, tools=_inspect_tools(), submit=False),
        scorer=diff_verdict(),
        sandbox="repogym",
        fail_on_error=False,
        version=load_suite(suite).version,
    )


def _inspect_tools() -> list[Tool]:
    return [bash(timeout=300)]


@scorer(metrics={name: [mean(), stderr()] for name in ("resolved", "fraction")})
def diff_verdict() -> Any:
    """Score what the sample's sandbox holds, in a fresh one."""

    async def score(state: TaskState, target: Target) -> Score:
        place = sandbox().as_type(RepoGymSandbox)
        return await asyncio.to_thread(place.score)

    return score


@sandboxenv(name="repogym")
class RepoGymSandbox(SandboxEnvironment):
    """A sandbox of RepoGym: that of a task, or an empty folder `/testbed`."""

    def __init__(self, suite: str = "", name: str = "", backend: str = "auto") -> None:
        """Start it.

        Args:
            suite: The task's suite; "" for an empty folder.
            name: The task's id.
            backend: As `--sandbox` takes it.
        """
        super().__init__()
        self._lease = BackendLease(backend)
        self._empty: Path | None = None
        self.task: PreparedTask | None = None
        if suite:
            self.task = prepare(load_suite(suite).spec(name), suite=suite)
            layers, spec = self.task.layers, self.task.sandbox
        else:
            self._empty = Path(tempfile.mkdtemp(prefix="repogym-inspect-"))
            self._empty.chmod(0o755)
            layers, spec = Layers(testbed=(self._empty,)), SandboxSpec()
        self.workspace = Workspace(self._lease.backend.create(layers, spec))

    def close(self) -> None:
        """End every process."""
        self.workspace.close()
        self._lease.close()
        if self._empty is not None:
            remove_tree(self._empty)

    def score(self) -> Score:
        """Score the task's diff as it stands; unscored where there is no verdict."""
        if self.task is None:
            return Score.unscored(reason="no_verdict", explanation="The sandbox has no task.")
        try:
            result, _ = score_once(self.task, self.workspace.diff(), backend=self._lease.backend)
        except InfrastructureError as error:
            facts = failed_verdict(self.task.id, "infrastructure", error).flat()
            return Score.unscored(reason="infrastructure", metadata=facts)
        value = {"resolved": float(result.resolved), "fraction": result.fraction}
        return Score(value=value, metadata={"tampered": result.tampered, "mask_sample": False})

    @classmethod
    async def sample_init(
        cls, task_name: str, config: Any, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        """Start the sandbox that a sample's metadata name."""
        suite, name = metadata.get("repogym_suite", ""), metadata.get("repogym_task", "")
        return {"default": await asyncio.to_thread(cls, suite, name)}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: Any,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        """End what a sample started."""
        for one in environments.values():
            if isinstance(one, cls):
                await asyncio.to_thread(one.close)

    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Run a program; there is one user, whoever is asked for.

        Raises:
            TimeoutError: Its time was used up; it is not repeated.
            OutputLimitExceededError: It printed more than 10 MiB.
        """
        done = await asyncio.to_thread(
            self.workspace.exec,
            cmd,
            stdin=input.encode() if isinstance(input, str) else input or b"",
            cwd=cwd or TESTBED,
            env=env,
            timeout_s=float(timeout or 3600),
            max_output=MOST_OUTPUT,
        )
        if done.limit == "time":
            raise TimeoutError(f"The command took longer than {timeout} s.")
        out, err = (data.decode("utf-8", "replace") for data in (done.stdout, done.stderr))
        if done.stdout_dropped or done.stderr_dropped:
            raise OutputLimitExceededError("10 MiB", out[-10_000:])
        if done.limit is not None:
            err += f"\n[the bound on {done.limit} was hit]\n"
        return ExecResult(done.exit_code == 0, done.exit_code, out, err)

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file."""
        data = contents.encode() if isinstance(contents, str) else contents
        await asyncio.to_thread(self.workspace.write, file, data)

    async def read_file(self, file: str, text: bool = True) -> Any:
        """Read a file.

        Raises:
            OutputLimitExceededError: It is larger than 100 MiB.
        """
        entry = await asyncio.to_thread(self.workspace.exec, ["stat", "-L", "-c", "%s", "--", file])
        if entry.exit_code == 0 and int(entry.stdout) > MOST_FILE:
            raise OutputLimitExceededError("100 MiB", None)
        data = await asyncio.to_thread(self.workspace.read, file, max_bytes=MOST_FILE)
        return data.decode("utf-8") if text else data


def _samples(suite: str, tasks: str, *, told: bool = False) -> MemoryDataset:
    """Return a sample a task; the statement stands in it only where no episode tells it."""
    loaded = load_suite(suite)
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    specs = [loaded.spec(name) for name in names] or list(loaded.specs)
    samples = []
    for spec in specs:
        said = spec.id
        if told:
            public = prepare(spec, suite=suite).public
            said = f"{public.statement}\nThe repository is at {TESTBED}: repair it there.\n"
        metadata = {"repogym_suite": suite, "repogym_task": spec.id, "date": spec.date}
        samples.append(Sample(input=said, id=spec.id, metadata=metadata))
    return MemoryDataset(samples, name=f"{loaded.name}-{loaded.version}")
