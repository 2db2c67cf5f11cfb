"""Canaries and blind answers for ids of any Python framework.

`canaries` writes a test as `path::Class::function[parameters]`; ids are turned into that form and
back.
"""

from __future__ import annotations

import hashlib
import random
import string
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from repos.runners.controls import CanaryFile, Key, Place, Probe, Sheet
from repos.runners.protocol import TestId
from repos.runners.python.blind.guessing import strength
from repos.runners.python.blind.judging import judge
from repos.runners.python.blind.rewrite import rewrite
from repos.runners.python.canaries import plant
from repos.runners.python.templates import template

HERE = Path(__file__).parent
MAKING = (*sorted((HERE / "blind").glob("*.py")), HERE / "inside" / "repogym_answers.py")
"""The programs that questions and keys depend on."""


class PythonControls:
    """Makes controls of test functions of the kinds that unittest and pytest share."""

    def __init__(self, split: Callable[[str], TestId], join: Callable[[TestId], str]) -> None:
        """Take how a framework splits an id, and how it writes one."""
        self._split, self._join = split, join
        texts = b"\0".join(path.read_bytes() for path in MAKING)
        self.digest = hashlib.sha256(texts).hexdigest()[:16]

    def plant(
        self, path: str, source: bytes, fail_to_pass: Sequence[str], *, equality: bool
    ) -> CanaryFile:
        """Return a file with canaries; see `Controls.plant`."""
        made = plant(path, source, [self._plain(t) for t in fail_to_pass], equality=equality)
        return CanaryFile(made.source, tuple(self._own(f) for f in made.functions))

    def take_out(
        self,
        sources: Mapping[str, bytes],
        functions: Collection[Place],
        *,
        key: bool,
        rng: random.Random,
    ) -> Sheet:
        """Return the files of a blind run; see `Controls.take_out`."""
        module = "_" + _letters(rng)
        names: dict[str, str] = {}
        questions: dict[int, tuple[Place, int]] = {}
        kinds: dict[Place, tuple[str, ...]] = {}
        files: dict[str, bytes] = {}
        for path, source in sources.items():

            def rename(name: str) -> str:
                last = name.rpartition(".")[2]
                made = last if key else f"test_{_letters(rng)}"
                names[made] = last
                return made

            def number(name: str, at: int, path: str = path) -> int:
                made = rng.getrandbits(40)
                while made in questions:
                    made = rng.getrandbits(40)
                questions[made] = ((path, name), at)
                return made

            wanted = frozenset(function for file, function in functions if file == path)
            if key:
                made = rewrite(
                    source, wanted, module=module, key=True, rename=rename, number=number
                )
                text, asked = made.source, dict(made.kinds)
            else:
                open_ = template(source, wanted)
                text, asked = open_.filled(module, rename, number), dict(open_.kinds)
            if asked:
                files[path] = text
                kinds.update({(path, name): told for name, told in asked.items()})
        return Sheet(files, module, questions, names, kinds)

    def judge(self, answers: Sequence[tuple[Key, Any]]) -> list[bool]:
        """Return for each answer whether it is right."""
        return judge(answers)

    def strength(
        self, probes: Sequence[Probe], sheet: Sheet, base: Path, statement: str
    ) -> dict[Place, float]:
        """Return how hard the functions are to guess; see `Controls.strength`."""
        return strength(probes, sheet, base, statement)

    def _plain(self, test: str) -> str:
        parts = self._split(test)
        name = parts.function.replace(".", "::")
        return f"{parts.file}::{name}" + (f"[{parts.parameters}]" if parts.parameters else "")

    def _own(self, test: str) -> str:
        file, _, name = test.partition("::")
        return self._join(TestId(file, name.replace("::", ".")))


def _letters(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=10))
