"""The agent that does nothing: every task that it resolves is broken."""

from __future__ import annotations

from envs.episode import Episode, ToolCall


class Noop:
    """Submits at once."""

    requires_model = False

    def run(self, episode: Episode) -> None:
        """Submit the repository as it is."""
        if not episode.done:
            episode.step(ToolCall("submit"))
