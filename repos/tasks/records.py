"""Tasks as frozen typed records, JSON in and out.

A manifest holds `TaskSpec`s: facts that are enough to build the task again. Preparing
turns one into a `Task`, in which what an agent may see (`PublicTask`) and what it may
not (`HiddenTask`) are separate types.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from repos.errors import RecordError
from repos.sandbox.protocol import Layers, SandboxSpec

SCHEMA_VERSION = 1

AssistLevel = Literal["none", "files", "tests"]


class Record(BaseModel):
    """Base of all records: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no spaces, defaults included."""
        data = self.model_dump(mode="json")
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


class Archive(Record):
    """A source distribution on a package index."""

    version: str
    filename: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


R = TypeVar("R", bound=Record)


class BundledSource(Record):
    """A task whose files come with RepoGym: `repos/data/bundled/<folder>`."""

    kind: Literal["bundled"] = "bundled"
    folder: str


class PyPIPairSource(Record):
    """Two consecutive releases: base = `old`, hidden tests and reference from `new`."""

    kind: Literal["pypi"] = "pypi"
    package: str
    old: Archive
    new: Archive


class GitSource(Record):
    """Two revisions of a git repository of one's own; `path` is its place on this machine."""

    kind: Literal["git"] = "git"
    path: str
    base: str
    fix: str


Source = Annotated[BundledSource | PyPIPairSource | GitSource, Field(discriminator="kind")]


class Expected(Record):
    """Test ids that decide, as they hold on one Python minor version.

    Attributes:
        fail_to_pass: Fail before the reference patch, pass after it.
        pass_to_pass: Pass before and after.
        held_out: Shown by no level and seen by no repair; they only unmask false successes.
    """

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()


class Environment(Record):
    """What the tests of a task need on one Python minor version.

    Attributes:
        requirements: Exact pins (`name==version`), the whole closure, without the package.
        install: Whether the package itself is installed in editable form (metadata,
            entry points); otherwise its source folders stand on the path.
    """

    requirements: tuple[str, ...] = ()
    install: bool = False


class TaskSpec(Record):
    """One line of a manifest: the facts from which a task is built.

    Attributes:
        id: `<suite>/<name>` or `<name>`, unique in the suite.
        source: Where the files come from.
        title: One line for listings.
        runner: How the tests are run ("pytest").
        source_dirs: Folders (relative) that go on the import path.
        test_paths: Files that belong to the hidden side: restored or laid over at scoring.
        environments: By Python minor version, for example {"3.11": ...}.
        expected: By Python minor version; a missing one means "not available here".
        seconds: What the gate's run of the expected tests took, in seconds, by minor version.
        sandbox: Deviations from the default SandboxSpec.
        date: When the fix was published (ISO).
        licence: SPDX expression or the package's own words.
        labels: Free facts for listings (bug class, lines changed).
        symptom: What failing looks like from outside (exception, message, frames in the
            package itself); preparing appends it to the statement.
        canaries: "plain" where the reference patch itself trips the equality canaries.
    """

    schema_version: Literal[1] = 1
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+-]*$")
    source: Source
    title: str = ""
    runner: str = "pytest"
    source_dirs: tuple[str, ...] = (".",)
    test_paths: tuple[str, ...] = ()
    environments: dict[str, Environment] = Field(default_factory=dict)
    expected: dict[str, Expected] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    sandbox: dict[str, int | bool | str] = Field(default_factory=dict)
    date: str = ""
    licence: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    symptom: str = ""
    canaries: Literal["full", "plain"] = "full"


class PublicTask(Record):
    """What an agent may see of a task.

    Attributes:
        statement: The problem in prose (Markdown).
        repository: Name of the package or repository.
        base: The base revision or release.
        python: Minor version of the interpreter inside, for example "3.11".
        assist: The assist level in force.
        hint_files: The reference patch's files (level "files" only).
        visible_tests: Ids of failing tests that are shown (level "tests" only).
        plausible_only: Whether all failing tests are shown, so that success is only plausible.
    """

    id: str
    suite: str
    title: str
    statement: str
    repository: str
    base: str
    python: str
    runner: str
    source_dirs: tuple[str, ...]
    assist: AssistLevel = "none"
    hint_files: tuple[str, ...] = ()
    visible_tests: tuple[str, ...] = ()
    plausible_only: bool = False


@dataclass(frozen=True)
class HiddenTask:
    """What an agent may never see before scoring.

    Attributes:
        expected: The ids that decide on this interpreter.
        reference: The reference patch (`git apply` form).
        files: Folder on the host with the test files as scoring lays them over the base.
        removed: Test files of the base that the fix deletes.
        held_out: Folder with the held-out test files, or None.
    """

    expected: Expected
    reference: bytes
    files: Path
    removed: tuple[str, ...] = ()
    held_out: Path | None = None


@dataclass(frozen=True)
class Task:
    """A prepared task: ready to open workspaces and to be scored.

    Attributes:
        public: What an agent may see.
        hidden: What it may not.
        layers: What its sandboxes are made of.
        sandbox: What its sandboxes need.
        seconds: The gate's time for the expected tests, in seconds.
        spec: The facts it was built from.
    """

    public: PublicTask
    hidden: HiddenTask
    layers: Layers
    sandbox: SandboxSpec
    seconds: float
    spec: TaskSpec

    @property
    def id(self) -> str:
        """The task's id."""
        return self.public.id


def parse_record(kind: type[R], data: str | bytes | Mapping[str, Any], where: str) -> R:
    """Read one record and say clearly what is wrong with a bad one.

    Args:
        kind: The record's type.
        data: JSON text or a decoded object.
        where: File and line, for the message.

    Raises:
        RecordError: Not JSON, another schema version, or a field that does not fit.
    """
    try:
        value = json.loads(data) if isinstance(data, str | bytes) else dict(data)
    except ValueError as error:
        raise RecordError(f"{where} is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise RecordError(f"{where} holds {type(value).__name__}, an object was expected.")
    version = value.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{where} has schema_version {version!r}; this RepoGym reads {SCHEMA_VERSION}."
        )
    try:
        return kind.model_validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the record"
        raise RecordError(f"{where}: {place}: {first['msg']}.") from error
