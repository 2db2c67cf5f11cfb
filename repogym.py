"""RepoGym: Gymnasium environments in which coding agents work on real repositories.

Importing this module registers the environments (`gymnasium.make("repogym/swe-mini-v1")`);
the public names below are imported when they are first used.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.base import Agent as Agent
    from agents.registry import make_agent as make_agent
    from agents.runs.episode import run_episode as run_episode
    from agents.runs.spec import EpisodeRecord as EpisodeRecord
    from agents.runs.spec import EpisodeSpec as EpisodeSpec
    from envs.env import RepoEnv as RepoEnv
    from envs.episode import Episode as Episode
    from envs.episode import ToolCall as ToolCall
    from envs.forking import fork as fork
    from envs.registration import make as make
    from envs.registration import register as register
    from repos.errors import InfrastructureError as InfrastructureError
    from repos.errors import RepoGymError as RepoGymError
    from repos.scoring.score import Score as Score
    from repos.scoring.score import score as score
    from repos.tasks.records import Task as Task
    from repos.tasks.records import TaskSpec as TaskSpec
    from repos.tasks.suite import Suite as Suite
    from repos.tasks.suite import load_suite as load_suite
    from tools.context import ToolContext as ToolContext
    from tools.registry import tool as tool

ROOMS = ("graphdb", "repos", "tools", "envs", "agents")

_HOMES = {
    "Agent": "agents.base",
    "Episode": "envs.episode",
    "EpisodeRecord": "agents.runs.spec",
    "EpisodeSpec": "agents.runs.spec",
    "InfrastructureError": "repos.errors",
    "RepoEnv": "envs.env",
    "RepoGymError": "repos.errors",
    "Score": "repos.scoring.score",
    "Suite": "repos.tasks.suite",
    "Task": "repos.tasks.records",
    "TaskSpec": "repos.tasks.records",
    "ToolCall": "envs.episode",
    "ToolContext": "tools.context",
    "fork": "envs.forking",
    "load_suite": "repos.tasks.suite",
    "make": "envs.registration",
    "make_agent": "agents.registry",
    "register": "envs.registration",
    "run_episode": "agents.runs.episode",
    "score": "repos.scoring.score",
    "tool": "tools.registry",
}

__all__ = [
    "Agent",
    "Episode",
    "EpisodeRecord",
    "EpisodeSpec",
    "InfrastructureError",
    "RepoEnv",
    "RepoGymError",
    "Score",
    "Suite",
    "Task",
    "TaskSpec",
    "ToolCall",
    "ToolContext",
    "fork",
    "load_suite",
    "make",
    "make_agent",
    "register",
    "run_episode",
    "score",
    "tool",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'repogym' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def _check_rooms() -> None:
    """Make sure that the five rooms are RepoGym's own: their names are everyday words.

    Raises:
        ImportError: Another package of such a name comes first; it is named.
    """
    home = Path(__file__).resolve().parent
    for room in ROOMS:
        try:
            spec = importlib.util.find_spec(room)
        except ValueError:
            spec = None
        if spec is None or spec.origin is None:
            places = list(spec.submodule_search_locations or ()) if spec else []
            found = f"the folder {places[0]}, which has no __init__.py," if places else "nothing"
            raise ImportError(
                f"RepoGym's package {room!r} is missing: {found} was found instead of "
                f"{home / room}. Install RepoGym again."
            )
        folder = Path(spec.origin).resolve().parent
        if folder != home / room:
            raise ImportError(
                f"RepoGym's package {room!r} is shadowed by {_owner(room, folder)}: uninstall or "
                f"rename that, or put {home} in front of it on the module search path."
            )


def _owner(room: str, folder: Path) -> str:
    """Return the distribution or the folder that a foreign package of this name comes from."""
    from importlib.metadata import distribution, packages_distributions

    for name in packages_distributions().get(room, ()):
        place = Path(str(distribution(name).locate_file(room))).resolve()
        if place == folder:
            return f"the distribution {name} ({folder})"
    return f"the folder {folder}"


_check_rooms()

if __name__ == "__main__":  # `python repogym.py` is the command `repogym`
    from run_agent import main

    main()
else:
    from envs.registration import register_all

    register_all()
