import re

import pytest
from typer.testing import CliRunner

from repos.cli_mining import tasks
from repos.errors import InputError


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
