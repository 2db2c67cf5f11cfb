"""Metadata of a base release, for tests that ask for their package's version."""

from __future__ import annotations

import re
import tomllib
from email.parser import HeaderParser
from pathlib import Path


def release_metadata(base: Path) -> dict | None:
    """Return the metadata of the base release as files of a dist-info folder.

    Source distributions carry PKG-INFO; entry points are read from an egg-info folder or
    from pyproject.toml. Nothing of the package runs.
    """
    found = base / "PKG-INFO"
    if not found.is_file():
        return None
    text = found.read_text(encoding="utf-8", errors="replace")
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


def entry_points(base: Path) -> str:
    """Return the entry points of a source tree in the form of entry_points.txt; "" without any."""
    found = [p for up in (".", "src") for p in base.glob(f"{up}/*.egg-info/entry_points.txt")]
    if found:
        return min(found).read_text(encoding="utf-8", errors="replace")
    try:
        project = tomllib.loads((base / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, KeyError, ValueError):
        return ""
    groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    lines: list[str] = []
    for group, points in groups.items():
        if points:
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items()), ""]
    return "\n".join(lines)
