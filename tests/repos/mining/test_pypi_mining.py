import pytest

from repos.cache import cache_root
from repos.environments.interpreters import minor_version
from repos.errors import RecordError
from repos.mining.pypi import validated
from repos.mining.pypi.miner import Miner
from repos.mining.pypi.selection import NoTaskError
from repos.sandbox.select import get_backend
from repos.tasks.environments import python_id
from repos.tasks.sources.pypi.configuration import IndexConfiguration, index_configuration
from repos.tasks.sources.pypi.index import PackageIndex

HERE = python_id(minor_version())


@pytest.fixture
def miner(demo_index, tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    indexes = (demo_index.url, *index_configuration().indexes)
    backend = get_backend("auto", allow_unsafe=False)
    yield Miner(
        trial=lambda spec, files, fixed, repetition: validated._trial(
            spec, files, fixed, repetition, backend, HERE
        ),
        python=minor_version(),
        archives=cache_root() / "archives",
        index=PackageIndex(IndexConfiguration(indexes)),
        admit=lambda spec: validated.admit(spec, backend, HERE),
    )
    backend.close()


@pytest.mark.index
def test_a_pair_becomes_a_task_that_validation_admits(miner):
    lines = []
    miner.report = lines.append
    (spec,) = miner.mine(["demo:1.0:1.1"])
    expected = spec.expected[HERE]
    assert expected.fail_to_pass == ("tests/test_core.py::test_three",)
    assert expected.pass_to_pass == ("tests/test_core.py::test_two",)
    assert spec.symptom == "- a wrong result: `1 == 1.5` does not hold"
    assert (spec.date, spec.licence) == ("2025-02-01", "MIT")
    assert any(pin.startswith("pytest==") for pin in spec.environments[HERE].requirements)
    assert lines == ["demo-1.1: task (1 fail to pass, 1 pass to pass)"]
    assert miner.mine(["demo"]) == [spec]


@pytest.mark.index
def test_validation_refuses_what_the_reference_does_not_repair(miner):
    (spec,) = miner.mine(["demo:1.0:1.1"])
    wrong = spec.expected[HERE].model_copy(
        update={"fail_to_pass": ("tests/test_core.py::test_two",), "pass_to_pass": ()}
    )
    with pytest.raises(NoTaskError, match="a diff that changes nothing is scored as resolved"):
        miner.admit(spec.model_copy(update={"expected": {HERE: wrong}}))


def test_malformed_names_are_refused_before_any_work(demo_index, tmp_path):
    miner = Miner(
        trial=lambda spec, files, fixed, repetition: pytest.fail("nothing may run"),
        python="3.11",
        archives=tmp_path,
        index=demo_index.index(),
    )
    for name, match in (
        ("demo:1.0", "neither a package nor a pair"),
        ("demo:1.0:7.7", "no final release 7.7"),
        ("nothing", "no project named"),
    ):
        with pytest.raises(RecordError, match=match):
            miner.mine(["demo", name])
