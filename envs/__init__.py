"""Gymnasium environments: episodes, spaces, rewards, registration.

The names below are imported when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envs.env import RepoEnv as RepoEnv
    from envs.episode import Episode as Episode
    from envs.episode import ToolCall as ToolCall
    from envs.forking import fork as fork
    from envs.registration import make as make
    from envs.registration import register as register
    from envs.registration import register_all as register_all

_HOMES = {
    "Episode": "envs.episode",
    "RepoEnv": "envs.env",
    "ToolCall": "envs.episode",
    "fork": "envs.forking",
    "make": "envs.registration",
    "register": "envs.registration",
    "register_all": "envs.registration",
}

__all__ = ["Episode", "RepoEnv", "ToolCall", "fork", "make", "register", "register_all"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'envs' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
