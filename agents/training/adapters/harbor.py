"""Harbor tasks in RepoGym's sandbox, without Docker, and RepoGym's scorer as their verifier.

    harbor run -p TASKS --env agents.training.adapters.harbor:SandboxEnvironment

A task that `repogym export-tasks` wrote gets the layers that RepoGym plays it in. Of any other
task the Dockerfile is followed: the programs are those of this machine, and what is written goes
into folders of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from envs.lease import BackendLease
from repos.cache import SCRATCH, cache_root, owned_prefix, remove_abandoned, remove_tree
from repos.errors import InfrastructureError, InputError, MissingExtraError
from repos.prepare import prepare
from repos.sandbox.protocol import TESTBED, Layers, Mount, Sandbox, SandboxSpec
from repos.scoring.verdicts import score_once
from repos.tasks.records import Task
from repos.tasks.sources.harbor.dockerfile import Copy, Recipe, Run, read_dockerfile
from repos.tasks.suite import load_suite

try:
    from harbor.environments.base import (  # pyright: ignore[reportMissingImports]
        BaseEnvironment,
        ExecResult,
        SandboxBuildFailedError,
        transfer_tar_filter,
    )
    from harbor.environments.capabilities import (  # pyright: ignore[reportMissingImports]
        EnvironmentCapabilities,
        EnvironmentResourceCapabilities,
    )
    from harbor.models.task.config import NetworkMode  # pyright: ignore[reportMissingImports]
    from harbor.models.verifier.result import VerifierResult  # pyright: ignore[reportMissingImports]
    from harbor.verifier.base import BaseVerifier  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise MissingExtraError("harbor", "harbor", "The Harbor adapter") from error

ORIGIN = "repogym.json"
"""In an exported task's `environment/`: which task of which suite it is."""

DIFF = "/logs/artifacts/repogym.diff"
"""Where an exported task leaves the agent's change for its verifier."""

FOLDERS = ("/logs", "/tests", "/solution", "/installed-agent", "/oracle", "/app", "/workspace")
"""What Harbor and most tasks write to, outside of `/tmp` and the home folder."""

LONGEST_S = 3600
"""Bound of a command without one of its own, in seconds."""

MOST_BYTES = 1 << 30
"""Bound of what a folder that is fetched holds."""


