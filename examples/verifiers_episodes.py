"""RepoGym's tasks for verifiers: `vf-eval verifiers_episodes`, with this folder in PYTHONPATH.

verifiers finds a taskset by the name of a top-level module; docs/training.md has the command.
"""

from agents.training.adapters.verifiers import EpisodeEnv, Episodes

__all__ = ["EpisodeEnv", "Episodes"]
