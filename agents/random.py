"""The agent that samples the action space: it tests the environment, not itself."""

from __future__ import annotations

from envs.episode import Episode, ToolCall


class Random:
    """Takes seeded samples of the action space until the episode ends.

    Samples that would submit are drawn again: otherwise it would rarely get far.
    """

    requires_model = False

    def __init__(self, seed: int = 0, steps: int | None = None) -> None:
        """Make it.

        Args:
            seed: Seed of the action space.
            steps: Submit after so many actions; None leaves the end to the environment.
        """
        self.seed = seed
        self.steps = steps

    def run(self, episode: Episode) -> None:
        """Sample until the episode ends."""
        space = episode.env.action_space
        space.seed(self.seed)
        taken = 0
        while not episode.done:
            if taken == self.steps:
                episode.step(ToolCall("submit"))
                break
            action = space.sample()
            if action["name"] != "submit":
                episode.step(ToolCall(action["name"], action["arguments"]))
                taken += 1
