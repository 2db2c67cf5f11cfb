"""Blind answers: tests without the values that they expect, and what judges the answers."""
