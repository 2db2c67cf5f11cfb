"""Suites: named, versioned lists of tasks: bundled, of a manifest file, or anyone's own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from repos.errors import InputError, RecordError, UnknownNameError
from repos.plugins import installed_plugins, load_plugin, plugin_names
from repos.tasks.base import check_version
from repos.tasks.bundled import bundled_specs
from repos.tasks.catalogue import (
    BUNDLED_SUITES,
    FETCHED_SUITES,
    MANIFESTS,
    built_in_versions,
    suite_of,
)
from repos.tasks.records import TaskSpec, parse_record
from repos.tasks.sources.git import GitSource, is_url
from repos.tasks.sources.harbor.folders import harbor_tasks, is_harbor
from repos.tasks.sources.swe_bench.suites import (
    file_instances,
    is_dataset,
    is_here,
    suite_instances,
)
from repos.tasks.splits import NAMED, Split, read_splits, repository_of


@dataclass(frozen=True)
class Suite:
    """A named, versioned list of tasks.

    Attributes:
        name: Name on the command line.
        version: Changes whenever the list changes.
        description: One line.
        specs: The tasks, sorted by id.
        digest: SHA-256 of the tasks' records.
        splits: The split of repositories (`repos.tasks.splits`); those without one are of the
            test split. None where the suite has no splits.
    """

    name: str
    version: str
    description: str
    specs: tuple[TaskSpec, ...]
    digest: str
    splits: Mapping[str, Split] | None = None

    def split(self, spec: TaskSpec) -> str:
        """Return a task's split; "" where the suite has none."""
        return "" if self.splits is None else self.splits.get(repository_of(spec), "test")

    def spec(self, task: str) -> TaskSpec:
        """Return one task by id; the suite's own prefix may be left out.

        Raises:
            UnknownNameError: There is none of that id.
        """
        for spec in self.specs:
            if task in (spec.id, spec.id.removeprefix(f"{self.name}/")):
                return spec
        raise UnknownNameError(
            f"task of {self.name}",
            task,
            [s.id for s in self.specs],
            f"`repogym tasks list {self.name}` lists them.",
        )


def suite_names() -> list[str]:
    """Return the names of all suites: those of RepoGym and those of installed distributions."""
    return plugin_names("suites", built_in_versions())


def missing_suites() -> dict[str, str]:
    """Return the suites whose rows are not on this machine, with a line on what they are."""
    return {name: facts.description for name, facts in FETCHED_SUITES.items() if not is_here(name)}


def load_suite(name: str) -> Suite:
    """Return a suite.

    Args:
        name: A name ("swe-mini", or an entry point in the group `repogym.suites`), an
            environment id ("repogym/swe-mini-v1", with "package.module:" in front where that
            module registers it), the path of a `.jsonl` manifest, that of a file or folder of
            instances in SWE-bench's schema or of a folder of Harbor's task folders, or
            `package.module:NAME` (a `Suite`, or a function that returns one).

    Raises:
        UnknownNameError: No such suite.
        RepoGymError: An environment id of another version.
        RecordError: The manifest does not follow its schema, or what was named is no suite.
    """
    name = suite_of(name)
    if name in BUNDLED_SUITES:
        return _bundled(name)
    if name in FETCHED_SUITES:
        facts = FETCHED_SUITES[name]
        return make_suite(name, facts.version, facts.description, suite_instances(name))
    if name in built_in_versions():
        return read_manifest(MANIFESTS / f"{name}.jsonl")
    if is_manifest(name):
        path = Path(name)
        if is_harbor(path):
            about = f"Task folders of Harbor, from {path.resolve().name}."
            return make_suite(path.resolve().name, "0", about, harbor_tasks(path))
        if is_dataset(path):
            about = f"Instances in SWE-bench's schema, from {path.name}."
            return make_suite(path.stem, "0", about, file_instances(path))
        if not path.is_file():
            raise RecordError(f"There is no manifest {name}: write one with `repogym tasks mine`.")
        return read_manifest(path)
    if ":" not in name and name not in installed_plugins("suites"):
        raise UnknownNameError(
            "suite", name, suite_names(),
            "One of your own is given by its manifest's path, or as package.module:NAME.",
        )  # fmt: skip
    found = load_plugin("suites", name, {}, noun="suite", form="package.module:NAME")
    suite = found() if callable(found) else found
    if not isinstance(suite, Suite):
        raise RecordError(
            f"{name} is no suite but {type(suite).__name__}: make one with "
            "repos.tasks.suite.make_suite."
        )
    return suite


def is_manifest(name: str) -> bool:
    """Whether a suite's name is the path of a manifest or of a dataset."""
    return name.endswith((".jsonl", ".json", ".parquet")) or ("/" in name and ":" not in name)


