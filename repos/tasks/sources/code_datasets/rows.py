"""Makes tasks of the rows of RepoClassBench's Python file and of EvoCodeBench."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError

from repos.errors import RecordError
from repos.tasks.environments import PythonEnvironment, python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.code_datasets.records import DatasetPartSource
from repos.tasks.sources.swe_bench.options import MIRRORS

PINS = ".pins.txt"
"""Beside a repository's folder: exact pins of what its tests need."""

CLASS_ROW = ("task_id", "class_name", "file", "detailed_description", "evaluation_metadata")
FUNCTION_ROW = ("namespace", "completion_path", "body_position", "requirement", "tests")


class _Repository(BaseModel):
    commit_id: str = ""
    issue_id: str = ""


class _Directives(BaseModel):
    test_directives: list[str]


class _ClassRow(BaseModel):
    """A row of RepoClassBench's `python_data.json`, as far as it is used."""

    task_id: str
    class_name: str
    file: str
    detailed_description: str
    ground_truth_class_body: str
    repo_metadata: _Repository = _Repository()
    evaluation_metadata: _Directives


class _FunctionRow(BaseModel):
    """A row of EvoCodeBench's or DevEval's `data.jsonl`, as far as it is used."""

    namespace: str
    type: str = "function"
    completion_path: str
    project_path: str = ""
    body_position: tuple[int, int]
    dependency: dict[str, list[str]] = {}
    indent: int = 4
    tests: list[str]
    requirement: dict[str, str]


def is_code_row(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of these data sets."""
    return all(key in row for key in CLASS_ROW) or all(key in row for key in FUNCTION_ROW)


def code_tasks(rows: Iterable[Mapping[str, Any]], where: str) -> Iterator[TaskSpec]:
    """Yield the tasks of rows.

    Raises:
        RecordError: A row lacks a field, or one has another form.
    """
    for number, row in enumerate(rows, start=1):
        try:
            if "class_name" in row:
                yield _class_task(_ClassRow.model_validate(row), f"{where}, row {number}")
            else:
                yield _function_task(_FunctionRow.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise RecordError(f"{where}, row {number}: {place}: {first['msg']}.") from error


def _class_task(row: _ClassRow, where: str) -> TaskSpec:
    tests = row.evaluation_metadata.test_directives
    folder, path = _class_place(row, where)
    source = DatasetPartSource(
        folder=folder,
        commit=row.repo_metadata.commit_id,
        path=path,
        text=row.ground_truth_class_body,
        filling=f"# The class {row.class_name} stood here.",
        statement=f"The class `{row.class_name}` was removed from `{path}`. Write it again.\n\n"
        f"{row.detailed_description.strip()}\n",
        tests=_files(tests),
    )
    labels = {"level": "class", "dataset": "RepoClassBench"}
    return _task(row.task_id, source, tests, labels)


def _function_task(row: _FunctionRow) -> TaskSpec:
    folder, path = _function_place(row)
    name = row.namespace.rpartition(".")[2]
    told = [f"The body of the {row.type} `{name}` in `{path}` was removed. Write it again."]
    told += [f"{key}:\n{text.strip()}" for key, text in row.requirement.items() if text.strip()]
    source = DatasetPartSource(
        folder=folder,
        path=path,
        first=row.body_position[0],
        last=row.body_position[1],
        filling=" " * row.indent + "raise NotImplementedError",
        statement="\n\n".join(told) + "\n",
        tests=_files(row.tests),
    )
    names = sorted({name for kind in row.dependency.values() for name in kind})
    labels = {"level": row.type, "dataset": "EvoCodeBench", "dependencies": " ".join(names)}
    return _task(row.namespace, source, row.tests, labels)


def _task(
    name: str, source: DatasetPartSource, tests: Iterable[str], labels: dict[str, str]
) -> TaskSpec:
    minor = f"3.{sys.version_info.minor}"  # that of the Python which runs RepoGym
    environment = PythonEnvironment(python=minor, requirements=_pins(source.folder))
    return TaskSpec(
        id=re.sub(r"[^A-Za-z0-9._/+-]+", "-", name).lstrip("-._/+"),
        source=source,
        title=source.statement.partition("\n")[0],
        source_dirs=("src", ".") if source.path.startswith("src/") else (".",),
        test_paths=source.tests,
        environments={python_id(minor): environment},
        expected={python_id(minor): Expected(fail_to_pass=tuple(dict.fromkeys(tests)))},
        labels=labels,
    )


def _class_place(row: _ClassRow, where: str) -> tuple[str, str]:
    """Return the repository's folder and the file's path in it.

    Some published rows hold the path on their author's machine, `/…/repos/NAME/PATH`: there the
    folder is the one that the row's `issue_id` names.
    """
    if not row.file.startswith("/"):
        folder, _, path = row.file.partition("/")
        return folder, path
    _, mark, rest = row.file.rpartition("/repos/")
    path = rest.partition("/")[2]
    if not mark or not path or not row.repo_metadata.issue_id:
        raise RecordError(f"{where}: file: {row.file} does not say which repository's file it is.")
    return row.repo_metadata.issue_id, path


def _function_place(row: _FunctionRow) -> tuple[str, str]:
    """Return the repository's folder and the file's path in it.

    Rows without `project_path` may have a folder of a topic above the repository's: that one
    holds no file of the tests.
    """
    if row.project_path and row.completion_path.startswith(row.project_path + "/"):
        return row.project_path, row.completion_path[len(row.project_path) + 1 :]
    parts = PurePosixPath(row.completion_path).parts
    root = os.environ.get(MIRRORS)
    depth = 1
    if root and len(parts) > 2:
        below = Path(root, *parts[:2])
        depth = 2 if any((below / test).is_file() for test in _files(row.tests)) else 1
    return "/".join(parts[:depth]), "/".join(parts[depth:])


def _files(tests: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({test.partition("::")[0] for test in tests}))


def _pins(folder: str) -> tuple[str, ...]:
    root = os.environ.get(MIRRORS)
    path = Path(root, folder + PINS) if root else None
    if path is None or not path.is_file():
        return ()
    lines = [line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    wrong = next((line for line in lines if line and "==" not in line), None)
    if wrong is not None:
        raise RecordError(f"{path}: {wrong!r} is no exact pin (name==version).")
    return tuple(line for line in lines if line)
