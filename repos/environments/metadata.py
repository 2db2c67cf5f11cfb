"""Metadata of a base release, for tests that ask for their package's version."""

from __future__ import annotations

import configparser
import contextlib
import re
import tomllib
from email.parser import HeaderParser
from pathlib import Path


def release_metadata(base: Path) -> dict | None:
    """Return the metadata of the base release as files of a dist-info folder.

    Source distributions carry PKG-INFO; entry points are read from an egg-info folder or
    from pyproject.toml. A checkout has no PKG-INFO: name and version are then those of
    pyproject.toml or setup.cfg. Nothing of the package runs.
    """
    found = base / "PKG-INFO"
    if found.is_file():
        text = found.read_text(encoding="utf-8", errors="replace")
    else:
        text = _of_checkout(base)
    headers = HeaderParser().parsestr(text)
    name, version = headers.get("Name"), headers.get("Version")
    if not name or not version:
        return None
    files = {"METADATA": text, "INSTALLER": "repogym\n"}
    points = entry_points(base)
    if points:
        files["entry_points.txt"] = points
    folder = f"{re.sub(r'[-_.]+', '_', name)}-{version}.dist-info"
    return {"folder": folder, "files": files}


def checkout_scripts(base: Path) -> dict[str, str]:
    """Return the programs of a checkout by name, each as `module:function`.

    A source distribution (with PKG-INFO) gives none: its tests were measured without them.
    """
    if (base / "PKG-INFO").is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment]
    try:
        parser.read_string(entry_points(base))
        items = parser.items("console_scripts") if "console_scripts" in parser else []
    except configparser.Error:
        return {}
    form = re.compile(r"[\w.]+:\w+")
    named = ((name, target.partition("[")[0].strip()) for name, target in items)
    return {n: t for n, t in named if re.fullmatch(r"[\w.-]+", n) and form.fullmatch(t)}


def _of_checkout(base: Path) -> str:
    project: dict = {}
    with contextlib.suppress(OSError, ValueError):
        project = tomllib.loads((base / "pyproject.toml").read_text(encoding="utf-8"))
    facts = project.get("project") or project.get("tool", {}).get("poetry", {})
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(base / "setup.cfg", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        parser = configparser.ConfigParser()
    name = facts.get("name") or parser.get("metadata", "name", fallback="")
    version = facts.get("version") or parser.get("metadata", "version", fallback="")
    if not re.fullmatch(r"\d[\w.+!-]*", str(version)):
        version = "0"
    if not re.fullmatch(r"[\w.-]+", str(name)):
        return ""
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def entry_points(base: Path) -> str:
    """Return the entry points of a source tree in the form of entry_points.txt; "" without any."""
    found = [p for up in (".", "src") for p in base.glob(f"{up}/*.egg-info/entry_points.txt")]
    if found:
        return min(found).read_text(encoding="utf-8", errors="replace")
    try:
        project = tomllib.loads((base / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, KeyError, ValueError):
        return _setup_cfg_points(base)
    groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    lines: list[str] = []
    for group, points in groups.items():
        if points:
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items()), ""]
    return "\n".join(lines)


def _setup_cfg_points(base: Path) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(base / "setup.cfg", encoding="utf-8")
        items = parser.items("options.entry_points") if "options.entry_points" in parser else []
    except (configparser.Error, UnicodeDecodeError):
        return ""
    return "".join(f"[{group}]\n{points.strip()}\n\n" for group, points in items)
