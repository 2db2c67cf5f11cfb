"""Writes the tasks of a suite as Harbor task folders."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agents.training import harbor_verify
from repos.cache import remove_tree
from repos.errors import InputError
from repos.prepare import build_files, statement
from repos.tasks.environments import PythonEnvironment
from repos.tasks.records import TaskSpec
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.suite import Suite

COLLECT = (
    "cd /testbed && git add -A && git diff --cached --binary --no-ext-diff "
    "$(git rev-list --max-parents=0 HEAD | tail -1) > /logs/artifacts/repogym.diff"
)
"""Leaves the agent's change for the verifier, which runs in another sandbox."""

PYTEST = "pytest==9.0.0"
"""What tests run with in an image where the task has no pins."""


@dataclass(frozen=True)
class Written:
    """What an export wrote.

    Attributes:
        folders: The tasks' folders.
        left_out: Tasks that Harbor can't check, by the reason.
    """

    folders: tuple[Path, ...]
    left_out: dict[str, int] = field(default_factory=dict)


def export_tasks(suite: Suite, out: Path, *, name: str, tasks: Sequence[str] = ()) -> Written:
    """Write task folders, each with instruction, image, hidden tests and reference solution.

    Args:
        suite: The suite.
        out: New or empty folder.
        name: As on the command line after `--env`; RepoGym's own sandbox reads it.
        tasks: Ids; empty takes all.

    Raises:
        InputError: The folder is not empty, there is no such task, or none can be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already and not an empty folder: name a new one (--out).")
    specs = [suite.spec(task) for task in tasks] or list(suite.specs)
    left_out: Counter[str] = Counter()
    folders = []
    for spec in specs:
        environments = _environments(spec)
        if not environments:
            left_out["its checks are no pytest on pinned packages"] += 1
            continue
        folder = out / re.sub(r"[^A-Za-z0-9.-]+", "-", spec.id.removeprefix(f"{suite.name}/"))
        _write(folder, spec, suite, name, environments)
        folders.append(folder)
    if not folders:
        raise InputError(f"No task of {suite.name} can be written for Harbor: {dict(left_out)}.")
    return Written(tuple(folders), dict(left_out))


def _environments(spec: TaskSpec) -> dict[str, PythonEnvironment]:
    if spec.runner != "pytest":
        return {}
    known = {name: spec.environments.get(name) for name in spec.expected}
    return {name: one for name, one in known.items() if isinstance(one, PythonEnvironment)}


def _write(
    folder: Path,
    spec: TaskSpec,
    suite: Suite,
    name: str,
    environments: Mapping[str, PythonEnvironment],
) -> None:
    files = build_files(spec)
    (folder / "environment").mkdir(parents=True)
    (folder / "instruction.md").write_text(
        statement(spec, files) + "\nThe repository is at /testbed.\n", encoding="utf-8"
    )
    (folder / "task.toml").write_text(_toml(spec, suite, files), encoding="utf-8")
    origin = {
        "suite": name if not Path(name).is_file() else str(Path(name).resolve()),
        "task": spec.id,
        "digest": spec.digest(),
        "environment": "",
    }
    _json(folder / "environment" / "repogym.json", origin)
    tree = folder / "environment" / "repository"
    shutil.copytree(files.base, tree, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for leftover in (tree / ".git", tree / ".hg"):
        remove_tree(leftover)
    first = next(iter(environments.values()))
    (folder / "environment" / "Dockerfile").write_text(_dockerfile(spec, first))
    tests = folder / "tests"
    shutil.copytree(files.hidden, tests / "hidden", symlinks=True)
    shutil.copy(harbor_verify.__file__, tests / "verify.py")
    facts = {
        "python": {
            one.python: {
                "fail_to_pass": spec.expected[key].fail_to_pass,
                "pass_to_pass": spec.expected[key].pass_to_pass,
            }
            for key, one in environments.items()
        },
        "removed": files.removed,
        "source_dirs": spec.source_dirs,
    }
    _json(tests / "expected.json", facts)
    _script(tests / "test.sh", 'python "$(dirname "$0")/verify.py"')
    (folder / "solution").mkdir()
    (folder / "solution" / "reference.patch").write_bytes(files.reference)
    _script(
        folder / "solution" / "solve.sh",
        'cd /testbed && git apply --binary "$(dirname "$0")/reference.patch"',
    )


def _json(path: Path, facts: object) -> None:
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/bash\nset -e\n{line}\n")
    path.chmod(0o755)


def _dockerfile(spec: TaskSpec, facts: PythonEnvironment) -> str:
    pins = " ".join(sorted(facts.requirements) or [PYTEST])
    lines = [
        f"FROM python:{facts.python}-slim",
        "RUN apt-get update && apt-get install -y --no-install-recommends git "
        "&& rm -rf /var/lib/apt/lists/*",
        f"RUN pip install --no-cache-dir {pins}",
        "WORKDIR /testbed",
        "COPY repository/ /testbed/",
        *(["RUN pip install --no-cache-dir --no-deps -e ."] if facts.install else []),
        "RUN git init -q -b main && git config user.name Agent "
        "&& git config user.email agent@localhost && git add -A && git commit -qm base",
        f'ENV PYTHONPATH="{":".join(f"/testbed/{one}" for one in spec.source_dirs)}"',
    ]
    return "\n".join(lines) + "\n"


def _toml(spec: TaskSpec, suite: Suite, files: BuiltFiles) -> str:
    short = re.sub(r"[^a-z0-9.-]+", "-", spec.id.lower().removeprefix(f"{suite.name}/"))
    text = {
        "suite": f"{suite.name} {suite.version}",
        "repository": files.repository,
        "licence": spec.licence,
        "date": spec.date,
    }
    metadata = "\n".join(f"{key} = {json.dumps(value)}" for key, value in text.items())
    return f"""schema_version = "1.4"

[task]
name = "repogym/{short}"
description = {json.dumps(spec.title)}

[metadata]
{metadata}

[environment]
network_mode = "no-network"
workdir = "/testbed"

[agent]
timeout_sec = 1800.0

[verifier]
environment_mode = "separate"
timeout_sec = {max(600.0, 10 * max(spec.seconds.values(), default=60.0)):.1f}

[[verifier.collect]]
command = {json.dumps(COLLECT)}
"""
