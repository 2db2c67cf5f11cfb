"""The pytest runner."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from repos.cache import publish
from repos.runners.protocol import TestId
from repos.runners.pytest.config import (
    ini_text,
    kept_addopts,
    named_plugins,
    project_options,
    tree_options,
)
from repos.runners.python.controls import PythonControls
from repos.runners.python.runner import PythonRunner

PROTECTED_NAMES = frozenset({"conftest.py", "pytest.ini", ".pytest.ini"})
TEST_FILES = "test*.py *_test.py *tests.py"
"""Names of test files where the project says nothing: more than pytest's own default, since
files that are named are collected whatever they are called."""


class PytestRunner(PythonRunner):
    """Runs pytest inside a workspace whose environment holds it."""

    packages = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
    requirements = ("pytest>=4.6",)
    internals = ("_pytest", "PYTEST_CURRENT_TEST")
    framework = Path(__file__).parent / "inside"
    variables = (("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"),)

    def __init__(self) -> None:
        """Make the controls."""
        self.controls = PythonControls(self.split_id, _join)

    def settings(self, base: Path, environment: Path | None) -> Path:
        """Return a folder with an ini file made from the base, and the environment's plugins."""
        options = tree_options(base)
        text = ini_text(options)
        kept = kept_addopts(options)
        if kept:
            text += f"addopts = {' '.join(kept)}\n"
        named = named_plugins(options)
        facts = json.dumps([text, str(environment), *([named] if named else [])])

        def build(folder: Path) -> None:
            (folder / "pytest.ini").write_text(text, encoding="utf-8")
            found = installed_plugins(environment) if environment is not None else []
            plugins = list(dict.fromkeys([*found, *named]))
            (folder / "plugins.json").write_text(json.dumps(plugins), encoding="utf-8")

        return publish(f"runners/pytest-{hashlib.sha256(facts.encode()).hexdigest()[:24]}", build)

    def split_id(self, test: str) -> TestId:
        """Return the parts of `path::Class::function[parameters]`."""
        file, _, rest = test.partition("::")
        function, _, parameters = rest.partition("[")
        return TestId(file, function.replace("::", "."), parameters.removesuffix("]"))

    def protects(self, path: str) -> bool:
        """Whether pytest would take code or options from the file."""
        return path.rpartition("/")[2] in PROTECTED_NAMES

    def test_files(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Return the files whose names are those of test modules, by the project's own rule."""
        chosen = project_options(files).get("python_files", TEST_FILES)
        patterns = chosen if isinstance(chosen, list) else str(chosen).split()
        return tuple(
            path
            for path in sorted(files)
            if path.endswith(".py")
            and not self.protects(path)
            and any(fnmatch.fnmatch(path.rpartition("/")[2], p) for p in patterns)
        )


def _join(test: TestId) -> str:
    return f"{test.file}::{test.function.replace('.', '::')}"


def installed_plugins(environment: Path) -> list[str]:
    """Return the modules of the pytest plugins that an environment layer brings, sorted."""
    found = set()
    sites = [str(site) for site in environment.glob("lib/python*/site-packages")]
    for distribution in metadata.distributions(path=sites):
        for point in distribution.entry_points:
            if point.group == "pytest11" and not point.value.startswith("xdist"):
                module = point.value.split(":")[0].strip()
                place = module.replace(".", "/")
                if any(Path(s, place).exists() or Path(s, f"{place}.py").exists() for s in sites):
                    found.add(module)
    return sorted(found)