@lru_cache(maxsize=8)
def _bundled(name: str) -> Suite:
    facts = BUNDLED_SUITES[name]
    return make_suite(name, facts.version, facts.description, bundled_specs(facts.folder))


def make_suite(
    name: str,
    version: str,
    description: str,
    specs: Iterable[TaskSpec],
    splits: Mapping[str, Split] | None = None,
) -> Suite:
    """Return a suite; its digest follows from the records alone."""
    ordered = tuple(sorted(specs, key=lambda spec: spec.id))
    digest = hashlib.sha256("\n".join(s.to_json() for s in ordered).encode()).hexdigest()
    return Suite(name, version, description, ordered, digest, splits)


def read_manifest(path: Path) -> Suite:
    """Read a manifest: JSON lines, the first one a header, then one task a line.

    Raises:
        RecordError: Not UTF-8, a line that does not follow its schema, or an id twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} can't be read as a manifest: {error}.") from error
    header: dict = {}
    specs: dict[str, TaskSpec] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if number == 1 and '"suite"' in line.split("[", 1)[0]:
            header = _header(line, path)
            continue
        spec = parse_record(TaskSpec, line, f"{path}, line {number}")
        if spec.id in specs:
            raise RecordError(f"{path}, line {number}: task {spec.id} stands there twice.")
        specs[spec.id] = spec
    if not specs:
        raise RecordError(f"{path} holds no task.")
    suite = make_suite(
        str(header.get("suite", path.stem)),
        str(header.get("version", "0")),
        str(header.get("description", "")),
        specs.values(),
        read_splits(header, f"{path}, line 1"),
    )
    return replace(suite, specs=tuple(_located(spec, path.parent) for spec in suite.specs))


def _header(line: str, path: Path) -> dict:
    try:
        header = json.loads(line)
    except ValueError as error:
        raise RecordError(f"{path}, line 1 is not valid JSON: {error}.") from error
    try:
        check_version(header.get("schema_version", 2), TaskSpec.readable, f"{path}, line 1")
    except ValueError as error:
        raise RecordError(str(error)) from error
    return header


def check_manifest_path(path: Path) -> None:
    """Make sure that a manifest can be written before the work for it begins.

    Raises:
        RepoGymError: The name does not end in .jsonl, or its folder can't be written to.
    """
    if path.suffix != ".jsonl":
        raise InputError(f"The manifest's name must end in .jsonl, not {path.name!r}.")
    folder = path.parent
    if path.is_dir() or not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise InputError(
            f"The manifest {path} can't be written: {folder} must be a folder that you may "
            "write to, and no folder may have the manifest's name."
        )


def open_manifest(path: Path, description: str = "") -> tuple[dict[str, Any], dict[str, TaskSpec]]:
    """Return the header and the tasks of a manifest that is to be written or extended.

    Args:
        path: The manifest; where it is there, its tasks, name, version and words are kept.
        description: One line for a new one.

    Raises:
        RepoGymError: It can't be written, or what is there is no manifest.
    """
    check_manifest_path(path)
    header: dict[str, Any] = {"suite": path.stem, "version": "1"}
    kept: dict[str, TaskSpec] = {}
    if path.exists():
        known = read_manifest(path)
        header |= {"suite": known.name, "version": known.version}
        if known.splits is not None:
            header["splits"] = {
                split: sorted(name for name, of in known.splits.items() if of == split)
                for split in NAMED
            }
        description = known.description or description
        kept = {spec.id: spec for spec in known.specs}
    if description:
        header["description"] = description
    return header, kept


def _located(spec: TaskSpec, folder: Path) -> TaskSpec:
    """Return a task whose repository's place does not depend on the manifest's."""
    source = spec.source
    if not isinstance(source, GitSource) or is_url(source.path) or Path(source.path).is_absolute():
        return spec
    place = str((folder / source.path).resolve())
    return spec.model_copy(update={"source": source.model_copy(update={"path": place})})


def _relative(spec: TaskSpec, folder: Path) -> TaskSpec:
    """Return a task whose repository's place is relative to the manifest's folder."""
    source = spec.source
    if not isinstance(source, GitSource) or is_url(source.path):
        return spec
    place = Path(os.path.relpath(Path(source.path).resolve(), folder.resolve())).as_posix()
    return spec.model_copy(update={"source": source.model_copy(update={"path": place})})


def write_manifest(path: Path, header: dict, specs: Sequence[TaskSpec]) -> None:
    """Write a manifest whole or not at all; places of repositories are relative to it."""
    specs = [_relative(spec, path.parent) for spec in specs]
    lines = [json.dumps({"schema_version": TaskSpec.latest, **header}, ensure_ascii=False)]
    lines += [spec.to_json() for spec in sorted(specs, key=lambda s: s.id)]
    partial = path.with_name(path.name + ".part")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(path)
