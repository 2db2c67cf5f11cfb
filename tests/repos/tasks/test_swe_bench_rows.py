"""Rows in SWE-bench's schema, in every form in which they are passed on."""

import json

import pytest

from repos.environments.choosing import choose_environment, is_available
from repos.environments.interpreters import NotAvailableError
from repos.errors import InputError, RecordError
from repos.tasks.sources.swe_bench.dataset import read_dataset
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.options import DATASET
from repos.tasks.sources.swe_bench.patches import command_files, directive, patch_paths
from repos.tasks.sources.swe_bench.recipes import find_recipe, repositories
from repos.tasks.suite import load_suite, missing_suites

TEST_PATCH = """\
diff --git a/tests/old/tests.py b/tests/old/tests.py
deleted file mode 100644
--- a/tests/old/tests.py
+++ /dev/null
@@ -1 +0,0 @@
-import unittest
diff --git a/tests/shop/tests.py b/tests/shop/tests.py
--- a/tests/shop/tests.py
+++ b/tests/shop/tests.py
@@ -1 +1,2 @@
 import unittest
+import math
diff --git a/tests/shop/data.json b/tests/shop/data.json
new file mode 100644
--- /dev/null
+++ b/tests/shop/data.json
@@ -0,0 +1 @@
+{}
"""
ROW = {
    "repo": "django/django",
    "instance_id": "django__django-1",
    "base_commit": "a" * 40,
    "patch": "diff --git a/django/a.py b/django/a.py",
    "test_patch": TEST_PATCH,
    "problem_statement": "\nSums are wrong.\n\nMore\u2028text.",
    "hints_text": "",
    "created_at": "2020-02-03T10:00:00Z",
    "version": "3.0",
    "FAIL_TO_PASS": '["test_a (shop.tests.Sums)", "test_b (shop.tests.Sums)"]',
    "PASS_TO_PASS": '["Docs first line"]',
}


@pytest.fixture
def other():
    return {**ROW, "instance_id": "django__django-2", "repo": "somebody/else"}


def test_only_folders_of_tests_that_need_file_locks_get_them():
    (plain,) = read_instances([ROW], "rows")
    stored = TEST_PATCH.replace("tests/shop/tests.py", "tests/file_storage/tests.py")
    (locking,) = read_instances([{**ROW, "test_patch": stored}], "rows")
    assert plain.sandbox == {} and locking.sandbox == {"seccomp": "locks"}


def test_a_row_becomes_a_task():
    (spec,) = read_instances([ROW], "rows")
    assert spec.id == "django__django-1" and spec.title == "Sums are wrong."
    assert spec.date == "2020-02-03" and spec.runner == "django"
    (environment,) = spec.environments.values()
    assert environment.python == "3.6" and "sqlparse==0.4.4" in environment.requirements
    (expected,) = spec.expected.values()
    assert expected.fail_to_pass == ("test_a (shop.tests.Sums)", "test_b (shop.tests.Sums)")
    assert spec.test_paths == ("tests/shop/tests.py", "tests/shop/data.json")
    check = spec.source.official_check()
    assert check.files == ("tests/old/tests.py", "tests/shop/tests.py")
    assert check.log_parser == "parse_log_django"
    assert check.command.endswith("--parallel 1 old.tests shop.tests")


def test_the_command_of_the_row_itself_counts():
    script = "x\n: '>>>>> Start Test Output'\npytest -rA a.py\n: '>>>>> End Test Output'\ny\n"
    (spec,) = read_instances([{**ROW, "eval_script": script, "log_parser": "parse_log_x"}], "rows")
    check = spec.source.official_check()
    assert (check.command, check.log_parser) == ("pytest -rA a.py", "parse_log_x")


@pytest.mark.parametrize(
    "form",
    ['["a", "b"]', ["a", "b"], "['a', 'b']", ("a", "b", "a")],
    ids=["JSON", "list", "Python", "twice"],
)
def test_lists_come_in_several_forms(form):
    (spec,) = read_instances([{**ROW, "FAIL_TO_PASS": form}], "rows")
    assert next(iter(spec.expected.values())).fail_to_pass == ("a", "b")


