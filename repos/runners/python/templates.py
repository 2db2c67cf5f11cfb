"""Rewritten test files in which names and numbers are still open.

Rewriting a large test file takes longer than running it; what differs between two blind runs of a
task are random names and numbers alone. So a file is rewritten once a process with placeholders in
their places, which are then filled in.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from repos.runners.python.blind.rewrite import rewrite

MARK = secrets.token_hex(6)
"""Part of each placeholder that no test file has."""

BASE = 10**18 + secrets.randbits(50) * 10**6
"""What placeholders of numbers count from."""

MODULE = f"_module{MARK}"
_PLACEHOLDER = re.compile(rf"\btest_{MARK}_\d+\b|\b{BASE // 10**6}\d{{6}}\b|\b{MODULE}\b".encode())


@dataclass(frozen=True)
class Template:
    """A rewritten test file.

    Attributes:
        source: Its text, with placeholders.
        names: For each placeholder of a function's name the genuine last name.
        numbers: For each placeholder of a number the function and which of its questions it is.
        kinds: For each function, the kind of each of its questions.
    """

    source: bytes
    names: tuple[tuple[str, str], ...]
    numbers: tuple[tuple[int, tuple[str, int]], ...]
    kinds: tuple[tuple[str, tuple[str, ...]], ...]

    def filled(
        self, module: str, rename: Callable[[str], str], number: Callable[[str, int], int]
    ) -> bytes:
        """Return the text with names and numbers.

        Args:
            module: Name of the module that takes answers.
            rename: Gives a function's new last name by its genuine one.
            number: Gives the number of a question by its function and place.
        """
        words = {MODULE.encode(): module.encode()}
        words |= {mark.encode(): rename(last).encode() for mark, last in self.names}
        words |= {b"%d" % mark: b"%d" % number(*question) for mark, question in self.numbers}
        return _PLACEHOLDER.sub(lambda found: words[found[0]], self.source)


@lru_cache(maxsize=64)
def template(source: bytes, wanted: frozenset[str]) -> Template:
    """Return a test file rewritten without what it expects.

    Args:
        source: The genuine file.
        wanted: The functions that are asked, as `Class.function`.
    """
    names: list[tuple[str, str]] = []
    numbers: list[tuple[int, tuple[str, int]]] = []

    def rename(name: str) -> str:
        names.append((f"test_{MARK}_{len(names)}", name.rpartition(".")[2]))
        return names[-1][0]

    def number(name: str, at: int) -> int:
        numbers.append((BASE + len(numbers), (name, at)))
        return numbers[-1][0]

    made = rewrite(source, wanted, module=MODULE, key=False, rename=rename, number=number)
    return Template(made.source, tuple(names), tuple(numbers), tuple(made.kinds.items()))
