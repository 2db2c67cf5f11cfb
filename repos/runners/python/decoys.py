"""Values that the decoys of a line-up expect: like the true one, and different."""

from __future__ import annotations

import ast
import random
import string


def decoy_values(
    constant: ast.Constant, tree: ast.Module, size: int, rng: random.Random
) -> list[int | float | str | bytes]:
    """Return the true value among `size - 1` others, all different, in random order."""
    value = constant.value
    if isinstance(value, int | float):
        # The true value's rank in the window is uniform: its middle says nothing.
        step: int | float = 1
        if isinstance(value, float) and not value.is_integer():
            digits = len(repr(value).partition(".")[2].partition("e")[0])
            step = 10.0 ** -max(0, digits - 1)
        below = rng.randrange(size)
        if value >= 0:
            below = min(below, int(value / step))
        values: list[int | float | str | bytes] = []
        for offset in range(-below, size - below):
            other = value + offset * step
            values.append(round(other, 12) if isinstance(other, float) else other)
        values[below] = value
    elif isinstance(value, bytes):
        texts = _texts(value.decode("latin-1"), [], size, rng)
        values = [text.encode("latin-1") for text in texts]
    else:
        assert isinstance(value, str)
        pool = {
            n.value
            for n in ast.walk(tree)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and 0 < len(n.value) < 30
        }
        values = list(_texts(value, sorted(pool - {value}), size, rng))
    rng.shuffle(values)
    return values


def _texts(value: str, pool: list[str], size: int, rng: random.Random) -> list[str]:
    """Return `value` among texts that differ from it in one character, or are used nearby."""
    found = {value}
    for group in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        places = [at for at, c in enumerate(value) if c in group]
        if not places:
            continue
        at = rng.choice(places)
        found |= {value[:at] + c + value[at + 1 :] for c in rng.sample(group, len(group))[:size]}
        break
    others = sorted(found - {value})
    rng.shuffle(others)
    if not any(c in string.digits for c in value):
        words = [w for w in pool if w.casefold() not in value.casefold()]
        rng.shuffle(words)
        others = words[: size // 2] + others
    return [value, *dict.fromkeys(others)][:size]
