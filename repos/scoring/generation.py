"""Figures of generated code beside tests: which names of the repository it uses, and how validly.

The definitions are the papers': Recall@k of reference dependencies (EvoCodeBench), Dependency
Coverage and Static Validity Rate (ToolGen).
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


def recall_at_k(reference: Collection[str], samples: Sequence[Collection[str]], k: int) -> float:
    """Return the best share of the reference's dependencies that one of k samples uses.

    EvoCodeBench's Recall@k: the maximum, over the first k samples, of |used ∩ R| / |R|.

    Args:
        reference: Dependencies of the reference, R.
        samples: Dependencies of each sample, in the order of sampling.
        k: How many samples count.

    Raises:
        ValueError: The reference has no dependency, k is not positive, or there are fewer than
            k samples.
    """
    wanted = set(reference)
    if not wanted:
        raise ValueError("The reference has no dependency: such a task has no recall.")
    if not 1 <= k <= len(samples):
        raise ValueError(f"Recall@{k} needs k from 1 to the number of samples, {len(samples)}.")
    return max(len(wanted & set(used)) for used in samples[:k]) / len(wanted)


def dependency_coverage(pairs: Iterable[tuple[Collection[str], str]]) -> float:
    """Return which share of the references' dependencies stands in the predictions.

    ToolGen's Dependency Coverage: Σ hits / Σ |D| over functions. A hit is a dependency, with its
    receiver where it has one ("self.parser"), that stands in the prediction as whole words,
    outside of strings and comments.

    Args:
        pairs: By function, the dependencies D and the predicted code.

    Raises:
        ValueError: No function has a dependency.
    """
    hits = total = 0
    for dependencies, code in pairs:
        bare = _without_strings(code)
        wanted = set(dependencies)
        total += len(wanted)
        hits += sum(_stands_in(name, bare) for name in wanted)
    if not total:
        raise ValueError("No function has a dependency: there is no coverage to tell.")
    return hits / total


def _stands_in(name: str, code: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", code) is not None


def _without_strings(code: str) -> str:
    """Return the code's names, numbers and operators; text that can't be read ends it."""
    kept: list[str] = []
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.ERRORTOKEN and token.string in ("'", '"'):
                break  # a string without an end, which newer Pythons raise for
            if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.OP):
                word = token.string
                if _in_word(last[-1:]) and _in_word(word[:1]):
                    kept.append(" ")
                kept.append(word)
                last = word
            elif token.type not in (tokenize.NL, tokenize.COMMENT):
                kept.append(" ")
                last = ""
    except (tokenize.TokenError, IndentationError):
        pass  # what was read so far counts: predictions may end in the middle
    return "".join(kept)


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


INVALID = frozenset({"syntax-error", "no-member", "undefined-variable"})
"""The messages of pylint that make a function statically invalid."""


@dataclass(frozen=True)
class Message:
    """A message of a checker.

    Attributes:
        symbol: As pylint names it, for example "no-member".
        line: From 1.
    """

    symbol: str
    line: int


def static_validity_rate(functions: Iterable[tuple[range, Collection[Message]]]) -> float:
    """Return the share of functions with no error of names or syntax on their lines.

    ToolGen's Static Validity Rate where the messages are pylint's; with another checker's it is
    another figure and needs another name. A syntax error counts wherever it is reported, since
    the checker reads nothing else of such a file.

    Args:
        functions: By function, its lines in the file into which it was put, and the file's
            messages.

    Raises:
        ValueError: There is no function.
    """
    verdicts = [
        not any(
            m.symbol in INVALID and (m.symbol == "syntax-error" or m.line in lines)
            for m in messages
        )
        for lines, messages in functions
    ]
    if not verdicts:
        raise ValueError("There is no function: no rate can be told.")
    return sum(verdicts) / len(verdicts)
