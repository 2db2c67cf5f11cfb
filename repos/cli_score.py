"""Scoring from the command line: one diff, or a whole file of predictions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import typer

from repos.cli_options import err, say


def score_one(
    suite: str,
    task: str,
    patch: Path,
    *,
    environment: str,
    sandbox: str,
    allow_unsafe: bool,
    fresh: bool,
    as_json: bool,
) -> None:
    """Score a diff against a task's hidden tests and print the verdict."""
    from repos.prepare import prepare
    from repos.sandbox.select import get_backend
    from repos.scoring.patches import read_diff
    from repos.scoring.score import score_with_retries
    from repos.scoring.verdicts import score_once
    from repos.tasks.suite import load_suite

    loaded = load_suite(suite)
    spec = loaded.spec(task)
    diff = read_diff(patch, spec.id)
    prepared = prepare(spec, suite=loaded.name, environment=environment)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=say)
    try:
        scoring = score_with_retries if fresh else score_once
        result, log = scoring(prepared, diff, backend=backend)
    finally:
        backend.close()
    if as_json:
        typer.echo(json.dumps(result.model_dump(mode="json"), indent=1))
        return
    for test, verdict in result.checks.items():
        if verdict != "passed":
            typer.echo(f"{verdict:8} {test}")
    passed = sum(v == "passed" for v in result.checks.values())
    typer.echo(f"{passed} of {len(result.checks)} expected tests passed")
    for note in (*result.tampered, *result.flags):
        typer.echo(f"note: {note}")
    if not result.applied:
        typer.echo("the diff does not apply")
    if any(v == "missing" for v in result.checks.values()):
        typer.echo(log[-3000:])
    typer.echo(
        f"{result.asked} of them were asked blindly ({result.bits:.0f} bits), and "
        f"{result.contradicted} that passed had been answered wrongly"
    )
    if result.weak:
        typer.echo("resolved (weak): the answers of its tests are soon guessed")
    else:
        typer.echo("resolved" if result.resolved else "not resolved")


def score_predictions(
    path: Path,
    suite: str,
    *,
    output: Path | None,
    workers: int | None,
    environment: str,
    sandbox: str,
    allow_unsafe: bool,
    as_json: bool,
) -> None:
    """Score a file of predictions, write the reports, print what became of them."""
    from repos.sandbox.select import get_backend
    from repos.scoring.evaluation import Evaluation
    from repos.scoring.predictions import read_predictions
    from repos.tasks.suite import load_suite

    predictions = read_predictions(path)
    folder = output or Path(f"{path.stem}-scores")
    evaluation = Evaluation(load_suite(suite), predictions, folder)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe, report=say)
    try:
        results = evaluation.run(
            backend=backend,
            workers=workers or os.cpu_count() or 1,
            report=say if as_json else typer.echo,
            environment=environment,
        )
    finally:
        backend.close()
    reports = evaluation.write_reports(results)
    differ = [r.prediction.instance for r in results if r.differs]
    facts = {
        "predictions": len(results),
        "resolved": sum(r.resolved for r in results),
        "resolved_by_both": sum(r.score is not None and r.score.resolved for r in results),
        "empty": sum(r.score is None and not r.problem for r in results),
        "no_verdict": sum(bool(r.problem) for r in results),
        "verdicts_differ": differ,
        "reports": [str(p) for p in reports],
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
    else:
        typer.echo(
            f"{facts['resolved']} of {facts['predictions']} resolved, "
            f"{facts['resolved_by_both']} of them by our runner too; "
            f"{facts['empty']} empty patches; {facts['no_verdict']} without a verdict"
        )
        for name in differ:
            typer.echo(f"verdicts differ: {name}")
        for report in reports:
            typer.echo(f"report: {report}")
    if facts["no_verdict"]:
        err.print("Run the same command again to score what has no verdict.", markup=False)
        raise typer.Exit(1)
