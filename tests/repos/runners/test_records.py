"""Records of a tested process are data: whatever they hold, a run comes out, and it says so."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repos.errors import InfrastructureError
from repos.runners.python.records import READY, developer_report, supervised_run
from repos.sandbox.protocol import ExecResult

START = {"kind": "start"}
GOOD = {"kind": "test", "id": "a.py::test_a", "status": "passed", "seconds": 0.5}
END = {"kind": "end", "status": 0}
DEEP = "[" * 100_000 + "]" * 100_000

MALFORMED = {
    "no-kind": "{}",
    "unknown-kind": '{"kind": "verdict"}',
    "kind-is-a-list": '{"kind": ["test"]}',
    "a-list": '["x"]',
    "a-number": "7",
    "null": "null",
    "no-id": '{"kind": "test"}',
    "no-status": '{"kind": "test", "id": "a", "seconds": 0}',
    "no-seconds": '{"kind": "test", "id": "a", "status": "passed"}',
    "id-is-a-list": json.dumps({**GOOD, "id": ["a"]}),
    "id-is-huge": json.dumps({**GOOD, "id": "a" * 100_000}),
    "status-unknown": json.dumps({**GOOD, "status": "brilliant"}),
    "status-is-an-object": json.dumps({**GOOD, "status": {}}),
    "seconds-text": json.dumps({**GOOD, "seconds": "x"}),
    "seconds-negative": json.dumps({**GOOD, "seconds": -1.0}),
    "seconds-infinite": json.dumps({**GOOD, "seconds": float("inf")}),
    "seconds-nan": json.dumps({**GOOD, "seconds": float("nan")}),
    "seconds-huge": json.dumps({**GOOD, "seconds": 10**400}),
    "message-is-a-number": json.dumps({**GOOD, "message": 3}),
    "extra-field": json.dumps({**GOOD, "verdict": "passed"}),
    "collect-without-message": '{"kind": "collect", "id": "a"}',
    "coverage-without-list": '{"kind": "coverage", "id": "a", "file": "b", "lines": 5}',
    "end-without-status": '{"kind": "end"}',
    "end-with-text": '{"kind": "end", "status": "0"}',
    "tampered-without-id": '{"kind": "tampered"}',
    "surrogate": json.dumps({**GOOD, "id": "\udc80"}),
    "surrogate-in-message": json.dumps({**GOOD, "message": "\ud800"}),
    "deep": json.dumps({**GOOD, "message": "@"}).replace('"@"', DEEP),
    "number-of-many-digits": json.dumps({**GOOD, "seconds": 0}).replace("0", "9" * 10_000, 1),
}


def told(*records: str, forged: int = 0, overflow: bool = False) -> ExecResult:
    """What a supervisor prints that takes these records, JSON each."""
    body = '{"records": [%s], "forged": %d, "overflow": %s}'
    text = body % (", ".join(records), forged, str(overflow).lower())
    return ExecResult(0, READY + text.encode("utf-8", "surrogatepass"), b"", 0.0, None)


def test_records_that_fit_are_a_run():
    run = supervised_run(told(*map(json.dumps, (START, GOOD, END))))
    assert (run.complete, run.tampered) == (True, ())
    assert run.outcomes["a.py::test_a"].status == "passed"


@pytest.mark.parametrize("record", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_record_is_tampering(record):
    run = supervised_run(told(json.dumps(START), json.dumps(GOOD), record, json.dumps(END)))
    assert run.tampered
    assert all(outcome.status == "passed" for outcome in run.outcomes.values())


@pytest.mark.parametrize("record", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_record_of_a_developers_run_leaves_it_incomplete(record):
    lines = "\n".join([json.dumps(GOOD), record, json.dumps(END)])
    report = developer_report(lines.encode("utf-8", "surrogatepass"), told())
    assert not report.complete
    assert set(report.outcomes) == {"a.py::test_a"}


def test_malformed_records_are_counted_once_and_the_rest_is_kept():
    run = supervised_run(told(json.dumps(START), "[]", "{}", json.dumps(GOOD), json.dumps(END)))
    assert run.tampered == ("2 malformed result records",)
    assert set(run.outcomes) == {"a.py::test_a"}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"records": 1}', b"\xff"])
def test_an_answer_that_can_not_be_read_is_tampering(text):
    run = supervised_run(ExecResult(0, READY + text, b"", 0.0, None))
    assert run.tampered
    assert not run.complete


def test_what_does_not_start_is_no_verdict():
    with pytest.raises(InfrastructureError, match="supervisor did not start"):
        supervised_run(ExecResult(1, b"", b"No such file", 0.0, None))
    with pytest.raises(InfrastructureError, match="tests did not start"):
        supervised_run(told())


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**310),
    st.floats(),
    st.text(st.characters()),
    st.sampled_from(["test", "end", "passed", "failed", "start", "tampered", "\ud800", "\0"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = ("kind", "id", "status", "seconds", "message", "traceback", "file", "lines", "limit")
KINDS = ("start", "test", "collect", "tampered", "coverage", "end", "stopped")
records = st.one_of(
    values,
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=6),
    st.builds(
        lambda kind, fields: {"kind": kind, **fields},
        st.sampled_from(KINDS),
        st.dictionaries(st.sampled_from(FIELDS[1:]), values, max_size=5),
    ),
    st.builds(lambda name, value: {**GOOD, name: value}, st.sampled_from(FIELDS), values),
)


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(records, min_size=10, max_size=12))
def test_no_record_makes_reading_fail(made):
    texts = [json.dumps(record) for record in made]
    run = supervised_run(told(json.dumps(START), *texts))
    report = developer_report("\n".join(texts).encode(), told())
    for outcomes in (run.outcomes, report.outcomes):
        for test, outcome in outcomes.items():
            assert outcome.status in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
            assert 0.0 <= outcome.seconds < 1e8
            (test + outcome.message + outcome.traceback).encode()
    "".join([*run.tampered, *run.collection_errors, *run.collection_errors.values()]).encode()


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_reading_fail(data):
    run = supervised_run(ExecResult(0, READY + data, data, 0.0, None))
    assert run.tampered
    assert not developer_report(data, told()).outcomes
