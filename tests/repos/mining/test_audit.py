import re

import pytest
from typer.testing import CliRunner

from repos.cli_mining import tasks
from repos.errors import InputError, RecordError
from repos.mining.readings import (
    Reading,
    agreement,
    kept_share,
    read_readings,
    readings_path,
    write_readings,
)
from repos.tasks.suite import load_suite


def call(*arguments):
    return CliRunner().invoke(tasks, ["audit", *map(str, arguments)])


def test_the_page_holds_statement_failing_tests_and_reference(tmp_path):
    page = tmp_path / "page.html"
    done = call("swe-mini", "--task", "gridtext-wide", "-o", page)
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "1 tasks" in text
    assert "diff --git" in text
    assert re.search(r"def test_\w+", text)
    assert "not found in its file" not in text
    assert "http" not in text.partition("<section")[0]


def test_the_checks_name_what_is_not_fair(tmp_path):
    page = tmp_path / "page.html"
    done = call("swe-mini", "--task", "gridtext-wide", "-o", page, "--check")
    assert done.exit_code == 0, done.output
    assert "gridtext-wide: shown by example: the statement holds no executed example" in done.output
    assert "refused: shown by example" in page.read_text()


def test_a_page_that_cannot_be_written_is_refused(tmp_path):
    for name in ("page.txt", "no/page.html"):
        done = call("swe-mini", "-o", tmp_path / name)
        assert isinstance(done.exception, InputError)
        with pytest.raises(InputError, match=r"must end in \.html and lie in a folder"):
            raise done.exception


def reading(task, date, **changed):
    facts = {"described": True, "single": True, "fair": True, "difficulty": "easy"}
    return Reading(task=task, reader="model", date=date, **{**facts, **changed})


def test_what_readers_found_stands_beside_the_manifest(tmp_path):
    manifest = tmp_path / "own.jsonl"
    spec = load_suite("swe-mini").spec("gridtext-wide")
    manifest.write_text('{"suite": "own", "version": "1"}\n' + spec.to_json() + "\n")
    path = readings_path(str(manifest))
    assert path == tmp_path / "own.audit.json"
    found = [
        reading(spec.id, "2026-11-28", fair=False, note="a message that no one tells"),
        reading(spec.id, "2026-11-27"),
        reading("other", "2026-11-27", single=False),
    ]
    write_readings(path, found)
    kept = read_readings(path)
    dated = [(r.task, r.date[-2:]) for r in kept]
    assert dated == [("other", "27"), (spec.id, "27"), (spec.id, "28")]
    assert kept_share(kept) == 0.5  # the first reading counts
    assert agreement(kept) == (0, 1)
    assert read_readings(tmp_path / "none.audit.json") == []
    assert kept_share([]) is None
    done = call(manifest, "-o", tmp_path / "page.html")
    assert "50% of 2 that were read are kept; 0 of 1 read twice are judged alike" in done.output
    assert "described, single, not fair; easy; a model, 2026-11-28; a message that no one" in (
        tmp_path / "page.html"
    ).read_text(encoding="utf-8")
    path.write_text('[{"task": "x"}]')
    with pytest.raises(RecordError, match=r"own\.audit\.json: 0\.described: Field required"):
        read_readings(path)
