"""Episodes as a SkyRL-gym text environment.

Register it with `register()`; a data row's `extras` name its `task` and `seed`. SkyRL knows no
`truncated` and no mask: both are in the last step's metadata and in the metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.models.protocol import Message
from agents.models.text_tools import render_messages
from agents.training.player import Player, Verdict
from agents.training.replies import play_reply
from repos.errors import InputError, MissingExtraError

try:
    from skyrl_gym.envs import registration
    from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput
except ImportError as error:
    raise MissingExtraError("skyrl", "skyrl-gym", "The SkyRL adapter") from error

NAME = "repogym"
"""The environment's id in SkyRL."""

MAX_TURNS = 50
"""Replies of an episode where the configuration says nothing."""


def register(name: str = NAME) -> None:
    """Make the environment known to `skyrl_gym.make`; safe to call twice."""
    if name not in registration.registry:
        registration.register(id=name, entry_point=f"{__name__}:SkyRLEpisode")


class SkyRLEpisode(BaseTextEnv):
    """One episode; the model's replies hold tool calls as text."""

    def __init__(
        self,
        env_config: Mapping[str, Any] | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the environment; the episode starts with `init`.

        Args:
            env_config: `suite`, `max_turns` and `options` (as for `envs.env.RepoEnv`).
            extras: The data row: `task`, `seed`, `max_turns`.

        Raises:
            InputError: A name or value that does not fit.
        """
        super().__init__()
        config, row = dict(env_config or {}), dict(extras or {})
        self.max_turns = int(row.get("max_turns", config.get("max_turns", MAX_TURNS)))
        if self.max_turns < 1:
            raise InputError(f"max_turns is {self.max_turns}; it must be 1 or more.")
        options = {str(key): value for key, value in dict(config.get("options") or {}).items()}
        self._task = row.get("task")
        self._seed = row.get("seed")
        self._player = Player(config.get("suite", "swe-mini"), **options)

    @property
    def verdict(self) -> Verdict | None:
        """What the episode came to; None before its end."""
        return self._player.verdict

    def init(self, prompt: list[dict[str, str]]) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """Start the episode; the row's messages get the tools and the problem."""
        self.turns = 0
        problem = self._player.start(self._task, self._seed)
        said = [Message(m["role"], m["content"]) for m in prompt]  # type: ignore[arg-type]
        # The tools go into the system message, as with `--tool-format text`.
        messages = render_messages([*said, Message("user", problem)], self._player.tools)
        return [{"role": m.role, "content": m.content} for m in messages], {}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Run the calls of a reply, in order, until the episode ends."""
        self.turns += 1
        said = play_reply(self._player, action, self.turns, self.max_turns)
        verdict = self._player.verdict
        return BaseTextEnvStepOutput(
            observations=[] if verdict else [{"role": "user", "content": said}],
            reward=verdict.reward if verdict else 0.0,
            done=verdict is not None,
            metadata=verdict.flat() if verdict else {},
            postprocessed_action=None,
        )

    def get_metrics(self) -> dict[str, Any]:
        """Return the verdict's numbers; `mask_sample` is the share of episodes to leave out."""
        verdict = self._player.verdict or self._player.finish()
        names = ("resolved", "fraction", "truncated", "mask_sample", "steps")
        return {name: float(getattr(verdict, name)) for name in names}

    def close(self) -> None:
        """End every process."""
        self._player.close()