class SandboxEnvironment(BaseEnvironment):
    """A Harbor environment that is a sandbox of RepoGym; users other than its own are ignored."""

    def __init__(
        self, *args: Any, backend: str = "auto", ignore_failed_run: bool = False, **kwargs: Any
    ) -> None:
        """Take Harbor's arguments.

        Args:
            *args: Harbor's.
            backend: The sandbox's back end, as `--sandbox` takes it.
            ignore_failed_run: Go on where a RUN of the Dockerfile fails (`apt-get install` of
                what the machine has anyway).
            **kwargs: Harbor's.
        """
        self._lease = BackendLease(backend)
        self._ignore_failed_run = bool(ignore_failed_run)
        self._sandbox: Sandbox | None = None
        self._folder: Path | None = None
        self._recipe = Recipe()
        self.task: Task | None = None
        super().__init__(*args, **kwargs)

    @staticmethod
    def type() -> str:
        """Return what Harbor calls it."""
        return "repogym"

    @property
    def capabilities(self) -> EnvironmentCapabilities:
        """What it can do: a network or none, nothing between."""
        return EnvironmentCapabilities(disable_internet=True)

    @classmethod
    def resource_capabilities(cls) -> EnvironmentResourceCapabilities:
        """Return what can be bounded: memory."""
        return EnvironmentResourceCapabilities(memory_limit=True)

    def _validate_definition(self) -> None:
        if (self.environment_dir / ORIGIN).is_file():
            return
        dockerfile = self.environment_dir / "Dockerfile"
        if not dockerfile.is_file():
            raise InputError(
                f"{self.environment_dir} has neither a Dockerfile nor {ORIGIN}: images and "
                "compose files need Docker."
            )
        self._recipe = read_dockerfile(dockerfile)

    # ---- life
    async def start(self, force_build: bool) -> None:
        """Start the sandbox; nothing is kept of an earlier one."""
        await asyncio.to_thread(self._start)
        await self.ensure_dirs(["/logs/agent", "/logs/verifier", "/logs/artifacts"], chmod=False)
        await self._upload_environment_dir_after_start()

    def _start(self) -> None:
        self._close()
        place = cache_root() / SCRATCH
        place.mkdir(parents=True, exist_ok=True)
        remove_abandoned(place)  # of processes that were killed
        self._folder = Path(tempfile.mkdtemp(prefix=owned_prefix("harbor"), dir=place))
        origin = self.environment_dir / ORIGIN
        layers = Layers(testbed=(self._made("base"),))
        if origin.is_file():
            self.task = exported_task(origin)
            layers = self.task.layers
        tops = {f"/{PurePosixPath(path).parts[1]}" for path in self._recipe.places()}
        targets = {*FOLDERS, *tops} - {TESTBED, "/tmp"}
        mounts = [Mount(self._made(t.strip("/")), t, writable=True) for t in sorted(targets)]
        layers = Layers(layers.testbed, (*layers.mounts, *mounts), layers.path)
        if self._recipe.steps:
            sandbox = self._lease.backend.create(layers, self._spec(network=True))
            try:
                self._build(sandbox)
            except BaseException:
                sandbox.close()
                raise
            if any(path.startswith(TESTBED) for path in self._recipe.places()):
                self._sandbox = sandbox  # what was built lies in this one alone
                return
            sandbox.close()
        network = self.network_policy.network_mode is NetworkMode.PUBLIC
        self._sandbox = self._lease.backend.create(layers, self._spec(network=network))

    def _spec(self, *, network: bool) -> SandboxSpec:
        memory = self._effective_memory_mb or SandboxSpec.memory_mb
        return SandboxSpec(memory_mb=memory, network=network)

    def _made(self, name: str) -> Path:
        assert self._folder is not None
        made = self._folder / name
        made.mkdir(parents=True)
        made.chmod(0o777)
        return made

    def _build(self, sandbox: Sandbox) -> None:
        for step in self._recipe.steps:
            if isinstance(step, Copy):
                sandbox.exec(["mkdir", "-p", step.folder], cwd="/")
                data = _packed(self.environment_dir, step.sources)
                _unpack(sandbox, data, step.folder, rename=step.rename)
            elif isinstance(step, Run):
                sandbox.exec(["mkdir", "-p", step.cwd], cwd="/")
                done = sandbox.exec(
                    ["/bin/bash", "-c", step.command],
                    cwd=step.cwd,
                    env=dict(step.env),
                    timeout_s=self.task_env_config.build_timeout_sec,
                )
                if done.exit_code and not self._ignore_failed_run:
                    raise SandboxBuildFailedError(
                        f"RUN {step.command[:200]} failed here ({done.text.strip()[-300:]}): the "
                        "sandbox can't write to /usr. Install it on this machine, and pass "
                        "ignore_failed_run=true (--ek)."
                    )

    async def stop(self, delete: bool) -> None:
        """End every process and remove what was written."""
        await asyncio.to_thread(self._close)
        self._lease.close()

    def _close(self) -> None:
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.close()
        folder, self._folder = self._folder, None
        if folder is not None:
            remove_tree(folder)

    @property
    def sandbox(self) -> Sandbox:
        """The running sandbox.

        Raises:
            InfrastructureError: It was not started, or has been stopped.
        """
        if self._sandbox is None:
            raise InfrastructureError("The environment does not run.")
        return self._sandbox

    # ---- commands and files
    async def exec(
        self,
        command: str,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_sec: int | None = None,
        user: str | int | None = None,
    ) -> ExecResult:
        """Run a shell command; a bound that was hit is said on standard error."""
        home = TESTBED if self.task is not None else self._recipe.workdir
        variables = {**self._recipe.env, **self._startup_env(), **(self._merge_env(env) or {})}
        done = await asyncio.to_thread(
            self.sandbox.exec,
            ["/bin/bash", "-c", command],
            cwd=cwd or self.task_env_config.workdir or home,
            env=variables,
            timeout_s=float(timeout_sec or LONGEST_S),
            max_output=8 << 20,
        )
        stderr = done.stderr.decode("utf-8", "replace")
        if done.limit is not None:
            stderr += f"\n[the bound on {done.limit} was hit]\n"
        code = done.exit_code if done.limit != "time" else 124
        return ExecResult(
            stdout=done.stdout.decode("utf-8", "replace"), stderr=stderr, return_code=code
        )

    async def upload_file(self, source_path: Path | str, target_path: str) -> None:
        """Write a file of the host into the sandbox."""
        source = Path(source_path)
        executable = bool(source.stat().st_mode & 0o100)
        await asyncio.to_thread(
            self.sandbox.write, target_path, source.read_bytes(), executable=executable
        )

    async def upload_dir(self, source_dir: Path | str, target_dir: str) -> None:
        """Write what a folder of the host holds into a folder of the sandbox."""
        names = tuple(path.name for path in Path(source_dir).iterdir())
        data = await asyncio.to_thread(_packed, Path(source_dir), names)
        await asyncio.to_thread(_unpack, self.sandbox, data, target_dir)

    async def download_file(self, source_path: str, target_path: Path | str) -> None:
        """Write a file of the sandbox to the host."""
        data = await asyncio.to_thread(self.sandbox.read, source_path, max_bytes=MOST_BYTES)
        Path(target_path).parent.mkdir(parents=True, exist_ok=True)
        Path(target_path).write_bytes(data)

    async def download_dir(self, source_dir: str, target_dir: Path | str) -> None:
        """Write what a folder of the sandbox holds to the host; links out of it are refused."""
        done = await asyncio.to_thread(
            self.sandbox.exec,
            ["tar", "-c", "-C", source_dir, "."],
            cwd="/",
            timeout_s=600.0,
            max_output=MOST_BYTES,
        )
        if done.exit_code or done.stdout_dropped:
            why = "it is too large" if done.stdout_dropped else done.text[-300:]
            raise RuntimeError(f"{source_dir} could not be fetched: {why}")
        Path(target_dir).mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(target_dir, filter=transfer_tar_filter)


