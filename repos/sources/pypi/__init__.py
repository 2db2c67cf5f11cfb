"""Tasks from two consecutive releases of a package on a package index."""

from repos.sources.pypi.pairs import build

__all__ = ["build"]
