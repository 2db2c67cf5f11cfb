"""Loading a class by its dotted path and calling it with the arguments it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from repos.errors import InputError, UnknownNameError
from repos.plugins import load_plugin


def load(kind: str, name: str, built_in: Mapping[str, str], noun: str) -> Any:
    """Return the class or function that a name stands for; see `repos.plugins.load_plugin`.

    Args:
        kind: The plural word of the kind ("agents").
        name: A built-in name, an entry point's, or `package.module:Class`; the current folder
            is importable.
        built_in: Dotted path by built-in name.
        noun: What it should be, for messages ("agent").

    Raises:
        InputError: The module cannot be imported, or the name is no class or function.
        UnknownNameError: There is no such name.
    """
    value = load_plugin(kind, name, built_in, noun=noun, form="package.module:Class")
    try:
        inspect.signature(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{noun} {name!r}: {name.partition(':')[2] or name} is not a class or function that "
            "can be called with keyword arguments."
        ) from error
    return value


def requires(target: Callable[..., Any], name: str) -> bool:
    """Return whether `target` has a parameter `name` without a default."""
    parameter = inspect.signature(target).parameters.get(name)
    return parameter is not None and parameter.default is parameter.empty


def build(
    target: Callable[..., Any],
    kind: str,
    option: str,
    args: Mapping[str, Any],
    offered: Mapping[str, Any],
) -> Any:
    """Call `target` with the user's `args` and those of `offered` that it takes by name.

    Args:
        target: A class or a factory.
        kind: Its kind and name, for messages ("agent planner").
        option: The command-line option that `args` came from, for messages.
        args: What the user asked for; each must be taken.
        offered: What the house can give (`model`, `seed`); only what is taken is given.

    Raises:
        UnknownNameError: `target` does not take one of `args`.
        InputError: A parameter without a default is missing, or a value does not fit.
    """
    parameters = inspect.signature(target).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {
        name
        for name, p in parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    for name in args:
        if name not in named and not open_ended:
            known = named - set(offered)
            hint = "" if known else f"The {kind} takes none."
            raise UnknownNameError(f"{option} of the {kind}", name, known, hint)
    given = {name: value for name, value in offered.items() if name in named}
    given.update(args)
    for name, p in parameters.items():
        if p.default is p.empty and name in named and name not in given:
            raise InputError(f"The {kind} needs {name}: give {option} {name}=VALUE.")
    try:
        return target(**given)
    except (TypeError, ValueError) as error:
        raise InputError(f"The {kind} cannot be made: {error}") from error


def number(options: dict[str, Any], name: str, default: float, least: float = 0) -> float:
    """Take a number out of a model's arguments.

    Raises:
        InputError: It is none, or less than `least`.
    """
    if name not in options:
        return default
    value = options.pop(name)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not number >= least:
        raise InputError(f"--model-arg {name}={value}: give a number, {least:g} or more.")
    return number
