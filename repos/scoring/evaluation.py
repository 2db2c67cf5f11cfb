"""Scores of many predictions: in parallel, resumable, with SWE-bench's own report beside ours.

The folder of an evaluation holds `scores.jsonl` (ours, a line a prediction, from which an
interrupted evaluation goes on), `logs/run_evaluation/…` as swebench's harness writes it, and a
report in its format for each model.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repos.cache import whole_lines
from repos.environments.interpreters import NotAvailableError
from repos.errors import InfrastructureError, InputError
from repos.prepare import prepare
from repos.sandbox.protocol import Backend
from repos.scoring.official import grade_log
from repos.scoring.predictions import Prediction
from repos.scoring.score import OFFICIAL_LOG, Score
from repos.scoring.verdicts import score_once
from repos.tasks.records import Task, TaskSpec
from repos.tasks.suite import Suite

RUN = "repogym"
"""What the reports call the run."""

SCORES = "scores.jsonl"


@dataclass(frozen=True)
class Result:
    """What became of one prediction.

    Attributes:
        prediction: The prediction.
        score: Its score; None where the patch is empty or no verdict was reached.
        problem: Why no verdict was reached; "" where there is one.
    """

    prediction: Prediction
    score: Score | None
    problem: str = ""

    @property
    def resolved(self) -> bool:
        """SWE-bench's verdict, or ours where the task is none of its."""
        if self.score is None:
            return False
        official = self.score.official
        return self.score.resolved if official is None else official

    @property
    def differs(self) -> bool:
        """Whether the official and the hardened verdict differ."""
        return self.score is not None and self.score.hardened not in (None, self.score.official)

    def word(self) -> str:
        """Return the verdict for people."""
        if self.problem:
            return f"no verdict: {self.problem}"
        if self.score is None:
            return "empty patch"
        words = "resolved" if self.resolved else "not resolved"
        if not self.score.applied:
            words += " (does not apply)"
        return words + (" officially, but not by our runner" * (self.differs and self.resolved))