def test_traps_of_the_data_are_told_not_dropped(other):
    rows = [
        {**ROW, "PASS_TO_PASS": ["a.py::test_x[cut"]},
        {**other, "instance_id": "x-1"},
        {**ROW, "instance_id": "x-2", "version": ""},
        {**ROW, "instance_id": "x-3", "FAIL_TO_PASS": "[]"},
        {**ROW, "instance_id": "x-4", "version": "3.3"},
    ]
    cut, no_recipe, no_version, no_tests, near = read_instances(rows, "rows")
    assert cut.labels["truncated"].startswith("1 ids")
    for spec, word in ((no_recipe, "no recipe"), (no_version, "no version"), (no_tests, "no fail")):
        assert word in spec.labels["unavailable"] and not is_available(spec)
        with pytest.raises(NotAvailableError, match=word):
            choose_environment(spec)
    assert near.labels["recipe"].endswith("3.2")


def test_a_row_that_is_no_instance_is_refused():
    with pytest.raises(
        RecordError, match="row 2 is no instance of SWE-bench: it needs instance_id"
    ):
        read_instances([ROW, {"instance_id": "a"}], "rows")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"FAIL_TO_PASS": "no list"}, "its FAIL_TO_PASS is no list of test ids"),
        ({"PASS_TO_PASS": [1]}, "its PASS_TO_PASS is no list of test ids"),
        ({"PASS_TO_PASS": None}, "its PASS_TO_PASS is no list of test ids"),
        ({"FAIL_TO_PASS": None, "test_patch": None}, "its FAIL_TO_PASS is no list of test ids"),
        ({"test_patch": None}, "its test patch has no test file"),
        ({"base_commit": None}, "its row names no base commit"),
    ],
)
def test_one_bad_row_does_not_spoil_a_file(change, problem):
    good, bad = read_instances([ROW, {**ROW, "instance_id": "bad-1", **change}], "rows")
    assert good.environments and "unavailable" not in good.labels
    assert bad.labels["unavailable"] == problem and not bad.environments


def test_a_file_in_the_schema_of_verified_is_that_suite(tmp_path, monkeypatch):
    (tmp_path / "rows.json").write_text(json.dumps([{**ROW, "difficulty": "15 min - 1 hour"}]))
    monkeypatch.setenv(DATASET, str(tmp_path / "rows.json"))
    suite = load_suite("repogym/swe-bench-verified-v1")
    (spec,) = suite.specs
    assert suite.name == "swe-bench-verified" and spec.environments
    assert spec.labels["difficulty"] == "15 min - 1 hour"


def test_an_instance_stands_there_once():
    with pytest.raises(RecordError, match="twice"):
        read_instances([ROW, ROW], "rows")


def test_every_form_of_file_gives_the_same_rows(tmp_path, other):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [ROW, other]
    (tmp_path / "a.jsonl").write_text("\n\n".join(json.dumps(r, ensure_ascii=False) for r in rows))
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "c.json").write_text(json.dumps({r["instance_id"]: r for r in rows}))
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "d.parquet")
    folder = tmp_path / "folder"
    (folder / "data").mkdir(parents=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "data" / "test-00000.parquet")
    (folder / "data" / "dev.jsonl").write_text(json.dumps({**ROW, "instance_id": "dev-1"}))
    for name in ("a.jsonl", "b.json", "c.json", "d.parquet", "folder"):
        assert read_dataset(tmp_path / name) == rows, name
        suite = load_suite(str(tmp_path / name))
        assert [s.id for s in suite.specs] == ["django__django-1", "django__django-2"], name


def test_a_named_file_gives_the_suite_its_rows(tmp_path, monkeypatch):
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW))
    monkeypatch.setenv(DATASET, str(tmp_path / "rows.jsonl"))
    suite = load_suite("repogym/swe-bench-lite-v1")
    assert (suite.name, len(suite.specs)) == ("swe-bench-lite", 1)
    assert "swe-bench-lite" not in missing_suites()
    monkeypatch.setenv("REPOGYM_OFFLINE", "1")
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path))
    monkeypatch.delenv(DATASET)
    assert "swe-bench-lite" in missing_suites()
    with pytest.raises(InputError, match="--dataset FILE"):
        load_suite("swe-bench-lite")


