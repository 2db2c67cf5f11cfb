"""Writing a document as text."""

from __future__ import annotations

from os import PathLike

from .document import Config, Section
from .text import needs_quotes, quote


def _option(key: str, value: str) -> str:
    return f"{key} = {quote(value) if needs_quotes(value) else value}"


def _section(section: Section) -> str:
    lines = [f"[{section.name}]"] if section.name else []
    lines += [_option(key, value) for key, value in section.raw.items()]
    return "\n".join(lines) + "\n"


def dumps(config: Config) -> str:
    """The document as text that reads back as an equal document.

    References are written as they were; comments are not kept.
    """
    return "\n".join(_section(config[name]) for name in config)


def dump(config: Config, path: str | PathLike[str]) -> None:
    """Write the document to a UTF-8 file."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(dumps(config))
