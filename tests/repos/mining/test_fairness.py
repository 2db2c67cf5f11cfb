"""Release pairs that the fairness checks refuse, as they are in swe-releases 1."""

import pytest

from repos.environments.interpreters import minor_version
from repos.mining.changes.existing import faults, stability
from repos.prepare import prepare
from repos.sandbox.select import get_backend
from repos.tasks.environments import python_id
from repos.tasks.records import Expected
from repos.tasks.suite import load_suite

HERE = python_id(minor_version())


@pytest.fixture(scope="module")
def backend():
    opened = get_backend("auto", allow_unsafe=False)
    yield opened
    opened.close()


def pair(name):
    spec = load_suite("repogym/swe-lite-v2").spec(name)
    if HERE not in spec.expected:
        pytest.skip(f"{name} is not measured on this Python")
    return spec


@pytest.mark.index
@pytest.mark.parametrize(
    ("name", "check", "why"),
    [
        ("marshmallow-4.3.0", "not narrow", "parameter must be a callable or an iterable"),
        ("parse-1.22.2", "told", "NAN|inf|INF"),
        ("glom-23.4.0", "single", "hunks"),
        ("tinydb-4.8.2", "shown by example", "no executed example"),
    ],
)
def test_tasks_that_are_not_fair_are_refused(name, check, why, backend):
    found = faults(prepare(pair(name), suite="swe-releases", environment=HERE), backend)
    assert why in found[check]


@pytest.mark.index
def test_a_test_that_follows_the_day_is_refused_for_the_clock(backend):
    spec = pair("pydash-8.0.6")
    expected = spec.expected[HERE]
    ids = (*expected.fail_to_pass, *expected.pass_to_pass)
    file = next(test for test in ids if "::test_to_string[" in test).partition("::")[0]
    task = prepare(spec, suite="swe-releases", environment=HERE)
    today = _tests_of(task, backend, file)
    dated = [t for t in today if "test_to_string[case7" in t]
    assert len(dated) == 1
    kept = Expected(
        fail_to_pass=expected.fail_to_pass, pass_to_pass=(*expected.pass_to_pass, *dated)
    )
    fuller = spec.model_copy(update={"expected": {HERE: kept}})
    found = stability(prepare(fuller, suite="swe-releases", environment=HERE), backend)
    assert "clock days" in found["stable"]


def _tests_of(task, backend, file):
    from repos.scoring.score import run_expected

    run = run_expected(task, task.hidden.reference, backend=backend, files=[file])
    return list(run.outcomes)
