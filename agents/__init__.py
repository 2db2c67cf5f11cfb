"""How to act: agents, models, runs and reports."""
