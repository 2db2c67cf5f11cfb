"""Runs `tests/test.sh` of a Harbor task on the changed files, and reads the reward it leaves.

Harbor's tests and what they test share one machine: the tested code could write the reward
itself. Nothing here prevents that, so no success is called strong (docs/threat-model.md).
"""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from repos.cache import publish
from repos.environments.harbor import PLACE
from repos.environments.layers import EnvironmentLayers
from repos.runners.protocol import GradeRequest, Runner, TestId, TestOutcome, TestReport, TestRun
from repos.sandbox.protocol import TESTBED, Mount
from repos.sandbox.workspace import Workspace
from repos.tasks.sources.harbor.records import CHECK, SHIMS, TESTS, VARIABLES

MOST_BYTES = 4096
"""Of a reward's file."""

LARGEST = 1e6
"""Bound of a reward."""

_NUMBER = re.compile(r"[+-]?(\d{1,12}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,2})?")

_LAY = f"""\
set -e
mkdir -p {PLACE}/logs/verifier {PLACE}/logs/agent {PLACE}/logs/artifacts {PLACE}/tests
mkdir -p "$HOME/.local/bin" && touch "$HOME/.local/bin/env"
cp -R {TESTBED}/{TESTS}/. {PLACE}/tests/
"""

_RUN = f"""\
export PATH={SHIMS}:$PATH
. /tests/{VARIABLES} && cd "$1" && exec /bin/bash /tests/test.sh
"""
"""Runs the script as Harbor would."""


class HarborRunner(Runner):
    """Runs one script, whose reward of 1 or more is success."""

    weighed = False
    internals = ("/logs/verifier", "reward.txt", "reward.json")

    def run(
        self,
        workspace: Workspace,
        ids: Sequence[str] = (),
        *,
        timeout_s: float = 300.0,
        coverage: bool = False,
    ) -> TestReport:
        """Say that there is nothing to run: the task's tests are hidden whole."""
        return TestReport(
            {}, complete=False, unfinished="The tests of this task are hidden: run programs."
        )

    def grade(self, workspace: Workspace, request: GradeRequest) -> TestRun:
        """Run the script in the task's working folder; see `Runner.grade`."""
        laid = workspace.exec(["/bin/bash", "-c", _LAY], timeout_s=60.0)
        if laid.exit_code:
            why = f"the tests could not be laid out: {laid.text[-300:]}"
            return TestRun({CHECK: TestOutcome("error", message=why)}, log=laid.text)
        folder = workspace.exec(["printenv", "HARBOR_WORKDIR"]).stdout.decode().strip() or TESTBED
        done = workspace.exec(["/bin/bash", "-c", _RUN, "-", folder], timeout_s=request.timeout_s)
        if done.limit == "time":
            return TestRun({}, limit="time", log=done.text)
        try:
            reward = read_reward(workspace)
        except ValueError as error:
            return TestRun({CHECK: TestOutcome("error", message=str(error))}, log=done.text)
        status = "passed" if reward >= 1.0 else "failed"
        said = "" if status == "passed" else f"the reward is {reward:g}"
        return TestRun(
            {CHECK: TestOutcome(status, done.seconds, said)},
            log=done.text,
            metrics={"reward": reward},
        )

    def split_id(self, test: str) -> TestId:
        """Return the parts of an id: the script is one test."""
        return TestId(posixpath.normpath(test) if test else "")

    def layers(self, base: Path, environment: EnvironmentLayers) -> tuple[Mount, ...]:
        """Show the programs that scripts install with."""
        return (Mount(shims(), SHIMS),)

    def cut(self, path: str, source: bytes, functions: Collection[str]) -> bytes | None:
        """Return nothing of a test file: all of it stays hidden."""
        return b""

    def shown(
        self, files: Collection[str], fail_to_pass: Sequence[str], seed: int
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Show nothing: a script is hidden whole."""
        return (), ()


def read_reward(workspace: Workspace) -> float:
    """Return the reward that a script left: hostile data.

    Raises:
        ValueError: There is none, or it is not one bounded number.
    """
    for name in ("reward.json", "reward.txt"):
        try:
            data = workspace.read(f"{PLACE}/logs/verifier/{name}", max_bytes=MOST_BYTES)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ValueError(f"{name} can't be read: {error}") from error
        return parse_reward(name, data)
    raise ValueError("tests/test.sh left no reward in /logs/verifier")


def parse_reward(name: str, data: bytes) -> float:
    """Return the number in a reward's file.

    Args:
        name: "reward.json" (a number, or an object with `reward` or one number) or "reward.txt".
        data: Its content.

    Raises:
        ValueError: Anything else, or a number that is not finite or beyond `LARGEST`.
    """
    text = data.decode("ascii", "replace").strip()
    value: object = text
    if name == "reward.json":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name} holds no JSON") from error
        if isinstance(value, Mapping):
            alone = next(iter(value.values())) if len(value) == 1 else None
            value = value.get("reward", alone)
    elif _NUMBER.fullmatch(text):
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} holds no number as its reward: {text[:60]!r}")
    if not (math.isfinite(value) and abs(value) <= LARGEST):
        raise ValueError(f"{name} holds a reward beyond the bound: {text[:60]!r}")
    return float(value)


_APT = """\
#!/bin/bash
# Says whether what is asked for is on this machine: there is no network here.
verb=""
for word in "$@"; do
    case "$word" in
        -*) ;;
        install) verb=install ;;
        *) if [ "$verb" = install ] && ! command -v "$word" >/dev/null; then
               case "$word" in curl|wget|ca-certificates|lib*|*-dev) ;;
                   *) echo "$word is not on this machine, and there is no network" >&2; exit 100 ;;
               esac
           fi ;;
    esac
done
"""

_PIP = """\
#!/bin/bash
# What scripts install was put here while the task was prepared: there is no network.
[ "$1" = install ] && exit 0
exec python -m pip "$@"
"""

_UV = """\
#!/bin/bash
# Runs a program of the task's environment, which has what `--with` names.
case "$(basename "$0") $1 $2" in
    "uv pip "*|"uv add "*|"uv sync "*|"uv init "*|"uv python "*|"uv sync ") exit 0 ;;
    "uv venv "*)
        folder=.venv
        for word in "${@:2}"; do case "$word" in -*) ;; *) folder="$word" ;; esac; done
        mkdir -p "$folder/bin" && : > "$folder/bin/activate"; exit 0 ;;
    "uv tool run") shift 2 ;;
    "uv run "*) shift ;;
    "uvx "*) ;;
    *) echo "uv $1 can't be done here: there is no network" >&2; exit 2 ;;
esac
while [ $# -gt 0 ]; do
    case "$1" in
        --with|-w|--from|-p|--python|--index-url|--with-requirements) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
exec "$@"
"""


def shims() -> Path:
    """Return the folder of the programs that scripts install with, in the cache."""
    programs = {"apt-get": _APT, "apt": _APT, "pip": _PIP, "pip3": _PIP, "uv": _UV, "uvx": _UV}

    def build(folder: Path) -> None:
        for name, text in programs.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    key = hashlib.sha256(repr(sorted(programs.items())).encode()).hexdigest()[:16]
    return publish(f"tools/harbor-{key}", build)
