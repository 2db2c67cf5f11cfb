"""The agent that knows the answer: every task that it does not resolve is broken."""

from __future__ import annotations

from envs.episode import Episode, ToolCall


class Oracle:
    """Applies the reference patch and submits; needs a privileged environment."""

    requires_model = False
    privileged = True

    def run(self, episode: Episode) -> None:
        """Apply the reference patch and submit.

        Raises:
            InputError: The environment was not made with `privileged=True`.
        """
        episode.environment.apply_reference()
        episode.step(ToolCall("submit"))
