"""Run it: `python run_agent.py --env swe-mini --agent examples.own_agent:Scout`."""

from envs.episode import Episode, ToolCall


class Scout:
    """Looks around, looks for trouble, and submits without a change."""

    def run(self, episode: Episode) -> None:
        """Play one episode."""
        episode.step(ToolCall("list_files"))
        episode.step(ToolCall("search", '{"pattern": "TODO|FIXME"}'))
        episode.step(ToolCall("submit"))