def test_every_recipe_is_whole():
    compiled = {"astropy": "5.0", "scikit-learn": "0.22", "matplotlib": "3.7"}
    for repository in repositories():
        recipe = find_recipe(repository, compiled.get(repository.partition("/")[2], "1.0"))
        assert recipe is not None and recipe.python and recipe.command
        assert all(pin.count("==") == 1 for pin in recipe.requirements)
    own = find_recipe("scikit-learn/scikit-learn", "0.22", "scikit-learn__scikit-learn-15512")
    assert own is not None and own.compiled == "scikit-learn==0.22"
    assert find_recipe("pylint-dev/pylint", "2.15", "pylint-dev__pylint-7114") != find_recipe(
        "pylint-dev/pylint", "2.15"
    )


def test_paths_of_a_patch():
    assert patch_paths(TEST_PATCH)[-1] == "tests/shop/data.json"
    assert command_files(TEST_PATCH) == ("tests/old/tests.py", "tests/shop/tests.py")
    assert directive("sympy/sympy", "sympy/a/tests/test_a.py") == "sympy/a/tests/test_a.py"


def test_a_row_may_bring_its_environment(other):
    config = {"python": "3.9", "test_cmd": "pytest -rA", "log_parser": "parse_log_pytest"}
    frozen = "pytest==8.3.5\n-e git+https://example.org/x#egg=else\npluggy==1.5.0\n"
    row = {**other, "install_config": config, "requirements": frozen}
    (spec,) = read_instances([row], "rows")
    assert spec.environments["python3.9"].requirements == ("pluggy==1.5.0", "pytest==8.3.5")
    assert (
        spec.source.official_check().command == "pytest -rA tests/old/tests.py tests/shop/tests.py"
    )
    (other,) = read_instances([{**row, "install_config": {**config, "test_cmd": "tox"}}], "rows")
    assert "no recipe" in other.labels["unavailable"]


@pytest.mark.parametrize(
    ("more", "less", "reason"),
    [
        ({"image_name": "swesmith.x86_64.a"}, ("base_commit", "version"), "container image"),
        ({"dockerhub_tag": "a.b", "repo_language": "js"}, ("version",), "written in js"),
        ({"dockerhub_tag": "a.b", "repo_language": "python"}, ("version",), "container image"),
        ({"docker_image": "starryzhang/a", "test_cmds": ["pytest -rA"]}, (), "container image"),
        ({"hints_text": ""}, (), "no recipe"),
        ({"image_assets": "{}"}, ("version",), "no version"),
    ],
    ids=["SWE-smith", "Pro, other language", "Pro", "Live", "SWE-Gym", "Multimodal"],
)
def test_other_schemas_are_listed_with_the_reason(other, more, less, reason):
    row = {k: v for k, v in {**other, **more}.items() if k not in less}
    lists = {name: row.pop(name) for name in ("FAIL_TO_PASS", "PASS_TO_PASS")}
    (spec,) = read_instances([{**row, **{k.lower(): v for k, v in lists.items()}}], "rows")
    assert reason in spec.labels["unavailable"] and not is_available(spec)


def test_packages_that_conda_built_have_the_versions_that_it_names(other):
    config = {"python": "3.9", "test_cmd": "pytest --no-header -rA", "packages": "environment.yml"}
    frozen = "pytest @ file:///croot/pytest_17/work\npluggy==1.5.0\nown @ file:///croot/own_1/work"
    listed = (
        "name: x\ndependencies:\n  - pytest=8.3.4=py39h06a4308_0\n  - pip:\n      - pluggy==1.5.0\n"
    )
    row = {**other, "install_config": config, "requirements": frozen, "environment": listed}
    (spec,) = read_instances([row], "rows")
    assert spec.environments["python3.9"].requirements == ("pluggy==1.5.0", "pytest==8.3.4")


def test_words_of_the_output_are_no_tests():
    from repos.scoring.official import is_no_test

    assert is_no_test("[100%]", "parse_log_pytest") and is_no_test("[", "parse_log_pytest")
    assert not is_no_test("a/test_b.py::test_c[x", "parse_log_pytest")
    assert not is_no_test("Docs first line", "parse_log_django")
