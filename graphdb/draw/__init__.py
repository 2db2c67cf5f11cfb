"""Draws a neighbourhood as SVG, alone or in a page that needs nothing else."""

from __future__ import annotations

from graphdb.draw.image import svg
from graphdb.draw.page import page

__all__ = ["page", "svg"]
