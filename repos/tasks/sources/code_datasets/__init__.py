"""Data sets of code generation: RepoClassBench's Python tasks and EvoCodeBench."""
