import pytest

from repos.environments.interpreters import minor_version
from repos.mining.pypi.miner import Miner
from repos.mining.pypi.requirements import declared_requirements, undeclared
from repos.mining.pypi.selection import NoTaskError
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.sources.pypi.index import PackageIndex
from repos.tasks.sources.pypi.pairs import sort_pair


def test_metadata_with_extras_and_markers():
    info = """Metadata-Version: 2.4
Name: demo
Requires-Dist: attrs>=23
Requires-Dist: tomli>=2; python_version < "3.11"
Requires-Dist: hypothesis; extra == "tests"
Requires-Dist: mypy; extra == "tests"
Requires-Dist: demo[fast]; extra == "tests"
Requires-Dist: orjson; extra == "fast"
Requires-Dist: sphinx; extra == "docs"
"""
    found = declared_requirements({"PKG-INFO": Member(info.encode())}, "demo", "3.11")
    assert found == ["attrs>=23", "hypothesis", "orjson"]


def test_dependency_groups_with_includes():
    text = """[project]
dependencies = ["six"]
[dependency-groups]
tests = ["freezegun", {include-group = "base"}, "pytest-cov"]
base = ["pretend>=1"]
docs = ["furo"]
"""
    found = declared_requirements({"pyproject.toml": Member(text.encode())}, "demo", "3.12")
    assert found == ["freezegun", "pretend>=1", "six"]


def test_egg_info_and_setup_cfg():
    egg = "six\n\n[:python_version < '3']\nold\n\n[test]\nmock\n"
    files = {"demo.egg-info/requires.txt": Member(egg.encode())}
    assert declared_requirements(files, "demo", "3.11") == ["mock", "six"]
    cfg = "[options]\ninstall_requires =\n    six\n[options.extras_require]\ntesting =\n    mock\n"
    assert declared_requirements({"setup.cfg": Member(cfg.encode())}, "demo", "3.11") == [
        "mock",
        "six",
    ]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("ModuleNotFoundError: No module named 'yaml.loader'", {"pyyaml"}),
        ("E  fixture 'mocker' not found", {"pytest-mock"}),
        ("No module named 'demo.missing'", set()),
        ("No module named 'an_unknown_thing'", set()),
    ],
)
def test_what_errors_ask_for(message, wanted):
    assert undeclared([message], ["demo"]) == wanted


@pytest.mark.index
def test_only_the_requirement_that_cannot_be_met_is_left_out(tmp_path):
    def never(spec, files, fixed, repetition):
        raise AssertionError("no test is run")

    miner = Miner(trial=never, python=minor_version(), archives=tmp_path, index=PackageIndex())
    info = "Metadata-Version: 2.1\nName: demo\nVersion: 2\nRequires-Dist: iniconfig\n"
    tree = {"PKG-INFO": Member(info.encode()), "demo/__init__.py": Member(b"")}
    pair = sort_pair("demo", tree, tree, "1", "2")
    gone = "no-such-distribution-anywhere>=7"
    refused = NoTaskError("they can't be met")
    kept = miner._without_unmet(["iniconfig", gone, "six"], pair, "", refused)
    assert kept == ["iniconfig", "six"]
    kept = miner._without_unmet(["iniconfig", "six<1.12", "six>1.12"], pair, "", refused)
    assert kept == ["iniconfig"]  # met one by one, but not together: those for running are left
    with pytest.raises(NoTaskError, match="they can't be met"):
        miner._without_unmet(["iniconfig"], pair, "", refused)
    needs = {**tree, "PKG-INFO": Member(info.replace("iniconfig", gone).encode())}
    with pytest.raises(NoTaskError, match="cannot be met"):
        miner._without_unmet([gone], sort_pair("demo", needs, needs, "1", "2"), "", refused)
