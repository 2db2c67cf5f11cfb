#!/usr/bin/env python3
"""The command line: `run_agent.py --env swe-lite --agent planner`, and the rooms' own verbs."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# Verb: the room's module with the Typer `app` that offers it, and one line for --help.
VERBS = {
    "tasks": ("repos.cli", "List, show, prepare, validate, mine and make tasks."),
    "shell": ("repos.cli", "Open the agent's view of a task's workspace."),
    "score": ("repos.cli", "Score a diff, or a task's prediction."),
    "view": ("agents.reports.cli", "Look at runs, episodes and comparisons in a browser."),
    "report": ("agents.reports.cli", "Print the figures of runs, or plot them for a paper."),
    "show": ("agents.reports.cli", "Print a run or an episode on the terminal."),
    "export": ("agents.training.cli", "Write training data from runs."),
    "curriculum": ("agents.training.cli", "Order tasks by how hard they were in runs."),
    "export-tasks": ("agents.training.cli", "Write a suite's tasks for another framework."),
    "toolgen-data": ("agents.training.cli", "Write code with triggers to train ToolGen."),
    "doctor": ("repos.cli", "Say what works on this machine and how to mend the rest."),
    "cache": ("repos.cli", "Show what is stored on this machine and free it."),
    "kernel": ("repos.cli_kernel", "Prepare, run and mine Linux kernels."),
    "graph": ("graphdb.cli", "Build and query code graphs."),
}


class Rooms(TyperGroup):
    """Knows the verbs by name and imports a room only when one of its verbs is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a stand-in that has the verb's name and help."""
        if cmd_name not in VERBS:
            return None
        return TyperCommand(cmd_name, help=VERBS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the real command of the verb in `args`."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name or ""), rest


def load(verb: str) -> Any:
    """Import a verb's room and return its command."""
    command = typer.main.get_command(importlib.import_module(VERBS[verb][0]).app)
    return getattr(command, "commands", {}).get(verb, command)


def application() -> typer.Typer:
    """Return the command with everything mounted."""
    from agents.cli import run

    app = typer.Typer(
        cls=Rooms,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(run)
    return app


def main() -> None:
    """Run the command; a sentence instead of a traceback for whatever a user can mend."""
    from graphdb.errors import GraphError
    from repos.errors import RepoGymError

    try:
        application()()
    except GraphError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except RepoGymError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
