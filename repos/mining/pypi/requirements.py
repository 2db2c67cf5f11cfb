"""What a release's tests need, resolved to pins frozen at the release's date."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from email.parser import HeaderParser
from typing import Any

from repos.cache import offline
from repos.errors import InfrastructureError, InputError, NotPreparedError
from repos.tasks.sources.pypi.archives import Tree
from repos.tasks.sources.pypi.configuration import IndexConfiguration, find_uv
from repos.tasks.sources.pypi.index import normalise

FREEZE_FLOOR = "2024-11-01"
"""Pins are not frozen earlier: older pytest releases don't run on the newest interpreters."""

TEST_EXTRA = re.compile(r"(unit[-_]?)?tests?(ing|s)?([-_](deps|utils|requires?|runner|suite))?")
DEV_EXTRA = re.compile(r"dev(elop(ment)?)?")
NOT_FOR_TESTS = re.compile(
    r"mypy|pyright|ruff|black|flake8.*|pylint|pytest-(mypy.*|codspeed|cov|xdist|ruff|black|flake8"
    r"|pylint|checkdocs|enabler|randomly|sugar|pretty|clarity|instafail|rerunfailures|timeout"
    r"|picked|watch|html|github-actions.*|memray|regex)|coverage|covdefaults|tox.*|nox|pre-commit"
    r"|pyre.*|slotscheck|ty|pyrefly|sphinx.*|furo|twine|build|wheel|setuptools.*|bump.*|isort"
    r"|towncrier|zest.*|flit|hatch.*|poetry.*|pip|uv|virtualenv|invoke|codecov|coveralls|bandit"
    r"|mkdocs.*|vulture|interrogate|cogapp|myst-parser|ipdb|ipython|pudb|changelist|pytest"
    r"|types-.*|.*-stubs|docutils-stubs|semver-check|check-manifest|readme-renderer"
)
NEEDED_BY_MODULE = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "flask": "flask",
    "freezegun": "freezegun",
    "hypothesis": "hypothesis",
    "jinja2": "jinja2",
    "lxml": "lxml",
    "markupsafe": "markupsafe",
    "mock": "mock",
    "nose": "pynose",
    "multidict": "multidict",
    "numpy": "numpy",
    "pretend": "pretend",
    "pygments": "pygments",
    "pytz": "pytz",
    "regex": "regex",
    "requests": "requests",
    "setuptools": "setuptools<81",
    "pkg_resources": "setuptools<81",
    "simplejson": "simplejson",
    "six": "six",
    "time_machine": "time-machine",
    "toml": "toml",
    "tomli": "tomli",
    "typing_extensions": "typing-extensions",
    "webtest": "webtest",
    "werkzeug": "werkzeug",
    "yaml": "pyyaml",
    "cloudpickle": "cloudpickle",
    "coverage": "coverage",
    "pydantic": "pydantic",
    "babel": "babel",
    "psutil": "psutil",
    "ujson": "ujson",
    "msgpack": "msgpack",
    "click": "click",
    "docutils": "docutils",
    "html5lib": "html5lib",
    "httpx": "httpx",
    "trio": "trio",
    "anyio": "anyio",
    "tzdata": "tzdata",
    "yamlloader": "yamlloader",
    "parameterized": "parameterized",
    "testfixtures": "testfixtures",
    "dirty_equals": "dirty-equals",
    "tomli_w": "tomli-w",
}
"""Distributions of modules that test suites import without declaring them."""

NEEDED_BY_FIXTURE = {
    "mocker": "pytest-mock",
    "benchmark": "pytest-benchmark",
    "httpserver": "pytest-httpserver",
    "subtests": "pytest-subtests",
    "freezer": "pytest-freezer",
    "time_machine": "time-machine",
    "event_loop": "pytest-asyncio",
    "lazy_shared_datadir": "pytest-datadir",
    "datadir": "pytest-datadir",
    "snapshot": "syrupy",
}


