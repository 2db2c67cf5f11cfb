"""The part of a project's own pytest configuration that the harness keeps.

Scoring ignores every configuration file of the patched repository; it passes pytest an
ini file of its own, made from the base.
"""

from __future__ import annotations

import configparser
import shlex
import tomllib
from pathlib import Path

KEPT_OPTIONS = ("--import-mode", "--doctest-modules", "--doctest-glob", "--strict-markers")
DROPPED_KEYS = frozenset(
    {"addopts", "cache_dir", "log_file", "minversion", "required_plugins", "env_files"}
)


def project_options(tree: Path) -> dict[str, str | list[str] | bool]:
    """Return the `[pytest]` section that pytest itself would pick in `tree`.

    Precedence as pytest documents it: pytest.ini, .pytest.ini, pyproject.toml, tox.ini, setup.cfg.
    """
    for name in ("pytest.ini", ".pytest.ini"):
        found = _ini(tree / name, "pytest")
        if (tree / name).is_file():
            return found or {}
    found = _toml(tree / "pyproject.toml")
    if found is not None:
        return found
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        found = _ini(tree / name, section)
        if found is not None:
            return found
    return {}


def _ini(path: Path, section: str) -> dict[str, str | list[str] | bool] | None:
    if not path.is_file():
        return None
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except configparser.Error:
        return None
    return dict(parser.items(section)) if parser.has_section(section) else None


def _toml(path: Path) -> dict[str, str | list[str] | bool] | None:
    if not path.is_file():
        return None
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8", errors="replace"))
    except tomllib.TOMLDecodeError:
        return None
    tool = data.get("tool", {}).get("pytest")
    if not isinstance(tool, dict):
        return None
    options = tool.get("ini_options")
    if options is None:
        options = {k: v for k, v in tool.items() if k != "ini_options"}
    return options if isinstance(options, dict) else None


def kept_addopts(options: dict[str, str | list[str] | bool]) -> list[str]:
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


def ini_text(options: dict[str, str | list[str] | bool]) -> str:
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