class Evaluation:
    """Scores the predictions of a file against a suite's tasks."""

    def __init__(self, suite: Suite, predictions: Sequence[Prediction], folder: Path) -> None:
        """Check the predictions and read what is known of them.

        Args:
            suite: The suite.
            predictions: What is to be scored.
            folder: The evaluation's folder; made where it is missing.

        Raises:
            InputError: A prediction is for no task of the suite, or the folder can't be made.
        """
        known = {spec.id: spec for spec in suite.specs}
        unknown = sorted({p.instance for p in predictions} - known.keys())
        if unknown:
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            raise InputError(
                f"{suite.name} has no task {', '.join(unknown[:3])}{more}: name the suite of the "
                "predictions by --env."
            )
        self.suite, self.predictions, self.folder = suite, predictions, folder
        self._specs = known
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The folder {folder} (--out) can't be made: {error.strerror}."
            ) from error
        self._kept = self._read()

    def run(
        self,
        *,
        backend: Backend,
        workers: int,
        report: Callable[[str], None],
        environment: str = "",
    ) -> list[Result]:
        """Score all predictions; return what became of them, in their order.

        Args:
            backend: Makes the sandboxes.
            workers: How many are scored at a time.
            report: Is told a line for each prediction.
            environment: Id of the environment to play; "" takes the best one here.

        Raises:
            InputError: The folder can't be written.
        """
        done = 0

        def one(prediction: Prediction) -> Result:
            nonlocal done
            result = self._score(prediction, backend, environment)
            with self._lock:
                done += 1
                number = f"[{done}/{len(self.predictions)}]"
                report(f"{number} {prediction.instance}: {result.word()}")
            return result

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, self.predictions))

    def write_reports(self, results: Sequence[Result]) -> list[Path]:
        """Write the report of each model in the format of SWE-bench; return their paths."""
        paths = []
        for model in dict.fromkeys(p.model for p in self.predictions):
            own = [r for r in results if r.prediction.model == model]
            path = self.folder / f"{plain(model)}.{RUN}.json"
            facts = run_report([spec.id for spec in self.suite.specs], own)
            with self._writing():
                path.write_text(json.dumps(facts, indent=4) + "\n", encoding="utf-8")
            paths.append(path)
        return paths

    def place(self, prediction: Prediction) -> Path:
        """Return the folder of a prediction's log and report."""
        runs = self.folder / "logs" / "run_evaluation" / RUN
        return runs / plain(prediction.model) / plain(prediction.instance)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in words that the folder can't be written.

        Raises:
            InputError: It can't.
        """
        try:
            yield
        except OSError as error:
            raise InputError(
                f"The folder {self.folder} (--out) can't be written ({error.strerror}): make room "
                "there, then give the same command again; finished scores are kept."
            ) from error

    def _score(self, prediction: Prediction, backend: Backend, environment: str) -> Result:
        if not prediction.patch.strip():
            return Result(prediction, None)
        spec = self._specs[prediction.instance]
        key = _key(prediction, spec)
        if key in self._kept and (self.place(prediction) / "report.json").is_file():
            return Result(prediction, self._kept[key])
        try:
            task = prepare(spec, suite=self.suite.name, environment=environment)
            score, log = score_once(task, prediction.diff(), backend=backend)
        except (InfrastructureError, NotAvailableError) as error:
            return Result(prediction, None, str(error))
        with self._writing():
            self._keep(prediction, task, score, log, key)
        return Result(prediction, score)

    def _keep(self, prediction: Prediction, task: Task, score: Score, log: str, key: str) -> None:
        own, _, official = log.partition(OFFICIAL_LOG)
        report = instance_report(task, score, official)
        folder = self.place(prediction)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "patch.diff").write_bytes(prediction.diff())
        (folder / "test_output.txt").write_text(official or own, errors="replace")
        if official:
            (folder / "hardened_output.txt").write_text(own, errors="replace")
        line = {
            "key": key,
            "model_name_or_path": prediction.model,
            "score": score.model_dump(mode="json"),
        }
        with self._lock:
            with (self.folder / SCORES).open("a", encoding="utf-8") as out:
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
            (folder / "report.json").write_text(json.dumps(report, indent=4))

    def _read(self) -> dict[str, Score]:
        path = self.folder / SCORES
        kept: dict[str, Score] = {}
        if not path.exists():
            return kept
        for line in whole_lines(path):
            try:
                facts = json.loads(line)
                kept[facts["key"]] = Score.model_validate_json(json.dumps(facts["score"]))
            except (ValueError, KeyError, TypeError):
                continue
        return kept


def plain(name: str) -> str:
    """Return a name as swebench writes it into paths."""
    return name.replace("/", "__")


def instance_report(task: Task, score: Score, official: str) -> dict[str, Any]:
    """Return the report of one instance in the format of SWE-bench.

    Args:
        task: The task.
        score: Its score.
        official: What the official command printed; "" where there is no such thing.
    """
    if official:
        return grade_log(task, official)
    status = {}
    expected = task.hidden.expected
    for name, tests in (
        ("FAIL_TO_PASS", expected.fail_to_pass),
        ("PASS_TO_PASS", expected.pass_to_pass),
    ):
        passed = [t for t in tests if score.checks[t] == "passed"]
        status[name] = {"success": passed, "failure": [t for t in tests if t not in passed]}
    facts = {
        "patch_is_None": False,
        "patch_exists": True,
        "patch_successfully_applied": score.applied,
        "resolved": score.resolved,
        "infra_failure": False,
        "tests_status": status,
    }
    return {task.id: facts}


def run_report(instances: Sequence[str], results: Sequence[Result]) -> dict[str, Any]:
    """Return the report on one model's predictions in the format of SWE-bench (version 2).

    Args:
        instances: All ids of the suite.
        results: What became of the model's predictions.
    """
    submitted = {r.prediction.instance for r in results}
    empty = {r.prediction.instance for r in results if r.score is None and not r.problem}
    errors = {r.prediction.instance for r in results if r.problem}
    resolved = {r.prediction.instance for r in results if r.resolved}
    completed = submitted - empty - errors
    unresolved = completed - resolved
    return {
        "total_instances": len(instances),
        "submitted_instances": len(submitted),
        "completed_instances": len(completed),
        "resolved_instances": len(resolved),
        "unresolved_instances": len(unresolved),
        "infra_failure_instances": len(errors),
        "ambiguous_failure_instances": 0,
        "empty_patch_instances": len(empty),
        "error_instances": len(errors),
        "completed_ids": sorted(completed),
        "incomplete_ids": sorted(set(instances) - submitted),
        "empty_patch_ids": sorted(empty),
        "submitted_ids": sorted(submitted),
        "resolved_ids": sorted(resolved),
        "unresolved_ids": sorted(unresolved),
        "infra_failure_ids": sorted(errors),
        "ambiguous_failure_ids": [],
        "failure_reasons": {r.prediction.instance: r.problem for r in results if r.problem},
        "error_ids": sorted(errors),
        "schema_version": 2,
    }


def _key(prediction: Prediction, spec: TaskSpec) -> str:
    facts = f"{prediction.model}\0{prediction.instance}\0{spec.digest()}\0".encode()
    return hashlib.sha256(facts + prediction.diff()).hexdigest()[:24]
