"""The part of a project's own pytest configuration that the harness keeps.

Scoring ignores every configuration file of the patched repository; it passes pytest an
ini file of its own, made from the base.
"""

from __future__ import annotations

import configparser
import itertools
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path

KEPT_OPTIONS = ("--import-mode", "--doctest-modules", "--doctest-glob", "--strict-markers")
OWN_PLUGINS = ("pytester",)
"""Plugins of pytest itself that are not loaded unless a project asks for them."""

DROPPED_KEYS = frozenset(
    {"addopts", "cache_dir", "log_file", "minversion", "required_plugins", "env_files"}
)
FILES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""Where a project may configure pytest, in the order in which pytest looks."""

Options = dict[str, str | list[str] | bool]


def tree_options(tree: Path) -> Options:
    """Return the `[pytest]` section that pytest itself would pick in a folder."""
    found = {name: (tree / name).read_bytes() for name in FILES if (tree / name).is_file()}
    return project_options(found)


def project_options(files: Mapping[str, bytes]) -> Options:
    """Return the `[pytest]` section that pytest itself would pick; empty where there is none.

    Args:
        files: The project's files, content by path.
    """
    return find_options(files) or {}


def find_options(files: Mapping[str, bytes]) -> Options | None:
    """Return the section that pytest would pick, or None where the project has none."""
    for name in FILES:
        if name not in files:
            continue
        text = files[name].decode("utf-8", "replace")
        if name.endswith("pytest.ini"):
            return _ini(text, "pytest") or {}
        if name.endswith(".toml"):
            found = _toml(text)
        else:
            found = _ini(text, "tool:pytest" if name == "setup.cfg" else "pytest")
        if found is not None:
            return found
    return None


def _ini(text: str, section: str) -> Options | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return dict(parser.items(section)) if parser.has_section(section) else None


def _toml(text: str) -> Options | None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    tool = data.get("tool", {}).get("pytest")
    if not isinstance(tool, dict):
        return None
    options = tool.get("ini_options")
    if options is None:
        options = {k: v for k, v in tool.items() if k != "ini_options"}
    return options if isinstance(options, dict) else None


def kept_addopts(options: Options) -> list[str]:
    """Return the command-line options of `addopts` that change what a test id means."""
    raw = options.get("addopts", "")
    words = list(raw) if isinstance(raw, list) else shlex.split(str(raw))
    kept: list[str] = []
    for position, word in enumerate(words):
        name = word.split("=", 1)[0]
        if name not in KEPT_OPTIONS:
            continue
        kept.append(word)
        takes_value = name in ("--import-mode", "--doctest-glob")
        if takes_value and "=" not in word and position + 1 < len(words):
            kept[-1] = f"{word}={words[position + 1]}"
    return kept


def named_plugins(options: Options) -> list[str]:
    """Return the plugins of pytest itself that `addopts` loads by `-p`."""
    raw = options.get("addopts", "")
    words = list(raw) if isinstance(raw, list) else shlex.split(str(raw))
    named = [after for word, after in itertools.pairwise(words) if word == "-p"]
    named += [word[2:] for word in words if word.startswith("-p") and len(word) > 2]
    return [name for name in named if name in OWN_PLUGINS]


def ini_text(options: Options) -> str:
    """Return an ini file with the kept keys; `addopts` is reduced to what ids depend on."""
    lines = ["[pytest]"]
    for key, value in sorted(options.items()):
        if key in DROPPED_KEYS:
            continue
        if isinstance(value, bool):
            lines.append(f"{key} = {str(value).lower()}")
        elif isinstance(value, list):
            lines.append(f"{key} =")
            lines += [f"    {item}" for item in value]
        else:
            text = str(value).strip("\n")
            first, *rest = text.split("\n")
            lines.append(f"{key} = {first}")
            lines += [f"    {item.strip()}" for item in rest if item.strip()]
    return "\n".join(lines) + "\n"
