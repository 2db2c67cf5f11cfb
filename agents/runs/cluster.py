"""Episodes as Ray tasks: the same events as the pool of worker processes.

Ray starts what a cluster needs and tells of the nodes that are lost; a lost episode is played again
by the run, which goes on from its journal. The run's folder has to be reachable under the same path
on all nodes; what is prepared is stored by content in each node's cache, or in one that they share.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.models.budget import Budget
from agents.runs.cluster_budget import NAMESPACE, PREFIX, import_ray
from agents.runs.episode import run_episode
from agents.runs.pool import Finished, Lost, PoolEvent, Refused, Stepped, Waited
from agents.runs.spec import EpisodeRecord, EpisodeSpec
from repos.errors import InputError, RepoGymError

CALLS = 256
"""Calls that the actor of a run answers at the same time; reservations may wait long."""


class RunActor:
    """Lives on the node of the run's command: keeps its ledger and hears how episodes go on."""

    def __init__(self, ledger: str | None, limit_usd: float | None) -> None:
        """Begin.

        Args:
            ledger: The file of the budget.
            limit_usd: What the whole run may cost; None keeps no ledger.
        """
        self._heard: list[tuple[Any, ...]] = []
        self._lock = threading.Lock()
        self._budget: Budget | None = None
        if ledger is not None and limit_usd is not None:
            self._budget = Budget(Path(ledger), limit_usd)

    def budget(self, method: str, *arguments: Any) -> Any:
        """Call a method of the budget."""
        return getattr(self._budget, method)(*arguments)

    def tell(self, *message: Any) -> None:
        """Take a message: the episode's folder, its kind, and more."""
        with self._lock:
            self._heard.append(message)

    def hear(self) -> list[tuple[Any, ...]]:
        """Return what was told since the last call."""
        with self._lock:
            heard, self._heard = self._heard, []
        return heard


def play_on_node(spec: EpisodeSpec, actor: Any, cwd: str) -> tuple[str, Any, int]:
    """Play an episode in a Ray task.

    Args:
        spec: What to play.
        actor: The run's.
        cwd: Folder of the run's command: what was named by a relative path lies there.

    Returns:
        "finished" and the record, or "refused", the sentence and an exit status.
    """
    folder = spec.out
    os.chdir(cwd)
    if cwd not in sys.path:
        sys.path.insert(0, cwd)

    def tell(*message: Any) -> None:
        # The run's command may be gone; the episode need not care.
        with contextlib.suppress(Exception):
            actor.tell.remote(folder, *message)

    try:
        record = run_episode(
            spec,
            progress=lambda steps, call: tell("stepped", steps, call),
            waits=lambda text: tell("waited", text),
        )
    except RepoGymError as error:
        return "refused", str(error), error.exit_status
    return "finished", record, 0


class RayPool:
    """Plays episodes on a Ray cluster; used like `agents.runs.pool.WorkerPool`."""

    def __init__(
        self,
        workers: int | None,
        address: str | None,
        *,
        ledger: str | None = None,
        budget_usd: float | None = None,
    ) -> None:
        """Connect to a cluster, or start one of this machine.

        Args:
            workers: Episodes at the same time; None is one for each CPU of the cluster.
            address: As for `ray.init`; None starts a cluster of this machine.
            ledger: The file of the run's budget.
            budget_usd: What the run may cost; None is no bound.

        Raises:
            InputError: There is no cluster at that address.
            MissingExtraError: Ray is not installed.
        """
        self._ray = import_ray()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        names = [name for name in os.environ if name.startswith(("REPOGYM_", "LITELLM_"))]
        env = {name: os.environ[name] for name in names} | {"PYTHONPATH": os.pathsep.join(paths)}
        try:
            self._ray.init(
                address=address or "local",
                namespace=NAMESPACE,
                runtime_env={"env_vars": env},
                log_to_driver=False,
                logging_level="error",
                **({} if address else {"include_dashboard": False, "num_cpus": workers}),
            )
        except Exception as error:  # a bare one where a node is late, as on a busy machine
            where = f"--address {address}" if address else "a cluster of this machine"
            why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            raise InputError(
                f"Ray can't use {where}: {why}. Start one "
                "with `ray start --head`, or leave --address out."
            ) from error
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._most = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self.actor_name = f"run-{uuid.uuid4().hex}"
        here = NodeAffinitySchedulingStrategy(
            self._ray.get_runtime_context().get_node_id(), soft=False
        )
        # It must not be lost with another node, nor take an episode's CPU.
        self._actor = (
            self._ray.remote(RunActor)
            .options(
                name=self.actor_name, num_cpus=0, max_concurrency=CALLS, scheduling_strategy=here
            )
            .remote(str(Path(ledger).absolute()) if ledger else None, budget_usd)
        )
        self._ray.get(self._actor.hear.remote())
        # The run itself plays a lost episode again, and counts how often.
        self._play = self._ray.remote(play_on_node).options(
            num_cpus=1, max_retries=0, scheduling_strategy="SPREAD"
        )
        self._playing: dict[Any, EpisodeSpec] = {}

    @property
    def idle(self) -> bool:
        """Whether another episode may begin."""
        return len(self._playing) < self._most

    @property
    def busy(self) -> int:
        """How many episodes were given to the cluster and have not ended."""
        return len(self._playing)

    def submit(self, spec: EpisodeSpec) -> None:
        """Give an episode to the cluster."""
        if spec.budget_usd is not None:
            spec = spec.model_copy(update={"budget_file": f"{PREFIX}{self.actor_name}"})
        self._playing[self._play.remote(spec, self._actor, str(Path.cwd()))] = spec

    def events(self, timeout: float) -> Iterator[PoolEvent]:
        """Yield what has happened, waiting at most `timeout` seconds for an episode to end."""
        ended, _ = self._ray.wait(list(self._playing), num_returns=1, timeout=timeout)
        by_folder = {spec.out: spec for spec in self._playing.values()}
        for folder, kind, *rest in self._ray.get(self._actor.hear.remote()):
            spec = by_folder.get(folder)
            if spec is not None:
                yield Stepped(0, spec, *rest) if kind == "stepped" else Waited(0, spec, *rest)
        for reference in ended:
            spec = self._playing.pop(reference)
            yield self._result(spec, reference)

    def _result(self, spec: EpisodeSpec, reference: Any) -> PoolEvent:
        try:
            kind, value, status = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            why = " ".join(str(error).split())[:300]
            return Lost(0, spec, f"Ray lost the episode ({type(error).__name__}): {why}")
        if kind == "refused":
            return Refused(0, spec, value, status)
        assert isinstance(value, EpisodeRecord)
        return Finished(0, spec, value)

    def close(self) -> None:
        """End what still plays, and leave the cluster; one that was started here ends."""
        for reference in self._playing:
            with contextlib.suppress(Exception):
                self._ray.cancel(reference, force=True)
        self._playing.clear()
        self._ray.shutdown()

    def __enter__(self) -> RayPool:
        """Return the pool, which is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
