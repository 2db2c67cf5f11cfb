"""What a runner can make of real tests, so that results can't be forged, in small records.

A runner without controls is believed as it is.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Answer:
    """What one question of a rewritten test came to: hostile data.

    Attributes:
        item: Id of the test that ran.
        row: Which of its function's cases it was, counted in the order of the file.
        question: The number under which it was sent.
        value: The actual value, encoded.
        key: In runs of the reference patch: the expected value, encoded.
        agree: In runs of the reference patch: whether both sides agreed.
    """

    item: str
    row: int
    question: int
    value: Any
    key: Any = None
    agree: bool | None = None


@dataclass(frozen=True)
class CanaryFile:
    """A test file with canaries in it.

    Attributes:
        source: The file's new text.
        functions: Ids of the canaries, without parameters; every case of theirs must fail.
    """

    source: bytes
    functions: tuple[str, ...]


Place = tuple[str, str]
"""File and function of a test, as `TestId.place` has them."""


@dataclass(frozen=True)
class Sheet:
    """Test files whose expected values are taken out, as one scoring gets them.

    Attributes:
        files: New text of each file, by path; no other test is left in them.
        module: The module that they import to send their answers.
        questions: By the number under which it is sent: the function of a question, and which
            of the function's questions it is.
        names: The genuine last name of each function, by the name that it has in the files.
        kinds: How each question of a function is compared.
    """

    files: Mapping[str, bytes]
    module: str
    questions: Mapping[int, tuple[Place, int]]
    names: Mapping[str, str]
    kinds: Mapping[Place, tuple[str, ...]]


@dataclass(frozen=True)
class Key:
    """What is right, as a run of the reference patch showed it.

    Attributes:
        kind: How an answer is compared.
        expected: The expected side, encoded.
        answer: What the reference answered, encoded.
    """

    kind: str
    expected: Any
    answer: Any


@dataclass(frozen=True)
class Probe:
    """A question as a guesser sees it.

    Attributes:
        place: The function.
        key: What is right.
        base: What the untouched base answered, as it was sent; None where it did not.
    """

    place: Place
    key: Key
    base: Any


class Controls(Protocol):
    """What a runner can make of real tests, so that results can't be forged.

    Attributes:
        digest: Changes with whatever makes other questions or keys of the same tests.
    """

    digest: str

    def plant(
        self, path: str, source: bytes, fail_to_pass: Sequence[str], *, equality: bool
    ) -> CanaryFile:
        """Return a test file with canaries: tests that must fail.

        Args:
            path: The file, relative to the repository.
            source: Its text.
            fail_to_pass: Ids; those of this file are the models.
            equality: Whether to plant also such that compare with what equals nothing.
        """
        ...

    def take_out(
        self,
        sources: Mapping[str, bytes],
        functions: Collection[Place],
        *,
        key: bool,
        rng: random.Random,
    ) -> Sheet:
        """Return test files that send what they come to in the place of comparing it.

        Args:
            sources: Genuine test files by path.
            functions: What is asked.
            key: Whether to keep names and expected values in, and send these too: for runs of
                the reference patch.
            rng: Source of the names and numbers.
        """
        ...

    def judge(self, answers: Sequence[tuple[Key, Any]]) -> list[bool]:
        """Return for each answer whether it is right.

        Args:
            answers: A key, and what was sent.
        """
        ...

    def strength(
        self, probes: Sequence[Probe], sheet: Sheet, base: Path, statement: str
    ) -> dict[Place, float]:
        """Return how many bits a guesser must find out to answer each function rightly.

        Args:
            probes: Questions that the base answers wrongly.
            sheet: The files that a guesser sees.
            base: The repository as it is.
            statement: What is told of the problem.
        """
        ...
