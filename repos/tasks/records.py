"""Tasks as frozen typed records, JSON in and out.

A manifest holds `TaskSpec`s: facts that are enough to build the task again. Preparing
turns one into a `Task`, in which what an agent may see (`PublicTask`) and what it may
not (`HiddenTask`) are separate types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, model_validator

from repos.errors import RecordError, RepoGymError
from repos.sandbox.protocol import Layers, SandboxSpec
from repos.tasks.base import Record, check_version
from repos.tasks.environments import Environment, EnvironmentId, python_id
from repos.tasks.sources.base import SourceRecord
from repos.tasks.sources.registry import read_source

AssistLevel = Literal["none", "files", "tests"]

Source = Annotated[SerializeAsAny[SourceRecord], BeforeValidator(read_source)]

R = TypeVar("R", bound=Record)


class Expected(Record):
    """Test ids that decide, as they hold in one environment.

    Attributes:
        fail_to_pass: Fail before the reference patch, pass after it.
        pass_to_pass: Pass before and after.
        held_out: Shown by no level and seen by no repair; they only unmask false successes.
    """

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()


class TaskSpec(Record):
    """One line of a manifest: the facts from which a task is built.

    Attributes:
        id: `<suite>/<name>` or `<name>`, unique in the suite.
        source: Where the files come from; a record of the source that its `kind` names.
        title: One line for listings.
        runner: How the tests are run ("pytest").
        source_dirs: Folders (relative) that go on the import path.
        test_paths: Files that belong to the hidden side: restored or laid over at scoring.
        environments: By environment id, for example {"python3.11": ...}.
        expected: By environment id; only these environments can be played.
        seconds: What validation's run of the expected tests took, in seconds, by environment
            id.
        sandbox: Deviations from the default SandboxSpec.
        date: When the fix was published (ISO).
        licence: SPDX expression or the package's own words.
        labels: Free facts for listings (bug class, lines changed).
        symptom: What failing looks like from outside (exception, message, frames in the
            package itself); preparing appends it to the statement.
        canaries: "plain" where the reference patch itself trips the equality canaries.
    """

    latest: ClassVar[int] = 2
    readable: ClassVar[tuple[int, ...]] = (1, 2)

    schema_version: Literal[2] = 2
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+-]*$")
    source: Source
    title: str = ""
    runner: str = "pytest"
    source_dirs: tuple[str, ...] = (".",)
    test_paths: tuple[str, ...] = ()
    environments: dict[EnvironmentId, Environment] = Field(default_factory=dict)
    expected: dict[EnvironmentId, Expected] = Field(default_factory=dict)
    seconds: dict[EnvironmentId, float] = Field(default_factory=dict)
    sandbox: dict[str, int | bool | str] = Field(default_factory=dict)
    date: str = ""
    licence: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    symptom: str = ""
    canaries: Literal["full", "plain"] = "full"

    @model_validator(mode="after")
    def _environments_are_told(self) -> TaskSpec:
        unknown = sorted({*self.expected, *self.seconds} - set(self.environments))
        if unknown:
            raise ValueError(f"environments does not have {', '.join(unknown)}")
        return self

    @classmethod
    def upgraded(cls, data: dict[str, Any], version: int) -> dict[str, Any]:
        """Return a task of version 1, keyed by Python minor versions, as one of version 2."""
        if version >= 2:
            return data
        environments = {
            python_id(minor): {"kind": "python", "python": minor, **fields}
            for minor, fields in data.get("environments", {}).items()
        }
        for minor in data.get("expected", {}):
            environments.setdefault(python_id(minor), {"kind": "python", "python": minor})
        keyed = {
            name: {python_id(minor): value for minor, value in data.get(name, {}).items()}
            for name in ("expected", "seconds")
        }
        return {**data, **keyed, "schema_version": 2, "environments": environments}


class PublicTask(Record):
    """What an agent may see of a task.

    Attributes:
        statement: The problem in prose (Markdown).
        repository: Name of the package or repository.
        base: The base revision or release.
        environment: Id of the task's environment that is played, for example "python3.11".
        python: Minor version of the interpreter inside, for example "3.11"; "" without one.
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
    environment: str
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
        expected: The ids that decide in the environment that is played.
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
        seconds: Validation's time for the expected tests, in seconds.
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
    try:
        version = check_version(value.get("schema_version", kind.latest), kind.readable, where)
    except ValueError as error:
        raise RecordError(str(error)) from error
    try:
        return kind.model_validate_json(json.dumps(kind.upgraded(value, version)))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the record"
        problem = first["msg"].removeprefix("Value error, ")
        raise RecordError(f"{where}: {place}: {problem}.") from error
    except RepoGymError as error:
        raise RecordError(f"{where}: {error}") from error
    except (AttributeError, TypeError) as error:
        raise RecordError(f"{where}: a field of version {version} is no object.") from error
