"""SWE-bench's whole way on releases of a real package, on Pythons of their time."""

import json
import os

import pytest
from typer.testing import CliRunner

from repos.cli import app
from repos.prepare import prepare
from repos.scoring.official import grade_log, run_official, swebench_grading
from repos.scoring.score import score
from repos.scoring.validation import validate
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.options import MIRRORS
from tests.repos.scoring.instances import CASES, difference, make_row, reverse


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case))
def row(request, tmp_path, monkeypatch):
    """A row of a release pair; its mirror is known."""
    monkeypatch.setenv(MIRRORS, str(tmp_path / "mirrors"))
    return make_row(*request.param, tmp_path / "mirrors")


@pytest.mark.index
def test_an_instance_is_validated_and_scored(row, backend, tmp_path):
    (spec,) = read_instances([row], "rows")
    task = prepare(spec)
    assert task.public.python == row["install_config"]["python"]
    verdict = validate(task, backend=backend)
    assert verdict.valid, verdict.problems
    assert verdict.details["official_after"] and verdict.details["hardened_after"]
    assert not verdict.details["official_before"]
    nothing, _ = score(task, b"", backend=backend)
    assert (nothing.official, nothing.hardened, nothing.resolved) == (False, False, False)
    broken = b"diff --git a/nothing.py b/nothing.py\n--- a/nothing.py\n+++ b/nothing.py\n"
    broken += b"@@ -1 +1 @@\n-a\n+b\n"
    unapplied, _ = score(task, broken, backend=backend)
    assert not unapplied.applied and unapplied.official is False


@pytest.mark.index
def test_patches_are_applied_as_the_official_harness_does(row, backend):
    """With another context it is taken; turned around it counts as applied, and fixes nothing."""
    (spec,) = read_instances([row], "rows")
    task = prepare(spec)
    lines = row["patch"].split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(" ") and line.strip())
    other = [*lines[:first], " something else", *lines[first + 1 :]]
    moved = run_official(task, "\n".join(other).encode(), backend=backend)
    assert moved.applied and moved.resolved
    turned = run_official(task, reverse(row["patch"]).encode(), backend=backend)
    assert turned.applied and not turned.resolved
    misfit = row["patch"].replace("\n-", "\n-no such line ")
    assert not run_official(task, misfit.encode(), backend=backend).applied


@pytest.mark.index
def test_printed_results_fool_the_official_verdict_alone(row, backend):
    """A patch that prints what the parser looks for: why `resolved` needs both verdicts."""
    (spec,) = read_instances([row], "rows")
    task = prepare(spec)
    lines = [f"PASSED {t}" for t in task.hidden.expected.fail_to_pass]
    lines += [f"PASSED {t}" for t in task.hidden.expected.pass_to_pass]
    hook = "import atexit, os\n\n\n@atexit.register\ndef tell():\n"
    hook += f"    os.write(1, {chr(10).join(['', *lines, '']).encode()!r})\n    os._exit(0)\n"
    folder = next(d for d in ("src", ".") if (task.layers.testbed[0] / d / "h11").is_dir())
    path = f"{folder}/h11/_version.py".removeprefix("./")
    old = (task.layers.testbed[0] / path).read_text()
    diff = difference({path: old.encode()}, {path: (old + hook).encode()}).encode()
    result, _ = score(task, diff, backend=backend)
    assert result.official is True and result.hardened is False and not result.resolved
    assert any(flag.startswith("verdicts differ: official resolved") for flag in result.flags)


@pytest.mark.index
def test_verdicts_are_swebenchs_own_on_the_same_log(row, backend):
    (spec,) = read_instances([row], "rows")
    task = prepare(spec)
    reference = task.hidden.reference
    one = run_official(task, reference, backend=backend)
    assert one.applied and one.resolved and grade_log(task, one.log) == one.report
    cut = one.log.replace(f"PASSED {task.hidden.expected.fail_to_pass[0]}", "")
    assert not grade_log(task, cut)[spec.id]["resolved"]
    late = one.log + swebench_grading().TESTS_TIMEOUT
    assert not grade_log(task, late)[spec.id]["resolved"]


@pytest.mark.index
def test_a_validation_is_resumed_from_its_report(row, tmp_path):
    rows, report = tmp_path / "rows.jsonl", tmp_path / "report.jsonl"
    rows.write_text(json.dumps(row))
    command = ["tasks", "validate", str(rows), "--report", str(report)]
    command += ["--repos-from", str(tmp_path / "mirrors")]
    first = CliRunner().invoke(app, command, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    (line,) = report.read_text().splitlines()
    facts = json.loads(line)
    assert facts["valid"] and facts["details"]["hardened_after"] and facts["prepare_s"] > 0
    report.write_text(line + '\n{"task": "cut of')
    again = CliRunner().invoke(app, command, catch_exceptions=False)
    assert again.exit_code == 0 and report.read_text().startswith(line)
    assert "valid" in again.output and report.read_text().count('"valid"') == 1
    assert report.read_text().endswith("cut of\n")


def test_importing_the_grading_leaves_the_package_as_it_is():
    grading = swebench_grading()
    assert grading.get_eval_report and grading.PARSER_REGISTRY["parse_log_django"]
    assert os.path.basename(grading.__file__) == "grading.py"  # noqa: PTH119
