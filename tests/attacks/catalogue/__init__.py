"""All attacks, by theme."""

from importlib import import_module

from tests.attacks.attack import Attack

THEMES = (
    "configuration",
    "process",
    "framework",
    "values",
    "channel",
    "introspection",
    "records",
    "answerers",
    "harness",
    "covert",
    "diffs",
    "knowledge",
    "known",
)


def attacks() -> dict[str, tuple[Attack, ...]]:
    """Return the attacks of each theme."""
    return {
        theme: tuple(import_module(f"tests.attacks.catalogue.{theme}").ATTACKS) for theme in THEMES
    }