class ScoringVerifier(BaseVerifier):
    """Scores the change of an exported task as RepoGym does, on the host.

    `--verifier agents.training.adapters.harbor:ScoringVerifier`
    """

    async def verify(self) -> VerifierResult:
        """Return `reward` (1 for resolved), `fraction` and `tampered`.

        Raises:
            InfrastructureError: There is no verdict; Harbor then counts an error, not a 0.
        """
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "diff"
            try:
                await self.environment.download_file(DIFF, target)
                diff = target.read_bytes()
            except FileNotFoundError:
                raise InfrastructureError(
                    f"{DIFF} is missing: this verifier is for tasks of `repogym export-tasks`."
                ) from None
        return await asyncio.to_thread(self._score, diff)

    def _score(self, diff: bytes) -> VerifierResult:
        task = exported_task(self.task.paths.environment_dir / ORIGIN)
        lease = BackendLease()
        try:
            score, _ = score_once(task, diff, backend=lease.backend)
        finally:
            lease.close()
        rewards = {
            "reward": float(score.resolved),
            "fraction": score.fraction,
            "tampered": float(bool(score.tampered)),
        }
        return VerifierResult(rewards=rewards)


def exported_task(origin: Path) -> Task:
    """Return the prepared task that an exported folder names.

    Args:
        origin: Its `environment/repogym.json`.

    Raises:
        InputError: The suite or its task is not here, or is another one by now.
    """
    try:
        facts = json.loads(origin.read_text(encoding="utf-8"))
        name, task, digest = facts["suite"], facts["task"], facts["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{origin} names no task of RepoGym: {error}.") from error
    spec = load_suite(name).spec(task)
    if spec.digest() != digest:
        raise InputError(f"{task} of {name} is another task by now: export it again.")
    return prepare(spec, suite=name, environment=facts.get("environment", ""))


def _packed(folder: Path, names: tuple[str, ...]) -> bytes:
    """Return an archive of what a folder holds; the contents of folders named with a slash."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in names:
            source = folder / name
            if name in (".", "./") or name.endswith("/"):
                for one in sorted(source.iterdir()):
                    archive.add(one, one.name)
            else:
                archive.add(source, source.name)
    return out.getvalue()


def _unpack(sandbox: Sandbox, data: bytes, folder: str, rename: str = "") -> None:
    script = 'mkdir -p "$1" && tar -x -o -m -C "$1" -f -'
    if rename:
        script = 'd=$(mktemp -d) && tar -x -o -m -C "$d" -f - && mv "$d"/* "$1/$2"'
    done = sandbox.exec(
        ["/bin/bash", "-c", script, "-", folder, rename], cwd="/", stdin=data, timeout_s=600.0
    )
    if done.exit_code:
        raise RuntimeError(f"Files could not be put into {folder}: {done.text[-300:]}")
