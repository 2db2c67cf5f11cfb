"""What shell scripts install: read without running them, since a sandbox has no network."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement

from repos.errors import InputError

_VALUED = {
    *("-p", "--python", "-i", "--index-url", "--extra-index-url", "-f", "--find-links"),
    *("--target", "-t", "--prefix", "--timeout", "--index-strategy", "--from", "-c", "--retries"),
}
"""Options of pip and uv whose next word is their value."""

_GIT = re.compile(r"git\s+(init|config|add|commit|branch)\b")
_CLEANING = re.compile(r"rm\s+-r?f?r?\s+/(var/lib/apt|root/\.cache|var/cache)|true$|set\s+-")
_JOINT = re.compile(r"""\s*(?:&&|;|\n)\s*""")
_OPAQUE = re.compile(r"[|(){}`]|<<|\b(if|for|while|case|do|then)\b|\|\|")


@dataclass
class Installs:
    """What commands install, and what else they do.

    Attributes:
        requirements: Python packages, as written.
        packages: Packages of the system.
        project: Whether the repository itself is installed.
        others: Commands that install nothing, in order.
    """

    requirements: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    project: bool = False
    others: list[str] = field(default_factory=list)


def read_installs(text: str, where: str, *, opaque: bool = True) -> Installs:
    """Return what a command of a Dockerfile or a script installs.

    Args:
        text: The text; lines that end in a backslash go on.
        where: File, for the message.
        opaque: Whether a text with pipes, conditions or loops is one command, to be run whole.

    Raises:
        InputError: It installs from something other than names with versions.
    """
    found = Installs()
    if opaque and _OPAQUE.search(text):
        return Installs(others=[text])
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    for command in _commands(whole):
        try:
            words = shlex.split(command)
        except ValueError:
            found.others.append(command)
            continue
        words = [w for w in words if w not in ("if", "sudo", "then", "!")]
        if not (_take(words, found, where) or _GIT.match(command) or _CLEANING.match(command)):
            found.others.append(command)
    return found


def _commands(text: str) -> Iterator[str]:
    """Yield the simple commands of a text; what joins them in quotes does not count."""
    start, quote = 0, ""
    at = 0
    while at < len(text):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif match := _JOINT.match(text, at):
            yield from filter(None, [text[start:at].strip()])
            start = at = match.end()
            continue
        at += 1
    yield from filter(None, [text[start:].strip()])


def _take(words: list[str], found: Installs, where: str) -> bool:
    """Note what one command installs; False where it is another command."""
    match words:
        case ["apt-get" | "apt", *rest]:
            verbs = [word for word in rest if not word.startswith("-")]
            if verbs[:1] == ["install"]:
                found.packages += [word.split("=")[0] for word in verbs[1:]]
            return bool(verbs) and verbs[0] in ("install", "update", "clean", "upgrade")
        case (
            ["pip" | "pip3", "install", *rest]
            | ["uv", "pip", "install", *rest]
            | ["python" | "python3", "-m", "pip", "install", *rest]
            | ["uv", "add" | "sync", *rest]
        ):
            _take_requirements(rest, found, where)
            return True
        case ["uvx", *rest] | ["uv", "tool", "run", *rest] | ["uv", "run", *rest]:
            _take_options(rest, found)
            return True
        case ["uv", "venv" | "init" | "python", *_]:
            return True
    return False


def _take_requirements(words: list[str], found: Installs, where: str) -> None:
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("-r", "--requirement") or word.startswith(("-r", "git+", "http")):
            raise InputError(f"{where} installs from {word}: that needs Docker")
        if word in ("-e", "--editable", "."):
            found.project = True
            at += 1 if word == "." else 2
        elif word.startswith("-"):
            at += 2 if word in _VALUED else 1
        else:
            found.requirements.append(_requirement(word, where))
            at += 1


def _take_options(words: list[str], found: Installs) -> None:
    """Note the `--with` of a program that uv runs."""
    for at, word in enumerate(words):
        if word in ("--with", "-w", "--from") and at + 1 < len(words):
            found.requirements += words[at + 1].split(",")
        elif word.startswith(("--with=", "--from=")):
            found.requirements += word.partition("=")[2].split(",")
    plain = [word for at, word in enumerate(words) if _is_program(words, at)]
    if plain[:1] == ["pytest"] and not any(r.startswith("pytest=") for r in found.requirements):
        found.requirements.append("pytest")


def _is_program(words: list[str], at: int) -> bool:
    before = words[at - 1] if at else ""
    return not words[at].startswith("-") and before not in ("--with", "-w", *_VALUED)


def _requirement(word: str, where: str) -> str:
    try:
        return str(Requirement(word))
    except InvalidRequirement:
        raise InputError(f"{where} installs {word}, which is no name of a package") from None
