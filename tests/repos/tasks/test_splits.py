"""Splits by repository."""

import json
from pathlib import Path

import pytest

from repos.errors import RecordError
from repos.tasks.splits import read_splits, repository_of
from repos.tasks.suite import load_suite, open_manifest, read_manifest, write_manifest

MANIFEST = Path(__file__).parents[3] / "repos/data/manifests/swe-lite.jsonl"


def test_a_repository_has_one_split_in_all_suites():
    found = {}
    for name in ("swe-lite", "swe-releases", "repo-lite"):
        suite = load_suite(name)
        assert suite.splits is not None
        for spec in suite.specs:
            split = suite.split(spec)
            assert found.setdefault(repository_of(spec), split) == split
    assert set(found.values()) == {"train", "validation", "test"}
    assert load_suite("swe-mini").splits is None
    assert {load_suite("swe-mini").split(spec) for spec in load_suite("swe-mini").specs} == {""}


def test_a_manifest_that_is_extended_keeps_its_splits(tmp_path):
    copy = tmp_path / "own.jsonl"
    copy.write_text(MANIFEST.read_text())
    header, kept = open_manifest(copy)
    write_manifest(copy, header, list(kept.values()))
    before, after = load_suite("swe-lite"), read_manifest(copy)
    assert (after.splits, after.digest) == (before.splits, before.digest)


@pytest.mark.parametrize(
    "splits",
    [{"tests": ["a"]}, ["a"], {"train": "a"}, {"train": ["a"], "validation": ["a"]}],
    ids=json.dumps,
)
def test_what_is_no_split_is_refused(splits):
    with pytest.raises(RecordError, match="split"):
        read_splits({"splits": splits}, "own.jsonl, line 1")
