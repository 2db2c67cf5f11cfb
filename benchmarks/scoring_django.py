"""A task of Django's size for the benchmark of scoring: a release from the index with one bug.

The bug stands in `django.utils.text`; the fix is Django's own code, and the tests that decide are
Django's own, run by pytest with the settings that its tests use (SQLite in memory). The folder of
tests, of which the hidden ones are a part, has 4,900 files.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox_layers import DJANGO, django_tree

from repos.cache import cache_root
from repos.environments.interpreters import minor_version
from repos.prepare import prepare
from repos.sandbox.protocol import Backend
from repos.scoring.grading import grade_files
from repos.tasks.environments import PythonEnvironment, python_id
from repos.tasks.records import Expected, Task, TaskSpec
from repos.tasks.sources.git import GitSource

MODULE, TESTS = "django/utils/text.py", "tests/utils_tests/test_text.py"
MORE = ("tests/utils_tests/test_datastructures.py", "tests/utils_tests/test_html.py")
RIGHT = 'return re.sub(r"[-\\s]+", "-", value).strip("-_")'
WRONG = 'return re.sub(r"[-\\s]+", "-", value).strip("-")'
CONFTEST = """\
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "tests"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "test_sqlite")
import django

django.setup()
"""
ENVIRONMENT = PythonEnvironment(
    python=minor_version(),
    requirements=(
        "asgiref==3.13.0",
        "iniconfig==2.3.1",
        "packaging==26.3",
        "pluggy==1.7.0",
        "pygments==2.21.0",
        "pytest==9.2.0",
        "sqlparse==0.5.5",
    ),
)


@contextmanager
def django_task(backend: Backend) -> Iterator[Task]:
    """Give the prepared task; its repository goes at the end.

    Args:
        backend: Runs the tests once on each side, to see which decide.
    """
    beside = cache_root() / "benchmarks"  # on the file system that layers are on
    with tempfile.TemporaryDirectory(prefix="django-", dir=beside) as folder:
        tree = Path(folder, "django")
        shutil.copytree(django_tree(), tree, symlinks=True)
        shutil.rmtree(tree / ".git")
        base, fix = _commits(tree)
        name = python_id(minor_version())
        spec = TaskSpec(
            id=f"django/{DJANGO[1]}",
            source=GitSource(path=str(tree), base=base, fix=fix),
            test_paths=("tests",),
            environments={name: ENVIRONMENT},
            expected={name: Expected(fail_to_pass=(f"{TESTS}::TestUtilsText::test_slugify",))},
        )
        task = prepare(spec)
        runs = [
            grade_files(task, diff, task.hidden.files, (TESTS, *MORE), backend)
            for diff in (b"", task.hidden.reference)
        ]
        before, after = (
            {t for t, o in run.outcomes.items() if o.status == "passed"} if run else set()
            for run in runs
        )
        if not after - before:
            raise SystemExit(f"The bug is not seen: {runs[1].log[-1500:] if runs[1] else ''}")
        expected = Expected(
            fail_to_pass=tuple(sorted(after - before)), pass_to_pass=tuple(sorted(after & before))
        )
        yield prepare(spec.model_copy(update={"expected": {name: expected}}))


def _commits(tree: Path) -> tuple[str, str]:
    """Commit the tree with the bug and without its test, then as it is; return both revisions."""

    def git(*args: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "gc.auto=0"]
        done = subprocess.run([*command, *args], cwd=tree, check=True, capture_output=True)
        return done.stdout.decode().strip()

    module, tests = tree / MODULE, tree / TESTS
    whole = {module: module.read_text(), tests: tests.read_text()}
    assert RIGHT in whole[module], "another release of Django"
    module.write_text(whole[module].replace(RIGHT, WRONG))
    tests.write_text(whole[tests].replace("def test_slugify", "def later_slugify"))
    (tree / "conftest.py").write_text(CONFTEST)
    git("init", "-q", "-b", "main")
    git("add", "-A", "-f")
    git("commit", "-q", "-m", "base")
    base = git("rev-parse", "HEAD")
    for path, text in whole.items():
        path.write_text(text)
    git("commit", "-qa", "-m", "Slugs lose underscores at their ends")
    return base, git("rev-parse", "HEAD")


if __name__ == "__main__":
    sys.exit("This is a part of benchmarks/scoring.py: run that with --django.")
