"""Spaces for text: constant-time membership and samples that are worth acting on."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

WORDS = (
    "README.md setup.py src tests pyproject.toml . def class return None True False import self "
    "x y value name path test_ 1 0 -1 naïve Ünïcode 日本 ls echo ok"
).split()
"""Vocabulary of samples: words that mean something in most repositories, some not ASCII."""


def fork_space(space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    """Return a space whose random state goes its own way from here; the rest is never changed."""
    twin = copy.copy(space)
    if twin._np_random is not None:
        twin._np_random = fork_generator(twin._np_random)
    if isinstance(twin, gymnasium.spaces.Dict):
        twin.spaces = {name: fork_space(inner) for name, inner in twin.spaces.items()}
    return twin


def fork_generator(generator: np.random.Generator) -> np.random.Generator:
    """Return a generator that gives the same numbers from here on."""
    twin = type(generator.bit_generator)(0)  # with a seed: none would ask the system for one
    twin.state = generator.bit_generator.state
    return np.random.Generator(twin)


class Unicode(gymnasium.Space[str]):
    """Any string up to a length; `contains` looks at the type and the length only.

    `gymnasium.spaces.Text` checks each character against a set, which refuses what real
    files hold and takes milliseconds for a long one.
    """

    def __init__(self, max_length: int = 1 << 20, seed: int | None = None) -> None:
        """Make the space.

        Args:
            max_length: Bound in code points, inclusive.
            seed: Seed of `sample`.
        """
        self.max_length = max_length
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Strings are not arrays."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Return up to eight words of a small vocabulary."""
        del mask, probability
        count = int(self.np_random.integers(0, 9))
        picks = self.np_random.integers(0, len(WORDS), size=count)
        return " ".join(WORDS[i] for i in picks)[: self.max_length]

    def contains(self, x: Any) -> bool:
        """Whether `x` is a string of at most `max_length` code points."""
        return isinstance(x, str) and len(x) <= self.max_length

    def to_jsonable(self, sample_n: Iterable[str]) -> list[Any]:
        """Strings are JSON already."""
        return list(sample_n)

    def from_jsonable(self, sample_n: list[Any]) -> list[str]:
        """Strings are JSON already."""
        return [str(sample) for sample in sample_n]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unicode) and self.max_length == other.max_length

    def __hash__(self) -> int:
        return hash(("Unicode", self.max_length))

    def __repr__(self) -> str:
        return f"Unicode({self.max_length})"


class ToolCalls(gymnasium.Space[dict[str, str]]):
    """Actions: `{"name": str, "arguments": str}`, the arguments being raw JSON text.

    Every pair of strings is a member: an unknown name or broken JSON is something an agent
    does, answered by an observation. `sample` draws a known tool with arguments that fit
    its schema.
    """

    def __init__(
        self,
        schemas: Sequence[Mapping[str, Any]],
        max_length: int = 1 << 20,
        seed: int | None = None,
    ) -> None:
        """Make the space.

        Args:
            schemas: Tool schemas in OpenAI function form.
            max_length: Bound of each of the two strings in code points.
            seed: Seed of `sample`.
        """
        self.functions = tuple(
            (str(s["function"]["name"]), json.dumps(s["function"]["parameters"], sort_keys=True))
            for s in schemas
        )
        self.max_length = max_length
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Tool calls are not arrays."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> dict[str, str]:
        """Return a call of a known tool, its arguments drawn from its schema."""
        del mask, probability
        name, parameters = self.functions[int(self.np_random.integers(len(self.functions)))]
        value = _draw(json.loads(parameters), self.np_random)
        return {"name": name, "arguments": json.dumps(value, ensure_ascii=False)}

    def contains(self, x: Any) -> bool:
        """Whether `x` holds exactly the two strings, short enough."""
        return is_call(x) and max(map(len, x.values())) <= self.max_length

    def to_jsonable(self, sample_n: Iterable[dict[str, str]]) -> list[Any]:
        """Calls are JSON already."""
        return list(sample_n)

    def from_jsonable(self, sample_n: list[Any]) -> list[dict[str, str]]:
        """Calls are JSON already."""
        return [dict(sample) for sample in sample_n]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ToolCalls)
            and self.functions == other.functions
            and self.max_length == other.max_length
        )

    def __hash__(self) -> int:
        return hash((self.functions, self.max_length))

    def __repr__(self) -> str:
        return f"ToolCalls({', '.join(name for name, _ in self.functions)})"


def is_call(x: Any) -> bool:
    """Whether `x` holds exactly the two strings of a call, of any length."""
    return (
        isinstance(x, dict)
        and len(x) == 2
        and all(isinstance(x.get(key), str) for key in ("name", "arguments"))
    )


def _draw(schema: Mapping[str, Any], rng: np.random.Generator, depth: int = 0) -> Any:
    """Draw a JSON value that fits the simple schemas tools have."""
    if "enum" in schema:
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    if "anyOf" in schema:
        return _draw(schema["anyOf"][int(rng.integers(len(schema["anyOf"])))], rng, depth)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        required = set(schema.get("required", ()))
        return {
            name: _draw(inner, rng, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if name in required or rng.random() < 0.3
        }
    if kind == "array":
        inner = schema.get("items", {"type": "string"})
        return [_draw(inner, rng, depth + 1) for _ in range(int(rng.integers(0, 3)))]
    if kind == "integer":
        low = int(schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1))
        return int(rng.integers(low, max(low + 1, int(schema.get("maximum", low + 50)))))
    if kind == "number" and schema.get("default"):
        # Near the default: a time limit of a second would make episodes depend on the load.
        return round(float(schema["default"]) * (0.5 + float(rng.random())), 2)
    if kind == "number":
        return round(float(rng.random()) * 10 + float(schema.get("minimum", 0.1)), 2)
    if kind == "boolean":
        return bool(rng.integers(2))
    if kind == "null":
        return None
    return WORDS[int(rng.integers(len(WORDS)))]
