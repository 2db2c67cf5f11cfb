"""Compiled modules of a release, for a repository that nobody builds here."""

import subprocess

import pytest

from repos.environments.interpreters import minor_version, running_python
from repos.environments.python import python_layer
from repos.tasks.environments import SweBenchEnvironment
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.recipes import find_recipe
from tests.repos.tasks.test_swe_bench_rows import ROW

SOURCE = """\
class Markup(str):
    "Of the repository, not of the release."

from ._speedups import escape
"""


@pytest.mark.index
def test_compiled_modules_are_found_beside_the_sources_and_nothing_else(tmp_path):
    environment = SweBenchEnvironment(
        python=minor_version(), requirements=("iniconfig==2.0.0",), compiled="markupsafe==2.1.5"
    )
    layer = python_layer(environment, tmp_path, (".",), running_python())
    kept = [path.name for path in (layer / "compiled").rglob("*") if path.is_file()]
    assert kept and all(".so" in name for name in kept)
    (tmp_path / "markupsafe").mkdir()
    (tmp_path / "markupsafe" / "__init__.py").write_text(SOURCE)

    def run(code):
        return subprocess.run(
            [layer / "bin" / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True
        )

    code = "import markupsafe as m; print(m.escape('<'), type(m.escape('<')).__doc__)"
    done = run(code)
    assert done.stdout == "&lt; Of the repository, not of the release.\n", done.stderr
    assert "No module named 'markupsafe._native'" in run("import markupsafe._native").stderr
    (tmp_path / "markupsafe" / "_speedups.py").write_text("def escape(text): return 'sources'")
    assert run("import markupsafe as m; print(m.escape('<'))").stdout == "sources\n"


def test_only_versions_with_compiled_modules_have_a_recipe():
    recipe = find_recipe("astropy/astropy", "4.3")
    assert recipe.compiled == "astropy==5.1"
    rows = [
        {**ROW, "repo": "astropy/astropy", "instance_id": f"astropy-{version}", "version": version}
        for version in ("4.3", "1.3")
    ]
    known, unknown = read_instances(rows, "rows")
    assert known.labels["compiled"].startswith("compiled modules of astropy==5.1")
    assert unknown.labels["unavailable"].endswith("the environment of astropy/astropy 1.3")