def declared_requirements(tree: Tree, package: str, python: str) -> list[str]:
    """Return what a release declares for running and for its tests, sorted.

    Read from PKG-INFO, an egg-info folder, setup.cfg and pyproject.toml (dependency groups);
    nothing of the package runs.

    Args:
        tree: Files of the release.
        package: Project name; requirements on the package itself are followed into its extras.
        python: Minor version whose markers hold.
    """
    lines = _metadata_lines(tree)
    extras = _extras(lines)
    wanted = sorted(e for e in extras if TEST_EXTRA.fullmatch(normalise(e)))
    groups = _groups(tree)
    if not wanted and not groups:
        wanted = sorted(e for e in extras if DEV_EXTRA.fullmatch(normalise(e)))
    found: set[str] = set()
    todo, done = ["", *wanted], set()
    while todo:
        extra = todo.pop()
        if extra in done:
            continue
        done.add(extra)
        for line in lines:
            kept = _applies(line, extra, python)
            if kept is None:
                continue
            name, text, further = kept
            if normalise(name) == normalise(package):
                todo += further
            elif not (extra and NOT_FOR_TESTS.fullmatch(normalise(name))):
                found.add(text)
    for line in groups:
        kept = _applies(line, "", python)
        if kept is None:
            continue
        if normalise(kept[0]) == normalise(package):
            for extra in kept[2]:
                further = [_applies(item, extra, python) for item in lines]
                found |= {item[1] for item in further if item and normalise(item[0]) != package}
        elif not NOT_FOR_TESTS.fullmatch(normalise(kept[0])):
            found.add(kept[1])
    return sorted(found)


