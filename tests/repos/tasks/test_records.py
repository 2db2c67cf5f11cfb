import json

import pytest
from pydantic import ValidationError

from repos.errors import RecordError, UnknownNameError
from repos.tasks.environments import PythonEnvironment, ToolsEnvironment
from repos.tasks.records import Expected, TaskSpec, parse_record
from repos.tasks.sources.bundled import BundledSource
from repos.tasks.suite import make_suite, read_manifest, write_manifest

MINIMAL = '{"id": "a", "source": {"kind": "bundled", "folder": "x"}, %s}'


def spec(name="mini/a", **more):
    return TaskSpec(
        id=name,
        source=BundledSource(folder="x"),
        environments={"python3.11": PythonEnvironment(python="3.11")},
        expected={"python3.11": Expected(fail_to_pass=("t.py::a",))},
        **more,
    )


def test_json_round_trip_keeps_everything():
    made = spec(title="naïve ✓", labels={"k": "v"}, seconds={"python3.11": 1.5})
    again = parse_record(TaskSpec, made.to_json(), "here")
    assert again == made
    assert again.digest() == made.digest()


def test_canonical_json_does_not_depend_on_the_order_of_fields():
    made = spec(labels={"b": "1", "a": "2"})
    shuffled = dict(reversed(list(json.loads(made.to_json()).items())))
    assert parse_record(TaskSpec, shuffled, "here").digest() == made.digest()


def test_records_do_not_change():
    made = spec()
    with pytest.raises(ValidationError, match="frozen"):
        made.title = "another"


def test_a_record_of_version_1_becomes_one_of_version_2():
    old = {
        "schema_version": 1,
        "id": "a",
        "source": {"kind": "bundled", "folder": "x"},
        "environments": {"3.11": {"requirements": ["pytest==8.3.4"], "install": True}, "3.9": {}},
        "expected": {"3.11": {"fail_to_pass": ["t.py::a"]}, "3.12": {"fail_to_pass": []}},
        "seconds": {"3.11": 2.5},
    }
    made = parse_record(TaskSpec, old, "here")
    pins = ("pytest==8.3.4",)
    assert made.environments == {
        "python3.11": PythonEnvironment(python="3.11", requirements=pins, install=True),
        "python3.12": PythonEnvironment(python="3.12"),
        "python3.9": PythonEnvironment(python="3.9"),
    }
    assert made.expected["python3.11"].fail_to_pass == ("t.py::a",)
    assert made.seconds == {"python3.11": 2.5}
    assert json.loads(made.to_json())["schema_version"] == 2


def test_an_environment_of_tools_is_kept():
    made = TaskSpec(
        id="kernel/a",
        source=BundledSource(folder="x"),
        environments={"cc": ToolsEnvironment(programs=("make", "cc"))},
        expected={"cc": Expected(fail_to_pass=("build",))},
    )
    assert parse_record(TaskSpec, made.to_json(), "here") == made


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not valid JSON"),
        ("[]", "an object was expected"),
        ('{"schema_version": 99}', "this RepoGym reads 1 and 2: use the RepoGym that wrote it"),
        ('{"schema_version": true}', "schema_version True"),
        ('{"schema_version": 1, "id": "a", "environments": []}', "a field of version 1"),
        ('{"id": "a"}', "source"),
        ('{"id": "a", "source": {"kind": "bundled", "folder": "x"}, "colour": 1}', "colour"),
        ('{"id": "../a", "source": {"kind": "bundled", "folder": "x"}}', "id"),
        ('{"id": "a", "source": {"kind": "ftp"}}', "Unknown task source 'ftp'"),
        ('{"id": "a", "source": {"kind": "bundled"}}', "source: folder: Field required"),
        ('{"id": "a", "source": 3}', "source: it needs the field `kind`"),
        (MINIMAL % '"environments": {"3.11": {}}', "environments.3.11"),
        (MINIMAL % '"expected": {"x": {"fail_to_pass": []}}', "environments does not have x"),
        (MINIMAL % '"environments": {"x": {"kind": "python", "python": "2.7"}}', "python"),
        (MINIMAL % '"environments": {"x": {"kind": "tools", "programs": ["../cc"]}}', "programs"),
    ],
)
def test_a_bad_record_says_where_and_what(text, says):
    with pytest.raises(RecordError, match=r"m\.jsonl, line 3") as caught:
        parse_record(TaskSpec, text, "m.jsonl, line 3")
    assert says in str(caught.value)


def test_manifest_round_trip(tmp_path):
    path = tmp_path / "own.jsonl"
    write_manifest(path, {"suite": "own", "version": "2"}, [spec("b"), spec("a")])
    suite = read_manifest(path)
    assert (suite.name, suite.version) == ("own", "2")
    assert [s.id for s in suite.specs] == ["a", "b"]
    assert suite.digest == make_suite("own", "2", "", [spec("a"), spec("b")]).digest
    assert not list(tmp_path.glob("*.part"))


def test_a_manifest_of_an_unknown_version_is_refused(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"schema_version": 3, "suite": "own", "version": "1"}\n')
    with pytest.raises(RecordError, match=r"line 1 has schema_version 3.*reads 1 and 2: use"):
        read_manifest(path)


def test_a_changed_task_changes_the_digest():
    assert (
        make_suite("s", "1", "", [spec()]).digest
        != make_suite("s", "1", "", [spec(title="x")]).digest
    )


def test_an_id_twice_is_refused(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(spec().to_json() + "\n" + spec().to_json() + "\n")
    with pytest.raises(RecordError, match=r"line 2.*twice"):
        read_manifest(path)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b'{"suite": "x"}\n'])
def test_an_unreadable_or_empty_manifest_is_refused(tmp_path, data):
    path = tmp_path / "own.jsonl"
    path.write_bytes(data)
    with pytest.raises(RecordError):
        read_manifest(path)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'mini/a'"):
        make_suite("mini", "1", "", [spec()]).spec("mini/b")


def test_the_suite_prefix_may_be_left_out():
    assert make_suite("mini", "1", "", [spec()]).spec("a").id == "mini/a"
