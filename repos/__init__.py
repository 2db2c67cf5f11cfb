"""Tasks and their sources, sandboxes, workspaces, test runners and the one scorer."""
