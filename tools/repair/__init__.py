"""Candidate repairs: which lines to suspect, and what small changes could be tried there."""
