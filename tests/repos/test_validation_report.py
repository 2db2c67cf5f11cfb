"""The report of a validation, and what it says of a suite."""

import json

from typer.testing import CliRunner

from repos.cli import app
from repos.tasks.sources.swe_bench.recipes import find_recipe
from repos.validation_report import ValidationReport
from tests.repos.tasks.test_swe_bench_rows import ROW


def line(task, valid, *problems, whole_s=10.0):
    facts = {"task": task, "valid": valid, "problems": problems, "whole_s": whole_s}
    return json.dumps({**facts, "seconds": 1.0, "equality_trips": False, "details": {}})


def test_a_report_is_shown_by_label(tmp_path):
    rows = [{**ROW, "instance_id": f"django__django-{n}"} for n in range(4)]
    flawed = {**ROW, "instance_id": "psf__requests-863", "repo": "psf/requests", "version": "0.14"}
    unplayable = {**ROW, "instance_id": "x-1", "repo": "some/other"}
    (tmp_path / "rows.json").write_text(json.dumps([*rows, flawed, unplayable]))
    report = tmp_path / "report.jsonl"
    lines = [
        line("django__django-0", False, "the fix does not resolve it"),
        line("django__django-0", True, whole_s=20.0),
        line("django__django-1", False, "the base resolves it"),
        line("django__django-2", False, "infrastructure: no memory"),
        line("psf__requests-863", False, "official: the base resolves it"),
        line("elsewhere", True),
    ]
    report.write_text("\n".join(lines) + "\n")
    assert len(ValidationReport(report).lines()) == 4
    command = ["tasks", "report", str(tmp_path / "rows.json"), str(report)]
    shown = CliRunner().invoke(app, command).output
    assert "| django/django | 4 | 2 | 1 | 15 |" in shown
    assert "| psf/requests | 1 | 1 | 0 | 10 |" in shown and "| all | 5 | 3 | 1 | |" in shown
    assert "- `django__django-1`: the base resolves it" in shown
    why = find_recipe("psf/requests", "0.14", "psf__requests-863").flaw
    assert "httpbin" in why and f"- `psf__requests-863`: {why}" in shown
    facts = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    assert facts[0]["refused"] == {"django__django-1": "the base resolves it"}


def test_a_report_must_be_there(tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps([ROW]))
    command = ["tasks", "report", str(tmp_path / "rows.json"), str(tmp_path / "none.jsonl")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code != 0 and "There is no report" in str(done.exception)