def _applies(line: str, extra: str, python: str) -> tuple[str, str, list[str]] | None:
    """Return (name, requirement without marker, its extras), None where the marker is false."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(line)
    except InvalidRequirement:
        return None
    if parsed.url:
        return None
    marker = parsed.marker
    if marker is None:
        if extra:
            return None
    else:
        environment = {"python_version": python, "python_full_version": f"{python}.0"}
        if not marker.evaluate({**environment, "extra": extra}):
            return None
        if extra and marker.evaluate({**environment, "extra": ""}):
            return None
    brackets = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return parsed.name, f"{parsed.name}{brackets}{parsed.specifier}", sorted(parsed.extras)


def _metadata_lines(tree: Tree) -> list[str]:
    """Return requirements in the form of `Requires-Dist`."""
    info = tree.get("PKG-INFO")
    if info:
        headers = HeaderParser().parsestr(info.data.decode("utf-8", "replace"))
        found = [str(value) for value in headers.get_all("Requires-Dist") or []]
        if found:
            return found
    for path, member in tree.items():
        if path.endswith(".egg-info/requires.txt"):
            return _egg_requirements(member.data.decode("utf-8", "replace"))
    return [*_pyproject_requirements(tree), *_setup_cfg_requirements(tree)]


def _egg_requirements(text: str) -> list[str]:
    """Read `requires.txt`: lines, then `[extra:marker]` sections."""
    found: list[str] = []
    marker = ""
    for line in (item.strip() for item in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            extra, _, condition = line[1:-1].partition(":")
            parts = [f"({condition})"] if condition else []
            parts += [f'extra == "{extra}"'] if extra else []
            marker = " and ".join(parts)
        elif line:
            found.append(f"{line}; {marker}" if marker else line)
    return found


def _pyproject(tree: Tree) -> dict[str, Any]:
    member = tree.get("pyproject.toml")
    try:
        return tomllib.loads(member.data.decode("utf-8")) if member else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _pyproject_requirements(tree: Tree) -> list[str]:
    project = _pyproject(tree).get("project", {})
    found = [str(item) for item in project.get("dependencies", [])]
    for extra, items in project.get("optional-dependencies", {}).items():
        found += [_with_extra(str(item), extra) for item in items]
    return found


def _setup_cfg_requirements(tree: Tree) -> list[str]:
    member = tree.get("setup.cfg")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(member.data.decode("utf-8", "replace") if member else "")
    except configparser.Error:
        return []
    found = parser.get("options", "install_requires", fallback="").strip().splitlines()
    if parser.has_section("options.extras_require"):
        for extra, text in parser.items("options.extras_require"):
            found += [_with_extra(item, extra) for item in text.strip().splitlines()]
    return [item.strip() for item in found if item.strip()]


def _with_extra(requirement: str, extra: str) -> str:
    body, _, marker = requirement.partition(";")
    condition = f'extra == "{extra}"'
    return f"{body}; ({marker}) and {condition}" if marker else f"{body}; {condition}"


def _extras(lines: Iterable[str]) -> set[str]:
    return {name for line in lines for name in re.findall(r"extra\s*==\s*['\"]([^'\"]+)", line)}


def _groups(tree: Tree) -> list[str]:
    """Return the requirements of dependency groups for tests (PEP 735), includes followed."""
    groups = _pyproject(tree).get("dependency-groups", {})
    if not isinstance(groups, dict):
        return []
    names = [g for g in groups if TEST_EXTRA.fullmatch(normalise(g))]
    if not names:
        names = [g for g in groups if DEV_EXTRA.fullmatch(normalise(g))]
    found: list[str] = []
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        for item in groups.get(name, []):
            if isinstance(item, str):
                found.append(item)
            elif isinstance(item, dict) and "include-group" in item:
                names.append(str(item["include-group"]))
    return found


def undeclared(errors: Iterable[str], own: Iterable[str]) -> set[str]:
    """Return distributions that error messages of a test run ask for.

    Args:
        errors: Collection errors and failure messages.
        own: Top-level names of the package under test.
    """
    found: set[str] = set()
    mine = set(own)
    for text in errors:
        for module in re.findall(r"No module named '([\w]+)", text):
            if module not in mine and module in NEEDED_BY_MODULE:
                found.add(NEEDED_BY_MODULE[module])
        for fixture in re.findall(r"fixture '(\w+)' not found", text):
            if fixture in NEEDED_BY_FIXTURE:
                found.add(NEEDED_BY_FIXTURE[fixture])
        if "async def functions are not natively supported" in text:
            found.add("pytest-asyncio")
    return found


def resolve(
    requirements: Sequence[str],
    package: str,
    python: str,
    uploaded: str,
    configuration: IndexConfiguration,
) -> tuple[str, ...]:
    """Return the closure of requirements as exact pins, the package itself left out.

    Only wheels are taken: nothing is built. Where the index tells upload times, nothing
    newer than the later of `uploaded` and `FREEZE_FLOOR` is taken.

    Args:
        requirements: As `declared_requirements` returns them.
        package: Project name.
        python: Minor version of the interpreter.
        uploaded: ISO time of the release's upload, "" where it is not known.
        configuration: Which index to ask.

    Raises:
        RepoGymError: They cannot be met together.
        NotPreparedError: REPOGYM_OFFLINE is set.
        InfrastructureError: The index does not answer.
    """
    if offline():
        raise NotPreparedError(
            "Mining resolves requirements on a package index: unset REPOGYM_OFFLINE."
        )
    command = [find_uv(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-version", python, "--only-binary", ":all:", "--strip-extras"]
    command += configuration.uv_arguments()
    if uploaded:
        command += ["--exclude-newer", max(uploaded[:10], FREEZE_FLOOR)]
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    env["UV_PYTHON_DOWNLOADS"] = "never"
    if configuration.certificates:
        env.setdefault("SSL_CERT_FILE", str(configuration.certificates))
    done = subprocess.run(
        command,
        input="\n".join([*requirements, ""]),
        capture_output=True,
        text=True,
        env=env,
        check=False,
        cwd="/",
    )
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())[-500:]
        if re.search(r"error sending request|dns error|timed out|connect", reason, re.I):
            raise InfrastructureError(f"The package index does not answer: {reason}")
        raise InputError(f"The requirements of {package}'s tests cannot be met: {reason}")
    pins = [line.split(";")[0].strip() for line in done.stdout.splitlines()]
    return tuple(
        sorted(
            pin
            for pin in pins
            if "==" in pin and normalise(pin.split("==")[0]) != normalise(package)
        )
    )
