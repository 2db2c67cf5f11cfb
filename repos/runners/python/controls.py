"""Canaries and line-ups for ids of any Python framework.

`canaries` and `lineup` write a test as `path::Class::function[parameters]`; ids are turned into
that form and back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from repos.runners.protocol import CanaryFile, LineUp, TestId
from repos.runners.python.canaries import plant
from repos.runners.python.lineup import line_up


class PythonControls:
    """Makes controls of test functions of the kinds that unittest and pytest share."""

    def __init__(self, split: Callable[[str], TestId], join: Callable[[TestId], str]) -> None:
        """Take how a framework splits an id, and how it writes one."""
        self._split, self._join = split, join

    def plant(
        self, path: str, source: bytes, fail_to_pass: Sequence[str], *, equality: bool
    ) -> CanaryFile:
        """Return a file with canaries; see `Controls.plant`."""
        made = plant(path, source, [self._plain(t) for t in fail_to_pass], equality=equality)
        return CanaryFile(made.source, tuple(self._own(f) for f in made.functions))

    def line_up(
        self,
        sources: Mapping[str, bytes],
        fail_to_pass: Sequence[str],
        *,
        seconds: Mapping[str, float],
        rng: random.Random,
    ) -> LineUp | None:
        """Return the line-ups of some tests; see `Controls.line_up`."""
        made = line_up(
            sources,
            [self._plain(t) for t in fail_to_pass],
            seconds={self._plain(t): taken_s for t, taken_s in seconds.items()},
            rng=rng,
        )
        if made is None:
            return None
        return LineUp(
            files=made.files,
            genuine=tuple(self._own(t) for t in made.genuine),
            decoys=tuple(self._own(t) for t in made.decoys),
            origins={self._own(m): self._own(t) for m, t in made.origins.items()},
        )

    def _plain(self, test: str) -> str:
        parts = self._split(test)
        name = parts.function.replace(".", "::")
        return f"{parts.file}::{name}" + (f"[{parts.parameters}]" if parts.parameters else "")

    def _own(self, test: str) -> str:
        file, _, name = test.partition("::")
        return self._join(TestId(file, name.replace("::", ".")))
